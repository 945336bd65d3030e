"""What is peculiar to Yandex Metrica: files of many rows, and an answer hours later."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import responses
import time_machine

from adapters.analytics.metrica import YandexMetrica
from adapters.base import (
    AdapterError,
    EventName,
    InquiryEvent,
    Misconfigured,
    Receipt,
    ReceiptState,
    Rejected,
    Temporary,
    Unsupported,
)
from tests.adapters.contract import DestinationContract
from tests.adapters.factories import NOW, PHONE, make_event, make_full_event, make_person, make_source

COUNTER = "https://api-metrika.yandex.net/management/v1/counter/98765432"
UPLOAD = f"{COUNTER}/offline_conversions/upload"
UPLOADING = f"{COUNTER}/offline_conversions/uploading"
CONVERSIONS_ONLY = {"send_chats": "no"}
CHATS_ONLY = {"send_conversions": "no"}


def uploading(upload_id: int = 7, **changed: Any) -> dict[str, Any]:
    """Make an answer about one upload."""
    return {"uploading": {"id": upload_id, "status": "UPLOADED", "source_quantity": 1, **changed}}


def error_body(error_type: str, status: int = 400) -> dict[str, Any]:
    return {"errors": [{"error_type": error_type, "message": "no"}], "code": status, "message": "no"}


def file_lines(request: Any) -> list[str]:
    """Give the lines of the file in a multipart request."""
    body = request.body.decode()
    return body.split("\r\n\r\n", 1)[1].rsplit("\n\r\n--", 1)[0].split("\n")


def accepted(**details: str) -> Receipt:
    """Make the receipt of an upload, as it was kept."""
    kept = {"conversion_upload_id": "7", "uploaded_at": NOW.isoformat(), "has_visit": "yes", **details}
    return Receipt(state=ReceiptState.ACCEPTED, details=kept, check_after=600)


def numbered(count: int) -> list[InquiryEvent]:
    """Make events of different visitors: the n-th has the ClientId 100…n."""
    return [
        make_full_event(inquiry_id=f"inq-{n}", analytics_ids={"ym_client_id": str(10**10 + n)})
        for n in range(count)
    ]


class Picky:
    """Answers as Metrica does when some rows of a file are bad: the whole file is refused."""

    def __init__(self, bad: Sequence[int]) -> None:
        self.bad = {str(10**10 + n) for n in bad}
        self.files: list[list[str]] = []

    def __call__(self, request: Any) -> tuple[int, dict[str, str], str]:
        rows = file_lines(request)[1:]
        self.files.append(rows)
        if any(row.split(",")[0] in self.bad for row in rows):
            return 400, {}, '{"errors": [{"error_type": "invalid_uploading"}], "code": 400}'
        return 200, {}, json.dumps(uploading(len(self.files)))


class TestYandexMetrica(DestinationContract):
    adapter = YandexMetrica
    config = {
        "counter_id": "98765432",
        "token": "y0_test-token-1234",
        "send_chats": "yes",
        "send_phone": "yes",
    }

    def prepare(self, platform: responses.RequestsMock) -> None:
        platform.post(UPLOAD, json=uploading())

    def key_of(self, calls: list[dict[str, Any]]) -> object:
        """Give the rows: the boundary between the parts differs, the rows must not."""
        return [[line for line in call["body"] if "BOUNDARY" not in line] for call in calls]

    def lines(self, platform: responses.RequestsMock, event: InquiryEvent, **config: str) -> list[list[str]]:
        """Deliver and give the lines of each file that went out."""
        self.prepare(platform)
        self.make(**config).deliver(event)
        return [file_lines(call.request) for call in platform.calls]

    # --- rows -------------------------------------------------------------------------------------

    @pytest.mark.parametrize(
        ("ids", "click_ids", "header", "cell"),
        [
            ({"ym_client_id": "1581234567890123456"}, {"yclid": "12"}, "ClientId", "1581234567890123456"),
            ({"ym_client_id": "bad"}, {"yclid": "1234567890"}, "Yclid", "1234567890"),
            ({}, {"yclid": "1234567890"}, "Yclid", "1234567890"),
        ],
    )
    def test_it_joins_by_client_id_else_by_click(
        self, platform: responses.RequestsMock, ids: Any, click_ids: Any, header: str, cell: str
    ) -> None:
        event = make_full_event(analytics_ids=ids, source=make_source(click_ids=click_ids))
        assert self.lines(platform, event, **CONVERSIONS_ONLY) == [
            [f"{header},Target,DateTime", f"{cell},wa_inquiry,1795435200"]
        ]

    @pytest.mark.parametrize(
        ("switch", "consent", "phone", "column"),
        [
            ("yes", "granted", PHONE, "PhoneNumber"),
            ("yes", "", PHONE, "PhoneNumber"),
            ("yes", "denied", PHONE, "ChatUserID"),
            ("yes", "granted", "", "ChatUserID"),
            ("no", "granted", PHONE, "ChatUserID"),
        ],
    )
    def test_it_names_the_person_of_a_chat_as_allowed(
        self, platform: responses.RequestsMock, switch: str, consent: str, phone: str, column: str
    ) -> None:
        event = make_full_event(person=make_person(phone=phone), consent={"ad_user_data": consent})
        header, row = self.lines(platform, event, send_phone=switch, **CHATS_ONLY)[0]
        assert header == f"DateTime,ChatPlatform,{column},ClientId"
        assert (f"+{PHONE}" in row) is (column == "PhoneNumber")

    def test_it_sends_no_chats_unless_asked(self, platform: responses.RequestsMock) -> None:
        self.lines(platform, make_full_event(), send_chats="")
        assert [call.request.params["type"] for call in platform.calls] == ["BASIC"]

    def test_it_sends_a_chat_of_an_unknown_visit(self, platform: responses.RequestsMock) -> None:
        header, row = self.lines(platform, make_event())[0]
        assert header == "DateTime,ChatPlatform,PhoneNumber"
        assert row == f"1795435200,whatsapp,+{PHONE}"

    def test_it_sends_the_conversion_alone_when_the_source_was_found_later(
        self, platform: responses.RequestsMock
    ) -> None:
        late = make_full_event(name=EventName.SOURCE_FOUND, known={"chat_upload_id": "7"})
        self.lines(platform, late)
        assert [call.request.params["type"] for call in platform.calls] == ["BASIC"]

    def test_it_does_not_repeat_a_conversion_for_a_corrected_source(
        self, platform: responses.RequestsMock
    ) -> None:
        corrected = make_full_event(name=EventName.SOURCE_FOUND, known={"conversion_upload_id": "7"})
        with pytest.raises(Unsupported, match="told already"):
            self.make().deliver(corrected)
        assert not platform.calls

    def test_it_sends_to_the_goal_of_the_settings(self, platform: responses.RequestsMock) -> None:
        assert ",lead," in self.lines(platform, make_full_event(), target="lead", **CONVERSIONS_ONLY)[0][1]

    @pytest.mark.parametrize(
        ("changed", "config", "reason"),
        [
            ({"analytics_ids": {}, "source": make_source(click_ids={})}, CONVERSIONS_ONLY, "no Metrica id"),
            ({"network": "max"}, CHATS_ONLY, "no chats of this messenger"),
            ({"visit_started_at": NOW - timedelta(days=21, seconds=1)}, {}, "21 days"),
            ({"visit_started_at": None, "occurred_at": NOW - timedelta(days=22)}, {}, "21 days"),
            ({"consent": {"analytics_storage": "denied"}}, {}, "did not allow"),
        ],
    )
    def test_it_skips_what_metrica_cannot_express(
        self, platform: responses.RequestsMock, changed: Any, config: dict[str, str], reason: str
    ) -> None:
        with pytest.raises(Unsupported, match=reason):
            self.make(**config).deliver(make_full_event(**changed))
        assert not platform.calls

    def test_it_takes_a_visit_of_exactly_21_days(self, platform: responses.RequestsMock) -> None:
        self.prepare(platform)
        self.make().deliver(make_full_event(visit_started_at=NOW - timedelta(days=21)))

    def test_it_waits_for_a_time_that_is_still_to_come(self, platform: responses.RequestsMock) -> None:
        with pytest.raises(Temporary) as caught:
            self.make().deliver(make_full_event(occurred_at=NOW + timedelta(seconds=30)))
        assert caught.value.after == 31

    # --- batches ----------------------------------------------------------------------------------

    def test_it_uploads_many_inquiries_in_one_file_of_each_type(
        self, platform: responses.RequestsMock
    ) -> None:
        self.prepare(platform)
        answers = self.make().deliver_batch(numbered(20))
        assert all(isinstance(answer, Receipt) for answer in answers)
        assert [len(file_lines(call.request)) for call in platform.calls] == [21, 21]

    def test_its_answers_stand_in_the_order_of_the_events(self, platform: responses.RequestsMock) -> None:
        self.prepare(platform)
        hidden = make_event(person=make_person(phone=""))
        late = make_full_event(occurred_at=NOW + timedelta(hours=1))
        answers = self.make(send_chats="no").deliver_batch([hidden, make_full_event(), late])
        assert [type(answer) for answer in answers] == [Unsupported, Receipt, Temporary]

    def test_an_empty_batch_makes_no_call(self, platform: responses.RequestsMock) -> None:
        assert self.make().deliver_batch([]) == []
        assert not platform.calls

    @pytest.mark.parametrize("bad", [[0], [13], [4, 5], [0, 19]])
    def test_it_finds_the_bad_rows_and_saves_the_others(
        self, platform: responses.RequestsMock, bad: list[int]
    ) -> None:
        platform.add_callback("POST", UPLOAD, Picky(bad))
        answers = self.make(**CONVERSIONS_ONLY).deliver_batch(numbered(20))
        assert [n for n, answer in enumerate(answers) if isinstance(answer, Rejected)] == bad
        assert sum(isinstance(answer, Receipt) for answer in answers) == 20 - len(bad)

    def test_each_row_remembers_the_upload_that_took_it(self, platform: responses.RequestsMock) -> None:
        picky = Picky([1])
        platform.add_callback("POST", UPLOAD, picky)
        answers = self.make(**CONVERSIONS_ONLY).deliver_batch(numbered(4))
        ids = [answer.details["conversion_upload_id"] for answer in answers if isinstance(answer, Receipt)]
        taken = [picky.files[int(upload_id) - 1] for upload_id in ids]
        assert [str(10**10 + n) in "\n".join(rows) for n, rows in zip([0, 2, 3], taken, strict=True)] == [
            True
        ] * 3

    def test_a_search_for_bad_rows_has_an_end(self, platform: responses.RequestsMock) -> None:
        platform.add_callback("POST", UPLOAD, Picky(range(200)))
        answers = self.make(**CONVERSIONS_ONLY).deliver_batch(numbered(200))
        assert len(platform.calls) == 40
        assert {type(answer) for answer in answers} == {Rejected, Temporary}

    def test_a_fault_amid_the_search_leaves_the_rest_for_later(
        self, platform: responses.RequestsMock
    ) -> None:
        platform.post(UPLOAD, status=400, json=error_body("invalid_uploading"))
        platform.post(UPLOAD, json=uploading())
        platform.post(UPLOAD, status=500)
        answers = self.make(**CONVERSIONS_ONLY).deliver_batch(numbered(4))
        assert [type(answer) for answer in answers] == [Receipt, Receipt, Temporary, Temporary]

    def test_a_refused_credential_concerns_the_whole_batch(self, platform: responses.RequestsMock) -> None:
        platform.post(UPLOAD, status=403, json=error_body("invalid_token", 403))
        with pytest.raises(Misconfigured):
            self.make().deliver_batch(numbered(3))
        assert len(platform.calls) == 1

    def test_a_failed_file_of_chats_is_sent_again_with_equal_conversions(
        self, platform: responses.RequestsMock
    ) -> None:
        platform.post(UPLOAD, json=uploading(7))
        platform.post(UPLOAD, status=503)
        platform.post(UPLOAD, json=uploading(8))
        platform.post(UPLOAD, json=uploading(9))
        with pytest.raises(Temporary):
            self.make().deliver(make_full_event())
        with time_machine.travel(NOW + timedelta(minutes=5), tick=False):
            receipt = self.make().deliver(make_full_event())
        first, failed, second, chats = [file_lines(call.request) for call in platform.calls]
        assert first == second
        assert failed == chats
        assert receipt.details["conversion_upload_id"] == "8"
        assert receipt.details["chat_upload_id"] == "9"

    # --- answers ----------------------------------------------------------------------------------

    def test_its_receipt_asks_to_be_looked_at_later(self, platform: responses.RequestsMock) -> None:
        self.prepare(platform)
        receipt = self.make().deliver(make_full_event())
        assert (receipt.state, receipt.check_after) == (ReceiptState.ACCEPTED, 600)
        assert receipt.remote_id == "7"

    def test_it_reads_the_list_form_of_an_answer(self, platform: responses.RequestsMock) -> None:
        platform.post(UPLOAD, json={"uploadings": [{"id": 41}, {"id": 43}, {"id": 42}]})
        assert self.make(**CHATS_ONLY).deliver(make_full_event()).remote_id == "43"

    @pytest.mark.parametrize("answer", ["<html>", "[]", "{}", '{"uploading": {}}', '{"uploadings": []}'])
    def test_an_unreadable_answer_is_tried_again(self, platform: responses.RequestsMock, answer: str) -> None:
        platform.post(UPLOAD, body=answer)
        with pytest.raises(Temporary):
            self.make().deliver(make_full_event())

    @pytest.mark.parametrize(
        ("status", "error_type", "expected", "told"),
        [
            (401, "unauthorized", Misconfigured, "could not read the token"),
            (403, "invalid_token", Misconfigured, "Issue a new one"),
            (403, "access_denied", Misconfigured, "edit the counter"),
            (403, "counter_in_connect", Misconfigured, "organisation"),
            (404, "not_found", Misconfigured, "no counter 98765432"),
            (409, "conflict", Temporary, "busy"),
            (400, "limit_exceeded", Temporary, "limit"),
            (400, "invalid_parameter", Rejected, "did not accept"),
            (400, "invalid_uploading", Rejected, "did not accept"),
            (406, "not_acceptable", Rejected, "did not accept"),
            (403, "news_to_us", Misconfigured, "credentials"),
            (420, "quota_requests_by_uid", Temporary, "wait"),
            (429, "quota_parallel_requests", Temporary, "wait"),
            (503, "backend_error", Temporary, "fault"),
            (504, "timeout", Temporary, "fault"),
        ],
    )
    def test_each_error_says_who_acts(
        self,
        platform: responses.RequestsMock,
        status: int,
        error_type: str,
        expected: type[AdapterError],
        told: str,
    ) -> None:
        platform.post(UPLOAD, status=status, json=error_body(error_type, status))
        with pytest.raises(expected, match=told):
            self.make().deliver(make_full_event())

    @pytest.mark.parametrize(
        "config",
        [{"counter_id": "one"}, {"target": "a b"}, {"host": "evil.example"}],
    )
    def test_it_refuses_settings_of_a_wrong_form(self, config: dict[str, str]) -> None:
        with pytest.raises(Misconfigured):
            self.make(**config).deliver(make_full_event())

    def test_it_can_use_the_other_address_of_the_api(self, platform: responses.RequestsMock) -> None:
        platform.post(UPLOAD.replace("metrika", "metrica"), json=uploading())
        self.make(host="api-metrica.yandex.net").deliver(make_full_event())

    # --- confirmation -----------------------------------------------------------------------------

    @pytest.mark.parametrize("status", ["PREPARED", "UPLOADED", "EXPORTED", "MATCHED", "NEWS_TO_US"])
    def test_it_goes_on_asking_while_metrica_works(
        self, platform: responses.RequestsMock, status: str
    ) -> None:
        platform.get(f"{UPLOADING}/7", json=uploading(status=status))
        receipt = self.make().confirm(accepted())
        assert (receipt.state, receipt.check_after) == (ReceiptState.ACCEPTED, 1800)
        assert receipt.details == accepted().details

    @pytest.mark.parametrize(
        ("facts", "note"),
        [
            ({"linked_quantity": 3, "source_quantity": 5}, "joined 3 of 5 rows"),
            (
                {"linked_quantity": 3, "source_quantity": 5, "goal_not_found_quantity": 0},
                "joined 3 of 5 rows",
            ),
            ({}, "has processed"),
        ],
    )
    def test_it_tells_how_many_rows_were_joined(
        self, platform: responses.RequestsMock, facts: dict[str, int], note: str
    ) -> None:
        answer = {"uploading": {"id": 7, "status": "PROCESSED", **facts}}
        platform.get(f"{UPLOADING}/7", json=answer)
        receipt = self.make().confirm(accepted())
        assert receipt.state is ReceiptState.DELIVERED
        assert note in receipt.note.format(**receipt.params)

    def test_it_waits_for_both_uploads(self, platform: responses.RequestsMock) -> None:
        platform.get(f"{UPLOADING}/7", json=uploading(status="PROCESSED"))
        platform.get(f"{UPLOADING}/8", json=uploading(8, status="MATCHED"))
        assert self.make().confirm(accepted(chat_upload_id="8")).state is ReceiptState.ACCEPTED

    def test_it_says_when_no_visit_was_found(self, platform: responses.RequestsMock) -> None:
        platform.get(f"{UPLOADING}/7", json=uploading(status="LINKAGE_FAILURE"))
        with pytest.raises(Rejected, match="no visit"):
            self.make().confirm(accepted())

    def test_it_says_when_the_goal_is_missing(self, platform: responses.RequestsMock) -> None:
        platform.get(f"{UPLOADING}/7", json=uploading(status="LINKAGE_FAILURE", goal_not_found_quantity=1))
        with pytest.raises(Rejected, match="no goal with the identifier wa_inquiry"):
            self.make().confirm(accepted())

    def test_a_chat_without_a_visit_is_no_failure(self, platform: responses.RequestsMock) -> None:
        platform.get(f"{UPLOADING}/8", json=uploading(8, status="LINKAGE_FAILURE"))
        details = {"chat_upload_id": "8", "uploaded_at": NOW.isoformat(), "has_visit": "no"}
        receipt = self.make().confirm(replace(accepted(), details=details))
        assert receipt.state is ReceiptState.DELIVERED
        assert "without a visit" in receipt.note

    @pytest.mark.parametrize(
        "answer", [{"json": uploading()}, {"status": 404, "json": error_body("not_found")}]
    )
    def test_it_stops_asking_after_a_day(
        self, platform: responses.RequestsMock, answer: dict[str, Any]
    ) -> None:
        platform.get(f"{UPLOADING}/7", **answer)
        with time_machine.travel(NOW + timedelta(hours=24, seconds=1), tick=False):
            receipt = self.make().confirm(accepted())
        assert receipt.state is ReceiptState.DELIVERED
        assert "nothing more" in receipt.note

    def test_rows_of_one_upload_are_asked_about_once(self, platform: responses.RequestsMock) -> None:
        platform.get(f"{UPLOADING}/7", json=uploading(status="PROCESSED"))
        adapter = self.make()
        for _ in range(5):
            adapter.confirm(accepted())
        assert len(platform.calls) == 1

    # --- check ------------------------------------------------------------------------------------

    @pytest.mark.parametrize(
        ("permission", "conditions", "verdicts"),
        [
            ("own", [{"type": "exact", "url": "wa_inquiry"}], [True, True, True]),
            ("edit", [{"type": "contain", "url": "wa_inquiry"}], [True, False, True]),
            ("view", [{"type": "exact", "url": "other"}], [False, False, True]),
            ("", [], [True, False, True]),
        ],
    )
    def test_its_check_looks_at_rights_and_goal(
        self, platform: responses.RequestsMock, permission: str, conditions: Any, verdicts: list[bool]
    ) -> None:
        platform.get(COUNTER, json={"counter": {"id": 98765432, "name": "Shop", "permission": permission}})
        platform.get(f"{COUNTER}/goals", json={"goals": [{"id": 1, "conditions": conditions}, {"id": 2}]})
        findings = self.make().check()
        assert [finding.ok for finding in findings] == verdicts
        assert all(finding.text.format(**finding.params) for finding in findings)
        assert {call.request.method for call in platform.calls} == {"GET"}

    def test_its_check_never_blames_an_event(self, platform: responses.RequestsMock) -> None:
        platform.get(COUNTER, status=400, json=error_body("invalid_parameter"))
        with pytest.raises(Misconfigured):
            self.make().check()
