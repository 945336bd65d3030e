"""Group commit: requests that arrive together become durable together, each answered after the commit.

The first request that finds no commit under way leads: it takes everything that waits, commits it once,
and lets the others go. Alone, a request waits for nobody. No thread of its own, nothing kept in memory
after the answer.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql.psycopg import dialect as psycopg_dialect
from sqlalchemy.exc import SQLAlchemyError

from plugin.store.database import Database

Row = Mapping[str, Any]


class Upsert:
    """An insert compiled once. A row whose key is there already is left, or has `refresh` columns renewed."""

    def __init__(self, table: Table, *, refresh: Sequence[str] = ()) -> None:
        self.table = table
        self.refresh = refresh
        self._texts: dict[str, str] = {}

    def text(self, dialect_name: str) -> str:
        """Give the SQL text with named parameters of the dialect's driver."""
        if dialect_name not in self._texts:
            self._texts[dialect_name] = self._compiled(dialect_name)
        return self._texts[dialect_name]

    def _compiled(self, dialect_name: str) -> str:
        insert: Any = (sqlite if dialect_name == "sqlite" else postgresql).insert(self.table)
        key = list(self.table.primary_key)
        if self.refresh:
            changed = {name: insert.excluded[name] for name in self.refresh}
            statement = insert.on_conflict_do_update(index_elements=key, set_=changed)
        else:
            statement = insert.on_conflict_do_nothing(index_elements=key)
        return str(statement.compile(dialect=_dialect(dialect_name)))


class _Ticket:
    __slots__ = ("error", "is_done", "rows")

    def __init__(self, rows: Sequence[tuple[Upsert, Row]]) -> None:
        self.rows = rows
        self.is_done = False
        self.error: Exception | None = None


class GroupWriter:
    """Makes rows durable; safe to call from many threads at once."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._dialect = database.engine.dialect.name
        self._waiting: list[_Ticket] = []
        self._commit_lock = threading.Lock()

    def write(self, *rows: tuple[Upsert, Row]) -> None:
        """Return when the rows are committed, all or none; raises the database's error.

        Values are as the driver takes them: times as microseconds, JSON as text.
        """
        ticket = _Ticket(rows)
        self._waiting.append(ticket)
        with self._commit_lock:
            if not ticket.is_done:
                batch, self._waiting = self._waiting, []
                self._commit(batch)
        if ticket.error:
            raise ticket.error

    def _commit(self, batch: list[_Ticket]) -> None:
        try:
            self._insert(batch)
        except SQLAlchemyError as error:
            if len(batch) == 1:
                batch[0].error = error
                batch[0].is_done = True
                return
            for ticket in batch:  # one bad row must not take its neighbours along
                self._commit([ticket])
            return
        for ticket in batch:
            ticket.is_done = True

    def _insert(self, batch: Iterable[_Ticket]) -> None:
        by_statement: dict[Upsert, list[Row]] = {}
        for ticket in batch:
            for statement, row in ticket.rows:
                by_statement.setdefault(statement, []).append(row)
        with self._database.write() as connection:
            for statement, rows in by_statement.items():
                _execute(connection, statement.text(self._dialect), rows)


def _execute(connection: Connection, text: str, rows: list[Row]) -> None:
    connection.exec_driver_sql(text, [dict(row) for row in rows] if len(rows) > 1 else dict(rows[0]))


def _dialect(name: str) -> Any:
    make: Any = sqlite.dialect if name == "sqlite" else psycopg_dialect
    return make(paramstyle="named" if name == "sqlite" else "pyformat")
