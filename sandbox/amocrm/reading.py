"""Reading: lists and single things; what is not there is answered with 204."""

from __future__ import annotations

from typing import Any

from flask import Response, request

from sandbox.amocrm import entities
from sandbox.amocrm.accounts import Account

MAX_PAGE = 250

Item = dict[str, Any]


def _with() -> set[str]:
    return set(request.args.get("with", "").split(","))


def _page(name: str, rows: list[Any]) -> Any:
    """Give one page; an empty one has no body at all."""
    limit = min(request.args.get("limit", 50, type=int), MAX_PAGE)
    page = request.args.get("page", 1, type=int)
    part = rows[(page - 1) * limit : page * limit]
    if not part:
        return nothing()
    links = {"self": {"href": request.url}}
    if len(rows) > page * limit:
        links["next"] = {"href": f"{request.base_url}?page={page + 1}&limit={limit}"}
    return {"_page": page, "_links": links, "_embedded": {name: part}}


def nothing() -> Response:
    return Response(status=204)


def get_account(account: Account) -> Item:
    names = ("id", "name", "subdomain")
    return {
        **{name: account.facts[name] for name in names},
        "current_user_id": account.get("setup", "users")[0]["id"],
        "country": "RU",
        "currency": "RUB",
        "language": "ru",
        "is_unsorted_on": True,
    }


def get_users(account: Account) -> Any:
    return _page("users", account.get("setup", "users", []))


def get_pipelines(account: Account) -> Item:
    rows = account.pipelines
    return {"_total_items": len(rows), "_embedded": {"pipelines": rows}}


def get_fields(account: Account) -> Any:
    types = request.args.getlist("filter[type][0]") + request.args.getlist("filter[type][]")
    rows = account.fields["leads"]
    return _page("custom_fields", [field for field in rows if not types or field["type"] in types])


def get_groups(account: Account) -> Any:
    return _page("custom_field_groups", account.get("setup", "groups", []))


def get_tags(account: Account) -> Any:
    rows = [{"id": key, "name": account.get("tag-names", key)} for key in account.all("tags")]
    return _page("tags", rows)


def get_leads(account: Account) -> Any:
    return _page("leads", [_shown(lead, "contacts") for lead in _chosen(account, "leads")])


def get_lead(account: Account, lead_id: int) -> Any:
    lead = account.get("leads", lead_id)
    return _shown(lead, "contacts") if lead else nothing()


def get_contacts(account: Account) -> Any:
    return _page("contacts", [_shown(contact, "leads") for contact in _chosen(account, "contacts")])


def get_contact(account: Account, contact_id: int) -> Any:
    contact = account.get("contacts", contact_id)
    return _shown(contact, "leads") if contact else nothing()


def get_notes(account: Account, lead_id: int) -> Any:
    kinds = request.args.getlist("filter[note_type][]")
    rows = account.get("notes", lead_id, [])
    return _page("notes", [note for note in rows if not kinds or note["note_type"] in kinds])


def get_links(account: Account, lead_id: int) -> Any:
    lead = account.get("leads", lead_id)
    contacts = lead["_embedded"]["contacts"] if lead else []
    return _page("links", [link_row(lead_id, contact["id"], contact["is_main"]) for contact in contacts])


def get_webhooks(account: Account) -> Any:
    return _page("webhooks", account.all("webhooks"))


def _chosen(account: Account, kind: str) -> list[Item]:
    ids = request.args.getlist("filter[id][]", type=int)
    query = request.args.get("query", "").strip()
    if ids:
        return [entity for entity in (account.get(kind, key) for key in ids) if entity]
    return entities.search(account, kind, query) if query else account.all(kind)


def _shown(entity: Item, asked: str) -> Item:
    hidden = () if asked in _with() else (asked,)
    embedded = {name: value for name, value in entity["_embedded"].items() if name not in hidden}
    return {**entity, "_embedded": embedded}


def link_row(lead_id: int, contact_id: int, is_main: bool) -> Item:
    return {
        "entity_id": lead_id,
        "entity_type": "leads",
        "to_entity_id": contact_id,
        "to_entity_type": "contacts",
        "metadata": {"main_contact": is_main},
    }
