"""Group commit: requests that arrive together become durable together, each answered after the commit.

The first request that finds no commit under way leads: it takes everything that waits, commits it once,
lets those go and hands the lead to one that came meanwhile. Alone, a request waits for nobody. No thread of
its own, nothing kept in memory after the answer.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Sequence
from typing import Any, cast

from sqlalchemy.exc import DBAPIError

from plugin.store.database import Database
from plugin.store.upsert import Row, Statement, Upsert

__all__ = ["GroupWriter", "NotCommitted", "Upsert"]

# A commit costs as much as a dozen rows. When requests come at the same time, the next commit waits this
# long for company; a request that comes alone never does.
GATHER_SECONDS = 0.0007


class NotCommitted(Exception):
    """The commit was cut short; nothing of it was kept."""


class _Ticket:
    """One request's rows. Its thread sleeps on `wake` until they are committed or it is its turn to lead."""

    __slots__ = ("error", "is_settled", "rows", "wake")

    def __init__(self, rows: Sequence[tuple[Upsert, Row]]) -> None:
        self.rows = rows
        self.wake = threading.Lock()
        self.wake.acquire()
        self.is_settled = False
        self.error: Exception | None = NotCommitted()


class GroupWriter:
    """Makes rows durable; safe to call from many threads at once."""

    def __init__(self, database: Database) -> None:
        self._kept = _KeptConnection(database)
        self._dialect = database.engine.dialect.name
        self._waiting: list[_Ticket] = []
        self._is_led = False
        self._is_busy = False
        self._guard = threading.Lock()

    def write(self, *rows: tuple[Upsert, Row]) -> None:
        """Return when the rows are committed, all or none; raises the database's error.

        Values are as the driver takes them: times as microseconds, JSON as text.
        """
        ticket = _Ticket(rows)
        with self._guard:
            self._waiting.append(ticket)
            follows, self._is_led = self._is_led, True
        if follows:
            ticket.wake.acquire()
        if not ticket.is_settled:
            self._lead()
        if ticket.error:
            raise ticket.error

    def _lead(self) -> None:
        """Commit everything that waits, this thread's rows among it; then let the next one lead."""
        if self._is_busy:
            time.sleep(GATHER_SECONDS)
        with self._guard:
            batch, self._waiting = self._waiting, []
        self._is_busy = len(batch) > 1
        try:
            self._commit(batch)
        finally:
            with self._guard:
                heir = self._waiting[0] if self._waiting else None
                self._is_led = heir is not None
            if heir is not None:
                heir.wake.release()
            for ticket in batch:
                ticket.is_settled = True
                ticket.wake.release()

    def _commit(self, batch: Sequence[_Ticket]) -> None:
        try:
            self._insert(batch)
        except Exception as error:  # noqa: BLE001, handed to the request that it concerns
            if len(batch) == 1:
                batch[0].error = error
                return
            for ticket in batch:  # one bad row must not take its neighbours along
                self._commit([ticket])
            return
        for ticket in batch:
            ticket.error = None

    def _insert(self, batch: Iterable[_Ticket]) -> None:
        by_upsert: dict[Upsert, list[Row]] = {}
        for ticket in batch:
            for upsert, row in ticket.rows:
                by_upsert.setdefault(upsert, []).append(row)
        self._kept.run([upsert.statement(self._dialect, rows) for upsert, rows in by_upsert.items()])


class _KeptConnection:
    """A connection of the driver's own, kept between commits: no pool, no ping, no round trip too many."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._connection: Any = None

    def run(self, statements: Sequence[Statement]) -> None:
        """Make the statements durable together, or none; raises DBAPIError.

        A connection that was found broken is made anew once: doing an upsert again changes nothing.
        """
        for may_repeat in (self._connection is not None, False):
            try:
                self._try(statements)
                return
            except Exception as error:  # noqa: BLE001, whatever it was, nothing half-done may stay open
                if not (self._drop(error) and may_repeat):
                    raise self._readable(error) from None

    def _try(self, statements: Sequence[Statement]) -> None:
        if self._connection is None:
            self._connection = self._database.engine.raw_connection()
        driver: Any = self._connection.driver_connection
        with self._database.turn:
            if self._database.is_sqlite:
                driver.execute("BEGIN IMMEDIATE")
            for text, parameters in statements:
                driver.execute(text, parameters)
            driver.commit()

    def _drop(self, error: Exception) -> bool:
        """Let go of the connection, which undoes what was begun; tell whether it had been lost."""
        connection, self._connection = self._connection, None
        if connection is None:
            return False
        is_broken = self._is_drivers(error) and self._database.engine.dialect.is_disconnect(
            cast("Any", error), connection.dbapi_connection, None
        )
        connection.invalidate()
        return is_broken

    def _readable(self, error: Exception) -> Exception:
        """Give a driver's error as SQLAlchemy raises it; it does not tell what was in the rows."""
        if not self._is_drivers(error):
            return error
        base = self._database.engine.dialect.loaded_dbapi.Error
        return cast("Exception", DBAPIError.instance(None, None, error, base, hide_parameters=True))

    def _is_drivers(self, error: Exception) -> bool:
        return isinstance(error, self._database.engine.dialect.loaded_dbapi.Error)
