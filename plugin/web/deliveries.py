"""What went to the destinations, what did not, and why."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask import Blueprint, flash, g, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.wrappers import Response

from plugin.store import delivery_log, outbox
from plugin.store.database import utc_now
from plugin.store.delivery_log import Filters
from plugin.store.journal import STATES, Cursor
from plugin.web.journal import read_cursor, write_cursor
from plugin.web.pages import note, parts, project_page

FILTER_NAMES = ("state", "connection_id", "event")
HEALTH_SPAN = timedelta(hours=24)

blueprint = Blueprint("deliveries", __name__)


@blueprint.get("/p/<project_id>/deliveries")
@project_page()
def page() -> str:
    """Show the connections' health and the deliveries."""
    facts = _rows()
    connections = [c for c in parts().connections.of_project(g.project.project_id) if c.kind != "messaging"]
    with parts().database.read() as connection:
        health = delivery_log.health(connection, g.project.project_id, since=utc_now() - HEALTH_SPAN)
    return render_template("deliveries.html", connections=connections, health=health, **facts)


@blueprint.get("/p/<project_id>/deliveries/older")
@project_page()
def older() -> str:
    """Give the next page's rows, to be put below those shown."""
    return render_template("delivery_rows.html", **_rows())


@blueprint.post("/p/<project_id>/deliveries/<delivery_id>/again")
@project_page("manager")
def again(delivery_id: str) -> Response | str:
    """Send one delivery again, at once."""
    project_id = g.project.project_id
    with parts().database.write() as connection:
        is_due = outbox.send_again(connection, project_id, delivery_id, now=utc_now())
        if is_due:
            note(connection, "delivery.again", delivery_id=delivery_id)
    if is_due:
        flash(_("It will be sent within seconds."), "success")
    else:
        flash(_("It is being sent just now, or it is not there any more."), "warning")
    return redirect(_back())


@blueprint.post("/p/<project_id>/deliveries/again-all")
@project_page("manager")
def again_all() -> Response:
    """Send again everything that the shown filter names and that has stopped."""
    chosen = _filters(request.form)
    states = STATES["failed"] if not chosen.state else STATES.get(chosen.state, ())
    count = 0
    with parts().database.write() as connection:
        for state in states:
            if state in (*outbox.STOPPED_STATES, "pending"):
                count += outbox.send_all_again(
                    connection,
                    g.project.project_id,
                    state=state,
                    connection_id=chosen.connection_id or None,
                    now=utc_now(),
                )
        note(connection, "delivery.again_all", state=chosen.state, count=count)
    flash(
        ngettext(
            "%(num)d delivery will be sent again.",
            "%(num)d deliveries will be sent again.",
            count,
        ),
        "success" if count else "warning",
    )
    return redirect(_back())


def _filters(args: Any) -> Filters:
    return Filters(**{name: args.get(name, "")[:64] for name in FILTER_NAMES})


def _rows() -> dict[str, Any]:
    filters = _filters(request.args)
    after = read_cursor(request.args.get("after", ""))
    with parts().database.read() as connection:
        found = delivery_log.delivery_rows(
            connection,
            g.project.project_id,
            filters=filters,
            after=after,
            limit=delivery_log.PAGE_ROWS + 1,
        )
        shown = found[: delivery_log.PAGE_ROWS]
        attempts = delivery_log.attempts_of(
            connection, g.project.project_id, [row.delivery_id for row in shown]
        )
    last = Cursor(shown[-1].created_at, shown[-1].delivery_id) if len(found) > len(shown) else None
    return {
        "filters": filters,
        "query": {name: getattr(filters, name) for name in FILTER_NAMES if getattr(filters, name)},
        "rows": shown,
        "attempts": attempts,
        "next_cursor": write_cursor(last),
    }


def _back() -> str:
    """Lead to the card the button stood on, else to the list with its filter."""
    project_id = g.project.project_id
    if inquiry_id := request.form.get("inquiry_id", ""):
        return url_for("journal.card", project_id=project_id, inquiry_id=inquiry_id)
    chosen = _filters(request.form)
    kept = {name: getattr(chosen, name) for name in FILTER_NAMES if getattr(chosen, name)}
    return url_for("deliveries.page", project_id=project_id, **kept)
