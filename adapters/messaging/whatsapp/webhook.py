"""From a webhook's body to messages: tolerant of everything, for no customer may be lost to a new field.

Each message is read by itself, so a broken one loses nothing but itself.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, Field, ValidationError

from adapters.base import IncomingMessage

PLATFORM = NETWORK = "whatsapp"

# A business-scoped user id. Some feeds put it where a phone is expected.
BSUID = re.compile(r"[A-Z]{2}\.(ENT\.)?[A-Za-z0-9]{1,128}")
PHONE = re.compile(r"[0-9]{5,15}")
PHONE_PUNCTUATION = re.compile(r"[\s+().\-\u2010-\u2015]")

# What a customer does, but does not write. `request_welcome`: the chat was opened, nothing was sent yet.
SKIPPED = frozenset({"reaction", "system", "revoke", "request_welcome"})

# message type → where its text stands; the first that is filled wins
TEXT_AT: Mapping[str, tuple[str, ...]] = {
    "text": ("text.body",),
    "image": ("image.caption",),
    "video": ("video.caption",),
    "document": ("document.caption",),
    "button": ("button.text",),
    "interactive": (
        "interactive.button_reply.title",
        "interactive.list_reply.title",
        "interactive.nfm_reply.body",
    ),
    "order": ("order.text",),
}
# `unsupported` has been seen with a text beside it; so may a type that does not exist yet.
TEXT_OF_OTHERS = ("text.body",)


def as_text(value: object) -> str:
    """Give a value as text that every database takes; what is neither text nor number is no text."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        return ""
    # Half of a surrogate pair cannot be encoded, and PostgreSQL refuses NUL.
    return value.replace("\0", "").encode("utf-8", "replace").decode()


