"""Stand-in for Google Analytics 4: takes everything with 204, and says on its page what it would drop."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import Blueprint, Response, jsonify, render_template, request

from sandbox import faults
from sandbox.shelf import Shelf

MAX_BODY_BYTES = 130_000
MAX_AGE = timedelta(hours=72)
MAX_ENTRIES = 25
MAX_NAME, MAX_VALUE, MAX_USER_ID = 40, 100, 256
MAX_PROPERTY_NAME, MAX_PROPERTY_VALUE = 24, 36

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*", re.ASCII)
CLIENT_ID = re.compile(r"(GA1\.[0-9-]+\.)?[1-9][0-9]*\.[1-9][0-9]*", re.ASCII)
HASH = re.compile(r"[0-9a-f]{64}")
CURRENCY = re.compile(r"[A-Z]{3}")
RESERVED_PREFIXES = ("_", "firebase_", "ga_", "google_", "gtag.")
RESERVED_PARAMS = {"firebase_conversion"}
RESERVED_PROPERTIES = {
    "first_open_time",
    "first_visit_time",
    "last_deep_link_referrer",
    "user_id",
    "first_open_after_install",
}
RESERVED_EVENT_NAMES = """
    ad_activeview ad_click ad_exposure ad_impression ad_query ad_reward adunit_exposure app_clear_data
    app_exception app_install app_remove app_store_refund app_update app_upgrade dynamic_link_app_open
    dynamic_link_app_update dynamic_link_first_open error firebase_campaign firebase_in_app_message_action
    firebase_in_app_message_dismiss firebase_in_app_message_impression first_open first_visit in_app_purchase
    notification_dismiss notification_foreground notification_open notification_receive notification_send
    os_update screen_view session_start user_engagement
"""
RESERVED_EVENTS = set(RESERVED_EVENT_NAMES.split())
BODY_KEYS = {
    "client_id",
    "user_id",
    "timestamp_micros",
    "user_properties",
    "user_data",
    "consent",
    "non_personalized_ads",
    "user_location",
    "ip_override",
    "device",
    "user_agent",
    "validation_behavior",
    "events",
}
CONSENT_KEYS, CONSENT_WORDS = {"ad_user_data", "ad_personalization"}, {"GRANTED", "DENIED"}
BEHAVIOURS = {"RELAXED", "ENFORCE_RECOMMENDATIONS"}
# event → params that it cannot do without
REQUIRED = {
    "purchase": ("currency", "value", "transaction_id", "items"),
    "refund": ("currency", "value", "transaction_id"),
}


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken rule, as the validation endpoint words it."""

    code: str
    path: str
    text: str


def configure(shelf: Shelf, *, measurement_id: str, api_secret: str) -> None:
    """Let a data stream exist, with one of its secrets."""
    shelf.put("ga4/streams", measurement_id, {"api_secret": api_secret})


def received(shelf: Shelf) -> list[dict[str, Any]]:
    """Give every event that arrived, oldest first; `state` is kept, repeat or dropped."""
    return shelf.all("ga4/events")


def violations(body: Any, *, now: datetime, strict: bool = True) -> list[Violation]:
    """Find what Google would drop the request for; `strict` judges the times too."""
    if not isinstance(body, dict):
        return [Violation("VALUE_INVALID", "", "The body is not a JSON object.")]
    rules: tuple[Callable[[Mapping[str, Any]], Iterator[Violation]], ...] = (
        _keys,
        _ids,
        _consent,
        _user_data,
        _user_properties,
        _events,
    )
    found = [violation for rule in rules for violation in rule(body)]
    return found + list(_times(body, now)) if strict else found


def blueprint(shelf: Shelf) -> Blueprint:
    """Make the stand-in's endpoints and its page."""
    made = Blueprint("ga4", __name__)

    @made.post("/mp/collect")
    def collect() -> Response:
        fault = faults.current(shelf, "ga4")
        request.get_data()  # an unread body would leave the caller waiting for its time limit
        if fault in BEFORE:
            return BEFORE[fault]()
        if fault == "slow":
            faults.slow()
        _take(shelf, secret_expired=fault == "expired")
        return faults.cut_connection() if fault == "drop-after" else Response(status=204)

    @made.post("/debug/mp/collect")
    def validate() -> Response:
        body = _body()
        enforced = isinstance(body, dict) and body.get("validation_behavior") == "ENFORCE_RECOMMENDATIONS"
        found = violations(body, now=datetime.now(UTC), strict=enforced)
        return jsonify(
            validationMessages=[
                {"fieldPath": one.path, "description": one.text, "validationCode": one.code} for one in found
            ]
        )

    @made.get("/")
    def page() -> str:
        events = received(shelf)
        states = ("kept", "repeat", "dropped")
        counts = {state: sum(event["state"] == state for event in events) for state in states}
        return render_template("ga4.html", events=events[::-1], counts=counts)

    return made


# faults that come before anything is taken
BEFORE: Mapping[str, Callable[[], Response]] = {
    "429": lambda: Response(status=429, headers={"Retry-After": "2"}),
    "500": lambda: Response(status=500),
    "drop": faults.cut_connection,
}


