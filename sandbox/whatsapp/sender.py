"""The side of Meta that calls: signs webhooks, posts them and repeats them until somebody answers 200."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import threading
import time
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import requests

from sandbox.shelf import Shelf
from sandbox.whatsapp import envelope
from sandbox.whatsapp.envelope import Account, Body, Customer

WEBHOOKS = "whatsapp/webhooks"
WINDOWS = "whatsapp/windows"  # customer → when they last wrote
TIMEOUT_SECONDS = 10
# Meta repeats for days; here one sees the same within minutes.
WAITS_SECONDS = (1, 2, 4, 8, 16, 32, 64)


class HandshakeFailed(Exception):
    """The callback address did not answer the challenge."""


def configure(
    shelf: Shelf,
    *,
    callback_url: str,
    app_secret: str,
    verify_token: str,
    phone_number_id: str,
    display_phone_number: str,
    waba_id: str,
    access_token: str = "",
    retry_scale: float = 1.0,
    handshake: bool = False,
) -> None:
    """Set the number and the app it reports to; with `handshake`, probe the address first, as Meta does."""
    if handshake:
        shake_hands(callback_url, verify_token=verify_token)
    made = Account(
        callback_url=callback_url,
        app_secret=app_secret,
        verify_token=verify_token,
        phone_number_id=phone_number_id,
        display_phone_number=display_phone_number,
        waba_id=waba_id,
        access_token=access_token,
        retry_scale=retry_scale,
    )
    shelf.put("whatsapp", "account", asdict(made))


def account(shelf: Shelf) -> Account | None:
    """Give the number that was set; nothing before `configure`."""
    found = shelf.get("whatsapp", "account")
    return Account(**found) if found else None


def shake_hands(callback_url: str, *, verify_token: str) -> None:
    """Probe an address with a challenge; raises HandshakeFailed unless it comes back alone."""
    challenge = str(secrets.randbelow(10**9))
    query = {"hub.mode": "subscribe", "hub.verify_token": verify_token, "hub.challenge": challenge}
    try:
        answer = requests.get(callback_url, params=query, timeout=TIMEOUT_SECONDS, allow_redirects=False)
    except requests.RequestException:
        raise HandshakeFailed("The callback address cannot be reached.") from None
    if answer.status_code != 200 or answer.text != challenge:
        raise HandshakeFailed(f"The callback address answered {answer.status_code} without the challenge.")


def send_text(
    shelf: Shelf,
    *,
    text: str,
    from_phone: str = "",
    name: str = "",
    bsuid: str = "",
    username: str = "",
    referral: Body | None = None,
    is_forwarded: bool = False,
) -> str:
    """Let a customer write; give the webhook's id. Without a phone the customer is known by `bsuid` alone."""
    customer = Customer(phone=from_phone, name=name, bsuid=bsuid, username=username)
    more: Body = {"referral": referral} if referral else {}
    if is_forwarded:
        more["context"] = {"forwarded": True}
    return send_message(shelf, customer, envelope.text_message(customer, text, **more))


def send_message(shelf: Shelf, customer: Customer, item: Body) -> str:
    """Send one entry of `messages[]` in an envelope of its own; give the webhook's id."""
    for key in filter(None, (customer.phone, customer.bsuid)):
        shelf.put(WINDOWS, key, time.time())
    found = _configured(shelf)
    return send(shelf, envelope.envelope(found, envelope.value_of(found, customer, item)))


def send_odd(shelf: Shelf, case: str) -> str:
    """Send one of the odd webhooks; give its id."""
    body = envelope.odd_body(_configured(shelf), case)
    return send(shelf, body, title=envelope.ODD[case].title, signed=envelope.ODD[case].sign)


def send(shelf: Shelf, body: Body, *, title: str = "", signed: bool = True) -> str:
    """Send a webhook in the background, until 200 or until patience ends; give its id."""
    found = _configured(shelf)
    # Escapes for everything beyond ASCII, as Meta writes them: the signature is over these very bytes.
    raw = json.dumps(body, ensure_ascii=True, separators=(",", ":"))
    webhook_id = str(shelf.next_id(WEBHOOKS))
    record = {"id": webhook_id, "title": title or _title(body), "made_at": _now(), "body": raw}
    shelf.put(WEBHOOKS, webhook_id, {**record, "state": "waiting", "attempts": []})
    secret = found.app_secret if signed else "not the app's secret"
    threading.Thread(target=_deliver, args=(shelf, webhook_id, found, secret), daemon=True).start()
    return webhook_id


def sign(raw: bytes, *, secret: str) -> str:
    """Give the value of X-Hub-Signature-256 for these bytes."""
    return "sha256=" + hmac.new(secret.encode(), raw, hashlib.sha256).hexdigest()


def webhook(shelf: Shelf, webhook_id: str) -> dict[str, Any] | None:
    """Give a webhook's record: body, state, attempts."""
    found: dict[str, Any] | None = shelf.get(WEBHOOKS, webhook_id)
    return found


def webhooks(shelf: Shelf) -> list[dict[str, Any]]:
    """Give the records of all webhooks, oldest first."""
    return shelf.all(WEBHOOKS)


def _deliver(shelf: Shelf, webhook_id: str, found: Account, secret: str) -> None:
    raw = shelf.get(WEBHOOKS, webhook_id)["body"].encode()
    for wait in (*WAITS_SECONDS, None):
        attempt = _attempt(raw, found=found, secret=secret)
        is_taken = attempt["status"] == 200
        state = "delivered" if is_taken else "waiting" if wait else "given up"
        _note(shelf, webhook_id, attempt=attempt, state=state)
        if is_taken or wait is None:
            return
        time.sleep(wait * found.retry_scale)


def _attempt(raw: bytes, *, found: Account, secret: str) -> dict[str, Any]:
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "facebookexternalua",
        "X-Hub-Signature-256": sign(raw, secret=secret),
    }
    started = time.monotonic()
    try:
        answer = requests.post(
            found.callback_url, data=raw, headers=headers, timeout=TIMEOUT_SECONDS, allow_redirects=False
        )
        status, said = answer.status_code, answer.text[:300]
    except requests.RequestException as error:
        status, said = 0, type(error).__name__
    return {"at": _now(), "status": status, "said": said, "seconds": round(time.monotonic() - started, 3)}


def _note(shelf: Shelf, webhook_id: str, *, attempt: dict[str, Any], state: str) -> None:
    with shelf.locked():
        record = shelf.get(WEBHOOKS, webhook_id)
        if record:  # the page may have been cleared meanwhile
            attempts = [*record["attempts"], attempt]
            shelf.put(WEBHOOKS, webhook_id, {**record, "state": state, "attempts": attempts})


def _configured(shelf: Shelf) -> Account:
    found = account(shelf)
    if found is None:
        raise LookupError("The WhatsApp stand-in has no number yet: call configure() first.")
    return found


def _title(body: Body) -> str:
    """Tell in a few words what a webhook holds."""
    value = body["entry"][0]["changes"][0]["value"]
    items = value.get("messages", [])
    return (
        items[0].get("text", {}).get("body", items[0]["type"])
        if items
        else ", ".join(item["status"] for item in value.get("statuses", []))
    )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
