"""The side of Meta that is called: the few Graph calls around a WhatsApp number, as strict as there."""

from __future__ import annotations

import hmac
import re
import time
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

from flask import Blueprint, Response, jsonify, request

from sandbox import faults
from sandbox.shelf import Shelf
from sandbox.whatsapp import envelope, sender
from sandbox.whatsapp.envelope import Account

VERSIONS = {f"v{number}.0" for number in range(21, 27)}
BSUID = re.compile(r"[A-Z]{2}\.(ENT\.)?[A-Za-z0-9]{1,128}")
WINDOW_SECONDS = 24 * 3600
MAX_TEXT = 4096
OUTGOING = "whatsapp/outgoing"
APPS = "whatsapp/apps"

View = Callable[..., Response]


class Refused(Exception):
    """A call that Graph answers with an error object."""

    def __init__(self, code: int, text: str, *, status: int = 400, **more: Any) -> None:
        super().__init__(text)
        self.code, self.status, self.more = code, status, more

    def response(self) -> Response:
        """Give the error object as Graph writes it."""
        error = {
            "message": f"(#{self.code}) {self}",
            "type": self.more.pop("type", "OAuthException"),
            "code": self.code,
            **self.more,
            "fbtrace_id": "AsandboxTraceId0000000",
        }
        made = jsonify(error=error)
        made.status_code = self.status
        return made


def slow_down() -> Response:
    """Give the answer to somebody who calls too often."""
    made = Refused(130429, "Rate limit hit", status=429).response()
    made.headers["Retry-After"] = "2"
    return made


EXPIRED = "Error validating access token: Session has expired"
BEFORE_WORK: Mapping[str, Callable[[], Response]] = {
    "429": slow_down,
    "500": lambda: Refused(2, "Service temporarily unavailable", status=500).response(),
    "expired": lambda: Refused(190, EXPIRED, status=401, error_subcode=463).response(),
    "drop": faults.cut_connection,
}


def add_routes(made: Blueprint, shelf: Shelf) -> None:
    """Add the Graph calls to the stand-in's blueprint."""

    def graph(rule: str, *, methods: tuple[str, ...]) -> Callable[[View], View]:
        def add(view: View) -> View:
            guarded = _guarded(shelf, view)
            made.add_url_rule(f"/<version>/{rule}", view.__name__, guarded, methods=list(methods))
            return view

        return add

    @graph("<node>", methods=("GET",))
    def node(found: Account, node: str) -> Response:
        if node != found.phone_number_id:
            raise _unknown(node)
        return jsonify(_fields(found) | {"id": node})

    @graph("<node>/subscribed_apps", methods=("GET", "POST"))
    def subscribed_apps(found: Account, node: str) -> Response:
        if node != found.waba_id:
            raise _unknown(node)
        if request.method == "GET":
            return jsonify(data=shelf.all(APPS) or [_app()])
        shelf.put(APPS, "whence", _app() | _override(request.get_json(silent=True) or {}))
        return jsonify(success=True)

    @graph("<node>/messages", methods=("POST",))
    def messages(found: Account, node: str) -> Response:
        if node != found.phone_number_id:
            raise _unknown(node)
        return _take(shelf, request.get_json(silent=True) or {}, found=found)


def _guarded(shelf: Shelf, view: View) -> View:
    """Wrap a call in what is the same for all: faults, version, token, error objects."""

    @wraps(view)
    def call(version: str, **arguments: str) -> Response:
        fault = faults.current(shelf, "whatsapp")
        if fault in BEFORE_WORK:
            return BEFORE_WORK[fault]()
        if fault == "slow":
            faults.slow()
        try:
            answer = view(_authorised(shelf, version), **arguments)
        except Refused as refused:
            answer = refused.response()
        return faults.cut_connection() if fault == "drop-after" else answer

    return call


