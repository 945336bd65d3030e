"""Find a person's contacts and deals, and tell strangers from them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from adapters.crm.amocrm.client import AccountApi

SEARCH_DIGITS = 10
CLOSED = (142, 143)  # won and lost have the same ids in every pipeline
MAX_LEADS = 100  # asked for at once: more ids make the address too long

Entity = Mapping[str, Any]


def contacts_with(api: AccountApi, phone: str) -> list[Entity]:
    """Give the contacts that really have this phone: the search also hits other fields of other people."""
    found = api.rows("contacts", "contacts", query=phone[-SEARCH_DIGITS:], limit=250, include=("leads",))
    return [contact for contact in found if _same(phone) in {_same(other) for other in _phones(contact)}]


def leads_of(api: AccountApi, contacts: list[Entity]) -> list[Entity]:
    """Give the contacts' deals that are not deleted, newest first."""
    ids = sorted({lead["id"] for contact in contacts for lead in contact["_embedded"].get("leads") or []})
    if not ids:
        return []
    asked = {"filter[id][]": ids[-MAX_LEADS:], "limit": 250, "include": ("contacts",)}
    found = [lead for lead in api.rows("leads", "leads", **asked) if not lead.get("is_deleted")]
    return sorted(found, key=lambda lead: (lead.get("created_at") or 0, lead["id"]), reverse=True)


def is_open(lead: Entity, *, pipeline_id: int | None) -> bool:
    """Tell whether a deal is being worked on, in the pipeline if one is named."""
    return lead.get("status_id") not in CLOSED and pipeline_id in (None, lead.get("pipeline_id"))


def main_contact_id(lead: Entity) -> str:
    """Give the id of the deal's main contact; empty when it has none."""
    contacts = (lead.get("_embedded") or {}).get("contacts") or []
    main = next((contact for contact in contacts if contact.get("is_main")), contacts[0] if contacts else {})
    return str(main.get("id", ""))


def _phones(contact: Entity) -> list[str]:
    return [
        str(value.get("value", ""))
        for item in contact.get("custom_fields_values") or []
        if item.get("field_code") == "PHONE"
        for value in item.get("values") or []
    ]


def _same(phone: str) -> str:
    """Bring a phone to one form: Russian numbers are written with +7, with 8 or without either."""
    digits = re.sub(r"\D", "", phone)
    if len(digits) == 11 and digits[0] in "78":
        return digits[1:]
    return digits
