"""Group commit: requests that arrive together become durable together, each answered after the commit.

The first request that finds no commit under way leads: it takes everything that waits, commits it once,
lets those go and hands the lead to one that came meanwhile. Alone, a request waits for nobody. No thread of
its own, nothing kept in memory after the answer.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql.psycopg import dialect as psycopg_dialect

from plugin.store.database import Database

MOST_ROWS = 32  # of one statement; each number of rows is a text of its own

# A commit costs as much as a dozen rows. When requests come at the same time, the next commit waits this
# long for company; a request that comes alone never does.
GATHER_SECONDS = 0.0007

Row = Mapping[str, Any]


class Upsert:
    """An insert compiled once. A row whose key is there already is left, or has `refresh` columns renewed."""

    def __init__(self, table: Table, *, refresh: Sequence[str] = ()) -> None:
        self.table = table
        self.refresh = refresh
        self._names = tuple(table.columns.keys())
        self._key = tuple(column.name for column in table.primary_key)
        self._texts: dict[tuple[str, int], str] = {}

    def text(self, dialect_name: str, *, rows: int) -> str:
        """Give the SQL text of one statement for so many rows, with the driver's positional parameters."""
        key = (dialect_name, rows)
        if key not in self._texts:
            head, row, tail = self._compiled(dialect_name)
            self._texts[key] = head + ", ".join([row] * rows) + tail
        return self._texts[key]

    def parameters(self, rows: Iterable[Row]) -> tuple[Any, ...]:
        """Give the rows' values in the order of the text's parameters."""
        return tuple([row[name] for row in rows for name in self._names])

    def merged(self, rows: Iterable[Row]) -> list[Row]:
        """Give the rows with each key once, as if they had been written one after the other.

        They are in the keys' order, so that two processes never wait for each other's rows crosswise.
        """
        found: dict[tuple[Any, ...], Row] = {}
        for row in rows:
            key = tuple([row[name] for name in self._key])
            first = found.get(key)
            found[key] = row if first is None else {**first, **{name: row[name] for name in self.refresh}}
        return [found[key] for key in sorted(found)]

    def _compiled(self, dialect_name: str) -> tuple[str, str, str]:
        """Give the text of one row's statement: what stands before its values, the values, what follows."""
        insert: Any = (sqlite if dialect_name == "sqlite" else postgresql).insert(self.table)
        key = list(self.table.primary_key)
        if self.refresh:
            changed = {name: insert.excluded[name] for name in self.refresh}
            statement = insert.on_conflict_do_update(index_elements=key, set_=changed)
        else:
            statement = insert.on_conflict_do_nothing(index_elements=key)
        before, values, rest = str(statement.compile(dialect=_dialect(dialect_name))).partition(" VALUES ")
        row, conflict, after = rest.partition(" ON CONFLICT")
        return before + values, row, conflict + after


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
        self._database = database
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
        by_statement: dict[Upsert, list[Row]] = {}
        for ticket in batch:
            for statement, row in ticket.rows:
                by_statement.setdefault(statement, []).append(row)
        with self._database.write() as connection:
            for statement, rows in by_statement.items():
                self._execute(connection, statement, statement.merged(rows))

    def _execute(self, connection: Connection, statement: Upsert, rows: Sequence[Row]) -> None:
        # one statement for many rows: the driver gives way to other threads at each, and waits to be back
        for start in range(0, len(rows), MOST_ROWS):
            some = rows[start : start + MOST_ROWS]
            text = statement.text(self._dialect, rows=len(some))
            connection.exec_driver_sql(text, statement.parameters(some))


def _dialect(name: str) -> Any:
    make: Any = sqlite.dialect if name == "sqlite" else psycopg_dialect
    return make(paramstyle="qmark" if name == "sqlite" else "format")
