"""The pages of an account: deals by stage, and one deal's card."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

from flask import Blueprint, abort, render_template

from sandbox.amocrm.accounts import Account, account_of
from sandbox.shelf import Shelf

MOSCOW = timezone(timedelta(hours=3))
SHOWN_PER_STAGE = 30

Item = dict[str, Any]


def add_routes(blueprint: Blueprint, shelf: Shelf) -> None:
    """Add the list of accounts, the board and the card."""

    @blueprint.app_template_filter("amocrm_time")
    def amocrm_time(seconds: int) -> str:
        return datetime.fromtimestamp(seconds, MOSCOW).strftime("%d.%m.%Y %H:%M")

    @blueprint.get("/")
    def accounts() -> str:
        return render_template("amocrm_accounts.html", accounts=shelf.all("amocrm/accounts"))

    @blueprint.get("/<sub>/")
    @blueprint.get("/<sub>/leads/")
    def board(sub: str) -> str:
        account = account_of(shelf, sub) or abort(404)
        return render_template("amocrm_board.html", account=account.facts, pipelines=_board(account))

    @blueprint.get("/<sub>/leads/detail/<int:lead_id>")
    def card(sub: str, lead_id: int) -> str:
        account = account_of(shelf, sub) or abort(404)
        lead = account.get("leads", lead_id) or abort(404)
        return render_template("amocrm_card.html", account=account.facts, lead=lead, **_card(account, lead))


def received(shelf: Shelf, sub: str = "demo") -> list[str]:
    """Tell the newest deal of an account in a few lines; nothing until its note is there."""
    account = account_of(shelf, sub)
    leads = account.all("leads") if account else []
    notes = account.get("notes", leads[-1]["id"], []) if account and leads else []
    if not notes or not leads:
        return []
    lead = leads[-1]
    values = lead["custom_fields_values"] or []
    shown = [f"{item['field_name']}: {item['values'][0]['value']}" for item in values]
    return [f"Сделка №{lead['id']} «{lead['name']}»", *shown, *notes[-1]["params"]["text"].splitlines()[:1]]


def _board(account: Account) -> list[Item]:
    leads = [lead for lead in reversed(account.all("leads")) if not lead["is_deleted"]]
    return [
        {
            "name": pipeline["name"],
            "stages": [_stage(account, stage, leads) for stage in pipeline["_embedded"]["statuses"]],
        }
        for pipeline in account.pipelines
    ]


def _stage(account: Account, stage: Item, leads: list[Item]) -> Item:
    own = [
        lead
        for lead in leads
        if (lead["status_id"], lead["pipeline_id"]) == (stage["id"], stage["pipeline_id"])
    ]
    shown = [{**lead, "contact": _contact(account, lead)} for lead in own[:SHOWN_PER_STAGE]]
    return {**stage, "count": len(own), "sum": sum(lead["price"] or 0 for lead in own), "leads": shown}


def _contact(account: Account, lead: Item) -> Item | None:
    linked = lead["_embedded"]["contacts"]
    found: Item | None = account.get("contacts", linked[0]["id"]) if linked else None
    return found


def _card(account: Account, lead: Item) -> Item:
    values = lead["custom_fields_values"] or []
    by_id = {value["field_id"]: value["values"][0]["value"] for value in values}
    fields = [{**field, "value": by_id.get(field["id"], "")} for field in account.fields["leads"]]
    stages = [
        s for p in account.pipelines for s in p["_embedded"]["statuses"] if p["id"] == lead["pipeline_id"]
    ]
    return {
        "contact": _contact(account, lead),
        "own": [field for field in fields if field["type"] != "tracking_data"],
        "tracking": [field for field in fields if field["type"] == "tracking_data"],
        "notes": list(reversed(account.get("notes", lead["id"], []))),
        "stages": stages,
        "stage": next(stage for stage in stages if stage["id"] == lead["status_id"]),
        "user": account.get("setup", "users")[0],
    }
