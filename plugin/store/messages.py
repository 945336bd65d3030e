"""Webhooks as they came and the messages read from them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from plugin.domain.message import Message
from plugin.store.database import new_id
from plugin.store.tables import messages, to_micros, webhooks
from plugin.store.writer import Upsert

SAVE_WEBHOOK = Upsert(webhooks)
KEPT_HEADERS = ("content-type", "user-agent", "x-hub-signature-256")
LEASE = timedelta(seconds=60)
MAX_ATTEMPTS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredWebhook:
    project_id: str
    webhook_id: str
    connection_id: str
    headers: Mapping[str, str]
    body: bytes
    received_at: datetime
    attempts: int


def webhook_row(
    project_id: str, connection_id: str, *, headers: Mapping[str, str], body: bytes, received_at: datetime
) -> dict[str, Any]:
    """Give a webhook as the driver takes it."""
    kept = {name: headers[name] for name in KEPT_HEADERS if name in headers}
    return {
        "project_id": project_id,
        "webhook_id": new_id(),
        "connection_id": connection_id,
        "headers": json.dumps(kept),
        "body": body,
        "received_at": to_micros(received_at),
        "state": "new",
        "attempts": 0,
        "due_at": to_micros(received_at),
        "error": "",
    }


def claim_webhooks(connection: Connection, *, now: datetime, limit: int = 50) -> list[StoredWebhook]:
    """Take webhooks that wait to be read, oldest first; one that is not finished comes back after a lease."""
    due = (
        select(webhooks.c.project_id, webhooks.c.webhook_id)
        .where(webhooks.c.state == "new", webhooks.c.due_at <= now)
        .order_by(webhooks.c.due_at, webhooks.c.webhook_id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    keys = connection.execute(due).all()
    if not keys:
        return []
    ids = [key.webhook_id for key in keys]
    connection.execute(
        update(webhooks)
        .where(webhooks.c.project_id.in_({key.project_id for key in keys}), webhooks.c.webhook_id.in_(ids))
        .values(due_at=now + LEASE, attempts=webhooks.c.attempts + 1)
    )
    rows = connection.execute(
        select(webhooks).where(webhooks.c.webhook_id.in_(ids)).order_by(webhooks.c.received_at)
    )
    return [
        StoredWebhook(
            project_id=row.project_id,
            webhook_id=row.webhook_id,
            connection_id=row.connection_id,
            headers=row.headers,
            body=row.body,
            received_at=row.received_at,
            attempts=row.attempts,
        )
        for row in rows
    ]


def finish_webhook(connection: Connection, webhook: StoredWebhook, *, error: str = "") -> None:
    """Note that a webhook was read; with `error`, that it could not be, and when no try is left, stop."""
    values: dict[str, Any] = {"state": "done", "error": ""}
    if error:
        values = {"state": "failed" if webhook.attempts >= MAX_ATTEMPTS else "new", "error": error}
    connection.execute(
        update(webhooks)
        .where(webhooks.c.project_id == webhook.project_id, webhooks.c.webhook_id == webhook.webhook_id)
        .values(values)
    )


def read_again(connection: Connection, *, now: datetime) -> int:
    """Take every webhook that could not be read for another try: a parser was mended. Give their number."""
    failed = update(webhooks).where(webhooks.c.state == "failed").values(state="new", attempts=0, due_at=now)
    return connection.execute(failed).rowcount


def prune_webhooks(connection: Connection, *, before: datetime) -> int:
    """Forget raw bodies that were read and are old."""
    old = delete(webhooks).where(webhooks.c.state == "done", webhooks.c.received_at < before)
    return connection.execute(old).rowcount


def add_message(
    connection: Connection,
    project_id: str,
    message: Message,
    *,
    person_id: str,
    state: str,
    settle_at: datetime | None = None,
) -> bool:
    """Keep a message; False when it was kept before (platforms repeat themselves)."""
    insert: Any = (sqlite if connection.dialect.name == "sqlite" else postgresql).insert(messages)
    statement = insert.values(
        project_id=project_id,
        platform=message.platform,
        channel_id=message.channel_id,
        message_id=message.message_id,
        person_id=person_id,
        network=message.network,
        number=message.number,
        sent_at=message.sent_at,
        received_at=message.received_at,
        text=message.text,
        kind=message.kind,
        facts=_facts(message),
        state=state,
        settle_at=settle_at,
    ).on_conflict_do_nothing(index_elements=list(messages.primary_key))
    return connection.execute(statement.returning(messages.c.message_id)).first() is not None


def waiting_messages(connection: Connection, *, limit: int = 200) -> list[tuple[str, Message, datetime]]:
    """Give (project, message, settle_at) of messages that wait for their click, oldest first."""
    query = select(messages).where(messages.c.state == "waiting").order_by(messages.c.settle_at).limit(limit)
    return [(row.project_id, _message(row), row.settle_at) for row in connection.execute(query)]


def take_waiting(connection: Connection, project_id: str, message: Message) -> bool:
    """Take a waiting message out of the wait; False when another worker took it."""
    taken = connection.execute(
        update(messages)
        .where(*_is(project_id, message), messages.c.state == "waiting")
        .values(state="settled", settle_at=None)
    )
    return taken.rowcount == 1


def settle_message(connection: Connection, project_id: str, message: Message, *, inquiry_id: str) -> None:
    """Note that a message belongs to an inquiry."""
    connection.execute(
        update(messages)
        .where(*_is(project_id, message))
        .values(state="settled", settle_at=None, inquiry_id=inquiry_id)
    )


def messages_of(connection: Connection, project_id: str, inquiry_id: str) -> list[Message]:
    """Give the messages of an inquiry, in the order they were sent."""
    query = (
        select(messages)
        .where(messages.c.project_id == project_id, messages.c.inquiry_id == inquiry_id)
        .order_by(messages.c.sent_at, messages.c.message_id)
    )
    return [_message(row) for row in connection.execute(query)]


def _is(project_id: str, message: Message) -> tuple[Any, ...]:
    return (
        messages.c.project_id == project_id,
        messages.c.platform == message.platform,
        messages.c.channel_id == message.channel_id,
        messages.c.message_id == message.message_id,
    )


def _facts(message: Message) -> dict[str, Any]:
    facts = {
        "sender_key": message.sender_key,
        "phone": message.phone,
        "name": message.name,
        "username": message.username,
        "handles": dict(message.handles),
        "start_payload": message.start_payload,
        "referral": dict(message.referral),
        "forwarded": message.is_forwarded,
    }
    return {name: value for name, value in facts.items() if value}


def _message(row: Row[Any]) -> Message:
    facts: Mapping[str, Any] = row.facts
    return Message(
        platform=row.platform,
        network=row.network,
        channel_id=row.channel_id,
        number=row.number,
        message_id=row.message_id,
        sender_key=facts.get("sender_key", ""),
        sent_at=row.sent_at,
        received_at=row.received_at,
        phone=facts.get("phone", ""),
        name=facts.get("name", ""),
        username=facts.get("username", ""),
        handles=facts.get("handles", {}),
        text=row.text,
        kind=row.kind,
        start_payload=facts.get("start_payload", ""),
        referral=facts.get("referral", {}),
        is_forwarded=facts.get("forwarded", False),
    )
