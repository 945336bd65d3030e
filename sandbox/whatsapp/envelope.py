"""Webhook bodies as Meta builds them: the ordinary ones, and every odd one a receiver must survive.

Pure functions: an account and what somebody did go in, a JSON-ready body comes out.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Body = dict[str, Any]

REFERRAL: Mapping[str, str] = {
    "source_url": "https://fb.me/3sandbox",
    "source_type": "ad",
    "source_id": "120200000000000001",
    "headline": "Диваны от фабрики",
    "body": "Напишите нам в WhatsApp",
    "media_type": "image",
    "image_url": "https://scontent.example/sofa.jpg",
    "ctwa_clid": "ARAkSandboxClickToWhatsApp0001",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The business side: a number, its account and the app that is subscribed to it."""

    callback_url: str
    app_secret: str
    verify_token: str
    phone_number_id: str
    display_phone_number: str
    waba_id: str
    access_token: str = ""
    retry_scale: float = 1.0  # the waits before a repetition are multiplied by it


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """Who writes. A hidden phone leaves the webhook with the business-scoped user id alone."""

    phone: str = ""
    name: str = ""
    bsuid: str = ""
    username: str = ""

    def contact(self) -> Body:
        """Give the entry of `contacts[]`."""
        profile = _filled(name=self.name, username=self.username)
        return _filled(profile=profile, wa_id=self.phone, user_id=self.bsuid)

    def marks(self) -> Body:
        """Give the fields with which a message names its sender."""
        return _filled(**{"from": self.phone, "from_user_id": self.bsuid})


@dataclass(frozen=True, slots=True, kw_only=True)
class Odd:
    """A webhook that is odd, and what a receiver owes it."""

    title: str
    make: Callable[[Account], Body]
    messages: int  # how many different messages of customers it holds
    sign: bool = True
    days_late: int = 0


SOMEBODY = Customer(phone="79165550011", name="Ольга")
HIDDEN = Customer(bsuid="RU.9001002003", name="Ирина", username="irina.k")


def new_wamid() -> str:
    """Give an id as WhatsApp's: unguessable, and never the same twice."""
    return f"wamid.HBgL{secrets.token_hex(12).upper()}"


def text_message(customer: Customer, text: str, **more: Any) -> Body:
    """Give an entry of `messages[]` that holds a text."""
    return message(customer, "text", text={"body": text}, **more)


def message(customer: Customer, message_type: str, **more: Any) -> Body:
    """Give an entry of `messages[]`; `more` are its further fields."""
    base = {"id": new_wamid(), "timestamp": str(int(time.time())), "type": message_type}
    return {**customer.marks(), **base, **more}


def value_of(account: Account, customer: Customer, *messages: Body) -> Body:
    """Give the value of a change that holds messages of one customer."""
    return {**_head(account), "contacts": [customer.contact()], "messages": list(messages)}


def envelope(account: Account, *values: Body, field_name: str = "messages") -> Body:
    """Wrap values, each into a change of its own."""
    changes = [{"value": value, "field": field_name} for value in values]
    return {
        "object": "whatsapp_business_account",
        "entry": [{"id": account.waba_id, "changes": changes}],
    }


def statuses(account: Account, message_id: str, *, recipient: str, states: Sequence[str]) -> Body:
    """Give the webhook that tells what became of a message of the business."""
    now = str(int(time.time()))
    items = [{"id": message_id, "status": s, "timestamp": now, "recipient_id": recipient} for s in states]
    return envelope(account, {**_head(account), "statuses": items})


def _head(account: Account) -> Body:
    metadata = {
        "display_phone_number": account.display_phone_number,
        "phone_number_id": account.phone_number_id,
    }
    return {"messaging_product": "whatsapp", "metadata": metadata}


def _filled(**values: Any) -> Body:
    return {name: value for name, value in values.items() if value}


# --- the odd ones ---------------------------------------------------------------------------------


def _one(account: Account, customer: Customer, item: Body, **more: Any) -> Body:
    return envelope(account, {**value_of(account, customer, item), **more})


def _batch(account: Account) -> Body:
    """Two entries × two changes × three messages, one of them twice."""
    made = [text_message(SOMEBODY, f"Сообщение {number}") for number in range(1, 12)]
    made.append(made[0])
    values = [value_of(account, SOMEBODY, *made[start : start + 3]) for start in range(0, 12, 3)]
    first, second = envelope(account, *values[:2]), envelope(account, *values[2:])
    return {**first, "entry": first["entry"] + second["entry"]}


def _bsuid_as_phone(account: Account) -> Body:
    item = {**text_message(SOMEBODY, "Мой номер скрыт"), "from": HIDDEN.bsuid}
    value = value_of(account, SOMEBODY, item)
    return envelope(account, {**value, "contacts": [{"profile": {"name": "Ирина"}, "wa_id": HIDDEN.bsuid}]})