def _clean(value: Any) -> Any:
    """Give a JSON value whose texts every database takes, surrounding white space removed."""
    if isinstance(value, dict):
        return {as_text(key): _clean(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_clean(item) for item in value]
    return as_text(value).strip() if isinstance(value, str) else value


def as_object(value: object) -> dict[str, Any]:
    """Give a JSON object; anything else counts as an empty one."""
    return value if isinstance(value, dict) else {}


def as_objects(value: object) -> list[dict[str, Any]]:
    """Give the objects of a JSON list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


Text = Annotated[str, BeforeValidator(as_text)]
Object = Annotated[dict[str, Any], BeforeValidator(as_object)]


class Profile(BaseModel):
    name: Text = ""
    username: Text = ""


class Contact(BaseModel):
    profile: Annotated[Profile, BeforeValidator(as_object)] = Profile()
    wa_id: Text = ""
    user_id: Text = ""
    parent_user_id: Text = ""


class Item(BaseModel):
    """One entry of `messages[]`: what all types have in common."""

    id: Annotated[Text, Field(min_length=1)]
    type: Text = "unknown"
    sender: Text = Field("", alias="from")
    timestamp: Any = None
    from_user_id: Text = ""
    from_parent_user_id: Text = ""
    group_id: Text = ""
    context: Object = {}
    referral: Object = {}
    edit: Object = {}


def read(body: bytes, *, only: Iterable[str] = ()) -> list[IncomingMessage]:
    """Read the customers' messages to the numbers of these ids, or to any; skip all else."""
    wanted = frozenset(only)
    found: list[IncomingMessage] = []
    for value in _values(body):
        metadata = as_object(value.get("metadata"))
        channel_id = as_text(metadata.get("phone_number_id"))
        if not wanted or channel_id in wanted:
            address = _phone(as_text(metadata.get("display_phone_number")))
            found += _messages(value, channel_id=channel_id, channel_address=address)
    return found


def _values(body: bytes) -> Iterator[dict[str, Any]]:
    """Give the changes that hold messages. Other fields are echoes, history and news of the account."""
    try:
        envelope = as_object(json.loads(body))
    except (ValueError, RecursionError):  # authentic, yet no JSON: nothing a customer wrote
        return
    for entry in as_objects(envelope.get("entry")):
        for change in as_objects(entry.get("changes")):
            if change.get("field") == "messages":
                yield as_object(change.get("value"))


def _messages(
    value: Mapping[str, Any], *, channel_id: str, channel_address: str
) -> Iterator[IncomingMessage]:
    contacts = [Contact.model_validate(contact) for contact in as_objects(value.get("contacts"))]
    raw_items = as_objects(value.get("messages"))
    for raw in raw_items:
        try:
            item = Item.model_validate(raw)
        except ValidationError:
            continue  # without an id it could not be told from its own repetition
        # A lone contact beside a lone message is its sender when the message itself names nobody.
        is_alone = len(contacts) == len(raw_items) == 1 and not (item.sender or item.from_user_id)
        sender = _sender(item, contacts[0] if is_alone else _contact_of(item, contacts))
        if _is_customers(item) and sender["sender_key"] and sender["phone"] != (channel_address or None):
            yield IncomingMessage(
                platform=PLATFORM,
                network=NETWORK,
                channel_id=channel_id,
                channel_address=channel_address,
                message_id=item.id,
                sent_at=_moment(item.timestamp),
                text=_written(item, raw),
                kind=item.type,
                referral=_clean(item.referral),
                is_forwarded=bool(item.context.get("forwarded") or item.context.get("frequently_forwarded")),
                **sender,
            )


def _is_customers(item: Item) -> bool:
    return item.type not in SKIPPED and not item.group_id


def _contact_of(item: Item, contacts: list[Contact]) -> Contact:
    """Find the sender among the contacts by id: their order means nothing."""
    wanted = {item.sender, item.from_user_id} - {""}
    return next((one for one in contacts if wanted & {one.wa_id, one.user_id}), Contact())


def _sender(item: Item, contact: Contact) -> dict[str, Any]:
    """Tell who wrote. The phone may be hidden; an id in the phone's place is never taken for a phone."""
    given = (item.from_user_id, contact.user_id, item.sender, contact.wa_id)
    ids = [value for value in given if BSUID.fullmatch(value)]
    own = next((value for value in ids if ".ENT." not in value), "")
    parents = (item.from_parent_user_id, contact.parent_user_id, *ids)
    parent = next((value for value in parents if ".ENT." in value), "")
    phone = _phone(item.sender) or _phone(contact.wa_id)
    handles = {"bsuid": own, "parent_bsuid": parent}
    return {
        "sender_key": own or phone or parent,
        "phone": phone,
        "name": contact.profile.name.strip(),
        "username": contact.profile.username.strip().removeprefix("@"),
        "handles": {name: value for name, value in handles.items() if value},
    }


def _phone(value: str) -> str:
    digits = PHONE_PUNCTUATION.sub("", value)
    return digits if PHONE.fullmatch(digits) else ""


def _written(item: Item, raw: Mapping[str, Any]) -> str:
    """Give the text of a message; of an edit, what the message says now."""
    if item.type == "edit":
        edited = as_object(item.edit.get("message"))
        return _text_of(edited, as_text(edited.get("type")))
    return _text_of(raw, item.type)


def _text_of(raw: Mapping[str, Any], message_type: str) -> str:
    paths = TEXT_AT.get(message_type, TEXT_OF_OTHERS)
    return next(filter(None, (as_text(_at(raw, path)) for path in paths)), "")


def _at(raw: object, path: str) -> object:
    for name in path.split("."):
        raw = as_object(raw).get(name)
    return raw


def _moment(timestamp: object) -> datetime:
    """Read Unix seconds, a number or digits. A message with no readable time was sent when it came."""
    try:
        return datetime.fromtimestamp(int(timestamp), UTC)  # type: ignore[call-overload]
    except (TypeError, ValueError, OverflowError, OSError):
        return datetime.now(UTC)
