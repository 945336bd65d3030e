"""Inserts of many rows in one statement, in the words of each database.

One statement, because a driver gives way to other threads at each one and then waits to be back.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from sqlalchemy import JSON, LargeBinary, Table
from sqlalchemy.dialects import postgresql, sqlite

Row = Mapping[str, Any]
Statement = tuple[str, tuple[Any, ...]]


class Upsert:
    """An insert compiled once. A row whose key is there already is left, or has `refresh` columns renewed.

    Values are as the driver takes them: times as microseconds, JSON as text.
    """

    def __init__(self, table: Table, *, refresh: Sequence[str] = ()) -> None:
        self.table = table
        self.refresh = refresh
        self._key = tuple(column.name for column in table.primary_key)
        self._forms: dict[str, Callable[[Sequence[Row]], Statement]] = {}

    def statement(self, dialect_name: str, rows: Iterable[Row]) -> Statement:
        """Give the text that keeps the rows, and its parameters."""
        if dialect_name not in self._forms:
            self._forms[dialect_name] = _FORMS[dialect_name](self)
        return self._forms[dialect_name](self._merged(rows))

    def _merged(self, rows: Iterable[Row]) -> list[Row]:
        """Give the rows with each key once, as if they had been written one after the other.

        They are in the keys' order, so that two processes never wait for each other's rows crosswise.
        """
        found: dict[tuple[Any, ...], Row] = {}
        for row in rows:
            key = tuple([row[name] for name in self._key])
            first = found.get(key)
            found[key] = row if first is None else {**first, **{name: row[name] for name in self.refresh}}
        return [found[key] for key in sorted(found)]

    def on_conflict(self) -> str:
        """Give what is done with a row whose key is there; both databases say it alike."""
        changes = ", ".join(f"{name} = excluded.{name}" for name in self.refresh)
        action = f"UPDATE SET {changes}" if changes else "NOTHING"
        return f"ON CONFLICT ({', '.join(self._key)}) DO {action}"


# --- SQLite: a list of values; each number of rows is a text of its own ---------------------------


def _values_form(upsert: Upsert) -> Callable[[Sequence[Row]], Statement]:
    names = tuple(upsert.table.columns.keys())
    head = f"INSERT INTO {upsert.table.name} ({', '.join(names)}) VALUES "  # noqa: S608, names of our own tables
    row = f"({', '.join('?' * len(names))})"
    return partial(_values_statement, names=names, head=head, row=row, tail=f" {upsert.on_conflict()}")


def _values_statement(
    rows: Sequence[Row], *, names: tuple[str, ...], head: str, row: str, tail: str
) -> Statement:
    text = head + ", ".join([row] * len(rows)) + tail
    return text, tuple([given[name] for given in rows for name in names])


# --- PostgreSQL: one parameter, whatever the number of rows, so the plan is kept ------------------


def _recordset_form(upsert: Upsert) -> Callable[[Sequence[Row]], Statement]:
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    names, wanted, declared = [], [], []
    for column in upsert.table.columns:
        kind = column.type.dialect_impl(dialect)
        read, stands_as = _how_to_read(column.name, kind) or (column.name, column.type.compile(dialect))
        names.append(column.name)
        wanted.append(read)
        declared.append(f"{column.name} {stands_as}")
    text = (
        f"INSERT INTO {upsert.table.name} ({', '.join(names)}) SELECT {', '.join(wanted)} "  # noqa: S608
        f"FROM json_to_recordset(%s::json) AS given ({', '.join(declared)}) {upsert.on_conflict()}"
    )
    return lambda rows: (text, (_encode(rows),))


def _how_to_read(name: str, kind: Any) -> tuple[str, str] | None:
    """Give how a value that JSON cannot hold as it is is read, and as what it stands there."""
    if isinstance(kind, JSON):
        return f"{name}::jsonb", "text"
    if isinstance(kind, LargeBinary):
        return f"decode({name}, 'base64')", "text"
    return None


def _text_of(value: Any) -> str:
    if isinstance(value, bytes):
        return b64encode(value).decode()
    raise TypeError(f"a value of {type(value).__name__} is not as the driver takes it")


_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=_text_of).encode
_FORMS = {sqlite.dialect.name: _values_form, postgresql.dialect.name: _recordset_form}
