"""Events, state and a way out for adapter tests; a test states only what matters to it."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from adapters.base import EventName, InquiryEvent, Person, Source
from adapters.http import Http, Limiter, Limiters, Transport

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
PHONE = "79161234567"
PERSON_NAME = "Анна Смирнова"
TEXT = "Здравствуйте! Диван «Осло» ещё есть? Мой адрес Лесная, 5."


class FakeState:
    """Keeps an adapter's values in memory as the vault does: read anew under the lock, stored on leaving."""

    def __init__(self, **values: str) -> None:
        self.values: dict[str, str] = dict(values)
        self.locks_taken = 0
        self._lock = threading.Lock()

    def read(self) -> Mapping[str, str]:
        return dict(self.values)

    @contextmanager
    def exclusive(self) -> Iterator[MutableMapping[str, str]]:
        with self._lock:
            self.locks_taken += 1
            changed = dict(self.values)
            try:
                yield changed
            finally:
                self.values = changed


class PatientLimiters(Limiters):
    """Limiters that note the pace asked for and never sleep."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[str, float]] = []

    def get(self, key: str, per_second: float) -> Limiter:
        self.asked.append((key, per_second))
        return Limiter(per_second, sleep=lambda seconds: None)


def make_http(**overrides: Any) -> Http:
    """Make a way out that redacts what the delivery would have it redact for `make_event`'s person."""
    private = (PHONE, PHONE[-10:], PERSON_NAME, TEXT)
    values = {"redact": private, "limiters": PatientLimiters(), "account": "connection-1"}
    transport = overrides.pop("transport", None) or Transport(allow_private=True)
    return Http(transport, **{**values, **overrides})


def make_person(**overrides: Any) -> Person:
    values = {"person_id": "person-1", "name": PERSON_NAME, "phone": PHONE}
    return Person(**{**values, **overrides})


def make_event(**overrides: Any) -> InquiryEvent:
    """Make an event that knows only what every inquiry knows: a person with a phone, and a time."""
    values = {
        "name": EventName.INQUIRY_OPENED,
        "inquiry_id": "inq-0001",
        "occurred_at": NOW,
        "project_name": "Sofas",
        "currency": "RUB",
        "time_zone": "Europe/Moscow",
        "language": "ru",
        "person": Person(person_id="person-1", phone=PHONE),
        "number": "79990000001",
    }
    values = {**values, **overrides}
    values.setdefault("key", f"{values['inquiry_id']}.{values['name']}")
    return InquiryEvent(**values)


def make_source(**overrides: Any) -> Source:
    values = {
        "channel": "Paid Search",
        "channel_name": "Платный поиск",
        "source": "yandex",
        "medium": "cpc",
        "campaign": "sofas_msk",
        "campaign_id": "70112233",
        "ad": "ad-17",
        "keyword": "купить диван",
        "utm": {
            "utm_source": "yandex",
            "utm_medium": "cpc",
            "utm_campaign": "sofas_msk",
            "utm_content": "ad-17",
            "utm_term": "купить диван",
        },
        "click_ids": {"yclid": "1234567890123456789"},
        "landing_url": "https://shop.example/sofa?utm_source=yandex&utm_medium=cpc&utm_campaign=sofas_msk",
        "referrer": "https://yandex.ru/",
    }
    return Source(**{**values, **overrides})


def make_full_event(**overrides: Any) -> InquiryEvent:
    """Make an event with every field filled, as after an exact match."""
    values = {
        "person": make_person(handles={"whatsapp": "RU.90011223344556677"}),
        "is_repeat": True,
        "number_label": "Отдел продаж",
        "source": make_source(),
        "first_source": make_source(
            channel="Organic Search",
            channel_name="Обычный поиск",
            source="google",
            medium="organic",
            campaign="",
            campaign_id="",
            ad="",
            keyword="",
            utm={},
            click_ids={"gclid": "TeSt-gclid_1"},
            landing_url="https://shop.example/",
            referrer="https://www.google.com/",
        ),
        "how": "exact",
        "confidence": 1.0,
        "because": "Код в тексте такой, каким был выдан.",
        "reference": "7KQ2-M4XD",
        "page_url": "https://shop.example/sofa/oslo",
        "page_title": "Диван «Осло»",
        "phrase": "Здравствуйте! Пишу с сайта.",
        "text": TEXT,
        "tags": ("диваны", "доставка"),
        "visit_started_at": NOW - timedelta(minutes=7),
        "visits_before": 2,
        "analytics_ids": {
            "ga_client_id": "1162820436.1795435200",
            "ga_session_id": "1795435200",
            "ym_client_id": "1795435200123456789",
            "ym_counter": "98765432",
            "fbp": "fb.1.1795435200000.1098115397",
            "fbc": "fb.1.1795435200000.TeSt-fbclid",
            "roistat": "100123",
        },
        "consent": {"ad_user_data": "granted", "ad_personalization": "denied"},
        "card_url": "https://whence.example/p/project-1/inquiries/inq-0001",
    }
    return make_event(**{**values, **overrides})


def as_source_found(event: InquiryEvent, **overrides: Any) -> InquiryEvent:
    """Give the later event of the same inquiry."""
    name = EventName.SOURCE_FOUND
    return replace(event, **{"name": name, "key": f"{event.inquiry_id}.{name}", **overrides})
