"""A customer's message, whatever platform carried it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    platform: str
    network: str
    channel_id: str
    number: str  # digits of the business phone the customer wrote to
    message_id: str
    sender_key: str
    sent_at: datetime
    received_at: datetime
    phone: str = ""
    name: str = ""
    username: str = ""
    handles: Mapping[str, str] = field(default_factory=dict)
    text: str = ""
    kind: str = "text"
    start_payload: str = ""
    referral: Mapping[str, object] = field(default_factory=dict)
    is_forwarded: bool = False
