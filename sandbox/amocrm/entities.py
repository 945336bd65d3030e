"""Leads, contacts and notes on the shelf, with the indexes that make the search quick."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

from sandbox.amocrm.accounts import UNSORTED_TYPE, Account
from sandbox.amocrm.checks import field_of

STARTS = {"leads": 9_000_001, "contacts": 7_000_001, "notes": 5_000_001, "tags": 300_001}
SCANNED = 100  # up to so many entities a search looks through all; beyond, only whole values and phones count
PHONE_DIGITS = 10
MAX_INDEXED = 50
PLAIN = [
    "name",
    "price",
    "responsible_user_id",
    "group_id",
    "status_id",
    "pipeline_id",
    "loss_reason_id",
    "created_by",
    "updated_by",
    "created_at",
    "updated_at",
    "closed_at",
    "first_name",
    "last_name",
]

Item = dict[str, Any]


def create_lead(account: Account, item: Item) -> Item:
    """Keep a new lead; its stage is the first one of its pipeline unless it says another."""
    pipelines = account.pipelines
    wanted = item.get("pipeline_id")
    pipeline = next(p for p in pipelines if p["id"] == wanted or (wanted is None and p["is_main"]))
    stage = next(s["id"] for s in pipeline["_embedded"]["statuses"] if s["type"] != UNSORTED_TYPE)
    lead = _new(account, "leads", item)
    lead |= {
        "pipeline_id": pipeline["id"],
        "status_id": item.get("status_id") or stage,
        "price": lead["price"] or 0,
    }
    embedded = item.get("_embedded") or {}
    lead["_embedded"] = {"tags": [], "companies": [], "contacts": []}
    add_tags(account, lead, [*(item.get("tags_to_add") or []), *(embedded.get("tags") or [])])
    for contact in embedded.get("contacts") or []:
        if isinstance(contact.get("id"), int):
            link(account, lead, contact["id"])
    keep(account, "leads", lead)
    return lead


def create_contact(account: Account, item: Item) -> Item:
    """Keep a new contact."""
    contact = _new(account, "contacts", item)
    names = (item.get("first_name"), item.get("last_name"))
    contact["name"] = item.get("name") or " ".join(name for name in names if name)
    contact["_embedded"] = {"tags": [], "companies": [], "leads": []}
    keep(account, "contacts", contact)
    return contact


def change(account: Account, kind: str, entity: Item, item: Item) -> None:
    """Change what `item` names, and nothing else."""
    for name in PLAIN:
        if name in item:
            entity[name] = item[name]
    if item.get("custom_fields_values") is not None:
        _merge_values(account, kind, entity, item["custom_fields_values"])
    embedded = item.get("_embedded") or {}
    if "tags" in embedded:
        entity["_embedded"]["tags"] = []
    add_tags(account, entity, [*(embedded.get("tags") or []), *(item.get("tags_to_add") or [])])
    gone = [tag.get("name") or tag.get("id") for tag in item.get("tags_to_delete") or []]
    kept = [tag for tag in entity["_embedded"]["tags"] if tag["name"] not in gone and tag["id"] not in gone]
    entity["_embedded"]["tags"] = kept
    entity["updated_at"] = item.get("updated_at") or int(time.time())
    keep(account, kind, entity)


def link(account: Account, lead: Item, contact_id: int) -> None:
    """Link a lead with a contact, the first one as its main contact."""
    contact = account.get("contacts", contact_id)
    contacts = lead["_embedded"]["contacts"]
    if contact is None or any(known["id"] == contact_id for known in contacts):
        return
    contacts.append({"id": contact_id, "is_main": not contacts})
    contact["_embedded"]["leads"].append({"id": lead["id"]})
    account.put("contacts", contact_id, contact)


def add_tags(account: Account, entity: Item, tags: Iterable[Item]) -> None:
    """Add tags; one that comes with both its id and its name is added twice, as there."""
    present = entity["_embedded"]["tags"]
    for tag in tags:
        for name in _tag_names(account, tag):
            if (tag.get("id") and tag.get("name")) or all(known["name"] != name for known in present):
                present.append({"id": _tag_id(account, name), "name": name, "color": None})


def add_note(account: Account, lead_id: int, item: Item) -> Item:
    """Add a note to a lead's feed."""
    note = {
        "id": account.new_id("notes", start=STARTS["notes"]),
        "entity_id": lead_id,
        "note_type": item["note_type"],
        "params": item["params"],
        "created_at": item.get("created_at") or int(time.time()),
        "account_id": account.facts["id"],
    }
    account.put("notes", lead_id, [*account.get("notes", lead_id, []), note])
    return note


