"""Connections of a project: adding, trying, pausing. Secrets go in and never come back out."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Flask, abort, current_app, flash, g, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from adapters.base import N_, Adapter, AdapterError, Consent, Finding, Kind
from adapters.registry import PLATFORMS, adapter_class, all_adapters
from plugin.store import outbox
from plugin.store.connections import PlatformConnection
from plugin.store.database import utc_now
from plugin.web.forms import entered, platform_form
from plugin.web.pages import may, note, parts, project_page

PAUSED_BY_HAND = {"text": N_("Paused by hand."), "params": {}}
BUG = N_("Whence failed during the check. The service's log has the details.")

blueprint = Blueprint("connections", __name__)


@blueprint.get("/p/<project_id>/connections")
@project_page()
def page() -> str:
    """Show the connections with their health, and what else can be connected."""
    return render_template(
        "connections.html",
        connections=parts().connections.of_project(g.project.project_id),
        offers={kind: [cls for cls in all_adapters() if cls.kind is kind] for kind in Kind},
    )


@blueprint.route("/p/<project_id>/connections/new/<platform>", methods=["GET", "POST"])
@project_page("owner")
def new(platform: str) -> Response | str:
    """Connect a platform."""
    if platform not in PLATFORMS:
        abort(404)
    cls = adapter_class(platform)
    form = platform_form(cls, {})
    if not form.validate_on_submit():
        return render_template("connection.html", form=form, cls=cls, connection=None)
    added = parts().connections.add(
        g.project.project_id,
        platform=platform,
        kind=str(cls.kind),
        label=form["label"].data or cls.label,
        config=entered(cls, form, {}),
        now=utc_now(),
    )
    _note("connection.add", added)
    flash(_("Connected. The settings are being tried now."), "success")
    return redirect(_page_of(added.connection_id, check=1))


@blueprint.route("/p/<project_id>/connections/<connection_id>", methods=["GET", "POST"])
@project_page("manager")
def one(connection_id: str) -> Response | str:
    """Show one connection; change its settings."""
    found = _connection(connection_id)
    cls = adapter_class(found.platform)
    form = platform_form(cls, found.config)
    if request.method == "POST" and not may("owner"):
        # a changed address could lead the kept secrets elsewhere, so no setting is a manager's to change
        abort(403)
    if not form.validate_on_submit():
        if request.method == "GET":
            form["label"].data = found.label
        asks_consent = issubclass(cls, Consent) and may("owner")
        return render_template(
            "connection.html", form=form, cls=cls, connection=found, asks_consent=asks_consent
        )
    _save(found, label=form["label"].data or cls.label, config=entered(cls, form, found.config))
    flash(_("Saved. The settings are being tried now."), "success")
    return redirect(_page_of(connection_id, check=1))


def _save(found: PlatformConnection, *, label: str, config: dict[str, str]) -> None:
    parts().connections.change(found.project_id, found.connection_id, label=label, config=config)
    names = {*config, *found.config}
    changed = sorted(name for name in names if config.get(name) != found.config.get(name))
    _note("connection.change", found, settings=changed)
    if found.is_paused and found.paused_because != PAUSED_BY_HAND and changed:
        # what stopped it has most likely just been mended; if not, the next try stops it again
        _resume(found)


@blueprint.post("/p/<project_id>/connections/<connection_id>/check")
@project_page("manager")
def check(connection_id: str) -> str:
    """Try the settings against the platform: those in the owner's form, else those kept."""
    found = _connection(connection_id)
    cls = adapter_class(found.platform)
    config = found.config
    if may("owner") and any(name.startswith("set-") for name in request.form):
        form = platform_form(cls, found.config)
        if not form.validate():
            return render_template("check.html", findings=[], error=_("Fill in the form first."))
        config = entered(cls, form, found.config)
    adapter = parts().adapter(found, config=config)
    findings, error = _tried(adapter)
    return render_template("check.html", findings=findings, error=error)


def _tried(adapter: Adapter) -> tuple[list[Finding], str]:
    try:
        return adapter.check(), ""
    except AdapterError as refused:
        return [], _(refused.text).format(**refused.params) if refused.params else _(refused.text)
    except Exception:
        # whatever a platform's answer broke must not take the page with it
        current_app.logger.exception("check failed: %s", type(adapter).__name__)
        return [], _(BUG)


@blueprint.post("/p/<project_id>/connections/<connection_id>/pause")
@project_page("manager")
def pause(connection_id: str) -> Response:
    """Hold a connection's deliveries back."""
    found = _connection(connection_id)
    parts().connections.change(
        found.project_id, connection_id, paused_at=utc_now(), paused_because=PAUSED_BY_HAND
    )
    _note("connection.pause", found)
    flash(_("Paused. What is to be delivered waits."), "success")
    return redirect(_back(connection_id))


@blueprint.post("/p/<project_id>/connections/<connection_id>/resume")
@project_page("manager")
def resume(connection_id: str) -> Response:
    """Let a connection work again, with what waited for it."""
    _resume(_connection(connection_id))
    flash(_("Resumed. What waited is being delivered."), "success")
    return redirect(_back(connection_id))


@blueprint.post("/p/<project_id>/connections/<connection_id>/remove")
@project_page("owner")
def remove(connection_id: str) -> Response:
    """Forget a connection and its secrets."""
    found = _connection(connection_id)
    parts().connections.remove(found.project_id, connection_id)
    _note("connection.remove", found)
    flash(_("Removed, with its secrets."), "success")
    return redirect(url_for("connections.page", project_id=found.project_id))


def hook_url(connection: PlatformConnection) -> str:
    """Give the address that the messaging platform must call."""
    return f"{parts().settings.public_url}/hooks/{connection.platform}/{connection.hook_key}"


@blueprint.record_once
def _offer(state: Any) -> None:
    app: Flask = state.app
    app.jinja_env.globals["hook_url"] = hook_url


def _connection(connection_id: str) -> PlatformConnection:
    found = parts().connections.get(g.project.project_id, connection_id)
    if found is None or found.platform not in PLATFORMS:
        abort(404)
    return found


def _resume(found: PlatformConnection) -> None:
    with parts().database.write() as connection:
        outbox.resume(connection, found.project_id, found.connection_id, now=utc_now())
        note(connection, "connection.resume", connection_id=found.connection_id, platform=found.platform)


def _note(action: str, found: PlatformConnection, **facts: Any) -> None:
    with parts().database.write() as connection:
        note(connection, action, connection_id=found.connection_id, platform=found.platform, **facts)


def _page_of(connection_id: str, **query: Any) -> str:
    return url_for("connections.one", project_id=g.project.project_id, connection_id=connection_id, **query)


def _back(connection_id: str) -> str:
    if request.form.get("back") == "deliveries":
        return url_for("deliveries.page", project_id=g.project.project_id)
    return _page_of(connection_id)
