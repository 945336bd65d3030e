"""Destinations that answer as a test says. They stand in the registry like any platform."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import ClassVar

import pytest

from adapters import registry
from adapters.base import (
    Channel,
    Destination,
    EventName,
    Finding,
    IncomingMessage,
    InquiryEvent,
    Kind,
    Receipt,
    ReceiptState,
    Setting,
    WebhookRequest,
)


class FakeCrm(Destination):
    """Keeps what it is given; the next answers can be told beforehand."""

    slug = "fake-crm"
    label = "Fake CRM"
    kind = Kind.CRM
    settings = (Setting(name="token", label="Token", secret=True),)
    handles = frozenset({EventName.INQUIRY_OPENED, EventName.SOURCE_FOUND})
    received: ClassVar[list[InquiryEvent]] = []
    answers: ClassVar[list[Receipt | Exception | Callable[[InquiryEvent], Receipt]]] = []
    guard: ClassVar[threading.Lock] = threading.Lock()

    def check(self) -> list[Finding]:
        return [Finding(True, "fine")]

    def deliver(self, event: InquiryEvent) -> Receipt:
        with self.guard:
            self.received.append(event)
            answer = self.answers.pop(0) if self.answers else None
        if isinstance(answer, Exception):
            raise answer
        if callable(answer):
            return answer(event)
        return answer or Receipt(remote_id="lead-1", link="https://crm.example/1", details={"lead_id": "1"})


class FakeBatch(FakeCrm):
    """Takes several events at once and is asked later what became of them."""

    slug = "fake-batch"
    label = "Fake batch"
    kind = Kind.ANALYTICS
    handles = frozenset({EventName.INQUIRY_OPENED})
    batch_size = 10
    batch_seconds = 60
    received: ClassVar[list[InquiryEvent]] = []
    answers: ClassVar[list] = []
    batches: ClassVar[list[int]] = []
    confirmed: ClassVar[list[Receipt]] = []

    def deliver_batch(self, events):
        self.batches.append(len(events))
        self.received.extend(events)
        if self.answers:
            answer = self.answers.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer
        accepted = Receipt(state=ReceiptState.ACCEPTED, remote_id="upload-7", check_after=600)
        return [accepted for _ in events]

    def confirm(self, receipt: Receipt) -> Receipt:
        self.confirmed.append(receipt)
        return Receipt(remote_id=receipt.remote_id, note="Processed")


class FakeChannel(Channel):
    """Believes everybody; a body is a list of messages with a text each, or something it cannot read."""

    slug = "fake-channel"
    label = "Fake channel"
    kind = Kind.MESSAGING
    network = "whatsapp"

    def check(self) -> list[Finding]:
        return [Finding(True, "fine")]

    def verify(self, request: WebhookRequest) -> None:
        return None

    def parse(self, request: WebhookRequest) -> list[IncomingMessage]:
        return [
            IncomingMessage(
                platform=self.slug,
                network=self.network,
                channel_id="c1",
                channel_address="79990000001",
                message_id=item["id"],
                sender_key=item["phone"],
                phone=item["phone"],
                sent_at=datetime.fromtimestamp(item["at"], UTC),
                text=item["text"],
            )
            for item in json.loads(request.body)
        ]


@pytest.fixture
def fakes(monkeypatch: pytest.MonkeyPatch):
    """Register the fakes for one test."""
    for cls in (FakeCrm, FakeBatch, FakeChannel):
        monkeypatch.setitem(registry.PLATFORMS, cls.slug, f"tests.fakes:{cls.__name__}")
    for cls in (FakeCrm, FakeBatch):
        for kept in (cls.received, cls.answers):
            kept.clear()
    FakeBatch.batches.clear()
    FakeBatch.confirmed.clear()
    registry.adapter_class.cache_clear()
    yield
    registry.adapter_class.cache_clear()
