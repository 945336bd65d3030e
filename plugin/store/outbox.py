"""The outbox: one row an inquiry, event and destination; claimed with a lease, never lost.

States: pending → delivered | accepted (to be confirmed) | skipped | rejected | dead.
A crash leaves a row pending under a lease that runs out.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Exists,
    Row,
    and_,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from plugin.store.database import new_id
from plugin.store.tables import attempts, connections, deliveries, inquiries

OPEN_STATES = ("pending", "accepted")
STOPPED_STATES = ("rejected", "dead", "skipped")


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    project_id: str
    delivery_id: str
    inquiry_id: str
    connection_id: str
    event: str
    state: str
    created_at: datetime
    due_at: datetime
    attempts: int
    first_attempt_at: datetime | None
    remote_id: str
    link: str
    receipt: Mapping[str, Any]
    error: Mapping[str, Any]


COLUMNS = tuple(Delivery.__dataclass_fields__)


def queue(
    connection: Connection,
    project_id: str,
    *,
    inquiry_id: str,
    connection_ids: Collection[str],
    event: str,
    now: datetime,
) -> None:
    """Add a pending row for each destination; one that is there already stays as it is."""
    make: Any = (sqlite if connection.dialect.name == "sqlite" else postgresql).insert(deliveries)
    rows = [
        {
            "project_id": project_id,
            "delivery_id": new_id(),
            "inquiry_id": inquiry_id,
            "connection_id": connection_id,
            "event": event,
            "state": "pending",
            "created_at": now,
            "due_at": now,
        }
        for connection_id in connection_ids
    ]
    if rows:
        key = ["project_id", "inquiry_id", "connection_id", "event"]
        connection.execute(make.on_conflict_do_nothing(index_elements=key), rows)


def requeue_for_match(
    connection: Connection,
    project_id: str,
    *,
    inquiry_id: str,
    opened: str,
    found: str,
    found_ids: Collection[str],
    now: datetime,
) -> None:
    """Queue what a better match changes.

    A destination that was told gets the event `found`, when it wants it; one that skipped or refused the
    inquiry for want of a source gets it once more; one that waits its turn sees the new facts anyway; one
    that is being told the old ones at this moment is told again when its lease runs out.
    """
    mine = and_(deliveries.c.project_id == project_id, deliveries.c.inquiry_id == inquiry_id)
    told = connection.execute(
        select(deliveries.c.connection_id).where(
            mine, deliveries.c.event == opened, deliveries.c.state.in_(("delivered", "accepted"))
        )
    ).scalars()
    ids = [connection_id for connection_id in told if connection_id in found_ids]
    queue(connection, project_id, inquiry_id=inquiry_id, connection_ids=ids, event=found, now=now)
    again = or_(
        and_(deliveries.c.event == opened, deliveries.c.state.in_(("skipped", "rejected"))),
        and_(deliveries.c.event == found, deliveries.c.state != "pending"),
    )
    _requeue(connection, project_id, and_(deliveries.c.inquiry_id == inquiry_id, again), now)
    # without an owner what comes of the call under way is not stored, so the row stays pending
    connection.execute(
        update(deliveries)
        .where(mine, deliveries.c.state == "pending", deliveries.c.lease_until >= now)
        .values(lease_owner="")
    )


def due_connections(connection: Connection, *, now: datetime) -> list[tuple[str, str, str, int, datetime]]:
    """Give (project, connection, platform, rows, oldest due time) of connections with work to claim."""
    query = (
        select(
            deliveries.c.project_id,
            deliveries.c.connection_id,
            connections.c.platform,
            func.count(),
            func.min(deliveries.c.due_at),
        )
        .join(
            connections,
            and_(
                connections.c.project_id == deliveries.c.project_id,
                connections.c.connection_id == deliveries.c.connection_id,
            ),
        )
        .where(_is_due(now), _is_open_for_work(now))
        .group_by(deliveries.c.project_id, deliveries.c.connection_id, connections.c.platform)
    )
    return [
        (project_id, connection_id, platform, int(count), oldest)
        for project_id, connection_id, platform, count, oldest in connection.execute(query)
    ]


def claim(
    connection: Connection,
    project_id: str,
    connection_id: str,
    *,
    owner: str,
    now: datetime,
    lease_seconds: float,
    limit: int,
) -> list[Delivery]:
    """Take due rows of one connection, oldest first; they come back when the lease runs out unfinished.

    A person whose row is under way waits with the others: two at once could open two deals.
    """
    if connection.dialect.name == "postgresql":
        # claims of a connection take turns, else two could take rows of one person (SQLite has one writer)
        connection.execute(select(func.pg_advisory_xact_lock(func.hashtext(connection_id))))
    mine = and_(deliveries.c.project_id == project_id, deliveries.c.connection_id == connection_id)
    due = (
        select(deliveries.c.delivery_id, inquiries.c.person_id)
        .join(inquiries, _same_inquiry(deliveries, inquiries))
        .where(mine, _is_due(now), ~_is_person_busy(now))
        .order_by(deliveries.c.due_at, deliveries.c.delivery_id)
        .limit(limit)
        .with_for_update(skip_locked=True, of=deliveries)
    )
    ids = _one_a_person(connection.execute(due))
    if not ids:
        return []
    chosen = and_(mine, deliveries.c.delivery_id.in_(ids))
    connection.execute(
        update(deliveries)
        .where(chosen)
        .values(lease_until=now + timedelta(seconds=lease_seconds), lease_owner=owner)
    )
    rows = connection.execute(
        select(deliveries).where(chosen).order_by(deliveries.c.due_at, deliveries.c.delivery_id)
    )
    return [_delivery(row) for row in rows]


def _one_a_person(rows: Iterable[Row[Any]]) -> list[str]:
    first: dict[str, str] = {}
    for row in rows:
        first.setdefault(row.person_id, row.delivery_id)
    return list(first.values())


def _is_person_busy(now: datetime) -> Exists:
    other, its = deliveries.alias("other"), inquiries.alias("its")
    return exists(
        select(other.c.delivery_id)
        .join(its, _same_inquiry(other, its))
        .where(
            its.c.project_id == inquiries.c.project_id,
            its.c.person_id == inquiries.c.person_id,
            other.c.connection_id == deliveries.c.connection_id,
            other.c.lease_until >= now,
        )
    )


def _same_inquiry(delivery: Any, inquiry: Any) -> ColumnElement[bool]:
    return and_(inquiry.c.project_id == delivery.c.project_id, inquiry.c.inquiry_id == delivery.c.inquiry_id)


def finish(
    connection: Connection,
    delivery: Delivery,
    *,
    owner: str,
    state: str,
    now: datetime,
    due_at: datetime | None = None,
    receipt: Mapping[str, Any] | None = None,
    error: Mapping[str, Any] | None = None,
    counts: bool = True,
) -> bool:
    """Store what became of a claimed row; False when the lease was lost to another worker.

    `counts` tells whether this was an attempt that the growing waits count.
    """
    values: dict[str, Any] = {
        "state": state,
        "lease_until": None,
        "lease_owner": "",
        "due_at": due_at or now,
        "attempts": deliveries.c.attempts + (1 if counts else 0),
        "first_attempt_at": delivery.first_attempt_at or now,
        "finished_at": None if state in OPEN_STATES else now,
        "error": dict(error or {}),
    }
    if receipt is not None:
        values |= {
            "receipt": dict(receipt),
            "remote_id": receipt.get("remote_id", ""),
            "link": receipt.get("link", ""),
        }
    done = connection.execute(
        update(deliveries)
        .where(
            deliveries.c.project_id == delivery.project_id,
            deliveries.c.delivery_id == delivery.delivery_id,
            deliveries.c.lease_owner == owner,
        )
        .values(values)
    )
    return done.rowcount == 1


def release(connection: Connection, delivery: Delivery, *, owner: str, due_at: datetime) -> None:
    """Give a claimed row back untried."""
    connection.execute(
        update(deliveries)
        .where(
            deliveries.c.project_id == delivery.project_id,
            deliveries.c.delivery_id == delivery.delivery_id,
            deliveries.c.lease_owner == owner,
        )
        .values(lease_until=None, lease_owner="", due_at=due_at)
    )


def add_attempt(
    connection: Connection,
    delivery: Delivery,
    *,
    at: datetime,
    seconds: float,
    outcome: str,
    error: Mapping[str, Any],
    exchanges: Sequence[Mapping[str, Any]],
) -> None:
    """Keep what was asked and answered in an attempt, already redacted."""
    connection.execute(
        insert(attempts).values(
            project_id=delivery.project_id,
            attempt_id=new_id(),
            delivery_id=delivery.delivery_id,
            number=delivery.attempts + 1,
            at=at,
            seconds=seconds,
            outcome=outcome,
            error=dict(error),
            exchanges=[dict(exchange) for exchange in exchanges],
        )
    )


def prune_attempts(connection: Connection, *, before: datetime) -> int:
    """Forget old attempts."""
    return connection.execute(delete(attempts).where(attempts.c.at < before)).rowcount


def known_details(connection: Connection, delivery: Delivery) -> dict[str, str]:
    """Give what earlier deliveries of the inquiry left at this destination, the latest winning."""
    query = (
        select(deliveries.c.receipt)
        .where(
            deliveries.c.project_id == delivery.project_id,
            deliveries.c.inquiry_id == delivery.inquiry_id,
            deliveries.c.connection_id == delivery.connection_id,
        )
        .order_by(deliveries.c.created_at, deliveries.c.delivery_id)
    )
    details: dict[str, str] = {}
    for receipt in connection.execute(query).scalars():
        details |= (receipt or {}).get("details", {})
    return details


def states_of(connection: Connection, project_id: str, inquiry_id: str) -> list[Delivery]:
    """Give an inquiry's deliveries, oldest first."""
    query = (
        select(deliveries)
        .where(deliveries.c.project_id == project_id, deliveries.c.inquiry_id == inquiry_id)
        .order_by(deliveries.c.created_at, deliveries.c.delivery_id)
    )
    return [_delivery(row) for row in connection.execute(query)]


