"""Hand an inquiry to Google Analytics, within its limits."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from adapters.analytics.ga4.declaration import EUROPE, LABEL, SETTINGS, WORLD
from adapters.base import (
    N_,
    Destination,
    EventName,
    Finding,
    InquiryEvent,
    Kind,
    Misconfigured,
    Person,
    Receipt,
    Rejected,
    Source,
    Unsupported,
)

MAX_AGE = timedelta(hours=72)  # older events are silently moved to another day
SESSION_JOIN = timedelta(hours=24)  # later events open a session of their own, without a source
MAX_VALUE_CHARS = 100

# The last two numbers of a raw _ga cookie are the client id, so both forms end in it.
CLIENT_ID = re.compile(r"(?:^|\.)([1-9][0-9]{0,19}\.[1-9][0-9]{0,19})$")
# An event named like one of these is dropped without a word.
RESERVED_NAMES = re.compile(
    r"ad_(activeview|click|exposure|impression|query|reward)|adunit_exposure|error|first_(open|visit)"
    r"|app_(clear_data|exception|install|remove|store_refund|update|upgrade)|in_app_purchase|os_update"
    r"|dynamic_link_(app_open|app_update|first_open)|firebase_(campaign|in_app_message_\w+)|screen_view"
    r"|notification_(dismiss|foreground|open|receive|send)|session_start|user_engagement"
)
CONSENT_WORDS = {"granted": "GRANTED", "denied": "DENIED"}

# param → field of the visit's source; worth registering as custom dimensions
SOURCE_PARAMS = {
    "inquiry_channel": "channel",
    "inquiry_source": "source",
    "inquiry_medium": "medium",
    "inquiry_campaign": "campaign",
    "inquiry_campaign_id": "campaign_id",
    "inquiry_ad": "ad",
    "inquiry_keyword": "keyword",
}
# never sent: shows what a full event of this connection looks like to the validation endpoint
SAMPLE = InquiryEvent(
    name=EventName.INQUIRY_OPENED,
    key="check",
    inquiry_id="check",
    occurred_at=datetime(2026, 1, 1, tzinfo=UTC),
    project_name="",
    currency="EUR",
    time_zone="UTC",
    language="en",
    person=Person(person_id="check", phone="15550100"),
    source=Source(channel="Paid Search", source="google", medium="cpc", campaign="check"),
    how="exact",
    analytics_ids={"ga_client_id": "1.1", "ga_session_id": "1"},
)


class GoogleAnalytics4(Destination):
    slug = "ga4"
    label = LABEL
    kind = Kind.ANALYTICS
    docs = "https://developers.google.com/analytics/devguides/collection/protocol/ga4"
    hosts = (WORLD, EUROPE)
    handles = frozenset({EventName.INQUIRY_OPENED})
    settings = SETTINGS

    def check(self) -> list[Finding]:
        """Let Google's validator judge an event of this connection; nothing is recorded."""
        now = datetime.now(UTC)
        body = self._body(replace(SAMPLE, occurred_at=now), client_id="1.1", now=now)
        try:
            answer = self._post(
                "/debug/mp/collect", {**body, "validation_behavior": "ENFORCE_RECOMMENDATIONS"}
            )
        except Rejected as error:
            raise Misconfigured(error.text, **error.params) from None
        return [*_judged(answer), Finding(True, _UNPROVEN, {"name": self._event_name()})]

    def deliver(self, event: InquiryEvent) -> Receipt:
        """Hand the event over. Google answers the same whether it keeps the event or drops it."""
        now = datetime.now(UTC)
        client_id = _client_id(event)
        for hinders, text in _OBSTACLES:
            if hinders(event, client_id, now):
                raise Unsupported(text)
        self._post("/mp/collect", self._body(event, client_id=client_id, now=now))
        return Receipt(
            remote_id=_transaction_id(event),
            link="https://analytics.google.com/",
            note=N_("Handed over. Google Analytics does not confirm whether it kept the event."),
        )

    def _value(self, name: str) -> str:
        setting = next(setting for setting in self.settings if setting.name == name)
        value = self.config.get(name, "").strip() or setting.default
        is_missing = setting.required and not value
        if is_missing or (value and setting.pattern and not re.fullmatch(setting.pattern, value)):
            text = N_("{platform}: the setting “{setting}” is empty or not of the right form.")
            raise Misconfigured(text, platform=LABEL, setting=setting.label)
        return value

    def _post(self, path: str, body: Mapping[str, Any]) -> Any:
        query = {name: self._value(name) for name in ("measurement_id", "api_secret")}
        host = self._value("endpoint")
        if host not in self.hosts:
            raise Misconfigured(N_("Choose where Google receives the data from the list."))
        return self.http.request("POST", f"https://{host}{path}", platform=LABEL, params=query, json=body)

    def _body(self, event: InquiryEvent, *, client_id: str, now: datetime) -> dict[str, Any]:
        body = {
            "client_id": client_id,
            "timestamp_micros": _micros(min(event.occurred_at, now)),
            "consent": _consent(event),
            **self._user(event),
            "events": [{"name": self._event_name(), "params": self._params(event, now)}],
        }
        return {key: value for key, value in body.items() if value}

    def _event_name(self) -> str:
        name = self._value("event_name")
        if RESERVED_NAMES.fullmatch(name):
            raise Misconfigured(
                N_("Google keeps the event name {name} for itself. Choose another."), name=name
            )
        return name

    def _user(self, event: InquiryEvent) -> dict[str, Any]:
        wanted = self._value("send_user_data") == "yes" and event.consent.get("ad_user_data") == "granted"
        if not (wanted and event.person.phone):
            return {}
        return {
            # user_data counts only together with a user_id
            "user_id": _sha256(event.person.person_id),
            "user_data": {"sha256_phone_number": [_sha256(f"+{event.person.phone}")]},
        }

    def _params(self, event: InquiryEvent, now: datetime) -> dict[str, Any]:
        numbers: dict[str, Any] = {"engagement_time_msec": 1, **self._worth(event)}
        texts = {
            "session_id": _session_id(event, now),
            "lead_source": self._value("lead_source") or event.network,
            "transaction_id": _transaction_id(event),
            "inquiry_id": event.inquiry_id,
            "inquiry_kind": "repeat" if event.is_repeat else "new",
            "match_how": event.how,
            **{param: getattr(event.source, name) for param, name in SOURCE_PARAMS.items()},
            "inquiry_number": event.number_label,
            "inquiry_phrase": event.phrase,
            "inquiry_tags": ", ".join(event.tags),
            "inquiry_landing": _bare_address(event.source.landing_url),
            "page_location": _bare_address(event.page_url),
        }
        cut = {name: value.strip()[:MAX_VALUE_CHARS].rstrip() for name, value in texts.items()}
        return {**numbers, **{name: value for name, value in cut.items() if value}}

    def _worth(self, event: InquiryEvent) -> dict[str, Any]:
        value, currency = self._value("value"), self._value("currency") or event.currency
        return {"currency": currency, "value": _number(Decimal(value))} if value and currency else {}


