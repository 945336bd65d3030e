"""Consent windows: the owner lets Whence into an account, and comes back with a code."""

from __future__ import annotations

import secrets
from typing import Any

from flask import Blueprint, abort, current_app, flash, g, redirect, request, session, url_for
from flask_babel import gettext as _
from flask_login import login_required
from itsdangerous import BadSignature, URLSafeTimedSerializer
from werkzeug.wrappers import Response

from adapters.base import AdapterError, Consent
from plugin.store import outbox
from plugin.store.database import utc_now
from plugin.web.i18n import sentence
from plugin.web.pages import enter, note, parts, project_page

STATE_SECONDS = 20 * 60  # as long as the code lives

blueprint = Blueprint("oauth", __name__)


@blueprint.get("/p/<project_id>/connections/<connection_id>/consent")
@project_page("owner")
def ask(connection_id: str) -> Response:
    """Lead the owner to the platform's consent window."""
    adapter = _adapter(connection_id)
    # tied to this browser: a link sent by somebody else must not connect his account here
    session["consent"] = secrets.token_urlsafe(16)
    state = _signer().dumps([g.project.project_id, connection_id, session["consent"]])
    try:
        return redirect(adapter.consent_url(state=state))
    except AdapterError as error:
        flash(sentence({"text": error.text, "params": error.params}), "danger")
        return redirect(_page_of(connection_id))


@blueprint.get("/oauth/<platform>")
@login_required
def take(platform: str) -> Response:
    """Take the code that the platform sends the owner back with."""
    try:
        project_id, connection_id, asked = _signer().loads(
            request.args.get("state", ""), max_age=STATE_SECONDS
        )
    except BadSignature:
        flash(_("The way back from the consent window was not ours or took too long. Try again."), "danger")
        return redirect(url_for("journal.home"))
    if asked != session.pop("consent", None):
        abort(403)
    enter(project_id, "owner")
    adapter = _adapter(connection_id)
    if adapter.slug != platform:
        abort(404)
    try:
        adapter.take_consent(request.args.to_dict())
    except AdapterError as error:
        flash(sentence({"text": error.text, "params": error.params}), "danger")
        return redirect(_page_of(connection_id))
    with parts().database.write() as connection:
        outbox.resume(connection, project_id, connection_id, now=utc_now())
        note(connection, "connection.consent", connection_id=connection_id, platform=platform)
    flash(_("The account is connected."), "success")
    return redirect(_page_of(connection_id, check=1))


def _adapter(connection_id: str) -> Any:
    found = parts().connections.get(g.project.project_id, connection_id)
    adapter = parts().adapter(found) if found else None
    if not isinstance(adapter, Consent):
        abort(404)
    return adapter


def _signer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(str(current_app.secret_key), salt="consent")


def _page_of(connection_id: str, **query: Any) -> str:
    return url_for("connections.one", project_id=g.project.project_id, connection_id=connection_id, **query)
