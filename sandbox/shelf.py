"""Where the stand-ins keep what they received: one SQLite file, so it outlives a killed process."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

SCHEMA = """
CREATE TABLE IF NOT EXISTS shelf (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    doc TEXT NOT NULL,
    UNIQUE (kind, key)
)
"""


class Shelf:
    """Documents by kind and key. A kind is a path such as "amocrm/demo/leads"."""

    def __init__(self, path: Path | str) -> None:
        self._path = str(path)
        self._local = threading.local()
        self._connection().execute(SCHEMA)

    def _connection(self) -> sqlite3.Connection:
        found: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if found is None:
            found = sqlite3.connect(self._path, timeout=30, isolation_level=None)
            found.execute("PRAGMA journal_mode=WAL")
            found.execute("PRAGMA synchronous=NORMAL")
            self._local.connection = found
        return found

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Make what is read and written inside one step: no other process comes between. May be nested."""
        connection = self._connection()
        if connection.in_transaction:
            yield
            return
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")

    def next_id(self, kind: str, *, start: int = 1) -> int:
        """Give the next number of a counter."""
        with self.locked():
            value = int(self.get("counter", kind, start - 1)) + 1
            self.put("counter", kind, value)
        return value

    def put(self, kind: str, key: object, doc: Any) -> None:
        """Keep `doc` under `key`; a kept one is replaced and stays at its place in the order."""
        self._connection().execute(
            "INSERT INTO shelf (kind, key, doc) VALUES (?, ?, ?) "
            "ON CONFLICT (kind, key) DO UPDATE SET doc = excluded.doc",
            (kind, str(key), json.dumps(doc, ensure_ascii=False)),
        )

    def get(self, kind: str, key: object, default: Any = None) -> Any:
        """Give a document, or `default`."""
        row = (
            self._connection()
            .execute("SELECT doc FROM shelf WHERE kind = ? AND key = ?", (kind, str(key)))
            .fetchone()
        )
        return default if row is None else json.loads(row[0])

    def all(self, kind: str) -> list[Any]:
        """Give all documents of a kind, oldest first."""
        rows = self._connection().execute("SELECT doc FROM shelf WHERE kind = ? ORDER BY seq", (kind,))
        return [json.loads(row[0]) for row in rows]

    def count(self, folder: str) -> int:
        """Tell how many documents there are of all kinds below a folder, such as "amocrm"."""
        rows = self._connection().execute(
            "SELECT count(*) FROM shelf WHERE kind >= ? AND kind < ?", (f"{folder}/", f"{folder}0")
        )
        return int(rows.fetchone()[0])

    def remove(self, kind: str, key: object | None = None) -> None:
        """Remove one document, or all of a kind."""
        if key is None:
            self._connection().execute("DELETE FROM shelf WHERE kind = ?", (kind,))
        else:
            self._connection().execute("DELETE FROM shelf WHERE kind = ? AND key = ?", (kind, str(key)))
