"""A project to measure with, and believable requests for it: each distinct."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bench.load import http_request
from plugin.domain import reference
from plugin.parts import Parts
from plugin.store import projects
from plugin.store.database import utc_now

SALES = "79990000001"
SITE = "https://shop.example"
AGENT = (
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/141.0.0.0 Mobile Safari/537.36"
)
LANDING = (
    f"{SITE}/sofa?utm_source=yandex&utm_medium=cpc&utm_campaign=sofas_msk&utm_content=ad-17"
    "&utm_term=buy%20a%20sofa&yclid=1234567890123456789"
)
PHRASE = "Здравствуйте! Пишу с сайта, подскажите, пожалуйста."


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """A project that is set up: its key in the tag and its WhatsApp connection."""

    project_id: str
    public_key: str
    hook_key: str
    app_secret: str

    def beacons(self, kind: str, count: int) -> Iterator[bytes]:
        """Give requests of visit or click beacons, no id twice."""
        headers = [("Origin", SITE), ("User-Agent", AGENT), ("Content-Type", "text/plain")]
        for _ in range(count):
            facts = self.visit() if kind == "visit" else self.click(reference.mint())
            yield http_request("/collect", compact(facts), headers)

    def webhooks(self, count: int) -> Iterator[bytes]:
        """Give requests of signed webhooks, each with one small text message."""
        for number in range(count):
            yield self.webhook(text=PHRASE, phone=f"7900{number:07d}")

    def webhook(self, *, text: str, phone: str) -> bytes:
        """Give the request of a signed webhook with one message."""
        body = compact(_message(text=text, phone=phone))
        signed = hmac.new(self.app_secret.encode(), body, hashlib.sha256)
        headers = [
            ("User-Agent", "facebookexternalua"),
            ("Content-Type", "application/json"),
            ("X-Hub-Signature-256", f"sha256={signed.hexdigest()}"),
        ]
        return http_request(f"/hooks/whatsapp/{self.hook_key}", body, headers)

    def visit(self) -> dict[str, Any]:
        """Give the facts of a visit's beacon."""
        now = int(time.time() * 1000)
        return {
            "v": 1,
            "type": "visit",
            "key": self.public_key,
            "visit": secrets.token_hex(16),
            "visitor": secrets.token_hex(16),
            "started": now,
            "landing": LANDING,
            "referrer": "https://yandex.ru/",
            "first": [now, LANDING, "https://yandex.ru/"],
            "last": [now, LANDING, "https://yandex.ru/"],
            "clicks": {"yclid": "1234567890123456789"},
            "ids": {"ga_client_id": f"1162820436.{now // 1000}", "ym_client_id": f"{now}123456"},
            "screen": "412x915",
            "lang": "ru-RU",
            "zone": "Europe/Moscow",
        }

    def click(self, word: str) -> dict[str, Any]:
        """Give the facts of a click's beacon, in a visit of its own."""
        return {
            **self.visit(),
            "type": "click",
            "click": secrets.token_hex(16),
            "pressed": int(time.time() * 1000),
            "number": SALES,
            "ref": word,
            "page": f"{SITE}/sofa",
            "title": "Диван «Осло»",
            "phrase": PHRASE,
        }


def set_up_shop(parts: Parts) -> Shop:
    """Make the tables, a project with its number, and its WhatsApp connection."""
    parts.database.migrate()
    now = utc_now()
    with parts.database.write() as connection:
        project = projects.add_project(
            connection, name="Bench", origins=[SITE], currency="RUB", time_zone="Europe/Moscow", now=now
        )
        projects.add_number(connection, project.project_id, address=SALES, label="sales", now=now)
    secret = secrets.token_hex(16)
    connection = parts.connections.add(
        project.project_id,
        platform="whatsapp",
        kind="messaging",
        label="",
        config={"app_secret": secret, "verify_token": secret},
        now=now,
    )
    return Shop(
        project_id=project.project_id,
        public_key=project.public_key,
        hook_key=connection.hook_key,
        app_secret=secret,
    )


def _message(*, text: str, phone: str) -> Mapping[str, Any]:
    value = {
        "messaging_product": "whatsapp",
        "metadata": {"display_phone_number": SALES, "phone_number_id": "1090000000001"},
        "contacts": [{"profile": {"name": "Анна"}, "wa_id": phone}],
        "messages": [
            {
                "from": phone,
                "id": f"wamid.{secrets.token_hex(16)}",
                "timestamp": str(int(time.time())),
                "type": "text",
                "text": {"body": text},
            }
        ],
    }
    change = {"field": "messages", "value": value}
    return {"object": "whatsapp_business_account", "entry": [{"id": "2090000000001", "changes": [change]}]}


def compact(facts: Mapping[str, Any]) -> bytes:
    """Give JSON as a browser and Meta write it."""
    return json.dumps(facts, ensure_ascii=False, separators=(",", ":")).encode()
