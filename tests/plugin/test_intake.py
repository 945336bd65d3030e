"""From stored webhooks to inquiries: nothing is lost when something cannot be read."""

from __future__ import annotations

import json
import threading
import time
from datetime import timedelta

import pytest

from plugin import flow, intake
from plugin.parts import Parts
from plugin.store import inquiries, messages
from plugin.store.database import utc_now
from plugin.worker import Worker
from tests.factories import make_click, make_project, make_visit, said
from tests.fakes import FakeChannel, FakeCrm, fakes  # noqa: F401

pytestmark = pytest.mark.usefixtures("fakes")


class Post:
    """A project with a channel and a CRM; `deliver` is what the platform does."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.project_id = make_project(parts.database).project_id
        add = parts.connections.add
        self.channel = add(
            self.project_id, platform="fake-channel", kind="messaging", label="", config={}, now=utc_now()
        )
        self.crm = add(self.project_id, platform="fake-crm", kind="crm", label="", config={}, now=utc_now())

    def deliver(self, *items, body: bytes | None = None):
        raw = json.dumps(items).encode() if body is None else body
        flow.record_webhook(
            self.parts.writer,
            self.project_id,
            self.channel.connection_id,
            headers={},
            body=raw,
            now=utc_now(),
        )

    def latest(self):
        with self.parts.database.read() as connection:
            return inquiries.latest(connection, self.project_id)


def item(number: int, text: str = "Здравствуйте!", **overrides):
    values = {"id": f"m{number}", "phone": f"7999100{number:04d}", "at": time.time(), "text": text}
    return {**values, **overrides}


@pytest.fixture
def post(parts: Parts) -> Post:
    return Post(parts)


def test_every_message_of_a_webhook_is_taken_in(post: Post):
    post.deliver(item(1), item(2))
    assert intake.read_webhooks(post.parts, now=utc_now()) == 1
    assert intake.read_webhooks(post.parts, now=utc_now()) == 0
    with post.parts.database.read() as connection:
        opened = [
            row.text
            for row in connection.exec_driver_sql("SELECT text FROM inquiries ORDER BY inquiry_id").all()
        ]
    assert opened == ["Здравствуйте!", "Здравствуйте!"]


def test_a_webhook_that_cannot_be_read_is_kept_and_tried_again(post: Post):
    post.deliver(body=b"not what we know")
    post.deliver(item(1))
    intake.read_webhooks(post.parts, now=utc_now())
    assert post.latest() is not None
    later = utc_now()
    for _ in range(messages.MAX_ATTEMPTS):
        later += timedelta(minutes=2)
        intake.read_webhooks(post.parts, now=later)
    with post.parts.database.read() as connection:
        states = connection.exec_driver_sql("SELECT state, error FROM webhooks ORDER BY state").all()
    assert [tuple(row) for row in states] == [("done", ""), ("failed", "JSONDecodeError")]


def test_after_the_parser_is_mended_failed_webhooks_can_be_read_again(post: Post, monkeypatch):
    post.deliver(item(1))
    with monkeypatch.context() as patched:
        patched.setattr(FakeChannel, "parse", lambda *_: 1 / 0)
        later = utc_now()
        for _ in range(messages.MAX_ATTEMPTS):
            intake.read_webhooks(post.parts, now=later)
            later += timedelta(minutes=2)
    assert post.latest() is None
    with post.parts.database.write() as connection:
        assert messages.read_again(connection, now=later) == 1
    intake.read_webhooks(post.parts, now=later)
    assert post.latest() is not None


def test_webhooks_of_a_removed_connection_mean_nothing(post: Post):
    post.deliver(item(1))
    post.parts.connections.remove(post.project_id, post.channel.connection_id)
    intake.read_webhooks(post.parts, now=utc_now())
    assert post.latest() is None


def test_a_worker_that_dies_while_reading_leaves_the_webhook_to_another(post: Post):
    post.deliver(item(1))
    now = utc_now()
    with post.parts.database.write() as connection:
        assert len(messages.claim_webhooks(connection, now=now)) == 1
    assert intake.read_webhooks(post.parts, now=now) == 0
    assert intake.read_webhooks(post.parts, now=now + messages.LEASE + timedelta(seconds=1)) == 1
    assert post.latest() is not None


def test_paused_destinations_keep_their_rows_and_switched_off_ones_get_none(post: Post):
    assert intake.destinations(post.parts, post.project_id)["inquiry_opened"] == [post.crm.connection_id]
    post.parts.connections.change(post.project_id, post.crm.connection_id, is_active=False)
    assert intake.destinations(post.parts, post.project_id)["inquiry_opened"] == []


def test_the_worker_does_all_of_it_by_itself(post: Post):
    visit = make_visit()
    click = make_click(visit, clicked_at=utc_now())
    worker = Worker(post.parts)
    thread = threading.Thread(target=worker.run)
    thread.start()
    try:
        post.deliver(item(1, said(click)))
        flow.record_click(post.parts.writer, post.project_id, visit, click=click, now=utc_now())
        patience = time.monotonic() + 20
        while not FakeCrm.received and time.monotonic() < patience:
            time.sleep(0.02)
    finally:
        worker.stop()
        thread.join()
    (event,) = FakeCrm.received
    assert event.how == "exact"
    assert event.source.campaign == "sofas"
