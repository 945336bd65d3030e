"""Upload inquiries in batches and ask what became of them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from adapters.analytics.metrica.answers import (
    EXPLAINED_STATUSES,
    FINAL_STATUSES,
    NO_GOAL,
    NO_VISIT,
    Unknown,
    counter_finding,
    explained,
    goal_finding,
    processed,
)
from adapters.analytics.metrica.declaration import HOSTS, LABEL, SETTINGS
from adapters.analytics.metrica.rows import (
    CHAT_PLATFORMS,
    COLUMNS,
    Cells,
    chat,
    conversion,
    csv_file,
    visit_id,
)
from adapters.base import (
    N_,
    AdapterError,
    ConnectionState,
    Destination,
    EventName,
    Finding,
    InquiryEvent,
    Kind,
    Misconfigured,
    Receipt,
    ReceiptState,
    Rejected,
    Temporary,
    Unsupported,
)
from adapters.http import Http

LINK_WINDOW = timedelta(days=21)  # rows of older visits are taken and silently not attached
FIRST_LOOK_SECONDS = 600
NEXT_LOOK_SECONDS = 1800
LOOK_FOR = timedelta(hours=24)
# A refused file is halved until the bad row is alone: one bad row of 500 costs 18 further uploads.
MAX_UPLOADS = 40
CALLS_PER_SECOND = 20

DETAIL_NAMES = {"BASIC": "conversion_upload_id", "CHATS": "chat_upload_id"}

NO_CONVERSION = N_(
    "The visitor had no Metrica id and no Yandex click id: there is no visit to join the inquiry to."
)
NOTHING_NEW = N_("Metrica was told already: a conversion cannot be moved there, and a chat counts once.")
NO_CHAT = N_("This connection sends chats only, and Metrica knows no chats of this messenger.")

Upload = str | AdapterError  # the upload's id, or what came in its way


class YandexMetrica(Destination):
    slug = "metrica"
    label = LABEL
    kind = Kind.ANALYTICS
    docs = "https://yandex.com/dev/metrika/en/management/"
    hosts = HOSTS
    handles = frozenset({EventName.INQUIRY_OPENED, EventName.SOURCE_FOUND})
    batch_size = 500
    batch_seconds = 60
    settings = SETTINGS

    def __init__(self, config: Mapping[str, str], http: Http, state: ConnectionState) -> None:
        super().__init__(config, http, state)
        self._looks: dict[str, Mapping[str, Any]] = {}

    def check(self) -> list[Finding]:
        """Ask for the counter, the right to edit it and the goal."""
        try:
            counter = self._call("GET", "").get("counter", {})
            goals = self._call("GET", "/goals").get("goals", []) if self._is_on("send_conversions") else None
        except Rejected as error:
            raise Misconfigured(error.text, **error.params) from None
        findings = [counter_finding(counter)]
        if goals is not None:
            findings.append(goal_finding(goals, self._value("target")))
        if self._is_on("send_chats"):
            findings.append(
                Finding(True, N_("The goal “Chat” appears by itself after the first uploaded chat."))
            )
        return findings

    def deliver(self, event: InquiryEvent) -> Receipt:
        """Upload one inquiry as a batch of its own."""
        answer = self.deliver_batch([event])[0]
        if isinstance(answer, AdapterError):
            raise answer
        return answer

    def deliver_batch(self, events: Sequence[InquiryEvent]) -> list[Receipt | AdapterError]:
        """Upload one file of conversions and one of chats; a repeat sends the very same rows."""
        now = datetime.now(UTC)
        plans = [self._plan(event, now) for event in events]
        uploads: list[dict[str, Upload]] = [{} for _ in events]
        # Conversions first: a repeated conversion surely replaces itself, of chats this is not documented.
        for kind in COLUMNS:
            rows = {i: plan[kind] for i, plan in enumerate(plans) if isinstance(plan, dict) and kind in plan}
            for index, upload in self._upload(kind, rows).items():
                uploads[index][kind] = upload
        return [
            plan if isinstance(plan, AdapterError) else self._receipt(plan, found, now=now)
            for plan, found in zip(plans, uploads, strict=True)
        ]

    def confirm(self, receipt: Receipt) -> Receipt:
        """Ask how far Metrica is with the uploads; raise Rejected when it found no visit or no goal."""
        details = receipt.details
        looks = [self._look(details[name]) for name in DETAIL_NAMES.values() if name in details]
        first = looks[0]  # the conversions, when there are any
        if first.get("goal_not_found_quantity"):
            raise Rejected(NO_GOAL, target=self._value("target"))
        if first.get("status") == "LINKAGE_FAILURE" and details["has_visit"] == "yes":
            raise Rejected(NO_VISIT)
        if {look.get("status") for look in looks} <= FINAL_STATUSES:
            return processed(receipt, first)
        if datetime.now(UTC) - datetime.fromisoformat(details["uploaded_at"]) > LOOK_FOR:
            note = N_("Metrica accepted the upload and has said nothing more for a day.")
            return replace(receipt, state=ReceiptState.DELIVERED, note=note, params={}, check_after=None)
        return replace(receipt, check_after=NEXT_LOOK_SECONDS)

    def _value(self, name: str) -> str:
        setting = next(setting for setting in self.settings if setting.name == name)
        value = self.config.get(name, "").strip() or setting.default
        is_missing = setting.required and not value
        if is_missing or (value and setting.pattern and not re.fullmatch(setting.pattern, value)):
            text = N_("{platform}: the setting “{setting}” is empty or not of the right form.")
            raise Misconfigured(text, platform=LABEL, setting=setting.label)
        return value

    def _is_on(self, name: str) -> bool:
        return self._value(name) == "yes"

    def _call(self, method: str, path: str, **kwargs: Any) -> Mapping[str, Any]:
        host, counter, token = (self._value(name) for name in ("host", "counter_id", "token"))
        if host not in self.hosts:
            raise Misconfigured(N_("Choose the address of Metrica's API from the list."))
        self.http.pace(CALLS_PER_SECOND)
        response = self.http.request(
            method,
            f"https://{host}/management/v1/counter/{counter}{path}",
            platform=LABEL,
            accept=EXPLAINED_STATUSES,
            headers={"Authorization": f"OAuth {token}"},
            **kwargs,
        )
        try:
            answer = response.json()
        except ValueError:
            answer = None
        if response.status_code >= 400:
            raise explained(response.status_code, answer, counter=counter)
        if not isinstance(answer, dict):
            raise Temporary(N_("{platform} gave an answer that cannot be read."), platform=LABEL)
        return answer

    def _plan(self, event: InquiryEvent, now: datetime) -> dict[str, Cells] | AdapterError:
        if event.consent.get("analytics_storage") == "denied":
            return Unsupported(N_("The visitor did not allow analytics, so nothing was sent to Metrica."))
        if now - (event.visit_started_at or event.occurred_at) > LINK_WINDOW:
            return Unsupported(N_("The visit is too old for Metrica: it joins data to visits of 21 days."))
        if event.occurred_at > now:
            wait = (event.occurred_at - now).total_seconds() + 1
            return Temporary(
                N_("The inquiry's time is still to come; Metrica takes the past only."), after=wait
            )
        return self._rows(event) or Unsupported(self._why_nothing(event))

    def _rows(self, event: InquiryEvent) -> dict[str, Cells]:
        rows = {}
        is_first = event.name is EventName.INQUIRY_OPENED
        has_conversion = not is_first and DETAIL_NAMES["BASIC"] in event.known
        if self._is_on("send_conversions") and visit_id(event) and not has_conversion:
            rows["BASIC"] = conversion(event, target=self._value("target"))
        if self._is_on("send_chats") and event.network in CHAT_PLATFORMS and is_first:
            rows["CHATS"] = chat(event, with_phone=self._is_on("send_phone"))
        return rows

    def _why_nothing(self, event: InquiryEvent) -> str:
        if event.name is EventName.SOURCE_FOUND:
            return NOTHING_NEW
        return NO_CONVERSION if self._is_on("send_conversions") else NO_CHAT

    def _upload(self, kind: str, rows: Mapping[int, Cells]) -> dict[int, Upload]:
        """Upload rows; halve a refused file until the bad row is alone."""
        uploads: dict[int, Upload] = {}
        groups = [list(rows)] if rows else []
        for _ in range(MAX_UPLOADS):
            if not groups:
                return uploads
            group = groups.pop()
            try:
                uploads |= dict.fromkeys(group, self._send(kind, [rows[index] for index in group]))
            except Rejected as error:
                middle = len(group) // 2
                groups += [group[middle:], group[:middle]] if middle else []
                uploads |= {} if middle else {group[0]: error}
            except Temporary as error:
                return uploads | dict.fromkeys((i for rest in (group, *groups) for i in rest), error)
        rest = Temporary(N_("Metrica refuses several rows. Whence looks for the others at the next try."))
        return uploads | dict.fromkeys((index for group in groups for index in group), rest)

    def _send(self, kind: str, rows: Sequence[Cells]) -> str:
        content = csv_file(rows, columns=COLUMNS[kind])
        answer = self._call(
            "POST",
            "/offline_conversions/upload",
            params={"type": kind},
            files={"file": (f"{kind.lower()}.csv", content, "text/csv")},
        )
        # The docs name the member "uploading" in the table and show a list "uploadings". (2026-06)
        found = answer.get("uploading") or max(
            answer.get("uploadings") or [{}], key=lambda one: one.get("id", 0)
        )
        if not found.get("id"):
            raise Temporary(N_("{platform} gave an answer that cannot be read."), platform=LABEL)
        return str(found["id"])

    def _receipt(
        self, plan: Mapping[str, Cells], uploads: Mapping[str, Upload], *, now: datetime
    ) -> Receipt | AdapterError:
        errors = [upload for upload in uploads.values() if isinstance(upload, AdapterError)]
        if errors:
            return min(errors, key=lambda error: not isinstance(error, Temporary))
        has_visit = any("ClientId" in cells or "Yclid" in cells for cells in plan.values())
        ids = {DETAIL_NAMES[kind]: str(upload) for kind, upload in uploads.items()}
        return Receipt(
            state=ReceiptState.ACCEPTED,
            remote_id=next(iter(ids.values())),
            link=f"https://metrika.yandex.ru/dashboard?id={self._value('counter_id')}",
            note=N_("Handed over. Metrica joins it to the visit within two hours."),
            details={**ids, "uploaded_at": now.isoformat(), "has_visit": "yes" if has_visit else "no"},
            check_after=FIRST_LOOK_SECONDS,
        )

    def _look(self, upload_id: str) -> Mapping[str, Any]:
        # Rows of one file are asked about together: one look serves them all.
        if upload_id not in self._looks:
            try:
                answer = self._call("GET", f"/offline_conversions/uploading/{upload_id}")
            except Unknown:
                answer = {}
            self._looks[upload_id] = answer.get("uploading") or {}
        return self._looks[upload_id]