# what stands against sending → why, for the owner; the first match wins
_OBSTACLES = (
    (
        lambda event, _client_id, _now: event.consent.get("analytics_storage") == "denied",
        N_("The visitor did not allow analytics, so nothing was sent to Google Analytics."),
    ),
    (
        lambda _event, client_id, _now: not client_id,
        N_("The visitor had no Google Analytics id: its tag did not run on that page or was blocked."),
    ),
    (
        lambda event, _client_id, now: now - event.occurred_at > MAX_AGE,
        N_("The inquiry is too old for Google Analytics: it takes the last 72 hours only."),
    ),
)
_UNPROVEN = N_(
    "Google offers no way to test the API secret. "
    "After the first inquiry look for the event {name} in Reports → Realtime."
)


def _judged(response: Any) -> list[Finding]:
    try:
        messages = response.json()["validationMessages"]
        texts = [str(message.get("description", "")) for message in messages]
    except (ValueError, KeyError, TypeError, AttributeError):
        return [Finding(False, N_("Google's validator gave an answer that cannot be read. Try again later."))]
    if not texts:
        return [Finding(True, N_("Google's validator accepts the events of this connection."))]
    return [Finding(False, N_("Google's validator says: {message}"), {"message": text}) for text in texts]


def _client_id(event: InquiryEvent) -> str:
    found = CLIENT_ID.search(event.analytics_ids.get("ga_client_id", "").strip())
    return found[1] if found else ""


def _session_id(event: InquiryEvent, now: datetime) -> str:
    if event.visit_started_at is None or now - event.visit_started_at > SESSION_JOIN:
        return ""
    found = event.analytics_ids.get("ga_session_id", "")
    return found if re.fullmatch(r"[0-9]{1,20}", found) else ""


def _consent(event: InquiryEvent) -> dict[str, str]:
    known = {name: event.consent.get(name, "").lower() for name in ("ad_user_data", "ad_personalization")}
    return {name: CONSENT_WORDS[word] for name, word in known.items() if word in CONSENT_WORDS}


def _bare_address(url: str) -> str:
    # A query may hold what a visitor typed; Google forbids personal data in params.
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return f"{parts.scheme}://{parts.hostname}{parts.path}" if parts.hostname else ""


def _transaction_id(event: InquiryEvent) -> str:
    return _sha256(event.key)[:32]


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _micros(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def _number(value: Decimal) -> int | float:
    return int(value) if value == value.to_integral_value() else float(value)