def _no_contacts(account: Account) -> Body:
    value = value_of(account, SOMEBODY, text_message(SOMEBODY, "Без контактов"))
    del value["contacts"]
    return envelope(account, value)


def _echo(account: Account) -> Body:
    item = text_message(Customer(phone=account.display_phone_number), "Добрый день!", to=SOMEBODY.phone)
    return envelope(account, {**_head(account), "message_echoes": [item]}, field_name="smb_message_echoes")


def _history(account: Account) -> Body:
    thread = {"id": SOMEBODY.phone, "messages": [text_message(SOMEBODY, "Писала весной")]}
    metadata = {"phase": 1, "chunk_order": 1, "progress": 55}
    value = {**_head(account), "history": [{"metadata": metadata, "threads": [thread]}]}
    return envelope(account, value, field_name="history")


def _user_actions(account: Account) -> Body:
    action = {"action_type": "marketing_messages_link_click", "timestamp": str(int(time.time()))}
    return envelope(account, {**_head(account), "user_actions": [action]})


def _image(account: Account) -> Body:
    image = {
        "id": "3900000000001",
        "mime_type": "image/jpeg",
        "sha256": "c2FuZA==",
        "caption": "Такой же есть?",
    }
    return _one(account, SOMEBODY, message(SOMEBODY, "image", image=image))


def _edited(account: Account) -> Body:
    changed = {"type": "text", "text": {"body": "Исправила: диван серый"}}
    edit = {"original_message_id": new_wamid(), "message": changed}
    return _one(account, SOMEBODY, message(SOMEBODY, "edit", edit=edit))


def _large(account: Account) -> Body:
    """About 2.5 MB: as many short messages as Meta packs into one POST, and a long tail of the unknown."""
    made = [text_message(SOMEBODY, f"Пачка {number}") for number in range(900)]
    return _one(account, SOMEBODY, made[0], messages=made, padding="x" * 2_350_000)


def _text(words: str, **more: Any) -> Callable[[Account], Body]:
    return lambda account: _one(account, SOMEBODY, text_message(SOMEBODY, words, **more))


def _of_type(message_type: str, **more: Any) -> Callable[[Account], Body]:
    return lambda account: _one(account, SOMEBODY, message(SOMEBODY, message_type, **more))


ODD: Mapping[str, Odd] = {
    "batch": Odd(title="2 entries × 2 changes × 3 messages, one repeated", make=_batch, messages=11),
    "bsuid-only": Odd(
        title="phone hidden: a user id alone",
        make=lambda account: _one(account, HIDDEN, text_message(HIDDEN, "Номер не виден")),
        messages=1,
    ),
    "bsuid-as-phone": Odd(title="a user id in the phone's place", make=_bsuid_as_phone, messages=1),
    "no-contacts": Odd(title="no contacts at all", make=_no_contacts, messages=1),
    "echo": Odd(title="what staff typed on the phone", make=_echo, messages=0),
    "history": Odd(title="a piece of old history", make=_history, messages=0),
    "user-actions": Odd(title="a click on a marketing message", make=_user_actions, messages=0),
    "unknown-type": Odd(
        title="a message type that does not exist yet", make=_of_type("hologram", hologram={}), messages=1
    ),
    "unknown-key": Odd(
        title="unknown keys at the top",
        make=lambda account: {**_text("Новые поля")(account), "trace": {"hop": [1, 2]}},
        messages=1,
    ),
    "image": Odd(title="a picture with a caption", make=_image, messages=1),
    "edited": Odd(title="an edited message", make=_edited, messages=1),
    "reaction": Odd(
        title="a reaction",
        make=_of_type("reaction", reaction={"message_id": "wamid.X", "emoji": "👍"}),
        messages=0,
    ),
    "group": Odd(title="a message in a group", make=_text("Всем привет", group_id="G.1"), messages=0),
    "forwarded": Odd(
        title="a forwarded text", make=_text("Смотри, что нашла", context={"forwarded": True}), messages=1
    ),
    "ad": Odd(
        title="the first message after a Click-to-WhatsApp ad",
        make=_text("Здравствуйте!", referral=dict(REFERRAL)),
        messages=1,
    ),
    "late": Odd(title="seven days late", make=_text("Писала неделю назад"), messages=1, days_late=7),
    "forged": Odd(title="a wrong signature", make=_text("Подделка"), messages=0, sign=False),
    "large": Odd(title="a body of 2.5 MB", make=_large, messages=900),
}


def odd_body(account: Account, case: str) -> Body:
    """Give the body of an odd webhook; a late one bears the time of long ago."""
    odd = ODD[case]
    body = odd.make(account)
    for entry in body["entry"]:
        for change in entry["changes"]:
            for item in change["value"].get("messages", []):
                item["timestamp"] = str(int(item["timestamp"]) - odd.days_late * 86_400)
    return body
