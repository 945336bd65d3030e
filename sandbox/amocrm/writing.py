"""Writing: everything is checked before anything is kept."""

from __future__ import annotations

from typing import Any

from flask import Response, request

from sandbox.amocrm import checks, entities
from sandbox.amocrm.accounts import Account, new_field
from sandbox.amocrm.checks import Item, item_of, items_of
from sandbox.amocrm.problems import Invalid, Problem, answer
from sandbox.amocrm.reading import link_row, nothing

MAX_WEBHOOKS = 100


def _made(name: str, items: list[Item], ids: list[Any]) -> Item:
    rows = [
        {"id": made, "request_id": str(item.get("request_id") or place)}
        for place, (item, made) in enumerate(zip(items, ids, strict=True))
    ]
    return {"_links": {"self": {"href": request.url}}, "_embedded": {name: rows}}


def post_leads(account: Account, *, body: Any) -> Item:
    items = items_of(body)
    for place, item in enumerate(items):
        checks.check_lead(account, item, place)
        for contact in (item.get("_embedded") or {}).get("contacts") or []:
            if account.get("contacts", contact.get("id", "")) is None:
                raise Invalid(place, "_embedded.contacts.0.id")
    return _made("leads", items, [entities.create_lead(account, item)["id"] for item in items])


def post_complex(account: Account, *, body: Any) -> Response:
    items = items_of(body, limit=checks.MAX_COMPLEX, over=400)
    for place, item in enumerate(items):
        checks.check_lead(account, item, place)
        checks.check_complex(account, item, place)
    return answer([_complex(account, item, place) for place, item in enumerate(items)])


def _complex(account: Account, item: Item, place: int) -> Item:
    request_ids = [str(item.get("request_id") or place)]
    given = ((item.get("_embedded") or {}).get("contacts") or [None])[0]
    twin = _twin(account, given) if account.facts["duplicate_control"] and given else None
    if twin:
        lead = account.get("leads", twin["_embedded"]["leads"][-1]["id"])
        entities.change(account, "leads", lead, {**item, "_embedded": {}})
        contact_id = twin["id"]
    else:
        contact_id = entities.create_contact(account, given)["id"] if given else None
        linked = {"contacts": [{"id": contact_id}] if contact_id else []}
        lead = entities.create_lead(
            account, {**item, "_embedded": {**(item.get("_embedded") or {}), **linked}}
        )
    made = {"id": lead["id"], "contact_id": contact_id, "company_id": None}
    return {**made, "request_id": request_ids, "merged": bool(twin)}


def _twin(account: Account, contact: Item) -> Item | None:
    values = [one["value"] for item in contact.get("custom_fields_values") or [] for one in item["values"]]
    found = [known for value in values for known in entities.search(account, "contacts", value)]
    return next((known for known in found if known["_embedded"]["leads"]), None)


def patch_lead(account: Account, lead_id: int, *, body: Any) -> Any:
    item = item_of(body)
    lead = account.get("leads", lead_id)
    if lead is None:
        return nothing()
    checks.check_lead(account, item, 0, before=lead)
    entities.change(account, "leads", lead, item)
    return {"id": lead_id, "updated_at": lead["updated_at"]}


def patch_leads(account: Account, *, body: Any) -> Item:
    items = items_of(body)
    for place, item in enumerate(items):
        lead = account.get("leads", item.get("id", ""))
        if lead is None:
            raise Invalid(place, "id")
        checks.check_lead(account, item, place, before=lead)
        entities.change(account, "leads", lead, item)
    return _made("leads", items, [item["id"] for item in items])


def post_contacts(account: Account, *, body: Any) -> Item:
    items = items_of(body)
    for place, item in enumerate(items):
        checks.check_values(account, "contacts", item, place)
    return _made("contacts", items, [entities.create_contact(account, item)["id"] for item in items])


def patch_contact(account: Account, contact_id: int, *, body: Any) -> Any:
    item = item_of(body)
    contact = account.get("contacts", contact_id)
    if contact is None:
        return nothing()
    checks.check_values(account, "contacts", item, 0)
    entities.change(account, "contacts", contact, item)
    return {"id": contact_id, "updated_at": contact["updated_at"]}


def post_notes(account: Account, lead_id: int = 0, *, body: Any) -> Item:
    items = items_of(body)
    for place, item in enumerate(items):
        checks.check_note(item, place)
        if account.get("leads", lead_id or item.get("entity_id", "")) is None:
            raise Invalid(place, "entity_id")
    ids = [entities.add_note(account, lead_id or item["entity_id"], item)["id"] for item in items]
    return _made("notes", items, ids)


def post_link(account: Account, lead_id: int, *, body: Any) -> Item:
    items = items_of(body)
    lead = account.get("leads", lead_id)
    if lead is None:
        raise Problem(404, "Lead not found")
    for place, item in enumerate(items):
        if item.get("to_entity_type") != "contacts" or not account.get("contacts", item.get("to_entity_id")):
            raise Invalid(place, "to_entity_id")
        entities.link(account, lead, item["to_entity_id"])
    account.put("leads", lead_id, lead)
    rows = [link_row(lead_id, contact["id"], contact["is_main"]) for contact in lead["_embedded"]["contacts"]]
    return {"_embedded": {"links": rows}}


def _need_admin(account: Account) -> None:
    if not account.facts["is_admin"]:
        raise Problem(403, "Administrator rights are needed")


def post_fields(account: Account, *, body: Any) -> Response:
    _need_admin(account)
    items = items_of(body)
    fields = account.fields
    for place, item in enumerate(items):
        checks.check_field(account, item, place)
        code, group = item.get("code"), item.get("group_id")
        made = new_field(account, code, name=item["name"], kind=item["type"], group_id=group)
        fields["leads"].append(made)
        account.put("setup", "fields", fields)
    return answer({"_embedded": {"custom_fields": fields["leads"][-len(items) :]}}, status=201)


def post_groups(account: Account, *, body: Any) -> Response:
    _need_admin(account)
    groups = account.get("setup", "groups", [])
    made = []
    for item in items_of(body):
        key = f"leads_{account.new_id('groups', start=63431752)}"
        made.append({"id": key, "name": item["name"], "is_predefined": False, "sort": item.get("sort", 0)})
    account.put("setup", "groups", [*groups, *made])
    return answer({"_embedded": {"custom_field_groups": made}}, status=201)


def post_webhooks(account: Account, *, body: Any) -> Response:
    _need_admin(account)
    item = item_of(body)
    checks.check_webhook(item)
    known = account.get("webhooks", item["destination"])
    if known is None and len(account.all("webhooks")) >= MAX_WEBHOOKS:
        raise Problem(400, "Too many webhooks")
    key = known["id"] if known else account.new_id("webhooks", start=810001)
    hook = {"id": key, "destination": item["destination"], "settings": item["settings"], "disabled": False}
    account.put("webhooks", item["destination"], hook)
    return answer(hook, status=201)


def delete_webhooks(account: Account, *, body: Any) -> Response:
    destination = item_of(body).get("destination", "")
    if account.get("webhooks", destination) is None:
        raise Problem(404, "No such webhook")
    account.shelf.remove(account.kind("webhooks"), destination)
    return nothing()
