"""What the journal asks: rows, figures, days by channel; and how far a project is set up."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Select,
    and_,
    case,
    distinct,
    exists,
    func,
    or_,
    select,
    type_coerce,
)

from plugin.store.tables import (
    clicks,
    connections,
    deliveries,
    from_micros,
    inquiries,
    memberships,
    persons,
    projects,
    visits,
)

PAGE_ROWS = 50
QUARTER_MICROS = 15 * 60 * 1_000_000  # every zone is a multiple of it away from UTC
UNKNOWN = "-"  # as a filter: no channel is known
STATES: Mapping[str, tuple[str, ...]] = {
    "delivered": ("delivered",),
    "waiting": ("pending", "accepted"),
    "failed": ("rejected", "dead"),
    "skipped": ("skipped",),
}


class Cursor(NamedTuple):
    """The last row of a page; the next page begins after it."""

    at: datetime
    row_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    project_id: str
    name: str
    role: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What the journal shows. An empty text stands for everything."""

    since: datetime
    until: datetime
    channel: str = ""
    how: str = ""
    number: str = ""
    standing: str = ""  # new, repeat
    delivery: str = ""  # a key of STATES
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """The state of one delivery, small enough for a row."""

    connection: str
    platform: str
    event: str
    state: str
    error: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalRow:
    inquiry_id: str
    person_id: str
    name: str
    phone: str
    username: str
    network: str
    number: str
    opened_at: datetime
    created_at: datetime
    is_repeat: bool
    text: str
    reference: str
    how: str
    confidence: float
    because: Mapping[str, Any]
    is_shared: bool
    channel: str
    source: str
    medium: str
    campaign: str
    page_url: str
    phrase: str
    tags: tuple[str, ...]
    marks: tuple[Mark, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    inquiries: int
    known: int
    repeat: int
    chat_clicks: int
    chat_clicks_with_message: int

    @property
    def new(self) -> int:
        return self.inquiries - self.repeat


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a project is set up; None: not yet."""

    visit_at: datetime | None
    webhook_at: datetime | None
    inquiry_at: datetime | None

    @property
    def is_done(self) -> bool:
        return None not in (self.visit_at, self.webhook_at, self.inquiry_at)


def memberships_of(connection: Connection, user_id: str) -> list[Membership]:
    """Give the projects that a user may look at, by name, without their contents."""
    query = (
        select(projects.c.project_id, projects.c.name, memberships.c.role)
        .join(memberships, memberships.c.project_id == projects.c.project_id)
        .where(memberships.c.user_id == user_id)
        .order_by(projects.c.name, projects.c.project_id)
    )
    return [Membership(**row._mapping) for row in connection.execute(query)]


def rows(
    connection: Connection,
    project_id: str,
    *,
    filters: Filters,
    after: Cursor | None = None,
    limit: int = PAGE_ROWS,
) -> list[JournalRow]:
    """Give a page of the journal, the newest first."""
    query = (
        _with_persons(select(*(_COLUMNS[name] for name in _PLAIN)))
        .where(*_chosen(project_id, filters))
        .order_by(inquiries.c.opened_at.desc(), inquiries.c.inquiry_id.desc())
        .limit(limit)
    )
    if after is not None:
        query = query.where(_is_after(after))
    found = connection.execute(query).all()
    marks = marks_of(connection, project_id, [row.inquiry_id for row in found])
    return [
        JournalRow(**{**row._mapping, "tags": tuple(row.tags), "marks": tuple(marks.get(row.inquiry_id, ()))})
        for row in found
    ]


def marks_of(connection: Connection, project_id: str, inquiry_ids: Sequence[str]) -> dict[str, list[Mark]]:
    """Give the states of deliveries by inquiry, oldest first."""
    query = (
        select(
            deliveries.c.inquiry_id,
            deliveries.c.event,
            deliveries.c.state,
            deliveries.c.error,
            func.coalesce(connections.c.label, "").label("connection"),
            func.coalesce(connections.c.platform, "").label("platform"),
        )
        .outerjoin(
            connections,
            and_(
                connections.c.project_id == deliveries.c.project_id,
                connections.c.connection_id == deliveries.c.connection_id,
            ),
        )
        .where(deliveries.c.project_id == project_id, deliveries.c.inquiry_id.in_(inquiry_ids))
        .order_by(deliveries.c.created_at, deliveries.c.delivery_id)
    )
    found: dict[str, list[Mark]] = {}
    for row in connection.execute(query) if inquiry_ids else ():
        values = dict(row._mapping)
        found.setdefault(values.pop("inquiry_id"), []).append(Mark(**values))
    return found


def count_newer(connection: Connection, project_id: str, *, filters: Filters, than: str) -> int:
    """Count what came into the journal after an inquiry."""
    # ids sort by the time of their making, so a late message counts when it came, not when it was sent
    query = _with_persons(select(func.count())).where(
        *_chosen(project_id, filters), inquiries.c.inquiry_id > than
    )
    return int(connection.execute(query).scalar_one())


def newest_id(connection: Connection, project_id: str) -> str:
    """Give the inquiry that came into the journal last; "" when there is none."""
    query = select(func.max(inquiries.c.inquiry_id)).where(inquiries.c.project_id == project_id)
    return connection.execute(query).scalar() or ""


def figures(connection: Connection, project_id: str, *, filters: Filters) -> Figures:
    """Count what the filters choose; presses are counted for the period and the number alone."""
    query = _with_persons(
        select(
            func.count().label("inquiries"),
            func.coalesce(func.sum(case((inquiries.c.channel != "", 1), else_=0)), 0).label("known"),
            func.coalesce(func.sum(case((inquiries.c.is_repeat, 1), else_=0)), 0).label("repeat"),
        )
    ).where(*_chosen(project_id, filters))
    counted = connection.execute(query).one()
    pressed, reached = _presses(connection, project_id, filters)
    return Figures(
        inquiries=counted.inquiries,
        known=int(counted.known),
        repeat=int(counted.repeat),
        chat_clicks=pressed,
        chat_clicks_with_message=reached,
    )


def quarters_by_channel(
    connection: Connection, project_id: str, *, filters: Filters
) -> list[tuple[datetime, str, int]]:
    """Give (quarter of an hour, channel, inquiries); whose day a quarter belongs to, the zone decides."""
    quarter = type_coerce(inquiries.c.opened_at, BigInteger) // QUARTER_MICROS
    query = (
        _with_persons(select(quarter.label("quarter"), inquiries.c.channel, func.count().label("count")))
        .where(*_chosen(project_id, filters))
        .group_by(quarter, inquiries.c.channel)
        .order_by(quarter, inquiries.c.channel)
    )
    return [
        (from_micros(int(at) * QUARTER_MICROS), channel, int(count))
        for at, channel, count in connection.execute(query)
    ]


def channels_of(connection: Connection, project_id: str, *, since: datetime) -> list[str]:
    """Give the channels that inquiries came from since a moment; "" stands for an unknown one."""
    query = (
        select(inquiries.c.channel)
        .where(inquiries.c.project_id == project_id, inquiries.c.opened_at >= since)
        .distinct()
        .order_by(inquiries.c.channel)
    )
    return list(connection.execute(query).scalars())


def progress(connection: Connection, project_id: str) -> Progress:
    """Tell how far a project is set up, from what was really seen."""
    visit_at = select(func.max(visits.c.started_at)).where(visits.c.project_id == project_id)
    hook_at = select(func.max(connections.c.last_webhook_at)).where(connections.c.project_id == project_id)
    opened_at = select(func.min(inquiries.c.opened_at)).where(inquiries.c.project_id == project_id)
    return Progress(
        visit_at=connection.execute(visit_at).scalar(),
        webhook_at=connection.execute(hook_at).scalar(),
        inquiry_at=connection.execute(opened_at).scalar(),
    )


# --- the conditions -------------------------------------------------------------------------------


def _with_persons(query: Select[Any]) -> Select[Any]:
    return query.select_from(
        inquiries.outerjoin(
            persons,
            and_(
                persons.c.project_id == inquiries.c.project_id, persons.c.person_id == inquiries.c.person_id
            ),
        )
    )


def _chosen(project_id: str, filters: Filters) -> list[ColumnElement[bool]]:
    wanted = [
        inquiries.c.project_id == project_id,
        inquiries.c.opened_at >= filters.since,
        inquiries.c.opened_at < filters.until,
    ]
    if filters.channel:
        wanted.append(inquiries.c.channel == ("" if filters.channel == UNKNOWN else filters.channel))
    if filters.how:
        wanted.append(inquiries.c.how == filters.how)
    if filters.number:
        wanted.append(inquiries.c.number == filters.number)
    if filters.standing:
        wanted.append(inquiries.c.is_repeat == (filters.standing == "repeat"))
    if filters.delivery:
        wanted.append(_has_delivery(STATES.get(filters.delivery, ())))
    if filters.text.strip():
        wanted.append(_says(filters.text.strip()))
    return wanted


def _has_delivery(states: Sequence[str]) -> ColumnElement[bool]:
    return exists().where(
        deliveries.c.project_id == inquiries.c.project_id,
        deliveries.c.inquiry_id == inquiries.c.inquiry_id,
        deliveries.c.state.in_(states),
    )


def _says(text: str) -> ColumnElement[bool]:
    fields = (
        persons.c.name,
        persons.c.username,
        inquiries.c.text,
        inquiries.c.campaign,
        inquiries.c.source,
        inquiries.c.keyword,
    )
    # SQLite folds the case of Latin letters only, so the usual writings of a word are all asked for
    writings = dict.fromkeys((text, text.lower(), text.upper(), text.capitalize(), text.title()))
    wanted = [field.icontains(writing, autoescape=True) for field in fields for writing in writings]
    digits = re.sub(r"\D", "", text)
    if len(digits) >= 4 and not re.search(r"[^\W\d_]", text):
        wanted.append(persons.c.phone.contains(digits))
        if digits.startswith("8"):
            wanted.append(persons.c.phone.startswith("7" + digits[1:]))
    reference = re.sub(r"[^0-9A-Z]", "", text.upper())
    if len(reference) >= 4:
        wanted.append(inquiries.c.reference.startswith(reference))
    return or_(*wanted)


def _presses(connection: Connection, project_id: str, filters: Filters) -> tuple[int, int]:
    chosen = [
        clicks.c.project_id == project_id,
        clicks.c.clicked_at >= filters.since,
        clicks.c.clicked_at < filters.until,
    ]
    if filters.number:
        chosen.append(clicks.c.number == filters.number)
    # one visitor may press the same button ten times
    press = distinct(clicks.c.visit_id + ":" + clicks.c.number)
    pressed = connection.execute(select(func.count(press)).where(*chosen)).scalar_one()
    with_message = (
        select(func.count(press))
        .select_from(
            clicks.join(
                inquiries,
                and_(
                    inquiries.c.project_id == clicks.c.project_id, inquiries.c.click_id == clicks.c.click_id
                ),
            )
        )
        .where(*chosen, inquiries.c.opened_at >= filters.since)
    )
    return int(pressed), int(connection.execute(with_message).scalar_one())


def _is_after(cursor: Cursor) -> ColumnElement[bool]:
    return or_(
        inquiries.c.opened_at < cursor.at,
        and_(inquiries.c.opened_at == cursor.at, inquiries.c.inquiry_id < cursor.row_id),
    )


_PLAIN = tuple(name for name in JournalRow.__dataclass_fields__ if name != "marks")
_COLUMNS: Mapping[str, ColumnElement[Any]] = {
    **{name: inquiries.c[name] for name in _PLAIN if name in inquiries.c},
    **{name: func.coalesce(persons.c[name], "").label(name) for name in ("name", "phone", "username")},
}
