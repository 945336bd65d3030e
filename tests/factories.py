"""Domain values with believable defaults; a test states only what matters to it."""

from __future__ import annotations

import itertools
import secrets
from datetime import UTC, datetime, timedelta

from plugin.domain.message import Message
from plugin.domain.reference import mint, printed
from plugin.domain.visit import Click, Visit
from plugin.store import projects
from plugin.store.database import Database
from plugin.store.projects import Project

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
SALES = "79990000001"
_count = itertools.count(1)


def make_visit(**overrides) -> Visit:
    values = {
        "visit_id": secrets.token_hex(16),
        "visitor_id": secrets.token_hex(16),
        "started_at": NOW - timedelta(minutes=5),
        "landing_url": "https://shop.example/sofa?utm_source=yandex&utm_medium=cpc&utm_campaign=sofas",
        "referrer": "https://yandex.ru/",
        "user_agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36",
    }
    return Visit(**{**values, **overrides})


def make_click(visit: Visit, **overrides) -> Click:
    values = {
        "click_id": secrets.token_hex(16),
        "visit_id": visit.visit_id,
        "network": "whatsapp",
        "number": SALES,
        "reference": mint(),
        "clicked_at": NOW - timedelta(minutes=2),
        "page_url": "https://shop.example/sofa",
        "page_title": "Диван «Осло»",
        "phrase": "Здравствуйте! Интересует диван.",
    }
    return Click(**{**values, **overrides})


def make_message(**overrides) -> Message:
    number = next(_count)
    values = {
        "platform": "whatsapp",
        "network": "whatsapp",
        "channel_id": "1090000000001",
        "number": SALES,
        "message_id": f"wamid.{number}",
        "sender_key": f"7999100{number:04d}",
        "phone": f"7999100{number:04d}",
        "name": "Анна",
        "sent_at": NOW,
        "received_at": NOW,
        "text": "Здравствуйте!",
    }
    return Message(**{**values, **overrides})


def said(click: Click, text: str = "Здравствуйте!") -> str:
    """Give the text as the snippet prefills it."""
    return f"{printed(click.reference)} {text}"


def make_project(database: Database, **overrides) -> Project:
    values = {
        "name": "Sofas",
        "origins": ["https://shop.example"],
        "currency": "RUB",
        "time_zone": "Europe/Moscow",
        "language": "ru",
    }
    with database.write() as connection:
        project = projects.add_project(connection, now=NOW, **{**values, **overrides})
        projects.add_number(connection, project.project_id, address=SALES, label="sales", now=NOW)
        found = projects.project(connection, project.project_id)
    assert found is not None
    return found
