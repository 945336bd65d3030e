"""The source set by hand: a person knows better than the text of the message."""

from __future__ import annotations

from flask import Blueprint, abort, flash, g, redirect, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from plugin import flow, intake
from plugin.store import inquiries
from plugin.store.database import utc_now
from plugin.web.pages import note, parts, project_page

MAX_WRITTEN_CHARS = 100

blueprint = Blueprint("correction", __name__)


@blueprint.post("/p/<project_id>/inquiries/<inquiry_id>/source")
@project_page("manager")
def correct(inquiry_id: str) -> Response:
    """Join the inquiry to the visit of an entered reference, or to none."""
    project_id = g.project.project_id
    with parts().database.read() as connection:
        if inquiries.inquiry(connection, project_id, inquiry_id) is None:
            abort(404)
    no_visit = "no_visit" in request.form
    written = "" if no_visit else request.form.get("reference", "").strip()[:MAX_WRITTEN_CHARS]
    if not written and not no_visit:
        flash(_("Enter the reference, or say that there was no visit."), "danger")
        return _back(inquiry_id)
    found = flow.correct_match(
        parts().database,
        project_id,
        inquiry_id,
        written=written,
        queue_for=intake.destinations(parts(), project_id),
        now=utc_now(),
    )
    if found is None:
        flash(_("No press on a link to this number brought such a reference."), "danger")
        return _back(inquiry_id)
    with parts().database.write() as connection:
        note(connection, "inquiry.source", inquiry_id=inquiry_id, reference=found.reference)
    flash(_("The source is set. Those who were told the old one are being told."), "success")
    return _back(inquiry_id)


def _back(inquiry_id: str) -> Response:
    return redirect(url_for("journal.card", project_id=g.project.project_id, inquiry_id=inquiry_id))