def _body() -> Any:
    try:
        return json.loads(request.get_data())
    except ValueError:
        return None


def _take(shelf: Shelf, *, secret_expired: bool) -> None:
    body, now = _body(), datetime.now(UTC)
    reasons = [*_stream_reasons(shelf, secret_expired), *(_worded(one) for one in violations(body, now=now))]
    facts = body if isinstance(body, dict) else {}
    events = facts.get("events")
    for event in events if isinstance(events, list) and events else [{}]:
        _keep(shelf, facts, event if isinstance(event, dict) else {}, reasons=reasons, now=now)


def _keep(
    shelf: Shelf, body: Mapping[str, Any], event: Mapping[str, Any], *, reasons: list[str], now: datetime
) -> None:
    given = event.get("params")
    params = given if isinstance(given, dict) else {}
    with shelf.locked():
        shelf.put(
            "ga4/events",
            shelf.next_id("ga4/events"),
            {
                "received_at": now.isoformat(timespec="seconds"),
                "state": "dropped" if reasons else _new_or_repeat(shelf, body, event),
                "reasons": reasons,
                "measurement_id": request.args.get("measurement_id", ""),
                "name": str(event.get("name", "")),
                "client_id": str(body.get("client_id", "")),
                "session_id": str(params.get("session_id", "")),
                "happened_at": _moment_text(body.get("timestamp_micros")),
                "consent": body.get("consent") or {},
                "has_user_data": bool(body.get("user_data")),
                "params": params,
            },
        )


def _new_or_repeat(shelf: Shelf, body: Mapping[str, Any], event: Mapping[str, Any]) -> str:
    transaction_id = event["params"].get("transaction_id")
    if not transaction_id:
        return "kept"
    key = f"{body['client_id']} {event['name']} {transaction_id}"
    seen = shelf.get("ga4/seen", key)
    shelf.put("ga4/seen", key, True)
    return "repeat" if seen else "kept"


def _stream_reasons(shelf: Shelf, secret_expired: bool) -> Iterator[str]:
    stream = shelf.get("ga4/streams", request.args.get("measurement_id", ""))
    if stream is None:
        yield "measurement_id: no such data stream"
    elif secret_expired or request.args.get("api_secret", "") != stream["api_secret"]:
        yield "api_secret: not a secret of this stream"
    if request.content_length is not None and request.content_length >= MAX_BODY_BYTES:
        yield "body: 130 kB or more"


def _worded(violation: Violation) -> str:
    return f"{violation.path or 'body'}: {violation.text} ({violation.code})"


def _moment_text(micros: Any) -> str:
    if not isinstance(micros, int):
        return ""
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros % 10**17)
    return moment.isoformat(timespec="seconds")


# --- rules ----------------------------------------------------------------------------------------


def _keys(body: Mapping[str, Any]) -> Iterator[Violation]:
    for key in body.keys() - BODY_KEYS:
        yield Violation("NAME_INVALID", key, "The protocol has no such field.")
    if body.get("validation_behavior", "RELAXED") not in BEHAVIOURS:
        yield Violation("VALUE_INVALID", "validation_behavior", "No such behaviour.")


def _ids(body: Mapping[str, Any]) -> Iterator[Violation]:
    client_id, user_id = body.get("client_id"), body.get("user_id")
    if not client_id:
        yield Violation("VALUE_REQUIRED", "client_id", "A web stream needs a client id.")
    elif not isinstance(client_id, str) or not CLIENT_ID.fullmatch(client_id):
        yield Violation("VALUE_INVALID", "client_id", "Not two positive integers joined by a dot.")
    if user_id is not None and not (isinstance(user_id, str) and 0 < len(user_id) <= MAX_USER_ID):
        yield Violation("VALUE_INVALID", "user_id", "Not a text of 1 to 256 characters.")


def _consent(body: Mapping[str, Any]) -> Iterator[Violation]:
    consent = body.get("consent", {})
    if not isinstance(consent, dict):
        yield Violation("VALUE_INVALID", "consent", "Not an object.")
        return
    for key, value in consent.items():
        if key not in CONSENT_KEYS or value not in CONSENT_WORDS:
            yield Violation("VALUE_INVALID", f"consent.{key}", "Not one of GRANTED and DENIED.")


def _user_data(body: Mapping[str, Any]) -> Iterator[Violation]:
    data = body.get("user_data", {})
    if not isinstance(data, dict):
        yield Violation("VALUE_INVALID", "user_data", "Not an object.")
        return
    if data and not body.get("user_id"):
        yield Violation("VALUE_REQUIRED", "user_id", "User data counts only together with a user id.")
    for key in ("sha256_phone_number", "sha256_email_address"):
        values = data.get(key, [])
        values = values if isinstance(values, list) else [values]
        if len(values) > 3:
            yield Violation("EXCEEDED_MAX_ENTITIES", f"user_data.{key}", "More than three.")
        if not all(isinstance(value, str) and HASH.fullmatch(value) for value in values):
            yield Violation("VALUE_INVALID", f"user_data.{key}", "Not a SHA-256 in lower-case hex.")


