"""What the deliveries' screen asks: rows with their errors, attempts, and how each connection does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, case, func, or_, select

from plugin.store.journal import STATES, Cursor
from plugin.store.tables import attempts, connections, deliveries, inquiries, persons

PAGE_ROWS = 50
FAILED_OUTCOMES = ("temporary", "rejected", "misconfigured", "dead")


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What is shown. An empty text stands for everything."""

    state: str = ""  # a key of STATES
    connection_id: str = ""
    event: str = ""
    inquiry_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryRow:
    delivery_id: str
    inquiry_id: str
    connection_id: str
    connection: str
    platform: str
    event: str
    state: str
    created_at: datetime
    due_at: datetime
    finished_at: datetime | None
    attempts: int
    link: str
    remote_id: str
    receipt: Mapping[str, Any]
    error: Mapping[str, Any]
    name: str
    phone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptRow:
    attempt_id: str
    delivery_id: str
    number: int
    at: datetime
    seconds: float
    outcome: str
    error: Mapping[str, Any]
    exchanges: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """How a connection did lately, and what waits for it."""

    attempts: int = 0
    failed: int = 0
    waiting: int = 0
    stopped: int = 0

    @property
    def error_share(self) -> float:
        return self.failed / self.attempts if self.attempts else 0.0


def delivery_rows(
    connection: Connection,
    project_id: str,
    *,
    filters: Filters,
    after: Cursor | None = None,
    limit: int = PAGE_ROWS,
) -> list[DeliveryRow]:
    """Give a page of deliveries, the newest first."""
    query = (
        select(*(_COLUMNS[name] for name in DeliveryRow.__dataclass_fields__))
        .select_from(_JOINED)
        .where(*_chosen(project_id, filters))
        .order_by(deliveries.c.created_at.desc(), deliveries.c.delivery_id.desc())
        .limit(limit)
    )
    if after is not None:
        at, row_id = after
        is_same = and_(deliveries.c.created_at == at, deliveries.c.delivery_id < row_id)
        query = query.where(or_(deliveries.c.created_at < at, is_same))
    return [DeliveryRow(**row._mapping) for row in connection.execute(query)]


def attempts_of(
    connection: Connection, project_id: str, delivery_ids: Sequence[str]
) -> dict[str, list[AttemptRow]]:
    """Give the kept attempts by delivery, the last first."""
    names = tuple(AttemptRow.__dataclass_fields__)
    query = (
        select(*(attempts.c[name] for name in names))
        .where(attempts.c.project_id == project_id, attempts.c.delivery_id.in_(delivery_ids))
        .order_by(attempts.c.at.desc(), attempts.c.attempt_id.desc())
    )
    found: dict[str, list[AttemptRow]] = {}
    for row in connection.execute(query) if delivery_ids else ():
        found.setdefault(row.delivery_id, []).append(AttemptRow(**row._mapping))
    return found


def health(connection: Connection, project_id: str, *, since: datetime) -> dict[str, Health]:
    """Give each connection's attempts and failures since a moment, and what waits or has stopped."""
    tried = _tried(connection, project_id, since)
    kept = _kept(connection, project_id)
    nothing = (0, 0)
    return {
        connection_id: Health(
            attempts=tried.get(connection_id, nothing)[0],
            failed=tried.get(connection_id, nothing)[1],
            waiting=kept.get(connection_id, nothing)[0],
            stopped=kept.get(connection_id, nothing)[1],
        )
        for connection_id in {*tried, *kept}
    }


def _tried(connection: Connection, project_id: str, since: datetime) -> dict[str, tuple[int, int]]:
    failed = func.sum(case((attempts.c.outcome.in_(FAILED_OUTCOMES), 1), else_=0))
    query = (
        select(deliveries.c.connection_id, func.count(), failed)
        .join(
            deliveries,
            and_(
                deliveries.c.project_id == attempts.c.project_id,
                deliveries.c.delivery_id == attempts.c.delivery_id,
            ),
        )
        .where(attempts.c.project_id == project_id, attempts.c.at >= since)
        .group_by(deliveries.c.connection_id)
    )
    return {key: (int(count), int(bad)) for key, count, bad in connection.execute(query)}


def _kept(connection: Connection, project_id: str) -> dict[str, tuple[int, int]]:
    def counted(group: str) -> ColumnElement[int]:
        return func.sum(case((deliveries.c.state.in_(STATES[group]), 1), else_=0))

    unfinished = (*STATES["waiting"], *STATES["failed"])
    query = (
        select(deliveries.c.connection_id, counted("waiting"), counted("failed"))
        .where(deliveries.c.project_id == project_id, deliveries.c.state.in_(unfinished))
        .group_by(deliveries.c.connection_id)
    )
    return {key: (int(waiting), int(failed)) for key, waiting, failed in connection.execute(query)}


def _chosen(project_id: str, filters: Filters) -> list[ColumnElement[bool]]:
    wanted = [deliveries.c.project_id == project_id]
    if filters.state:
        wanted.append(deliveries.c.state.in_(STATES.get(filters.state, ())))
    named = ("connection_id", "event", "inquiry_id")
    return wanted + [deliveries.c[name] == value for name in named if (value := getattr(filters, name))]


_JOINED = (
    deliveries.outerjoin(
        connections,
        and_(
            connections.c.project_id == deliveries.c.project_id,
            connections.c.connection_id == deliveries.c.connection_id,
        ),
    )
    .outerjoin(
        inquiries,
        and_(
            inquiries.c.project_id == deliveries.c.project_id,
            inquiries.c.inquiry_id == deliveries.c.inquiry_id,
        ),
    )
    .outerjoin(
        persons,
        and_(persons.c.project_id == inquiries.c.project_id, persons.c.person_id == inquiries.c.person_id),
    )
)
_COLUMNS: Mapping[str, ColumnElement[Any]] = {
    **{name: deliveries.c[name] for name in DeliveryRow.__dataclass_fields__ if name in deliveries.c},
    "connection": func.coalesce(connections.c.label, "").label("connection"),
    "platform": func.coalesce(connections.c.platform, "").label("platform"),
    "name": func.coalesce(persons.c.name, "").label("name"),
    "phone": func.coalesce(persons.c.phone, "").label("phone"),
}
