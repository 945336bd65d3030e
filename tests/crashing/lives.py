"""One inquiry's life through one crash: set up, start, drive, wait until nothing is left to do."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adapters.crm.amocrm.oauth import CONNECT_AGAIN, keep_pair
from plugin.settings import PREFIX, Settings, new_secret
from plugin.store import outbox, tables
from plugin.store.database import utc_now
from plugin.store.outbox import OPEN_STATES
from sandbox import amocrm, whatsapp
from sandbox.amocrm.accounts import issue_pair
from sandbox.demo import Demo, set_up_demo
from tests.crashing.points import POINTS, Point, Story
from tests.processes import Tree, answers, free_port, until
from tests.stage import Visitor, connection_of, hurry, rows

PATIENCE_SECONDS = 90
ONE_AT_A_TIME = threading.Lock()  # Alembic's migrations know one environment in a process
PHONE, NAME = "79161234567", "Анна Смирнова"


@dataclass(frozen=True, slots=True)
class Crash:
    """A point, what dies there (the process or the whole tree), and the database under it."""

    point: str
    takes: str = "process"
    database: str = "sqlite"

    def __str__(self) -> str:
        return f"{self.point}-{self.takes}-{self.database}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """What is needed to drive one life and to look at it afterwards."""

    point: Point
    demo: Demo
    tree: Tree
    charge: Path

    def arm(self) -> None:
        """Let the next process at the point die."""
        self.charge.touch()

    def rows(self, table: str) -> list[Any]:
        """Give a table's rows."""
        return rows(self.demo, table)

    def is_idle(self) -> bool:
        """Tell whether an inquiry is there and nothing is left to do for anybody."""
        deliveries = self.rows("deliveries")
        return bool(
            deliveries
            and not any(row.state in OPEN_STATES for row in deliveries)
            and not any(row.state == "new" for row in self.rows("webhooks"))
            and not any(row.state == "waiting" for row in self.rows("messages"))
        )

    def finds_peace(self) -> None:
        """Wait until nothing is left to do."""
        try:
            until(self.is_idle, "all deliveries to be finished", seconds=PATIENCE_SECONDS)
        except AssertionError as error:
            states = [(row.event, row.state, row.error) for row in self.rows("deliveries")]
            raise AssertionError(f"{error}: {states}\n{self.tree.written()}") from None


def settings_of(folder: Path, *, database_url: str, platforms_url: str) -> Settings:
    """Make the settings of a service on a free port whose platforms are the stand-ins at an address."""
    port = free_port()
    return Settings(
        database_url=database_url,
        secret_key=new_secret(),
        encryption_keys=new_secret(),
        public_url=f"http://127.0.0.1:{port}",
        port=port,
        web_processes=1,
        delivery_threads=1,  # a neighbour of the one that dies must not die in the middle of its own
        sandbox_url=f"{platforms_url}/{folder.name}",
        debug=True,
    )


def environment_of(settings: Settings) -> dict[str, str]:
    """Give the settings as the environment of a process."""
    values = settings.model_dump(exclude_none=True)
    own = {PREFIX + name.upper(): str(value) for name, value in values.items() if value != ""}
    return own | {f"{PREFIX}SETTINGS": "/nonexistent"}


@contextmanager
def life(crash: Crash, folder: Path, *, settings: Settings) -> Any:
    """Set a project up and start its service with the crash point armed in it."""
    with ONE_AT_A_TIME:
        demo = set_up_demo(settings, folder)
        hurry(demo)
    charge = folder / "charge"
    environment = {
        **environment_of(settings),
        "CRASH_POINT": crash.point,
        "CRASH_TAKES": crash.takes,
        "CRASH_CHARGE": str(charge),
    }
    tree = Tree("tests.crashing.service", environment=environment, log=folder / "service.log")
    tree.start()
    try:
        until(lambda: answers(f"{demo.base}/healthz"), "the service to start", seconds=PATIENCE_SECONDS)
        yield Life(point=POINTS[crash.point], demo=demo, tree=tree, charge=charge)
    finally:
        tree.stop()
        demo.parts.database.close()


def live(found: Life) -> None:
    """Let the point's story happen, to its end."""
    STORIES[found.point.story](found, Visitor(found.demo))
    found.finds_peace()


def _click_first(life: Life, visitor: Visitor) -> None:
    life.arm()
    visitor.opens_page()
    text = visitor.presses()
    visitor.resend_until_answered()
    _send(life, text)


def _message_first(life: Life, visitor: Visitor) -> None:
    life.arm()
    visitor.opens_page()
    text = visitor.presses_offline()
    _send(life, text)
    until(lambda: life.rows("messages"), "the message to wait")
    visitor.resend_until_answered()


def _late_click(life: Life, visitor: Visitor) -> None:
    _wait_for_nobody(life)
    text = visitor.presses_offline()
    _send(life, text)
    life.finds_peace()
    life.arm()
    visitor.resend_until_answered()
    until(lambda: life.rows("inquiries")[0].visit_id, "the late click to be found")


def _wait_for_nobody(life: Life) -> None:
    projects = tables.projects
    with life.demo.parts.database.write() as connection:
        connection.execute(projects.update().values(wait_seconds=0))


def _send(life: Life, text: str) -> None:
    whatsapp.send_text(life.demo.shelf, from_phone=PHONE, name=NAME, text=text)


def _expired_token(life: Life, visitor: Visitor) -> None:
    """Let the connection go by OAuth, with an access token that is refused from now on."""
    demo = life.demo
    client = {
        "client_id": "0f6b1c52-demo",
        "client_secret": "demo-secret",
        "redirect_uri": f"{demo.base}/oauth",
    }
    account = amocrm.configure(demo.shelf, "demo", **client)
    pair = issue_pair(account)
    crm = connection_of(demo, "amocrm")
    where = (crm.project_id, crm.connection_id)
    address = crm.config["address"]
    demo.parts.connections.change(*where, config={"address": address, **client})
    with demo.parts.connections.state(*where).exclusive() as kept:
        keep_pair(kept, pair, host=address, address=address)
    amocrm.expire_tokens(demo.shelf, pair["access_token"])
    _click_first(life, visitor)


def _lost_pair(life: Life, visitor: Visitor) -> None:
    """The platform has forgotten the old pair and we the new one: only the owner can help."""
    _expired_token(life, visitor)
    until(lambda: connection_of(life.demo, "amocrm").is_paused, "the connection to pause")
    crm = connection_of(life.demo, "amocrm")
    assert crm.paused_because["text"] == CONNECT_AGAIN
    code = amocrm.issue_code(life.demo.shelf, "demo")
    where = (crm.project_id, crm.connection_id)
    life.demo.parts.connections.change(*where, config={**crm.config, "auth_code": code})
    with life.demo.parts.database.write() as connection:
        outbox.resume(connection, *where, now=utc_now())


STORIES: Mapping[Story, Callable[[Life, Visitor], None]] = {
    Story.CLICK_FIRST: _click_first,
    Story.MESSAGE_FIRST: _message_first,
    Story.LATE_CLICK: _late_click,
    Story.EXPIRED_TOKEN: _expired_token,
    Story.LOST_PAIR: _lost_pair,
}
