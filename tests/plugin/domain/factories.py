"""Visits, clicks, messages and issued references with overrides."""

from __future__ import annotations

import random
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from plugin.domain.matching import Match, match
from plugin.domain.message import Message
from plugin.domain.reference import mint, read
from plugin.domain.visit import Click, Visit

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def make_words(count: int, *, seed: int = 7) -> list[str]:
    """Give that many different references, the same ones every time."""
    draw = random.Random(seed)
    return list(dict.fromkeys(mint(draw.choice) for _ in range(count)))


def make_visit(visit_id: str = "v1", **overrides: Any) -> Visit:
    facts = {
        "visitor_id": f"of-{visit_id}",
        "started_at": NOW - timedelta(minutes=10),
        "landing_url": "https://shop.example/",
    }
    return Visit(visit_id=visit_id, **facts | overrides)


def make_click(reference: str, visit_id: str = "v1", **overrides: Any) -> Click:
    facts = {
        "click_id": f"press-{visit_id}",
        "network": "whatsapp",
        "number": "79990000001",
        "clicked_at": NOW - timedelta(minutes=1),
    }
    return Click(reference=reference, visit_id=visit_id, **facts | overrides)


def make_message(**overrides: Any) -> Message:
    facts = {
        "platform": "meta_cloud",
        "network": "whatsapp",
        "channel_id": "1090000000001",
        "number": "79990000001",
        "message_id": "wamid.1",
        "sender_key": "77011234567",
        "sent_at": NOW,
        "received_at": NOW,
    }
    return Message(**facts | overrides)


def issued_to_visitors(words: Iterable[str]) -> list[Click]:
    """Give one press of its own visitor for each word; the visit's id is the word."""
    return [make_click(word, word) for word in words]


def match_text(text: str, clicks: Iterable[Click], *visits: Visit, **given: Any) -> Match:
    """Match as the journey does: only presses whose reference was read are handed in."""
    reading = read(text)
    wanted = {*reading.words, *given.get("payload", reading).words}
    found = [click for click in clicks if click.reference in wanted]
    by_id = {click.visit_id: make_visit(click.visit_id) for click in found}
    by_id |= {visit.visit_id: visit for visit in visits}
    return match(reading, clicks=found, visits=by_id, **{"now": NOW} | given)