def _authorised(shelf: Shelf, version: str) -> Account:
    if version not in VERSIONS:
        raise Refused(2635, f"You are calling a version of the API that is gone: {version}")
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme != "Bearer" or not token:
        raise Refused(104, "An access token is required to request this resource.", status=401)
    found = sender.account(shelf)
    if found is None or not hmac.compare_digest(token.encode(), found.access_token.encode()):
        raise Refused(190, "Invalid OAuth access token - Cannot parse access token", status=401)
    return found


def _unknown(node: str) -> Refused:
    text = f"Unsupported request. Object with ID '{node}' does not exist, or lacks permissions."
    return Refused(100, text, type="GraphMethodException", error_subcode=33)


def _fields(found: Account) -> dict[str, Any]:
    known = {
        "display_phone_number": found.display_phone_number,
        "verified_name": "Диваны и кресла",
        "quality_rating": "GREEN",
    }
    wanted = [name for name in request.args.get("fields", "").split(",") if name] or list(known)
    strange = next((name for name in wanted if name not in {*known, "id"}), "")
    if strange:
        raise Refused(100, f"Tried accessing nonexisting field ({strange})")
    return {name: known[name] for name in wanted if name in known}


def _app() -> dict[str, Any]:
    return {"whatsapp_business_api_data": {"id": "3090000000001", "name": "Whence", "link": ""}}


def _override(body: Mapping[str, Any]) -> dict[str, Any]:
    """Read a callback address of this account's own; it must answer the challenge first."""
    address = body.get("override_callback_uri")
    if not address:
        return {}
    try:
        sender.shake_hands(str(address), verify_token=str(body.get("verify_token", "")))
    except sender.HandshakeFailed as failed:
        raise Refused(2200, f"Callback verification failed: {failed}") from None
    return {"override_callback_uri": address}


def replies(shelf: Shelf) -> list[dict[str, Any]]:
    """Give the messages that the business sent, oldest first."""
    return shelf.all(OUTGOING)


# --- sending a message of the business ------------------------------------------------------------


def _take(shelf: Shelf, body: Mapping[str, Any], *, found: Account) -> Response:
    if body.get("messaging_product") != "whatsapp":
        raise Refused(100, "Param messaging_product must be one of {WHATSAPP}")
    address, field = _recipient(body)
    text = _checked_text(body)
    last = shelf.get(sender.WINDOWS, address)
    if body.get("type", "text") != "template" and (last is None or time.time() - last > WINDOW_SECONDS):
        details = "More than 24 hours have passed since the customer last wrote to this number."
        raise Refused(131047, "Re-engagement message", error_data={"details": details})
    message_id = envelope.new_wamid()
    shelf.put(OUTGOING, message_id, {"id": message_id, "to": address, "text": text, "at": time.time()})
    sender.send(shelf, envelope.statuses(found, message_id, recipient=address, states=("sent", "delivered")))
    contact = {"input": address, field: address}
    return jsonify(messaging_product="whatsapp", contacts=[contact], messages=[{"id": message_id}])


def _recipient(body: Mapping[str, Any]) -> tuple[str, str]:
    """Give the address and the answer's name for it. `to` takes phones alone and wins over `recipient`."""
    if to := str(body.get("to") or ""):
        phone = re.sub(r"[\s+()-]", "", to)
        if not phone.isdigit():
            raise Refused(100, "Param to must be a phone number; a user id belongs into recipient")
        return phone, "wa_id"
    recipient = str(body.get("recipient") or "")
    if not recipient:
        raise Refused(100, "The parameter to is required.")
    if not BSUID.fullmatch(recipient):
        raise Refused(100, "Param recipient must be a business-scoped user id")
    return recipient, "user_id"


def _checked_text(body: Mapping[str, Any]) -> str:
    if body.get("type", "text") != "text":
        return ""
    text = str((body.get("text") or {}).get("body") or "")
    if not text:
        raise Refused(100, "The parameter text['body'] is required.")
    if len(text) > MAX_TEXT:
        raise Refused(100, f"Param text['body'] must be at most {MAX_TEXT} characters long.")
    return text
