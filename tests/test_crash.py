"""A process is killed at every point where something could be lost or done twice; neither happens.

Each case runs a service of its own, real processes over a real database; the stand-ins of the platforms
live in a process that no crash touches. Cases run several at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, make_url, text

from plugin.store.database import Database
from tests.crashing.ends import look
from tests.crashing.lives import Crash, life, live, settings_of
from tests.crashing.platforms import platforms
from tests.crashing.points import POINTS

__all__ = ["platforms"]  # a fixture
pytestmark = pytest.mark.slow

AT_ONCE = 8
WITH_THE_TREE = (
    "click_before_answer",
    "webhook_before_answer",
    "received_before_webhook_done",
    "message_waits",
    "amocrm_after_create",
    "ga4_after_answer",
    "metrica_after_conversions",
)
CRASHES = [
    *(Crash(point) for point in POINTS),
    *(Crash(point, takes="tree", database="postgres") for point in WITH_THE_TREE),
]


@pytest.fixture(scope="module")
def database_urls(sqlite_template: bytes, request: pytest.FixtureRequest) -> Callable[[Crash, Path], str]:
    """Make a migrated database for a case."""

    def make(crash: Crash, folder: Path) -> str:
        if crash.database == "sqlite":
            (folder / "whence.db").write_bytes(sqlite_template)
            return f"sqlite:///{folder}/whence.db"
        server, template = (request.getfixturevalue(name) for name in ("postgres_url", "postgres_template"))
        engine = create_engine(Database(server).url, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {folder.name} TEMPLATE {template}"))
        engine.dispose()
        return make_url(server).set(database=folder.name).render_as_string(hide_password=False)

    return make


@pytest.fixture(scope="module")
def outcomes(
    platforms: tuple[Path, str], database_urls: Callable[[Crash, Path], str], request: pytest.FixtureRequest
) -> Iterator[dict[Crash, Future[None]]]:
    """Start all chosen cases, several at a time; a test waits for its own."""
    root, url = platforms
    chosen = [
        item.callspec.params["crash"]
        for item in request.session.items
        if isinstance(item, pytest.Function) and item.module is request.module
    ]
    folders = {crash: root / f"case_{number}" for number, crash in enumerate(chosen)}
    addresses = {}
    for crash, folder in folders.items():
        folder.mkdir()
        addresses[crash] = database_urls(crash, folder)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        started = {
            crash: pool.submit(
                _live_and_look,
                crash,
                folder,
                settings_of(folder, database_url=addresses[crash], platforms_url=url),
            )
            for crash, folder in folders.items()
        }
        yield started
        for future in started.values():
            future.cancel()


def _live_and_look(crash: Crash, folder: Path, settings: Any) -> None:
    with life(crash, folder, settings=settings) as found:
        live(found)
    look(found)


@pytest.mark.parametrize("crash", CRASHES, ids=str)
def test_it_loses_and_doubles_nothing(crash: Crash, outcomes: dict[Crash, Future[None]]) -> None:
    outcomes[crash].result()