def send_again(connection: Connection, project_id: str, delivery_id: str, *, now: datetime) -> bool:
    """Make a row due now, whatever became of it; False when it is under way or not there."""
    return _requeue(connection, project_id, deliveries.c.delivery_id == delivery_id, now) > 0


def send_all_again(
    connection: Connection,
    project_id: str,
    *,
    state: str | None = None,
    connection_id: str | None = None,
    now: datetime,
) -> int:
    """Make stopped rows due now; give their number. Delivered rows are never among them."""
    states = [state] if state in (*STOPPED_STATES, "pending") else STOPPED_STATES
    chosen: ColumnElement[bool] = deliveries.c.state.in_(states)
    if connection_id:
        chosen = and_(chosen, deliveries.c.connection_id == connection_id)
    return _requeue(connection, project_id, chosen, now)


def resume(connection: Connection, project_id: str, connection_id: str, *, now: datetime) -> None:
    """Let a paused connection work again, at once."""
    connection.execute(
        update(connections)
        .where(connections.c.project_id == project_id, connections.c.connection_id == connection_id)
        .values(paused_at=None, paused_because={}, retry_at=None, failures=0, is_active=True)
    )
    _requeue(
        connection,
        project_id,
        and_(deliveries.c.connection_id == connection_id, deliveries.c.state == "pending"),
        now,
    )


def _requeue(connection: Connection, project_id: str, chosen: Any, now: datetime) -> int:
    free = or_(deliveries.c.lease_until.is_(None), deliveries.c.lease_until < now)
    done = connection.execute(
        update(deliveries)
        .where(deliveries.c.project_id == project_id, chosen, free)
        .values(state="pending", due_at=now, attempts=0, first_attempt_at=None, finished_at=None, error={})
    )
    return done.rowcount


def _is_due(now: datetime) -> Any:
    free = or_(deliveries.c.lease_until.is_(None), deliveries.c.lease_until < now)
    return and_(deliveries.c.state.in_(OPEN_STATES), deliveries.c.due_at <= now, free)


def _is_open_for_work(now: datetime) -> Any:
    return and_(
        connections.c.is_active,
        connections.c.paused_at.is_(None),
        or_(connections.c.retry_at.is_(None), connections.c.retry_at <= now),
    )


def _delivery(row: Row[Any]) -> Delivery:
    return Delivery(**{name: getattr(row, name) for name in COLUMNS})
