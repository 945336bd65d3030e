"""Tags by rule: which inquiries get which tag by themselves."""

from __future__ import annotations

from flask import Blueprint, Response, abort, flash, g, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from adapters.base import N_
from plugin.domain.inquiry import TagField, TagOp, read_rule
from plugin.store import projects
from plugin.web.pages import may, note, parts, project_page

MAX_RULES = 100
PARTS = ("tag", "field", "op", "value")
FIELDS = {
    TagField.TEXT: N_("Message"),
    TagField.PAGE: N_("Page of the press"),
    TagField.PHRASE: N_("Phrase"),
    TagField.LANDING: N_("Landing page"),
    TagField.CAMPAIGN: N_("Campaign"),
    TagField.NUMBER: N_("Number"),
}
OPS = {
    TagOp.CONTAINS: N_("contains"),
    TagOp.EQUALS: N_("is exactly"),
    TagOp.GLOB: N_("fits the pattern with *"),
}

blueprint = Blueprint("tags", __name__)


@blueprint.route("/p/<project_id>/tags", methods=["GET", "POST"])
@project_page()
def page() -> AnyResponse | str:
    """Show and change the rules; a changed rule concerns the inquiries to come."""
    rows = [dict(rule) for rule in g.project.tag_rules]
    if request.method == "GET":
        return _page(rows)
    if not may("manager"):
        abort(403)
    rows = _entered()
    try:
        rules = [read_rule(row) for row in rows]
    except ValueError as error:  # a sentence, or an option that the form does not offer
        flash(_(str(error)), "danger")
        return Response(_page(rows), status=422)
    kept = [{"tag": r.tag, "field": str(r.field), "op": str(r.op), "value": r.value} for r in rules]
    with parts().database.write() as connection:
        projects.change_project(connection, g.project.project_id, tag_rules=kept)
        note(connection, "tags.change", count=len(kept))
    flash(_("Saved."), "success")
    return redirect(url_for("tags.page", project_id=g.project.project_id))


def _entered() -> list[dict[str, str]]:
    """Read the rows of the form; one left wholly empty is none."""
    columns = [request.form.getlist(name) for name in PARTS]
    rows = [dict(zip(PARTS, values, strict=True)) for values in zip(*columns, strict=False)]
    return [row for row in rows if row["tag"].strip() or row["value"].strip()][:MAX_RULES]


def _page(rows: list[dict[str, str]]) -> str:
    return render_template("tags.html", rows=rows, fields=FIELDS, ops=OPS)
