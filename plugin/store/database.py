"""One database, embedded or grown: SQLite in WAL mode or PostgreSQL behind the same two verbs."""

from __future__ import annotations

import os
import secrets
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.pool import ConnectionPoolEntry

if sys.platform != "win32":
    import fcntl

MIGRATIONS = Path(__file__).parent / "migrations"
BUSY_SECONDS = 30
AUTOCOMMIT = {"isolation_level": "AUTOCOMMIT"}
SQLITE_PRAGMAS = (
    "journal_mode=WAL",
    "temp_store=MEMORY",
    # Browsers mint the ids, so each row lands on pages of its own in every index. Written back rarely, a page
    # that changed many times is written once; kept in memory (kibibytes), it is not read again each time.
    "wal_autocheckpoint=16000",
    "cache_size=-16000",
)


class Database:
    """Where everything is kept. `read` and `write` give a connection; `write` commits all or nothing."""

    def __init__(self, url: str, *, synchronous: str = "NORMAL") -> None:
        self.url = _with_driver(url)
        self.engine = _engine(self.url, synchronous=synchronous)
        # questions need no transaction around them: on PostgreSQL that saves two ways to the server and back
        self._reading = self.engine if self.is_sqlite else self.engine.execution_options(**AUTOCOMMIT)
        file = self.engine.url.database if self.is_sqlite else None
        self.turn: AbstractContextManager[object] = FileTurn(f"{file}-turn") if file else nullcontext()

    @property
    def is_sqlite(self) -> bool:
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Give a connection for questions."""
        with self._reading.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Give a connection whose changes become durable together on leaving, or not at all."""
        with self.turn, self.engine.begin() as connection:
            if self.is_sqlite:
                # taken at once: a reader that turns writer half-way could not wait its turn
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield connection

    def migrate(self) -> None:
        """Bring the tables up to this version; does nothing when they are."""
        with self.engine.begin() as connection:
            if self.is_sqlite:
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            else:
                connection.exec_driver_sql("SELECT pg_advisory_xact_lock(747401)")
            config = alembic_config(self.url)
            config.attributes["connection"] = connection
            command.upgrade(config, "head")

    def is_current(self) -> bool:
        """Tell whether the tables are of this version."""
        head = ScriptDirectory.from_config(alembic_config(self.url)).get_current_head()
        with self.read() as connection:
            return MigrationContext.configure(connection).get_current_revision() == head

    def close(self) -> None:
        """Give the connections back."""
        self.engine.dispose()


class FileTurn:
    """One writer at a time among all threads and processes on a file, in the order they came.

    SQLite's own lock lets waiters sleep for up to a tenth of a second and look again; a waiter of this one
    is woken. It only orders: SQLite still guards its file, against writers without this lock too. The
    system frees it when its holder dies.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._threads = threading.Lock()
        self._file: int | None = None

    def __enter__(self) -> None:
        self._threads.acquire()
        try:
            self._lock()
        except BaseException:
            self._threads.release()
            raise

    def __exit__(self, *_error: object) -> None:
        self._unlock()
        self._threads.release()

    if sys.platform == "win32":

        def _lock(self) -> None:
            """Leave the processes' order to SQLite."""

        def _unlock(self) -> None:
            """Nothing to give back."""

    else:

        def _lock(self) -> None:
            if self._file is None:
                self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._file, fcntl.LOCK_EX)

        def _unlock(self) -> None:
            if self._file is not None:
                fcntl.flock(self._file, fcntl.LOCK_UN)


def alembic_config(url: str) -> Config:
    """Give Alembic's settings without a file of its own."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
    return config


def new_id() -> str:
    """Mint an id that sorts by the time of its making: 48 bits of milliseconds, 64 random ones, as hex."""
    return f"{time.time_ns() // 1_000_000:012x}{secrets.token_hex(8)}"


def utc_now() -> datetime:
    """Give the time now, aware UTC."""
    return datetime.now(UTC)


def _with_driver(url: str) -> str:
    parsed = make_url(url)
    if parsed.drivername in ("postgres", "postgresql"):
        parsed = parsed.set(drivername="postgresql+psycopg")
    return parsed.render_as_string(hide_password=False)


def _engine(url: str, *, synchronous: str) -> Engine:
    if not url.startswith("sqlite"):
        return create_engine(url, pool_size=20, max_overflow=20, pool_pre_ping=True, hide_parameters=True)
    engine = create_engine(
        url,
        connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False},
        pool_size=20,
        max_overflow=20,
        pool_use_lifo=True,  # the connection used last still knows the pages that change most
        hide_parameters=True,  # an error of the database must not tell what was in the row
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: ConnectionPoolEntry) -> None:
        # the driver's own BEGIN comes too late and of the wrong kind; `write` begins transactions itself
        connection.isolation_level = None
        for pragma in (*SQLITE_PRAGMAS, f"synchronous={synchronous}"):
            connection.execute(f"PRAGMA {pragma}")

    return engine
