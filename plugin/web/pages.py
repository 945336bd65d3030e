"""What all screens share: whose project is shown, what the person may do, filters, headers."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime
from functools import cache, wraps
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from babel.dates import format_timedelta
from flask import Flask, Response, abort, current_app, g, request, session, url_for
from flask_babel import format_datetime, get_locale
from flask_login import current_user, login_required
from sqlalchemy import Connection

from plugin import phones
from plugin.parts import Parts
from plugin.store import journal, projects
from plugin.store.database import utc_now
from plugin.web import words
from plugin.web.i18n import LANGUAGES, sentence

ROLES = ("viewer", "manager", "owner")  # each may do what the ones before it may
STATIC = Path(__file__).parent / "static"
HEADERS = {
    "Content-Security-Policy": "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self' data:",  # Tabler draws the marks of its form fields as data: images
            "font-src 'self'",
            "connect-src 'self'",
            "form-action 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        )
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


def parts() -> Parts:
    """Give the parts of this process."""
    found: Parts = current_app.extensions["whence"]
    return found


def register(app: Flask) -> None:
    """Add filters, what every template sees, and the headers of every answer."""
    app.after_request(_with_headers)
    app.context_processor(_context)
    app.jinja_env.filters.update(
        moment=moment, ago=ago, phone=phone, short_url=short_url, web_url=web_url, printed=printed
    )
    app.jinja_env.globals.update(
        asset=asset, may=may, sentence=sentence, words=words, languages=LANGUAGES, now=utc_now
    )
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True


def project_page(role: str = "viewer") -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Guard a view below /p/<project_id>: members only, from `role` up; the project is `g.project`."""

    def guard(view: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(view)
        @login_required
        def guarded(project_id: str, **values: Any) -> Any:
            enter(project_id, role)
            return view(**values)

        return guarded

    return guard


def enter(project_id: str, role: str) -> None:
    """Make a project the shown one, or refuse: 404 to who is no member, 403 below the role."""
    own = next((mine for mine in my_projects() if mine.project_id == project_id), None)
    if own is None:
        abort(404)  # whether there is such a project is nobody else's business
    g.role = own.role
    if not may(role):
        abort(403)
    with parts().database.read() as connection:
        g.project = projects.project(connection, project_id)
    session["project_id"] = project_id


def my_projects() -> list[journal.Membership]:
    """Give the projects of the person at the screen."""
    if "memberships" not in g:
        with parts().database.read() as connection:
            g.memberships = journal.memberships_of(connection, current_user.user.user_id)
    found: list[journal.Membership] = g.memberships
    return found


def may(role: str) -> bool:
    """Tell whether the person has this role in the shown project, or a higher one."""
    return ROLES.index(g.role) >= ROLES.index(role)


def note(connection: Connection, action: str, **facts: Any) -> None:
    """Write into the audit what the person changes, in the transaction of the change."""
    projects.write_audit(
        connection,
        g.project.project_id,
        user_id=current_user.user.user_id,
        action=action,
        facts=facts,
        now=utc_now(),
    )


def is_fragment() -> bool:
    """Tell whether a part of a page is asked for, and not the page."""
    return "HX-Request" in request.headers


# --- what templates see ---------------------------------------------------------------------------


def _context() -> dict[str, Any]:
    signed_in = current_user.is_authenticated
    return {
        "project": g.get("project"),
        "role": g.get("role", ""),
        "my_projects": my_projects() if signed_in else [],
        "locale": str(get_locale() or "en"),
    }


def _with_headers(response: Response) -> Response:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if request.endpoint != "static":
        response.headers.setdefault("Cache-Control", "no-store")
    elif "v" in request.args:
        response.cache_control.max_age = 31_536_000
        response.cache_control.immutable = True
    return response


def asset(name: str) -> str:
    """Give the address of a static file; a changed file has another address."""
    return url_for("static", filename=name, v=_digest(name))


@cache
def _digest(name: str) -> str:
    return hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:10]


_MOMENTS = {"short": "d MMM, HH:mm", "long": "d MMMM y, HH:mm:ss", "day": "d MMM", "time": "HH:mm"}


def moment(at: datetime | str | None, style: str = "short") -> str:
    """Write a time in the project's zone and the reader's language."""
    if not at:
        return ""
    return format_datetime(datetime.fromisoformat(at) if isinstance(at, str) else at, _MOMENTS[style])


def ago(at: datetime | None) -> str:
    """Write how long ago, or in how long, in the reader's language."""
    if at is None:
        return ""
    return format_timedelta(at - utc_now(), add_direction=True, locale=get_locale() or "en")


def phone(digits: str) -> str:
    """Write a number for people."""
    return phones.pretty(digits) if digits else ""


def printed(reference: str) -> str:
    """Write a reference in its two groups."""
    return f"{reference[:4]}-{reference[4:]}" if len(reference) == 8 else reference


def web_url(address: str | None) -> str:
    """Give an address that may stand in a link: http and https only, else nothing."""
    try:
        parsed = urlsplit(address or "")
    except ValueError:
        return ""
    return str(address) if parsed.scheme in ("http", "https") and parsed.netloc else ""


def short_url(address: str | None) -> str:
    """Write an address without what people skip: scheme, www, parameters."""
    try:
        parsed = urlsplit(address or "")
    except ValueError:
        return str(address)
    host = parsed.netloc.removeprefix("www.")
    return f"{host}{parsed.path.rstrip('/')}" if host else str(address or "")