def search(account: Account, kind: str, query: str) -> list[Item]:
    """Find entities by their name and values: parts of them in a small account, whole ones in a large one."""
    wanted = query.casefold()
    if account.get("counts", kind, 0) <= SCANNED:
        return [entity for entity in account.all(kind) if any(wanted in text for text in _texts(entity))]
    ids = account.get(f"index/{kind}", wanted, [])
    return [entity for entity in (account.get(kind, key) for key in ids) if entity]


def keep(account: Account, kind: str, entity: Item) -> None:
    """Store an entity and note its values for the search."""
    account.put(kind, entity["id"], entity)
    # what a tracking field holds is shared by too many leads to be looked for
    for text in _texts(entity, but="tracking_data"):
        _note(account, kind, text, entity["id"])
        if text[-PHONE_DIGITS:].isdigit():
            _note(account, kind, text[-PHONE_DIGITS:], entity["id"])


def _note(account: Account, kind: str, text: str, entity_id: int) -> None:
    ids = account.get(f"index/{kind}", text, [])
    if entity_id not in ids and len(ids) < MAX_INDEXED:
        account.put(f"index/{kind}", text, [*ids, entity_id])


def _texts(entity: Item, *, but: str = "") -> list[str]:
    fields = [item for item in entity["custom_fields_values"] or [] if item["field_type"] != but]
    values = [str(one["value"]) for item in fields for one in item["values"]]
    return [text.casefold() for text in (entity["name"] or "", *values)]


def _new(account: Account, kind: str, item: Item) -> Item:
    now = int(time.time())
    entity = {name: item.get(name) for name in PLAIN}
    entity |= {
        "id": account.new_id(kind, start=STARTS[kind]),
        "name": item.get("name") or "",
        "responsible_user_id": item.get("responsible_user_id") or account.get("setup", "users")[0]["id"],
        "created_at": item.get("created_at") or now,
        "updated_at": now,
        "is_deleted": False,
        "account_id": account.facts["id"],
        "custom_fields_values": None,
    }
    account.put("counts", kind, account.get("counts", kind, 0) + 1)
    _merge_values(account, kind, entity, item.get("custom_fields_values") or [])
    return entity


def _merge_values(account: Account, kind: str, entity: Item, given: list[Item]) -> None:
    """Replace the whole value set of each field given; an empty set clears the field."""
    present = {value["field_id"]: value for value in entity["custom_fields_values"] or []}
    for value in given:
        field = field_of(account, kind, value)
        if field is None:
            continue
        present.pop(field["id"], None)
        if value["values"]:
            present[field["id"]] = {
                "field_id": field["id"],
                "field_name": field["name"],
                "field_code": field["code"],
                "field_type": field["type"],
                "values": value["values"],
            }
    entity["custom_fields_values"] = list(present.values()) or None


def _tag_names(account: Account, tag: Item) -> list[str]:
    by_id = account.get("tag-names", tag.get("id", ""), "")
    return [name for name in (tag.get("name"), by_id) if name]


def _tag_id(account: Account, name: str) -> int:
    known = account.get("tags", name)
    if known is None:
        known = account.new_id("tags", start=STARTS["tags"])
        account.put("tags", name, known)
        account.put("tag-names", known, name)
    return int(known)
