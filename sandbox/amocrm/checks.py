"""What a written lead, contact, note or field must look like."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox.amocrm.accounts import LOST, UNSORTED_TYPE, WON, Account
from sandbox.amocrm.problems import Invalid, Problem

MAX_ITEMS, MAX_COMPLEX, MAX_VALUES = 250, 50, 40
INTEGERS = (
    "pipeline_id",
    "status_id",
    "responsible_user_id",
    "created_at",
    "updated_at",
    "closed_at",
    "price",
)
PHONE_CODES = {"WORK", "WORKDD", "MOB", "FAX", "HOME", "OTHER"}
EMAIL_CODES = {"WORK", "PRIV", "OTHER"}
MULTITEXT = {"PHONE": PHONE_CODES, "EMAIL": EMAIL_CODES}
NOTE_PARAMS = {
    "common": ("text",),
    "service_message": ("service", "text"),
    "extended_service_message": ("service", "text"),
    "sms_in": ("text", "phone"),
    "sms_out": ("text", "phone"),
}
FIELD_TYPES = [
    "text",
    "numeric",
    "checkbox",
    "select",
    "multiselect",
    "date",
    "url",
    "textarea",
    "radiobutton",
    "streetaddress",
    "smart_address",
    "birthday",
    "legal_entity",
    "date_time",
    "tracking_data",
    "monetary",
    "chained_list",
    "file",
]
WEBHOOK_CODES = {
    "add_lead",
    "update_lead",
    "delete_lead",
    "restore_lead",
    "status_lead",
    "responsible_lead",
    "note_lead",
    "add_contact",
    "update_contact",
    "delete_contact",
    "restore_contact",
    "responsible_contact",
    "note_contact",
    "add_company",
    "update_company",
    "delete_company",
    "restore_company",
    "responsible_company",
    "note_company",
    "add_customer",
    "update_customer",
    "delete_customer",
    "responsible_customer",
    "note_customer",
    "add_task",
    "update_task",
    "delete_task",
    "responsible_task",
    "add_talk",
    "update_talk",
    "add_message",
    "add_outgoing_message",
    "add_chat_template_review",
    "add_unsorted",
    "update_unsorted",
    "delete_unsorted",
}

Item = dict[str, Any]


def items_of(body: Any, *, limit: int = MAX_ITEMS, over: int = 422) -> list[Item]:
    """Give the items of a collection's body: a non-empty array of objects."""
    if not isinstance(body, list) or not body or not all(isinstance(item, dict) for item in body):
        raise Problem(400, "Request data must be a non-empty array")
    if len(body) > limit:
        raise Problem(over, f"Limit {limit} per page")
    return body


def item_of(body: Any) -> Item:
    """Give the one object of an item's body."""
    if not isinstance(body, dict) or not body:
        raise Problem(400, "Request data can not be empty")
    return body


def check_lead(account: Account, item: Item, place: int, *, before: Mapping[str, Any] | None = None) -> None:
    """Check what a create or a change of a lead says."""
    _check_integers(item, place)
    _check_stage(account, item, place, before=before)
    check_values(account, "leads", item, place)
    if item.get("loss_reason_id") and item.get("status_id") != LOST:
        raise Invalid(place, "loss_reason_id")
    users = {user["id"] for user in account.get("setup", "users", [])}
    if item.get("responsible_user_id", None) not in (None, *users):
        raise Invalid(place, "responsible_user_id")
    if (item.get("_embedded") or {}).get("source"):
        raise Invalid(place, "_embedded.source.external_id")


def check_complex(account: Account, item: Item, place: int) -> None:
    """Check the limits of a lead that comes with its contact and company."""
    embedded = item.get("_embedded") or {}
    for name in ("contacts", "companies"):
        if len(embedded.get(name) or []) > 1:
            raise Problem(400, f"Only one of {name} is allowed")
    for entity in (item, *(embedded.get("contacts") or [])):
        if len(entity.get("custom_fields_values") or []) > MAX_VALUES:
            raise Problem(400, f"Limit {MAX_VALUES} custom fields")
    for contact in embedded.get("contacts") or []:
        check_values(account, "contacts", contact, place, prefix="_embedded.contacts.0.")


