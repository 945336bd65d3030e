"""The adapters against the stand-ins, over real HTTP."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.analytics.ga4 import GoogleAnalytics4
from adapters.analytics.metrica import YandexMetrica
from adapters.base import InquiryEvent, Misconfigured, Receipt, ReceiptState, Rejected, Temporary, Unsupported
from sandbox import faults, ga4, metrica
from sandbox.shelf import Shelf
from tests.adapters.analytics.conftest import Connect
from tests.adapters.factories import make_event, make_full_event, make_person, make_source

GA4 = {"measurement_id": "G-ABC1234567", "api_secret": "stand-in-secret"}
METRICA = {"counter_id": "98765432", "token": "stand-in-token"}
PLENTY = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


def recent(**overrides: Any) -> InquiryEvent:
    """Make a full event of a minute ago: the stand-ins go by the real clock."""
    now = datetime.now(UTC)
    times = {"occurred_at": now - timedelta(minutes=1), "visit_started_at": now - timedelta(minutes=9)}
    return make_full_event(**{**times, **overrides})


@pytest.fixture(autouse=True)
def _configured(shelf: Shelf) -> None:
    ga4.configure(shelf, **GA4)
    metrica.configure(shelf, **METRICA, goals=["wa_inquiry"], step_seconds=0)


words = st.text(max_size=130)
texts = st.dictionaries(st.sampled_from(["ga_client_id", "ga_session_id", "ym_client_id"]), words)
good_ids = st.fixed_dictionaries(
    {
        "ga_client_id": st.from_regex(r"[1-9][0-9]{0,9}\.[1-9][0-9]{0,9}", fullmatch=True),
        "ga_session_id": st.from_regex(r"[0-9]{1,12}", fullmatch=True) | words,
        "ym_client_id": st.from_regex(r"[0-9]{1,20}", fullmatch=True),
    }
)
sources = st.builds(
    make_source,
    channel=words,
    campaign=words,
    keyword=words,
    landing_url=words,
    click_ids=st.fixed_dictionaries({"yclid": words}),
)
events = st.builds(
    recent,
    inquiry_id=words,
    key=words,
    source=sources,
    analytics_ids=good_ids | texts,
    phrase=words,
    tags=st.lists(words, max_size=4),
    page_url=words | words.map("https://shop.example/{}".format),
    how=words,
    number_label=words,
    network=st.sampled_from(["whatsapp", "telegram", "max", "viber"]),
    consent=st.dictionaries(
        st.sampled_from(["ad_user_data", "ad_personalization", "analytics_storage"]),
        st.sampled_from(["granted", "denied", "GRANTED", ""]),
    ),
    person=st.builds(make_person, phone=st.from_regex(r"([1-9][0-9]{7,14})?", fullmatch=True)),
    occurred_at=st.timedeltas(timedelta(minutes=-1), timedelta(days=30)).map(
        lambda age: datetime.now(UTC) - age
    ),
)


class TestGoogleAnalytics4:
    def test_google_would_keep_the_event(self, connect: Connect, shelf: Shelf) -> None:
        connect(GoogleAnalytics4, **GA4, value="500").deliver(recent())
        (event,) = ga4.received(shelf)
        assert (event["state"], event["name"], event["reasons"]) == ("kept", "generate_lead", [])
        assert event["params"]["inquiry_campaign"] == "sofas_msk"

    def test_a_lost_answer_leads_to_a_recognisable_repeat(self, connect: Connect, shelf: Shelf) -> None:
        faults.switch(shelf, "ga4", "drop-after", calls=1)
        event = recent()
        with pytest.raises(Temporary):
            connect(GoogleAnalytics4, **GA4).deliver(event)
        connect(GoogleAnalytics4, **GA4).deliver(event)
        assert [one["state"] for one in ga4.received(shelf)] == ["kept", "repeat"]

    def test_a_wrong_secret_is_not_noticed(self, connect: Connect, shelf: Shelf) -> None:
        receipt = connect(GoogleAnalytics4, **{**GA4, "api_secret": "other"}).deliver(recent())
        assert receipt.state is ReceiptState.DELIVERED
        assert ga4.received(shelf)[0]["state"] == "dropped"

    def test_its_check_passes_and_records_nothing(self, connect: Connect, shelf: Shelf) -> None:
        findings = connect(GoogleAnalytics4, **GA4, value="12.50").check()
        assert [finding.ok for finding in findings] == [True, True]
        assert ga4.received(shelf) == []

    @PLENTY
    @given(event=events, value=st.sampled_from(["", "0", "1.5"]), user_data=st.sampled_from(["yes", "no"]))
    def test_any_event_is_kept_or_skipped(
        self, connect: Connect, shelf: Shelf, event: InquiryEvent, value: str, user_data: str
    ) -> None:
        shelf.remove("ga4/events")
        try:
            connect(GoogleAnalytics4, **GA4, value=value, send_user_data=user_data).deliver(event)
        except Unsupported:
            assert ga4.received(shelf) == []
            return
        assert [reason for one in ga4.received(shelf) for reason in one["reasons"]] == []
        assert len(ga4.received(shelf)) == 1


class TestYandexMetrica:
    def test_an_inquiry_reaches_the_goal(self, connect: Connect, shelf: Shelf) -> None:
        adapter = connect(YandexMetrica, **METRICA, send_chats="yes", send_phone="yes")
        receipt = adapter.confirm(adapter.deliver(recent()))
        assert receipt.state is ReceiptState.DELIVERED
        assert receipt.params == {"linked": 1, "rows": 1}
        assert [(row["goal"], row["is_linked"]) for row in metrica.received(shelf)] == [
            ("wa_inquiry", True),
            ("Чат", True),
        ]

    def test_a_lost_answer_leads_to_the_same_rows(self, connect: Connect, shelf: Shelf) -> None:
        faults.switch(shelf, "metrica", "drop-after", calls=1)
        event = recent()
        with pytest.raises(Temporary):
            connect(YandexMetrica, **METRICA).deliver(event)
        connect(YandexMetrica, **METRICA).deliver(event)
        (row,) = metrica.received(shelf)
        assert row["sent"] == 2

    def test_a_visitor_unknown_to_the_counter_is_told(self, connect: Connect, shelf: Shelf) -> None:
        metrica.configure(shelf, **METRICA, goals=["wa_inquiry"], step_seconds=0, visits=[])
        adapter = connect(YandexMetrica, **METRICA)
        with pytest.raises(Rejected, match="no visit"):
            adapter.confirm(adapter.deliver(recent()))

    def test_a_missing_goal_is_told(self, connect: Connect) -> None:
        adapter = connect(YandexMetrica, **METRICA, target="other")
        with pytest.raises(Rejected, match="no goal with the identifier other"):
            adapter.confirm(adapter.deliver(recent()))

    def test_it_waits_while_the_upload_is_worked_on(self, connect: Connect, shelf: Shelf) -> None:
        metrica.configure(shelf, **METRICA, step_seconds=3600)
        adapter = connect(YandexMetrica, **METRICA)
        assert adapter.confirm(adapter.deliver(recent())).state is ReceiptState.ACCEPTED

    def test_it_reads_the_list_form_for_chats(self, connect: Connect, shelf: Shelf) -> None:
        metrica.configure(shelf, **METRICA, chats_as_list=True)
        receipt = connect(YandexMetrica, **METRICA, send_chats="yes").deliver(recent())
        assert (receipt.details["conversion_upload_id"], receipt.details["chat_upload_id"]) == ("1", "2")

    @pytest.mark.parametrize(
        ("fault", "expected"),
        [("429", Temporary), ("500", Temporary), ("drop", Temporary), ("expired", Misconfigured)],
    )
    def test_each_fault_says_who_acts(
        self, connect: Connect, shelf: Shelf, fault: str, expected: type[Exception]
    ) -> None:
        faults.switch(shelf, "metrica", fault)
        with pytest.raises(expected):
            connect(YandexMetrica, **METRICA).deliver(recent())
        assert metrica.received(shelf) == []

    @pytest.mark.parametrize(
        ("config", "told"),
        [
            ({"token": "other"}, "Issue a new one"),
            ({"counter_id": "1"}, "no counter 1"),
            ({"counter_id": "11111111"}, "edit the counter"),
        ],
    )
    def test_its_check_names_what_is_wrong(
        self, connect: Connect, shelf: Shelf, config: dict[str, str], told: str
    ) -> None:
        metrica.configure(shelf, counter_id="11111111", token="of-somebody-else")
        with pytest.raises(Misconfigured, match=told):
            connect(YandexMetrica, **{**METRICA, **config}).check()

    def test_its_check_passes_and_changes_nothing(self, connect: Connect, shelf: Shelf) -> None:
        findings = connect(YandexMetrica, **METRICA, send_chats="yes").check()
        assert [finding.ok for finding in findings] == [True, True, True]
        assert metrica.uploads(shelf) == []

    @PLENTY
    @given(batch=st.lists(events, max_size=5))
    def test_metrica_accepts_every_row_of_any_events(
        self, connect: Connect, shelf: Shelf, batch: list[InquiryEvent]
    ) -> None:
        adapter = connect(YandexMetrica, **METRICA, send_chats="yes", send_phone="yes")
        answers = adapter.deliver_batch(batch)
        assert len(answers) == len(batch)
        assert {type(answer) for answer in answers} <= {Receipt, Unsupported, Temporary}
        for event, answer in zip(batch, answers, strict=True):
            assert not isinstance(answer, Temporary) or event.occurred_at > datetime.now(UTC) - timedelta(
                seconds=5
            )

    def test_five_hundred_inquiries_are_two_uploads(self, connect: Connect, shelf: Shelf) -> None:
        ids = [str(1795435200123456789 + n) for n in range(500)]
        batch = [recent(inquiry_id=one, analytics_ids={"ym_client_id": one}) for one in ids]
        answers = connect(YandexMetrica, **METRICA, send_chats="yes").deliver_batch(batch)
        assert {type(answer) for answer in answers} == {Receipt}
        assert [one["source_quantity"] for one in metrica.uploads(shelf)] == [500, 500]

    def test_an_inquiry_without_ids_counts_as_a_chat(self, connect: Connect, shelf: Shelf) -> None:
        event = make_event(occurred_at=datetime.now(UTC) - timedelta(minutes=1))
        adapter = connect(YandexMetrica, **METRICA, send_chats="yes")
        assert adapter.confirm(adapter.deliver(event)).state is ReceiptState.DELIVERED
        (row,) = metrica.received(shelf)
        assert (row["goal"], row["is_linked"]) == ("Чат", False)
