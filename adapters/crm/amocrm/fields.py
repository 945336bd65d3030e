"""The lead's source fields: what each holds, which of them the account has, how missing ones are made."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import Any

from adapters.base import ConnectionState, InquiryEvent, Misconfigured, Rejected, Source
from adapters.crm.amocrm.client import AccountApi

MAX_CHARS = 255
KEPT_SECONDS = 24 * 3600
CLAIM_SECONDS = 30
GROUPS = {"ru": "Реклама", "en": "Advertising"}
INQUIRY_ID = "WHENCE_ID"
BUILT_IN_CLICK_IDS = ("gclid", "yclid", "fbclid")

Value = Callable[[InquiryEvent], str]


def _utm(name: str, attribute: str = "") -> Value:
    """Give the parameter as it stood in the address, else what the classification made of the visit."""
    return lambda event: event.source.utm.get(name) or str(getattr(event.source, attribute, ""))


def _click_id(name: str) -> Value:
    return lambda event: event.source.click_ids.get(name, "")


def _analytics(name: str) -> Value:
    return lambda event: event.analytics_ids.get(name, "")


def _other_click_ids(event: InquiryEvent) -> str:
    found = event.source.click_ids.items()
    return " ".join(f"{name}={value}" for name, value in found if name not in BUILT_IN_CLICK_IDS)


def summary(source: Source) -> str:
    """Give a source in one line."""
    channel = source.channel_name or source.channel
    parts = (channel, source.source, source.medium, source.campaign, source.ad, source.keyword)
    return " / ".join(part for part in parts if part)


# fields that the CRM itself has, by code
TRACKING: Mapping[str, Value] = {
    "UTM_SOURCE": _utm("utm_source", "source"),
    "UTM_MEDIUM": _utm("utm_medium", "medium"),
    "UTM_CAMPAIGN": _utm("utm_campaign", "campaign"),
    "UTM_CONTENT": _utm("utm_content", "ad"),
    "UTM_TERM": _utm("utm_term", "keyword"),
    "UTM_REFERRER": _utm("utm_referrer"),
    "REFERRER": lambda event: event.source.referrer,
    "ROISTAT": _analytics("roistat"),
    "FROM": _utm("from"),
    "GCLIENTID": _analytics("ga_client_id"),
    "_YM_UID": _analytics("ym_client_id"),
    "_YM_COUNTER": _analytics("ym_counter"),
    "GCLID": _click_id("gclid"),
    "YCLID": _click_id("yclid"),
    "FBCLID": _click_id("fbclid"),
}
# fields of our own, by code
OWN: Mapping[str, Value] = {
    INQUIRY_ID: lambda event: event.inquiry_id,
    "WHENCE_REFERENCE": lambda event: event.reference,
    "WHENCE_CHANNEL": lambda event: event.source.channel_name or event.source.channel,
    "WHENCE_CAMPAIGN_ID": lambda event: event.source.campaign_id,
    "WHENCE_CLICK_IDS": _other_click_ids,
    "WHENCE_LANDING": lambda event: event.source.landing_url,
    "WHENCE_PAGE": lambda event: event.page_url,
    "WHENCE_FIRST_TOUCH": lambda event: summary(event.first_source),
}
OWN_NAMES: Mapping[str, Mapping[str, str]] = {
    INQUIRY_ID: {"ru": "ID обращения", "en": "Inquiry ID"},
    "WHENCE_REFERENCE": {"ru": "Код обращения", "en": "Inquiry reference"},
    "WHENCE_CHANNEL": {"ru": "Канал", "en": "Channel"},
    "WHENCE_CAMPAIGN_ID": {"ru": "ID кампании", "en": "Campaign ID"},
    "WHENCE_CLICK_IDS": {"ru": "Другие метки клика", "en": "Other click IDs"},
    "WHENCE_LANDING": {"ru": "Страница входа", "en": "Landing page"},
    "WHENCE_PAGE": {"ru": "Страница нажатия", "en": "Page of the press"},
    "WHENCE_FIRST_TOUCH": {"ru": "Первое касание", "en": "First touch"},
}
ALL: Mapping[str, Value] = {**TRACKING, **OWN}


def values_of(event: InquiryEvent) -> dict[str, str]:
    """Give what the fields shall hold, by code; a value that is not known is left out."""
    found = {code: value(event)[:MAX_CHARS] for code, value in ALL.items()}
    return {code: value for code, value in found.items() if value}


def as_request(values: Mapping[str, str]) -> list[dict[str, Any]]:
    """Give values as the API takes them."""
    return [{"field_code": code, "values": [{"value": value}]} for code, value in values.items()]


def current_values(lead: Mapping[str, Any], known: Mapping[str, int]) -> dict[str, str]:
    """Read a lead's values by code; fields without a code are found by their id."""
    codes = {field_id: code for code, field_id in known.items()}
    found = {}
    for item in lead.get("custom_fields_values") or []:
        code = codes.get(item.get("field_id")) or item.get("field_code")
        values = item.get("values") or []
        if code and values:
            found[code] = str(values[0].get("value", ""))
    return found


