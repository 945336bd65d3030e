"""The journal of inquiries, and the card of one."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, g, redirect, render_template, request, session, url_for
from flask_login import login_required
from sqlalchemy import Connection
from werkzeug.wrappers import Response

from plugin import phones
from plugin.device import describe
from plugin.store import delivery_log, inquiries, journal, people
from plugin.store.database import utc_now
from plugin.store.inquiries import Inquiry
from plugin.store.journal import Cursor, Filters
from plugin.store.tables import from_micros, to_micros
from plugin.web import period as periods
from plugin.web.i18n import chosen_language
from plugin.web.pages import my_projects, parts, project_page
from plugin.web.period import Period

FILTER_NAMES = ("channel", "how", "number", "standing", "delivery", "text")
MAX_SEARCH_CHARS = 100

blueprint = Blueprint("journal", __name__)


@blueprint.get("/")
@login_required
def home() -> Response | str:
    """Lead to the journal looked at last, or show the projects to choose from."""
    mine = my_projects()
    known = {own.project_id for own in mine}
    last = session.get("project_id")
    if last in known or len(known) == 1:
        return redirect(url_for("journal.page", project_id=last if last in known else known.pop()))
    return render_template("projects.html", projects=mine)


@blueprint.get("/p/<project_id>/")
@project_page()
def page() -> str:
    """Show the journal: figures, chart, filters, rows."""
    period, filters = _asked()
    with parts().database.read() as connection:
        progress = journal.progress(connection, g.project.project_id)
        if progress.inquiry_at is None:
            return render_template("journal_empty.html", progress=progress, connections=_messengers())
        newest = journal.newest_id(connection, g.project.project_id)
        facts = {
            **_rows(connection, filters, after=None),
            "figures": journal.figures(connection, g.project.project_id, filters=filters),
            "chart": periods.chart(
                period, journal.quarters_by_channel(connection, g.project.project_id, filters=filters)
            ),
            "channels": journal.channels_of(connection, g.project.project_id, since=period.since),
        }
    return render_template(
        "journal.html",
        period=period,
        periods=periods.LABELS,
        filters=filters,
        has_filters=any(getattr(filters, name) for name in FILTER_NAMES),
        newest=newest,
        query=_query(),
        **facts,
    )


@blueprint.get("/p/<project_id>/older")
@project_page()
def older() -> str:
    """Give the next page's rows, to be put below those shown."""
    _period, filters = _asked()
    after = read_cursor(request.args.get("after", ""))
    with parts().database.read() as connection:
        facts = _rows(connection, filters, after=after)
    return render_template("journal_rows.html", query=_query(), **facts)


@blueprint.get("/p/<project_id>/newer")
@project_page()
def newer() -> str:
    """Tell how many inquiries came since the page was made."""
    _period, filters = _asked()
    than = request.args.get("than", "")[:64]
    with parts().database.read() as connection:
        count = journal.count_newer(connection, g.project.project_id, filters=filters, than=than)
    return render_template("journal_newer.html", count=count)


@blueprint.get("/p/<project_id>/progress")
@project_page()
def progress() -> str | Response:
    """Give the live list of what is still to be set up."""
    with parts().database.read() as connection:
        found = journal.progress(connection, g.project.project_id)
    if found.inquiry_at is not None and request.args.get("from") == "journal":
        reloaded = Response(status=204)
        reloaded.headers["HX-Refresh"] = "true"
        return reloaded
    return render_template("progress.html", progress=found, connections=_messengers())


@blueprint.get("/p/<project_id>/inquiries/<inquiry_id>")
@project_page()
def card(inquiry_id: str) -> str:
    """Show everything known about one inquiry."""
    project_id = g.project.project_id
    with parts().database.read() as connection:
        found = inquiries.inquiry(connection, project_id, inquiry_id)
        if found is None:
            abort(404)
        person = people.person(connection, project_id, found.person_id)
        history = inquiries.inquiries_of(connection, project_id, found.person_id)
        filters = delivery_log.Filters(inquiry_id=inquiry_id)
        sent = delivery_log.delivery_rows(connection, project_id, filters=filters)
        attempts = delivery_log.attempts_of(connection, project_id, [row.delivery_id for row in sent])
    user_agent = found.facts.get("visit", {}).get("user_agent", "")
    return render_template(
        "inquiry.html",
        inquiry=found,
        person=person,
        number=g.project.number(found.number),
        region=phones.region(person.phone, chosen_language()) if person and person.phone else "",
        device=describe(user_agent) if user_agent else None,
        history=[other for other in reversed(history) if other.inquiry_id != inquiry_id],
        timeline=timeline(found),
        rows=sent,
        attempts=attempts,
    )


def timeline(inquiry: Inquiry) -> list[dict[str, Any]]:
    """Give the moments that led to an inquiry, as far as they are known, in their order."""
    visit, click = inquiry.facts.get("visit", {}), inquiry.facts.get("click", {})
    first = inquiry.facts.get("first_source", {})
    moments: list[dict[str, Any]] = []
    if visit.get("first_at") and visit["first_at"] != visit.get("started_at"):
        moments.append({"kind": "first", "at": visit["first_at"], "source": first})
    if visit.get("last_at") and visit["last_at"] not in (visit.get("first_at"), visit.get("started_at")):
        moments.append({"kind": "last", "at": visit["last_at"], "source": {}})
    if visit.get("started_at"):
        moments.append(
            {"kind": "visit", "at": visit["started_at"], "source": inquiry.facts.get("source", {})}
        )
    if click.get("clicked_at"):
        moments.append({"kind": "press", "at": click["clicked_at"], "click": click})
    return moments


# --- what is asked for ----------------------------------------------------------------------------


def _asked() -> tuple[Period, Filters]:
    period = periods.read(request.args, zone_name=g.project.time_zone, now=utc_now())
    chosen = {name: request.args.get(name, "")[:MAX_SEARCH_CHARS] for name in FILTER_NAMES}
    return period, Filters(since=period.since, until=period.until, **chosen)


def _query() -> dict[str, str]:
    """Give the page's own parameters, for links that keep them."""
    names = ("period", "from", "to", *FILTER_NAMES)
    return {name: request.args[name] for name in names if request.args.get(name)}


def _rows(connection: Connection, filters: Filters, *, after: Cursor | None) -> dict[str, Any]:
    # one row more than is shown tells whether there is a next page
    found = journal.rows(
        connection, g.project.project_id, filters=filters, after=after, limit=journal.PAGE_ROWS + 1
    )
    shown = found[: journal.PAGE_ROWS]
    last = Cursor(shown[-1].opened_at, shown[-1].inquiry_id) if len(found) > len(shown) else None
    return {"rows": shown, "next_cursor": write_cursor(last)}


def write_cursor(cursor: Cursor | None) -> str:
    """Write the place of a row for an address."""
    return f"{to_micros(cursor.at)}.{cursor.row_id}" if cursor else ""


def read_cursor(text: str) -> Cursor | None:
    """Read `write_cursor`'s text; nonsense begins at the top."""
    micros, _dot, row_id = text.partition(".")
    if not (micros.isdecimal() and len(micros) < 18 and row_id):
        return None
    return Cursor(from_micros(int(micros)), row_id)


def _messengers() -> list[Any]:
    found = parts().connections.of_project(g.project.project_id)
    return [connection for connection in found if connection.kind == "messaging"]
