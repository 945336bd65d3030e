"""The journey's actors for tests: a visitor with a browser that keeps its beacons, and what one sees after.

The project and the stand-ins are the demo's, so what is tested is what is shown.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import requests
from sqlalchemy import select

from plugin.domain import reference
from plugin.store.connections import PlatformConnection
from plugin.store.tables import metadata
from sandbox.amocrm.accounts import Account, account_of
from sandbox.demo import AGENT, SALES, Demo
from tests.processes import until

UTM = "utm_source=yandex&utm_medium=cpc&utm_campaign=sofas_msk&utm_content=ad-17&utm_term=divan"
YCLID = "1234567890123456789"
PHRASE = "Здравствуйте! Пишу с сайта, подскажите, пожалуйста."
# code of the lead's field → what it holds when the visitor's ad is known
SOURCE_FIELDS = {
    "UTM_SOURCE": "yandex",
    "UTM_MEDIUM": "cpc",
    "UTM_CAMPAIGN": "sofas_msk",
    "UTM_CONTENT": "ad-17",
    "UTM_TERM": "divan",
    "YCLID": YCLID,
}


def hurry(demo: Demo) -> None:
    """Let the stand-ins answer without their waits, and Metrica take chats too."""
    more = {"metrica": {"send_chats": "yes"}, "amocrm": {"requests_per_second": "200"}}
    connections = demo.parts.connections
    for found in connections.of_project(demo.project_id):
        config = {**found.config, **more.get(found.platform, {})}
        connections.change(found.project_id, found.connection_id, config=config)
    for kind, key, changed in (
        ("metrica/counters", "98765432", {"step_seconds": 0.1}),
        ("whatsapp", "account", {"retry_scale": 0.1}),
    ):
        demo.shelf.put(kind, key, {**demo.shelf.get(kind, key), **changed})


def crm_of(demo: Demo) -> Account:
    """Give the account at the amoCRM stand-in."""
    found = account_of(demo.shelf, "demo")
    assert found is not None
    return found


def lead_values(lead: Mapping[str, Any]) -> dict[str, str]:
    """Give a lead's fields by code."""
    return {item["field_code"]: item["values"][0]["value"] for item in lead["custom_fields_values"] or []}


def notes_of(demo: Demo, lead: Mapping[str, Any]) -> list[str]:
    """Give the texts in a lead's feed."""
    return [note["params"]["text"] for note in crm_of(demo).get("notes", lead["id"], [])]


def connection_of(demo: Demo, platform: str) -> PlatformConnection:
    """Give the project's connection to a platform."""
    found = demo.parts.connections.of_project(demo.project_id)
    return next(connection for connection in found if connection.platform == platform)


def rows(demo: Demo, table: str) -> list[Any]:
    """Give a table's rows."""
    with demo.parts.database.read() as connection:
        return list(connection.execute(select(metadata.tables[table])))


@dataclass(slots=True)
class Visitor:
    """A visitor of the shop. Beacons that nobody answered are kept and sent again, as the snippet does."""

    demo: Demo
    facts: dict[str, Any] = field(default_factory=dict)
    queue: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        now = int(time.time() * 1000)
        landing = f"{self.demo.base}/sandbox/shop/?{UTM}&yclid={YCLID}"
        self.facts = {
            "v": 1,
            "key": self.demo.public_key,
            "visit": secrets.token_hex(16),
            "visitor": secrets.token_hex(16),
            "started": now,
            "landing": landing,
            "referrer": "https://yandex.ru/",
            "clicks": {"yclid": YCLID},
            "ids": {
                "ga_client_id": f"{secrets.randbelow(10**9) + 1}.{now // 1000}",
                "ga_session_id": str(now // 1000),
                "ym_client_id": f"{now // 1000}{secrets.randbelow(10**9):09}",
            },
            **self.facts,
        }

    def opens_page(self) -> None:
        """Open a page: the visit's beacon goes out, and what waits."""
        self._send({**self.facts, "type": "visit"})
        self.resend()

    def presses(self, **overrides: Any) -> str:
        """Press the WhatsApp button; give the text that the messenger is opened with."""
        text = self.presses_offline(**overrides)
        self.resend()
        return text

    def presses_offline(self, **overrides: Any) -> str:
        """Press the button while nothing can be sent: the beacon waits in the browser."""
        click = {
            **self.facts,
            "type": "click",
            "click": secrets.token_hex(16),
            "pressed": int(time.time() * 1000),
            "net": "whatsapp",
            "number": SALES,
            "ref": reference.mint(),
            "page": f"{self.demo.base}/sandbox/shop/",
            "title": "Диван «Осло»",
            "phrase": PHRASE,
            **overrides,
        }
        self.queue.append(click)
        return f"{reference.printed(click['ref'])} {click['phrase']}"

    def resend(self) -> None:
        """Send what nobody answered yet."""
        self.queue = [click for click in self.queue if not self._send(click)]

    def resend_until_answered(self) -> None:
        """Look at page after page until every click was answered."""
        until(lambda: self.resend() or not self.queue, "an answer to every click")

    def _send(self, payload: dict[str, Any]) -> bool:
        headers = {"User-Agent": AGENT, "Origin": self.demo.base}
        try:
            answer = requests.post(f"{self.demo.base}/collect", json=payload, headers=headers, timeout=5)
        except requests.RequestException:
            return False
        assert "X-Whence-Dropped" not in answer.headers, answer.headers["X-Whence-Dropped"]
        return answer.status_code < 404
