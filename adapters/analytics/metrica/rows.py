"""The rows of the files that go up."""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Iterable, Mapping, Sequence

from adapters.base import InquiryEvent

CLIENT_ID = r"[0-9]{1,20}"
CLICK_ID = r"[0-9A-Za-z_-]{1,100}"
CHAT_PLATFORMS = {"whatsapp": "whatsapp", "telegram": "telegram", "viber": "viber"}
COLUMNS = {
    "BASIC": ("ClientId", "Yclid", "Target", "DateTime"),
    "CHATS": ("DateTime", "ChatPlatform", "PhoneNumber", "ChatUserID", "ClientId", "Yclid"),
}

Cells = Mapping[str, str]


def csv_file(rows: Iterable[Cells], *, columns: Sequence[str]) -> bytes:
    """Write rows as CSV; a column that no row fills is left out."""
    rows = list(rows)
    used = [column for column in columns if any(column in row for row in rows)]
    text = io.StringIO()
    writer = csv.DictWriter(text, used, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def conversion(event: InquiryEvent, *, target: str) -> Cells:
    """Make the row of an offline conversion."""
    return {**visit_id(event), "Target": target, "DateTime": _seconds(event)}


def chat(event: InquiryEvent, *, with_phone: bool) -> Cells:
    """Make the row of a chat; the person is named by phone or by an irreversible code."""
    allowed = with_phone and event.consent.get("ad_user_data") != "denied"
    code = hashlib.sha256(event.person.person_id.encode()).hexdigest()[:32]
    who = (
        {"PhoneNumber": f"+{event.person.phone}"} if allowed and event.person.phone else {"ChatUserID": code}
    )
    platform = CHAT_PLATFORMS[event.network]
    return {"DateTime": _seconds(event), "ChatPlatform": platform, **who, **visit_id(event)}


def visit_id(event: InquiryEvent) -> Cells:
    """Give the cell that joins a row to its visit; nothing when the visit is not known to Metrica."""
    client_id = event.analytics_ids.get("ym_client_id", "").strip()
    click_id = event.source.click_ids.get("yclid", "").strip()
    if re.fullmatch(CLIENT_ID, client_id):
        return {"ClientId": client_id}
    return {"Yclid": click_id} if re.fullmatch(CLICK_ID, click_id) else {}


def _seconds(event: InquiryEvent) -> str:
    # Of the event alone: a row sent again must be equal, or Metrica counts it twice.
    return str(int(event.occurred_at.timestamp()))
