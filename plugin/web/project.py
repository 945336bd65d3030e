"""The settings of a project: the project itself, its numbers and its phrases."""

from __future__ import annotations

from flask import Blueprint, abort, flash, g, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_login import current_user, login_required
from sqlalchemy.exc import IntegrityError
from werkzeug.wrappers import Response

from plugin.domain.reference import printed
from plugin.store import projects
from plugin.store.database import utc_now
from plugin.web.forms import NewProjectForm, NumberForm, PhrasesForm, ProjectForm
from plugin.web.i18n import chosen_language
from plugin.web.pages import may, my_projects, note, parts, project_page

EXAMPLE_REFERENCE = "7KQ2M4XD"
MAX_PHRASES = 100
MAX_PHRASE_CHARS = 500
PLAIN = (
    *("name", "time_zone", "currency", "language", "consent"),
    *("depth_days", "dialogue_gap_hours", "window_days", "wait_seconds"),
)

blueprint = Blueprint("project", __name__)


@blueprint.route("/projects/new", methods=["GET", "POST"])
@login_required
def new() -> Response | str:
    """Make a further project; its maker owns it."""
    if not any(own.role == "owner" for own in my_projects()):
        abort(403)
    form = NewProjectForm(
        data={"time_zone": "Europe/Moscow", "currency": "RUB", "language": chosen_language()}
    )
    if not form.validate_on_submit():
        return render_template("project_new.html", form=form)
    user_id = current_user.user.user_id
    with parts().database.write() as connection:
        names = ("name", "time_zone", "currency", "language")
        g.project = projects.add_project(
            connection,
            now=utc_now(),
            origins=form.origins_read,
            **{name: form[name].data for name in names},
        )
        projects.set_role(connection, g.project.project_id, user_id=user_id, role="owner")
        note(connection, "project.add", name=g.project.name)
    return redirect(url_for("project.numbers", project_id=g.project.project_id))


@blueprint.route("/p/<project_id>/settings", methods=["GET", "POST"])
@project_page()
def settings() -> Response | str:
    """Show and change the project."""
    project = g.project
    values = {name: getattr(project, name) for name in PLAIN}
    form = ProjectForm(data={**values, "origins": "\n".join(project.origins)})
    if request.method == "POST":
        _must("manager")
    if not form.validate_on_submit():
        return render_template("settings.html", form=form)
    wanted = {**{name: form[name].data for name in PLAIN}, "origins": form.origins_read}
    before = {**values, "origins": list(project.origins)}
    changed = {name: value for name, value in wanted.items() if value != before[name]}
    if changed:
        with parts().database.write() as connection:
            projects.change_project(connection, project.project_id, **changed)
            note(connection, "project.change", **changed)
    flash(_("Saved."), "success")
    return redirect(url_for("project.settings", project_id=project.project_id))


# --- numbers --------------------------------------------------------------------------------------


@blueprint.route("/p/<project_id>/numbers", methods=["GET", "POST"])
@project_page()
def numbers() -> Response | str:
    """Show the numbers; add one."""
    form = NumberForm()
    if request.method == "POST":
        _must("manager")
    if form.validate_on_submit():
        if _add_number(form):
            flash(
                _("The number is added. Copy the tag to the site again: then its links get a reference."),
                "success",
            )
            return redirect(url_for("project.numbers", project_id=g.project.project_id))
        form.address.errors = [*form.address.errors, _("This number is in the list already.")]
    return render_template("numbers.html", form=form)


def _add_number(form: NumberForm) -> bool:
    try:
        with parts().database.write() as connection:
            projects.add_number(
                connection,
                g.project.project_id,
                address=form.digits,
                label=form.label.data or "",
                is_tracked=form.is_tracked.data,
                now=utc_now(),
            )
            note(connection, "number.add", address=form.digits)
    except IntegrityError:
        return False
    return True


@blueprint.post("/p/<project_id>/numbers/<number_id>")
@project_page("manager")
def change_number(number_id: str) -> Response:
    """Change a number's label or tracking, or remove it."""
    known = next((n for n in g.project.numbers if n.number_id == number_id), None)
    if known is None:
        abort(404)
    with parts().database.write() as connection:
        if request.form.get("action") == "remove":
            projects.remove_number(connection, g.project.project_id, number_id)
            note(connection, "number.remove", address=known.address)
        else:
            label = request.form.get("label", "").strip()[:60]
            is_tracked = "is_tracked" in request.form
            projects.change_number(
                connection, g.project.project_id, number_id, label=label, is_tracked=is_tracked
            )
            note(connection, "number.change", address=known.address, label=label, is_tracked=is_tracked)
    flash(_("Saved."), "success")
    return redirect(url_for("project.numbers", project_id=g.project.project_id))


# --- phrases --------------------------------------------------------------------------------------


@blueprint.route("/p/<project_id>/phrases", methods=["GET", "POST"])
@project_page()
def phrases() -> Response | str:
    """Show and change what stands in the message field when the chat opens."""
    project = g.project
    form = PhrasesForm(obj=project)
    rows = [(phrase.page, phrase.text) for phrase in project.phrases]
    if request.method == "POST":
        _must("manager")
        rows = _entered_phrases()
    if not form.validate_on_submit():
        preview = _preview(form.template.data or "", form.phrase.data or "")
        return render_template("phrases.html", form=form, rows=rows, preview=preview)
    with parts().database.write() as connection:
        projects.change_project(
            connection, project.project_id, phrase=form.phrase.data or "", template=form.template.data
        )
        projects.set_phrases(connection, project.project_id, rows)
        note(connection, "phrases.change", count=len(rows))
    flash(_("Saved."), "success")
    return redirect(url_for("project.phrases", project_id=project.project_id))


def _entered_phrases() -> list[tuple[str, str]]:
    pages, texts = request.form.getlist("page"), request.form.getlist("text")
    cut = [
        (page.strip()[:200], text.strip()[:MAX_PHRASE_CHARS])
        for page, text in zip(pages, texts, strict=False)
    ]
    return [(page, text) for page, text in cut if text][:MAX_PHRASES]


def _preview(template: str, phrase: str) -> str:
    return template.replace("{reference}", printed(EXAMPLE_REFERENCE)).replace("{phrase}", phrase).strip()


def _must(role: str) -> None:
    if not may(role):
        abort(403)
