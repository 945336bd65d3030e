"""Connections: one platform's settings for one project, encrypted, with its health."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, delete, insert, or_, select, update

from plugin.store.database import Database, new_id, utc_now
from plugin.store.secrets import Vault
from plugin.store.tables import connections

LOCK_SECONDS = 60
LOCK_WAIT_SECONDS = 30
HOOK_KEY_BYTES = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformConnection:
    project_id: str
    connection_id: str
    platform: str
    kind: str
    label: str
    config: Mapping[str, str]
    hook_key: str
    is_active: bool
    paused_because: Mapping[str, Any]
    paused_at: datetime | None
    retry_at: datetime | None
    failures: int
    last_success_at: datetime | None
    last_failure_at: datetime | None
    last_error: Mapping[str, Any]
    last_webhook_at: datetime | None
    created_at: datetime

    @property
    def is_paused(self) -> bool:
        return self.paused_at is not None


class LockNotHad(Exception):
    """Another process holds the connection's lock for too long."""


class Connections:
    """Reads and writes connections; holds the vault, so nobody else handles ciphertext."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault

    def add(
        self,
        project_id: str,
        *,
        platform: str,
        kind: str,
        label: str,
        config: Mapping[str, str],
        now: datetime,
    ) -> PlatformConnection:
        """Make a connection with an unguessable webhook key."""
        connection_id = new_id()
        with self._database.write() as connection:
            connection.execute(
                insert(connections).values(
                    project_id=project_id,
                    connection_id=connection_id,
                    platform=platform,
                    kind=kind,
                    label=label,
                    config=self._vault.lock(config, owner=connection_id),
                    hook_key=secrets.token_urlsafe(HOOK_KEY_BYTES),
                    created_at=now,
                )
            )
        found = self.get(project_id, connection_id)
        if found is None:
            raise RuntimeError("the connection just made is not there")
        return found

    def get(self, project_id: str, connection_id: str) -> PlatformConnection | None:
        """Give a connection with its settings decrypted."""
        query = select(connections).where(*_is(project_id, connection_id))
        with self._database.read() as connection:
            row = connection.execute(query).first()
        return None if row is None else self._opened(row)

    def by_hook_key(self, hook_key: str) -> PlatformConnection | None:
        """Give the connection that owns a webhook address."""
        with self._database.read() as connection:
            row = connection.execute(select(connections).where(connections.c.hook_key == hook_key)).first()
        return None if row is None else self._opened(row)

    def of_project(self, project_id: str) -> list[PlatformConnection]:
        """Give a project's connections, oldest first."""
        query = (
            select(connections)
            .where(connections.c.project_id == project_id)
            .order_by(connections.c.created_at, connections.c.connection_id)
        )
        with self._database.read() as connection:
            return [self._opened(row) for row in connection.execute(query).all()]

    def change(
        self, project_id: str, connection_id: str, *, config: Mapping[str, str] | None = None, **values: Any
    ) -> None:
        """Change settings (encrypted) and columns of a connection."""
        if config is not None:
            values["config"] = self._vault.lock(config, owner=connection_id)
        with self._database.write() as connection:
            connection.execute(update(connections).where(*_is(project_id, connection_id)).values(values))

    def remove(self, project_id: str, connection_id: str) -> None:
        """Forget a connection and its secrets."""
        with self._database.write() as connection:
            connection.execute(delete(connections).where(*_is(project_id, connection_id)))

    def state(self, project_id: str, connection_id: str) -> KeptState:
        """Give what the adapter keeps between calls."""
        return KeptState(self._database, self._vault, project_id=project_id, connection_id=connection_id)

    def _opened(self, row: Row[Any]) -> PlatformConnection:
        values = {name: getattr(row, name) for name in _PLAIN}
        return PlatformConnection(config=self._vault.unlock(row.config, owner=row.connection_id), **values)


class KeptState:
    """The `ConnectionState` of an adapter: encrypted in the row, guarded by a lease across processes.

    The lock is a lease and not a database lock, since a refresh over the network may hold it for seconds
    and nothing else of the database may wait for that.
    """

    def __init__(self, database: Database, vault: Vault, *, project_id: str, connection_id: str) -> None:
        self._database = database
        self._vault = vault
        self._where = _is(project_id, connection_id)
        self._connection_id = connection_id

    def read(self) -> Mapping[str, str]:
        """Give the values as they stand now."""
        with self._database.read() as connection:
            box = connection.execute(select(connections.c.state).where(*self._where)).scalar()
        return self._vault.unlock(box, owner=self._connection_id)

    @contextmanager
    def exclusive(self) -> Iterator[MutableMapping[str, str]]:
        """Hold the lock; what is changed inside is stored on leaving, also when leaving by an error."""
        owner = new_id()
        self._take(owner)
        before = dict(self.read())
        values = dict(before)
        try:
            yield values
        finally:
            changed = (
                {"state": self._vault.lock(values, owner=self._connection_id)} if values != before else {}
            )
            with self._database.write() as connection:
                connection.execute(
                    update(connections)
                    .where(*self._where, connections.c.lock_owner == owner)
                    .values(lock_until=None, lock_owner="", **changed)
                )

    def _take(self, owner: str) -> None:
        patience = time.monotonic() + LOCK_WAIT_SECONDS
        while not self._try_take(owner):
            if time.monotonic() > patience:
                raise LockNotHad(self._connection_id)
            time.sleep(0.05)

    def _try_take(self, owner: str) -> bool:
        now = utc_now()
        free = or_(connections.c.lock_until.is_(None), connections.c.lock_until < now)
        with self._database.write() as connection:
            taken = connection.execute(
                update(connections)
                .where(*self._where, free)
                .values(lock_until=now + timedelta(seconds=LOCK_SECONDS), lock_owner=owner)
            )
        return taken.rowcount == 1


def _is(project_id: str, connection_id: str) -> tuple[Any, Any]:
    return connections.c.project_id == project_id, connections.c.connection_id == connection_id


_PLAIN = (
    "project_id",
    "connection_id",
    "platform",
    "kind",
    "label",
    "hook_key",
    "is_active",
    "paused_because",
    "paused_at",
    "retry_at",
    "failures",
    "last_success_at",
    "last_failure_at",
    "last_error",
    "last_webhook_at",
    "created_at",
)
