"""From stored webhooks to messages: the only place that turns what adapters parsed into domain values."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog

from adapters.base import Channel, Destination, EventName, IncomingMessage, Kind, WebhookRequest
from plugin import flow
from plugin.domain.message import Message
from plugin.parts import Parts, adapter_class
from plugin.store import inquiries, messages
from plugin.store.connections import PlatformConnection
from plugin.store.messages import StoredWebhook

LATE_CLICK_DAYS = 8  # as long as the snippet keeps a click that it could not send

log = structlog.get_logger(__name__)


def read_webhooks(parts: Parts, *, now: datetime) -> int:
    """Read stored webhooks and take in their messages; give how many webhooks were read."""
    with parts.database.write() as connection:
        claimed = messages.claim_webhooks(connection, now=now)
    for webhook in claimed:
        error = _read(parts, webhook, now=now)
        with parts.database.write() as connection:
            messages.finish_webhook(connection, webhook, error=error)
    for (project_id, connection_id), received_at in _latest(claimed).items():
        parts.connections.change(project_id, connection_id, last_webhook_at=received_at)
    return len(claimed)


def _latest(claimed: Sequence[StoredWebhook]) -> dict[tuple[str, str], datetime]:
    """Give when each connection was last heard of; webhooks come in the order of their arrival."""
    return {(webhook.project_id, webhook.connection_id): webhook.received_at for webhook in claimed}


def settle_waiting(parts: Parts, *, now: datetime) -> int:
    """Settle messages whose click has come or whose wait is over; give how many."""
    with parts.database.read() as connection:
        waiting = messages.waiting_messages(connection)
    settled = 0
    for project_id, message, settle_at in waiting:
        queue_for = destinations(parts, project_id)
        settled += flow.settle_message(
            parts.database, project_id, message, queue_for=queue_for, is_over=settle_at <= now, now=now
        )
    return settled


def find_late_clicks(parts: Parts, *, now: datetime) -> int:
    """Look again for clicks of inquiries whose reference was unknown; give how many were found."""
    with parts.database.read() as connection:
        unmatched = inquiries.unmatched_with_reference(
            connection, since=now - timedelta(days=LATE_CLICK_DAYS)
        )
    return sum(
        flow.match_late(parts.database, inquiry, queue_for=destinations(parts, inquiry.project_id), now=now)
        for inquiry in unmatched
    )


def destinations(parts: Parts, project_id: str) -> flow.QueueFor:
    """Give which connections of a project want which event."""
    wanted: dict[EventName, list[str]] = {name: [] for name in EventName}
    for connection in parts.connections.of_project(project_id):
        cls = adapter_class(connection.platform)
        if connection.is_active and connection.kind != Kind.MESSAGING and issubclass(cls, Destination):
            for name in cls.handles:
                wanted[name].append(connection.connection_id)
    return wanted


def _read(parts: Parts, webhook: StoredWebhook, *, now: datetime) -> str:
    """Take in one webhook's messages; give what failed, for the next try."""
    found = parts.connections.get(webhook.project_id, webhook.connection_id)
    if found is None:
        return ""  # the connection was removed; its webhooks mean nothing any more
    try:
        incoming = _parse(parts, found, webhook)
        queue_for = destinations(parts, webhook.project_id)
        for item in incoming:
            message = to_message(item, received_at=webhook.received_at)
            flow.receive_message(parts.database, webhook.project_id, message, queue_for=queue_for, now=now)
    except Exception as error:
        log.exception("webhook_not_read", webhook_id=webhook.webhook_id, platform=found.platform)
        return type(error).__name__
    return ""


def _parse(parts: Parts, found: PlatformConnection, webhook: StoredWebhook) -> list[IncomingMessage]:
    adapter = parts.adapter(found)
    if not isinstance(adapter, Channel):
        return []
    request = WebhookRequest(method="POST", headers=webhook.headers, query={}, body=webhook.body)
    return adapter.parse(request)


def to_message(item: IncomingMessage, *, received_at: datetime) -> Message:
    """Turn what an adapter parsed into the domain's message."""
    return Message(
        platform=item.platform,
        network=item.network,
        channel_id=item.channel_id,
        number=item.channel_address,
        message_id=item.message_id,
        sender_key=item.sender_key,
        sent_at=min(item.sent_at, received_at),
        received_at=received_at,
        phone=item.phone,
        name=item.name,
        username=item.username,
        handles=item.handles,
        text=item.text,
        kind=item.kind,
        start_payload=item.start_payload,
        referral=item.referral,
        is_forwarded=item.is_forwarded,
    )