def to_fill(
    wanted: Mapping[str, str], current: Mapping[str, str], *, written: Mapping[str, str]
) -> dict[str, str]:
    """Give the values to write: where nothing stands, or what we wrote ourselves and nobody changed."""
    return {
        code: value
        for code, value in wanted.items()
        if current.get(code, "") in ("", written.get(code, "")) and current.get(code) != value
    }


class LeadFields:
    """The account's field list by code, kept in the connection's state for a day."""

    def __init__(self, api: AccountApi, state: ConnectionState, *, may_create: bool, language: str) -> None:
        self._api = api
        self._state = state
        self._may_create = may_create
        self._language = "ru" if language.startswith("ru") else "en"

    def known(self, *, reload: bool = False) -> Mapping[str, int]:
        """Give the ids of the fields we can fill; makes missing ones when that is wanted and allowed."""
        kept = self._state.read()
        fresh = float(kept.get("fields_at") or 0) > time.time() - KEPT_SECONDS
        tried = not self._may_create or kept.get("fields_tried") == "yes"
        if fresh and tried and not reload:
            found: Mapping[str, int] = json.loads(kept["fields"])
            return found
        known = self.load()
        if self._may_create and not set(ALL) <= set(known):
            return self._complete(known)
        self._keep(known)
        return known

    def load(self) -> dict[str, int]:
        """Read which of our fields the account has."""
        items = self._api.at("leads/custom_fields", field="custom_fields").get_all()
        return {item["code"]: item["id"] for item in items if item.get("code") in ALL}

    def _complete(self, known: Mapping[str, int]) -> Mapping[str, int]:
        """Make the missing fields, one process at a time; the others wait until they are there."""
        if not self._claim():
            return self._wait_for_maker(known)
        try:
            known = self._completed()
        except BaseException:
            self._release()
            raise
        self._keep(known)
        return known

    def _completed(self) -> Mapping[str, int]:
        known = self.load()
        try:
            self._create([code for code in ALL if code not in known])
        except (Misconfigured, Rejected):
            # no administrator's token, say: the lead goes without these fields, and the receipt says so
            return known
        return self.load()

    def _claim(self) -> bool:
        with self._state.exclusive() as kept:
            if float(kept.get("fields_claim_at") or 0) > time.time() - CLAIM_SECONDS:
                return False
            kept["fields_claim_at"] = str(time.time())
            return True

    def _wait_for_maker(self, known: Mapping[str, int]) -> Mapping[str, int]:
        patience = time.monotonic() + CLAIM_SECONDS
        while time.monotonic() < patience:
            kept = self._state.read()
            if not kept.get("fields_claim_at"):
                found: Mapping[str, int] = json.loads(kept.get("fields") or "{}")
                return found or known
            time.sleep(0.1)
        return known

    def _keep(self, known: Mapping[str, int]) -> None:
        with self._state.exclusive() as kept:
            kept["fields"] = json.dumps(known)
            kept["fields_at"] = str(int(time.time()))
            kept["fields_tried"] = "yes" if self._may_create else ""
            kept.pop("fields_claim_at", None)

    def _release(self) -> None:
        with self._state.exclusive() as kept:
            kept.pop("fields_claim_at", None)

    def _create(self, codes: list[str]) -> None:
        group_id = self._group()
        fields = [
            {"name": self._name(code), "type": "text", "code": code, "group_id": group_id} for code in codes
        ]
        self._api.send("post", "leads/custom_fields", fields)

    def _group(self) -> str:
        path, field = "leads/custom_fields/groups", "custom_field_groups"
        for group in self._api.at(path, field=field).get_all():
            if group.get("name") in GROUPS.values():
                return str(group["id"])
        answer = self._api.send("post", path, [{"name": GROUPS[self._language], "sort": 10}])
        return str(answer["_embedded"][field][0]["id"])

    def _name(self, code: str) -> str:
        return OWN_NAMES[code][self._language] if code in OWN_NAMES else code.lower()


def missing_names(codes: list[str]) -> str:
    """Name fields for a warning."""
    return ", ".join(OWN_NAMES[code]["en"] if code in OWN_NAMES else code.lower() for code in codes)
