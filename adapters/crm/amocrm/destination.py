"""Deliver inquiries to an account: enrich the open deal, else make one."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, TypeVar

from adapters.base import (
    N_,
    Consent,
    Destination,
    EventName,
    Finding,
    InquiryEvent,
    Kind,
    Misconfigured,
    Receipt,
    Temporary,
    Unsupported,
)
from adapters.crm.amocrm import people
from adapters.crm.amocrm.client import AccountApi, FieldsRefused
from adapters.crm.amocrm.declaration import DOMAINS, ENRICH, LABEL, SETTINGS, host_of, number_of
from adapters.crm.amocrm.fields import (
    ALL,
    INQUIRY_ID,
    LeadFields,
    as_request,
    current_values,
    missing_names,
    to_fill,
    values_of,
)
from adapters.crm.amocrm.note import note_text
from adapters.crm.amocrm.oauth import client_of, consent_url, exchange, make_tokens, token_expires_at

CONNECTOR_WAIT = timedelta(hours=1)
CONNECTOR_ASK_SECONDS = 60
EXPIRES_SOON = timedelta(days=14)
MAX_NAME_CHARS = 250

CREATED = N_("Lead created")
ENRICHED = N_("Open deal enriched")
# the same with a warning; the account lacks fields
CREATED_WITHOUT = N_("Lead created; the account lacks these fields: {fields}")
ENRICHED_WITHOUT = N_("Open deal enriched; the account lacks these fields: {fields}")
WITH_WARNING = {CREATED: CREATED_WITHOUT, ENRICHED: ENRICHED_WITHOUT}

Lead = Mapping[str, Any]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Found:
    """Where an inquiry belongs: a deal, or a contact without an open one, or nothing yet."""

    lead: Lead | None = None
    contact_id: int | None = None


@dataclass(frozen=True, slots=True)
class Written:
    """What a write left behind."""

    lead_id: int
    contact_id: str
    note: str
    values: Mapping[str, str]


class AmoCRM(Consent, Destination):
    slug = "amocrm"
    label = LABEL
    kind = Kind.CRM
    docs = "https://www.amocrm.ru/developers/content/crm_platform/leads-api"
    hosts = DOMAINS
    settings = SETTINGS
    handles = frozenset({EventName.INQUIRY_OPENED, EventName.SOURCE_FOUND})

    @cached_property
    def api(self) -> AccountApi:
        """The account's API at its allowed pace."""
        tokens = make_tokens(self.config, self.http, self.state)
        # Kommo counts by the caller's address, so all its accounts share one pace
        shared = "kommo" if tokens.host.endswith(".kommo.com") else ""
        self.http.pace(float(self.config.get("requests_per_second") or 5), account=shared)
        self._tokens = tokens
        return AccountApi(self.http, tokens)

    def check(self) -> list[Finding]:
        """Read the account, its pipelines and fields; change nothing."""
        account = self.api.read("account")
        if not account.get("id"):
            raise Misconfigured(N_("amoCRM has no account at this address. Check the account address."))
        found = [Finding(True, N_("The account answers."))]
        return [*found, *self._token_findings(), *self._pipeline_findings(), self._field_finding()]

    def expires_at(self) -> datetime | None:
        """Tell when the long-lived token says that it ends; None when it does not say or is renewed."""
        return token_expires_at(self.config.get("token", ""))

    def consent_url(self, *, state: str) -> str:
        """Give the address of the window where the owner lets Whence in."""
        client = client_of(self.config)
        host = host_of(self.config.get("address", ""))
        return consent_url(host=host, client_id=client.client_id, state=state)

    def take_consent(self, query: Mapping[str, str]) -> None:
        """Trade the code that the owner came back with for tokens, and keep them."""
        if query.get("error") or not query.get("code"):
            raise Misconfigured(N_("The consent window was closed without consent."))
        referer = query.get("referer") or self.config.get("address", "")
        exchange(self.http, self.state, config=self.config, referer=referer, code=query["code"])

    def deliver(self, event: InquiryEvent) -> Receipt:
        """Bring the inquiry to its deal: the known one, the person's open one, or a new one."""
        found = self._find(event)
        if found.lead:
            return self._receipt(event, self._enrich(event, found.lead))
        if event.name is EventName.SOURCE_FOUND:
            raise Unsupported(N_("The deal of this inquiry is not in amoCRM any more."))
        if self.config.get("mode") == ENRICH:
            raise _no_lead_yet(event)
        return self._receipt(event, self._create(event, found.contact_id))

    # --- find -------------------------------------------------------------------------------------

    def _find(self, event: InquiryEvent) -> Found:
        known = self._lead(event.known.get("lead_id", ""))
        if known:
            return Found(known)
        contacts = people.contacts_with(self.api, event.person.phone) if event.person.phone else []
        leads = people.leads_of(self.api, contacts)
        # a create whose answer was lost is found again by our id, also when its deal was closed since
        own = self._with_inquiry_id(leads, event) or ([] if contacts else self._search_by_id(event))
        pipeline_id = number_of(self.config, "pipeline_id")
        fitting = [lead for lead in leads if people.is_open(lead, pipeline_id=pipeline_id)]
        contact_id = max((contact["id"] for contact in contacts), default=None)
        return Found(next(iter([*own, *fitting]), None), contact_id)

    def _lead(self, lead_id: str) -> Lead | None:
        if not lead_id.isdigit():
            return None
        lead = self.api.read(f"leads/{lead_id}", include=("contacts",))
        return lead if lead and not lead.get("is_deleted") else None

    def _search_by_id(self, event: InquiryEvent) -> list[Lead]:
        include = ("contacts",)
        found = self.api.rows("leads", "leads", query=event.inquiry_id, limit=50, include=include)
        return self._with_inquiry_id(found, event)

    def _with_inquiry_id(self, leads: list[Lead], event: InquiryEvent) -> list[Lead]:
        known = self._fields_for(event).known() if leads else {}
        return [lead for lead in leads if current_values(lead, known).get(INQUIRY_ID) == event.inquiry_id]

    # --- write ------------------------------------------------------------------------------------

    def _enrich(self, event: InquiryEvent, lead: Lead) -> Written:
        """Fill what is empty and add the note; nobody's words are written over."""
        earlier = json.loads(event.known.get("written") or "{}")
        known = self._fields_for(event).known()
        wanted = to_fill(values_of(event), current_values(lead, known), written=earlier)
        present = {tag.get("name") for tag in (lead.get("_embedded") or {}).get("tags") or []}
        tags = [{"name": name} for name in self._tags(event) if name not in present]

        def patch(values: Mapping[str, str]) -> None:
            body: dict[str, Any] = {"custom_fields_values": as_request(values)} if values else {}
            body |= {"tags_to_add": tags} if tags else {}
            if body:
                self.api.send("patch", f"leads/{lead['id']}", body)

        _, values = self._with_fields(event, wanted, patch)
        self._add_note(event, lead["id"], is_new=False)
        written = {**earlier, **values}
        return Written(lead["id"], people.main_contact_id(lead), ENRICHED, written)

    def _create(self, event: InquiryEvent, contact_id: int | None) -> Written:
        make = self._post_complex if contact_id is None else self._post_lead

        def post(values: Mapping[str, str]) -> tuple[int, str, bool]:
            return make(self._lead_body(event, values), event=event, contact_id=contact_id)

        (lead_id, contact, is_merged), values = self._with_fields(event, values_of(event), post)
        self._add_note(event, lead_id, is_new=not is_merged)
        return Written(lead_id, contact, ENRICHED if is_merged else CREATED, values)

    def _post_complex(
        self, body: dict[str, Any], *, event: InquiryEvent, contact_id: int | None
    ) -> tuple[int, str, bool]:
        body["_embedded"] = {"contacts": [_contact(event)]}
        answer = self.api.send("post", "leads/complex", [body])
        # the documentation shows a bare array, its machine-readable form the usual envelope
        made = answer[0] if isinstance(answer, list) else answer["_embedded"]["leads"][0]
        return made["id"], str(made.get("contact_id") or ""), bool(made.get("merged"))

    def _post_lead(
        self, body: dict[str, Any], *, event: InquiryEvent, contact_id: int | None
    ) -> tuple[int, str, bool]:
        body["_embedded"] = {"contacts": [{"id": contact_id, "is_main": True}]}
        answer = self.api.send("post", "leads", [body])
        return answer["_embedded"]["leads"][0]["id"], str(contact_id), False

    def _lead_body(self, event: InquiryEvent, values: Mapping[str, str]) -> dict[str, Any]:
        ids = ("pipeline_id", "status_id", "responsible_user_id")
        chosen = {name: number_of(self.config, name) for name in ids}
        body: dict[str, Any] = {
            "name": self._lead_name(event),
            **{name: value for name, value in chosen.items() if value is not None},
            "created_at": int(event.occurred_at.timestamp()),
            "request_id": event.inquiry_id,
            "tags_to_add": [{"name": name} for name in self._tags(event)],
            "custom_fields_values": as_request(values),
        }
        return {name: value for name, value in body.items() if value != []}

    def _with_fields(
        self, event: InquiryEvent, wanted: Mapping[str, str], send: Callable[[Mapping[str, str]], T]
    ) -> tuple[T, Mapping[str, str]]:
        """Send with the fields that the account has; a field refused all the same never loses the lead."""
        fields = self._fields_for(event)
        values = _only(wanted, fields.known())
        try:
            return send(values), values
        except FieldsRefused:
            values = _only(wanted, fields.known(reload=True))
        try:
            return send(values), values
        except FieldsRefused as refused:
            values = {c: v for place, (c, v) in enumerate(values.items()) if place not in refused.places}
        try:
            return send(values), values
        except FieldsRefused:
            return send({}), {}

    def _add_note(self, event: InquiryEvent, lead_id: int, *, is_new: bool) -> None:
        """Put the note into the deal's feed once, also when an earlier attempt's answer was lost."""
        text = note_text(event)
        path = f"leads/{lead_id}/notes"
        if not is_new:
            kind = {"filter[note_type][]": "extended_service_message", "limit": 250}
            notes = self.api.rows(path, "notes", **kind)
            if any((note.get("params") or {}).get("text") == text for note in notes):
                return
        params = {"service": "Whence", "text": text}
        self.api.send("post", path, [{"note_type": "extended_service_message", "params": params}])

    # --- words ------------------------------------------------------------------------------------

    def _fields_for(self, event: InquiryEvent) -> LeadFields:
        may_create = self.config.get("create_fields") == "yes"
        return LeadFields(self.api, self.state, may_create=may_create, language=event.language)

    def _lead_name(self, event: InquiryEvent) -> str:
        name = self.config.get("lead_name", "")
        for word, value in (
            ("{phone}", f"+{event.person.phone}" if event.person.phone else event.person.name),
            ("{name}", event.person.name),
            ("{source}", event.source.source),
            ("{campaign}", event.source.campaign),
            ("{number}", event.number_label or event.number),
        ):
            name = name.replace(word, value)
        return " ".join(name.split())[:MAX_NAME_CHARS] or "WhatsApp"

    def _tags(self, event: InquiryEvent) -> list[str]:
        own = (tag.strip() for tag in self.config.get("tags", "").split(","))
        return list(dict.fromkeys(tag for tag in [*own, *event.tags] if tag))

    def _receipt(self, event: InquiryEvent, written: Written) -> Receipt:
        known = self._fields_for(event).known()
        missing = [code for code in values_of(event) if code not in known]
        return Receipt(
            remote_id=str(written.lead_id),
            link=f"https://{self._tokens.host}/leads/detail/{written.lead_id}",
            note=WITH_WARNING[written.note] if missing else written.note,
            params={"fields": missing_names(missing)} if missing else {},
            details={
                "lead_id": str(written.lead_id),
                "contact_id": written.contact_id,
                "written": json.dumps(dict(written.values), ensure_ascii=False),
            },
        )

    # --- check ------------------------------------------------------------------------------------

    def _token_findings(self) -> list[Finding]:
        ends_at = self.expires_at()
        if ends_at is None:
            return []
        is_far = ends_at - datetime.now(UTC) > EXPIRES_SOON
        text = N_("The token is valid until {date}.") if is_far else N_("The token ends soon: {date}.")
        return [Finding(is_far, text, {"date": ends_at.date().isoformat()})]

    def _pipeline_findings(self) -> list[Finding]:
        pipeline_id, status_id = (number_of(self.config, name) for name in ("pipeline_id", "status_id"))
        pipelines = {item["id"]: item for item in self.api.rows("leads/pipelines", "pipelines")}
        wanted = [item for item in pipelines.values() if pipeline_id in (None, item["id"])]
        if not wanted:
            return [Finding(False, N_("The pipeline {id} is not in the account."), {"id": pipeline_id or 0})]
        stages = {stage["id"] for item in wanted for stage in item["_embedded"]["statuses"]}
        if status_id is not None and status_id not in stages:
            return [Finding(False, N_("The stage {id} is not in the pipeline."), {"id": status_id})]
        return [Finding(True, N_("The pipeline and the stage are there."))]

    def _field_finding(self) -> Finding:
        fields = LeadFields(self.api, self.state, may_create=False, language="en")
        missing = [code for code in ALL if code not in fields.load()]
        if not missing:
            return Finding(True, N_("All source fields are there."))
        if self.config.get("create_fields") == "yes":
            text = N_("These fields are made with the first inquiry: {fields}")
            return Finding(True, text, {"fields": missing_names(missing)})
        return Finding(
            False, N_("The account lacks these fields: {fields}"), {"fields": missing_names(missing)}
        )


def _only(values: Mapping[str, str], known: Mapping[str, int]) -> dict[str, str]:
    return {code: value for code, value in values.items() if code in known}


def _no_lead_yet(event: InquiryEvent) -> Temporary | Unsupported:
    """Give the connector of the CRM an hour to make its lead."""
    if datetime.now(UTC) - event.occurred_at < CONNECTOR_WAIT:
        return Temporary(N_("No lead of this person is in amoCRM yet."), after=CONNECTOR_ASK_SECONDS)
    return Unsupported(N_("No lead of this person appeared in amoCRM within an hour."))


def _contact(event: InquiryEvent) -> dict[str, Any]:
    person = event.person
    contact: dict[str, Any] = {"name": person.name or (f"+{person.phone}" if person.phone else "WhatsApp")}
    if person.phone:
        phone = {"value": f"+{person.phone}", "enum_code": "MOB"}
        contact["custom_fields_values"] = [{"field_code": "PHONE", "values": [phone]}]
    return contact