def _user_properties(body: Mapping[str, Any]) -> Iterator[Violation]:
    properties = body.get("user_properties", {})
    if not isinstance(properties, dict):
        yield Violation("VALUE_INVALID", "user_properties", "Not an object.")
        return
    if len(properties) > MAX_ENTRIES:
        yield Violation("EXCEEDED_MAX_ENTITIES", "user_properties", "More than 25.")
    for name, holder in properties.items():
        path = f"user_properties.{name}"
        yield from _name(name, path, limit=MAX_PROPERTY_NAME, reserved=RESERVED_PROPERTIES)
        if not isinstance(holder, dict) or len(str(holder.get("value", ""))) > MAX_PROPERTY_VALUE:
            yield Violation("VALUE_INVALID", path, "No value, or longer than 36 characters.")


def _events(body: Mapping[str, Any]) -> Iterator[Violation]:
    events = body.get("events", [])
    if not isinstance(events, list) or (not events and not body.get("user_data")):
        yield Violation("VALUE_REQUIRED", "events", "Not a list of 1 to 25 events.")
        return
    if len(events) > MAX_ENTRIES:
        yield Violation("EXCEEDED_MAX_ENTITIES", "events", "More than 25.")
    for index, event in enumerate(events):
        yield from _event(event, f"events[{index}]")


def _event(event: Any, path: str) -> Iterator[Violation]:
    if not isinstance(event, dict) or not isinstance(event.get("name"), str):
        yield Violation("VALUE_REQUIRED", f"{path}.name", "An event needs a name.")
        return
    yield from _name(event["name"], f"{path}.name", limit=MAX_NAME, reserved=RESERVED_EVENTS)
    params = event.get("params", {})
    if not isinstance(params, dict):
        yield Violation("VALUE_INVALID", f"{path}.params", "Not an object.")
        return
    if len(params) > MAX_ENTRIES:
        yield Violation("EXCEEDED_MAX_ENTITIES", f"{path}.params", "More than 25.")
    for name, value in params.items():
        yield from _name(name, f"{path}.params.{name}", limit=MAX_NAME, reserved=RESERVED_PARAMS)
        yield from _param(name, value, f"{path}.params.{name}")
    yield from _money(event["name"], params, f"{path}.params")


def _name(name: str, path: str, *, limit: int, reserved: set[str]) -> Iterator[Violation]:
    if name in reserved or name.startswith(RESERVED_PREFIXES):
        yield Violation("NAME_RESERVED", path, "Google keeps this name for itself.")
    elif not NAME.fullmatch(name) or len(name) > limit:
        yield Violation("NAME_INVALID", path, f"Not a letter and up to {limit - 1} letters, digits or _.")


def _param(name: str, value: Any, path: str) -> Iterator[Violation]:
    if name == "session_id" and not re.fullmatch(r"[0-9]+|GS[12]\..+", str(value)):
        yield Violation("VALUE_INVALID", path, "Not a session id.")
    elif name == "items":
        if not isinstance(value, list):
            yield Violation("VALUE_INVALID", path, "Not a list.")
    elif not isinstance(value, str | int | float):
        yield Violation("VALUE_INVALID", path, "Neither a text nor a number.")
    elif value == "":
        yield Violation("VALUE_REQUIRED", path, "Empty.")
    elif len(str(value)) > MAX_VALUE:
        yield Violation("VALUE_OUT_OF_BOUNDS", path, "Longer than 100 characters.")


def _money(name: str, params: Mapping[str, Any], path: str) -> Iterator[Violation]:
    for param in REQUIRED.get(name, ()):
        if param not in params:
            yield Violation("VALUE_REQUIRED", f"{path}.{param}", f"A {name} needs it.")
    if "value" not in params:
        return
    if not isinstance(params["value"], int | float) or isinstance(params["value"], bool):
        yield Violation("VALUE_INVALID", f"{path}.value", "Not a number.")
    if not CURRENCY.fullmatch(str(params.get("currency", ""))):
        yield Violation("VALUE_REQUIRED", f"{path}.currency", "A value needs an ISO 4217 currency.")


def _times(body: Mapping[str, Any], now: datetime) -> Iterator[Violation]:
    events = body.get("events")
    listed = events if isinstance(events, list) else []
    holders = [body, *(event for event in listed if isinstance(event, dict))]
    for holder in holders:
        micros = holder.get("timestamp_micros")
        if micros is None:
            continue
        if not isinstance(micros, int) or isinstance(micros, bool):
            yield Violation("VALUE_INVALID", "timestamp_micros", "Not an integer.")
            continue
        age_seconds = now.timestamp() - micros / 1e6
        if not -60 <= age_seconds <= MAX_AGE.total_seconds() + 60:
            yield Violation(
                "VALUE_OUT_OF_BOUNDS", "timestamp_micros", "Older than 72 hours, or still to come."
            )
