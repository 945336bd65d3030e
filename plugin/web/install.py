"""How to put Whence on the site, and whether it is there."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask import Blueprint, g, render_template

from plugin.store import journal, visits
from plugin.store.database import utc_now
from plugin.web.pages import parts, project_page
from plugin.web.snippet import tag_html

DROPS_SPAN = timedelta(days=7)

blueprint = Blueprint("install", __name__)


@blueprint.get("/p/<project_id>/install")
@project_page()
def page() -> str:
    """Show the tag to copy, the webhook addresses, and what was heard of the site."""
    found = parts().connections.of_project(g.project.project_id)
    return render_template(
        "install.html",
        tag=_tag(),
        connections=[connection for connection in found if connection.kind == "messaging"],
        has_destination=any(connection.kind != "messaging" for connection in found),
        **_heard(),
    )


@blueprint.get("/p/<project_id>/install/heard")
@project_page()
def heard() -> str:
    """Give the live part of the page."""
    found = parts().connections.of_project(g.project.project_id)
    return render_template(
        "install_heard.html",
        connections=[connection for connection in found if connection.kind == "messaging"],
        **_heard(),
    )


def _heard() -> dict[str, Any]:
    since = (utc_now() - DROPS_SPAN).date().isoformat()
    with parts().database.read() as connection:
        return {
            "progress": journal.progress(connection, g.project.project_id),
            "drops": visits.drops_since(connection, g.project.project_id, since),
        }


def _tag() -> str:
    """Give the tag; "" while the built snippet is not in this installation."""
    try:
        return tag_html(parts(), g.project)
    except FileNotFoundError:
        return ""