def check_values(account: Account, entity: str, item: Item, place: int, *, prefix: str = "") -> None:
    """Check custom field values: known fields, lists of objects, known kinds of phones."""
    given = item.get("custom_fields_values")
    if given is None:
        return
    path = f"{prefix}custom_fields_values"
    if not isinstance(given, list):
        raise Invalid(place, path, code="InvalidType")
    for number, value in enumerate(given):
        field = field_of(account, entity, value)
        if field is None:
            raise Invalid(place, f"{path}.{number}.field_id")
        values = value.get("values")
        if not isinstance(values, list) or not all(
            isinstance(one, dict) and "value" in one for one in values
        ):
            raise Invalid(place, f"{path}.{number}.values", code="InvalidType")
        codes = MULTITEXT.get(field["code"] or "")
        if codes and any(one.get("enum_code", "OTHER") not in codes for one in values):
            raise Invalid(place, f"{path}.{number}.values.0.enum_code")


def field_of(account: Account, entity: str, value: Any) -> Item | None:
    """Give the field that a value names by id or code."""
    if not isinstance(value, dict):
        return None
    for field in account.fields[entity]:
        if value.get("field_id") == field["id"] or (value.get("field_code") or "-") == field["code"]:
            return field
    return None


def check_note(item: Item, place: int) -> None:
    """Check a note's type and what the type needs."""
    wanted = NOTE_PARAMS.get(item.get("note_type", ""))
    if wanted is None:
        raise Invalid(place, "note_type")
    params = item.get("params") or {}
    for name in wanted:
        if not isinstance(params.get(name), str) or not params[name]:
            raise Invalid(place, f"params.{name}", code="NotBlank")


def check_field(account: Account, item: Item, place: int) -> None:
    """Check a new field: a name, a known type, a code nobody has, a group that is there."""
    if not item.get("name"):
        raise Invalid(place, "name", code="NotBlank")
    if item.get("type") not in FIELD_TYPES:
        raise Invalid(place, "type")
    if item.get("code") and any(field["code"] == item["code"] for field in account.fields["leads"]):
        raise Invalid(place, "code", code="NotUnique")
    groups = {group["id"] for group in account.get("setup", "groups", [])}
    if item.get("group_id") is not None and item["group_id"] not in groups:
        raise Invalid(place, "group_id")


def check_webhook(body: Item) -> None:
    """Check a subscription."""
    if not str(body.get("destination", "")).startswith("https://"):
        raise Problem(400, "Invalid URL")
    if not body.get("settings") or not set(body["settings"]) <= WEBHOOK_CODES:
        raise Problem(400, "Unknown settings")


def _check_integers(item: Item, place: int) -> None:
    for name in INTEGERS:
        value = item.get(name)
        if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
            raise Invalid(place, name, code="InvalidType")


def _check_stage(account: Account, item: Item, place: int, *, before: Mapping[str, Any] | None) -> None:
    pipelines = {pipeline["id"]: pipeline for pipeline in account.pipelines}
    main = next(key for key, pipeline in pipelines.items() if pipeline["is_main"])
    pipeline_id = item.get("pipeline_id") or (before or {}).get("pipeline_id") or main
    if pipeline_id not in pipelines:
        raise Invalid(place, "pipeline_id")
    status_id = item.get("status_id")
    if status_id in (None, WON, LOST):
        return
    stages = {stage["id"]: stage["type"] for stage in pipelines[pipeline_id]["_embedded"]["statuses"]}
    if status_id not in stages or (before is None and stages[status_id] == UNSORTED_TYPE):
        raise Invalid(place, "status_id")
