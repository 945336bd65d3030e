"""How well a connection works: what holds its deliveries back, and for how long."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, case, literal, update

from plugin.store.tables import Moment, connections


def note_success(connection: Connection, project_id: str, connection_id: str, *, now: datetime) -> None:
    """Note that a connection works."""
    connection.execute(
        update(connections)
        .where(connections.c.project_id == project_id, connections.c.connection_id == connection_id)
        .values(last_success_at=now, failures=0, retry_at=None, last_error={})
    )


def note_failure(
    connection: Connection,
    project_id: str,
    connection_id: str,
    *,
    error: Mapping[str, Any],
    now: datetime,
    breaker_after: int,
    breaker_until: datetime,
) -> None:
    """Note a temporary failure; the `breaker_after`-th in a row holds all its rows until `breaker_until`."""
    failures = connections.c.failures + 1
    connection.execute(
        update(connections)
        .where(connections.c.project_id == project_id, connections.c.connection_id == connection_id)
        .values(
            failures=failures,
            last_failure_at=now,
            last_error=dict(error),
            retry_at=case((failures >= breaker_after, literal(breaker_until, Moment)), else_=None),
        )
    )


def pause(
    connection: Connection,
    project_id: str,
    connection_id: str,
    *,
    because: Mapping[str, Any],
    now: datetime,
) -> None:
    """Stop a connection until somebody mends its settings; its rows wait."""
    connection.execute(
        update(connections)
        .where(connections.c.project_id == project_id, connections.c.connection_id == connection_id)
        .values(paused_at=now, paused_because=dict(because), last_failure_at=now, last_error=dict(because))
    )
