"""What is peculiar to Google Analytics 4: it never says no, so the limits are kept on this side."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
import responses

from adapters.analytics.ga4 import GoogleAnalytics4
from adapters.base import InquiryEvent, Misconfigured, ReceiptState, Temporary, Unsupported
from tests.adapters.contract import DestinationContract
from tests.adapters.factories import (
    NOW,
    PERSON_NAME,
    PHONE,
    TEXT,
    make_event,
    make_full_event,
    make_person,
    make_source,
)

COLLECT = "https://www.google-analytics.com/mp/collect"
VALIDATE = "https://www.google-analytics.com/debug/mp/collect"
PHONE_HASH = "86cc60992d2e0fde2e5511d462b755057f8f5c6b259a1ff7c2eee2ea284eb113"  # of +79995551111


class TestGoogleAnalytics4(DestinationContract):
    adapter = GoogleAnalytics4
    config = {
        "measurement_id": "G-ABC1234567",
        "api_secret": "test-secret-1234",
        "send_user_data": "yes",
        "value": "500",
    }

    def prepare(self, platform: responses.RequestsMock) -> None:
        platform.post(COLLECT, status=204)

    def smallest_event(self) -> InquiryEvent:
        return make_event(analytics_ids={"ga_client_id": "1162820436.1795435200"})

    def sent(self, platform: responses.RequestsMock, event: InquiryEvent, **config: str) -> dict[str, Any]:
        """Deliver and give the body that went out."""
        self.prepare(platform)
        self.make(**config).deliver(event)
        return json.loads(platform.calls[-1].request.body)

    def params(self, platform: responses.RequestsMock, event: InquiryEvent, **config: str) -> dict[str, Any]:
        return self.sent(platform, event, **config)["events"][0]["params"]

    def test_its_receipt_does_not_claim_more_than_google_says(self, platform: responses.RequestsMock) -> None:
        self.prepare(platform)
        receipt = self.make().deliver(make_full_event())
        assert receipt.state is ReceiptState.DELIVERED
        assert "does not confirm" in receipt.note

    @pytest.mark.parametrize(
        ("changed", "reason"),
        [
            ({"analytics_ids": {}}, "no Google Analytics id"),
            ({"analytics_ids": {"ga_client_id": "none"}}, "no Google Analytics id"),
            ({"analytics_ids": {"ga_client_id": "0.12"}}, "no Google Analytics id"),
            ({"consent": {"analytics_storage": "denied"}}, "did not allow"),
            ({"occurred_at": NOW - timedelta(hours=72, seconds=1)}, "72 hours"),
        ],
    )
    def test_it_skips_what_google_would_drop_or_misdate(
        self, platform: responses.RequestsMock, changed: dict[str, Any], reason: str
    ) -> None:
        with pytest.raises(Unsupported, match=reason):
            self.make().deliver(make_full_event(**changed))
        assert not platform.calls

    def test_it_takes_an_inquiry_of_exactly_72_hours(self, platform: responses.RequestsMock) -> None:
        event = make_full_event(occurred_at=NOW - timedelta(hours=72))
        assert self.sent(platform, event)["timestamp_micros"] == 1795435200000000 - 72 * 3600 * 10**6

    def test_it_never_dates_an_event_in_the_future(self, platform: responses.RequestsMock) -> None:
        event = make_full_event(occurred_at=NOW + timedelta(seconds=30))
        assert self.sent(platform, event)["timestamp_micros"] == 1795435200000000

    @pytest.mark.parametrize(
        ("raw", "client_id"),
        [
            ("1162820436.1749482504", "1162820436.1749482504"),
            ("GA1.1.1162820436.1749482504", "1162820436.1749482504"),
            ("GA1.1-2.1162820436.1749482504", "1162820436.1749482504"),
        ],
    )
    def test_it_reads_the_client_id(self, platform: responses.RequestsMock, raw: str, client_id: str) -> None:
        assert self.sent(platform, make_event(analytics_ids={"ga_client_id": raw}))["client_id"] == client_id

    @pytest.mark.parametrize(
        ("started", "joins"),
        [
            (NOW - timedelta(minutes=5), True),
            (NOW - timedelta(hours=24), True),
            (NOW - timedelta(hours=24, seconds=1), False),
            (None, False),
        ],
    )
    def test_it_joins_the_session_within_a_day_only(
        self, platform: responses.RequestsMock, started: Any, joins: bool
    ) -> None:
        assert ("session_id" in self.params(platform, make_full_event(visit_started_at=started))) is joins

    @pytest.mark.parametrize(
        ("given", "sent"),
        [
            ({}, None),
            ({"ad_user_data": "granted"}, {"ad_user_data": "GRANTED"}),
            (
                {"ad_user_data": "denied", "ad_personalization": "granted", "analytics_storage": "granted"},
                {"ad_user_data": "DENIED", "ad_personalization": "GRANTED"},
            ),
            ({"ad_user_data": "perhaps"}, None),
        ],
    )
    def test_it_passes_the_consent_on(
        self, platform: responses.RequestsMock, given: dict[str, str], sent: dict[str, str] | None
    ) -> None:
        assert self.sent(platform, make_full_event(consent=given)).get("consent") == sent

    @pytest.mark.parametrize(
        ("switch", "consent", "phone", "sends"),
        [
            ("yes", "granted", "79995551111", True),
            ("yes", "denied", "79995551111", False),
            ("yes", "", "79995551111", False),
            ("yes", "granted", "", False),
            ("no", "granted", "79995551111", False),
        ],
    )
    def test_it_sends_the_hashed_phone_only_when_both_allow_it(
        self, platform: responses.RequestsMock, switch: str, consent: str, phone: str, sends: bool
    ) -> None:
        event = make_full_event(person=make_person(phone=phone), consent={"ad_user_data": consent})
        body = self.sent(platform, event, send_user_data=switch)
        expected = {"sha256_phone_number": [PHONE_HASH]} if sends else None
        assert body.get("user_data") == expected
        assert ("user_id" in body) is sends

    def test_it_sends_no_personal_data_in_clear(self, platform: responses.RequestsMock) -> None:
        body = json.dumps(self.sent(platform, make_full_event()), ensure_ascii=False)
        for private in (PHONE, PERSON_NAME, TEXT, "person-1"):
            assert private not in body

    @pytest.mark.parametrize(
        ("config", "value", "currency"),
        [
            ({"value": ""}, None, None),
            ({"value": "500"}, 500, "RUB"),
            ({"value": "12.50"}, 12.5, "RUB"),
            ({"value": "12.50", "currency": "KZT"}, 12.5, "KZT"),
        ],
    )
    def test_it_sends_a_value_never_without_its_currency(
        self, platform: responses.RequestsMock, config: dict[str, str], value: object, currency: object
    ) -> None:
        params = self.params(platform, make_full_event(), **config)
        assert (params.get("value"), params.get("currency")) == (value, currency)

    def test_it_cuts_long_values_at_100_characters(self, platform: responses.RequestsMock) -> None:
        params = self.params(platform, make_full_event(source=make_source(campaign="я" * 300)))
        assert params["inquiry_campaign"] == "я" * 100

    def test_it_stays_within_25_params(self, platform: responses.RequestsMock) -> None:
        assert len(self.params(platform, make_full_event())) <= 25

    @pytest.mark.parametrize(
        ("page", "sent"),
        [
            ("https://shop.example/sofa?phone=79161234567#form", "https://shop.example/sofa"),
            ("http://[broken", None),
            ("not an address", None),
            ("", None),
        ],
    )
    def test_it_sends_addresses_without_what_a_visitor_typed(
        self, platform: responses.RequestsMock, page: str, sent: str | None
    ) -> None:
        assert self.params(platform, make_full_event(page_url=page)).get("page_location") == sent

    def test_it_names_the_messenger_unless_told_otherwise(self, platform: responses.RequestsMock) -> None:
        assert self.params(platform, make_full_event(network="telegram"))["lead_source"] == "telegram"
        assert self.params(platform, make_full_event(), lead_source="chat")["lead_source"] == "chat"

    def test_it_can_hand_over_inside_the_european_union(self, platform: responses.RequestsMock) -> None:
        platform.post("https://region1.google-analytics.com/mp/collect", status=204)
        self.make(endpoint="region1.google-analytics.com").deliver(make_full_event())
        assert len(platform.calls) == 1

    @pytest.mark.parametrize(
        "config",
        [
            {"event_name": "session_start"},
            {"event_name": "firebase_in_app_message_action"},
            {"event_name": "new lead"},
            {"event_name": "x" * 41},
            {"measurement_id": "UA-12345-1"},
            {"value": "five"},
            {"currency": "rub"},
            {"endpoint": "evil.example"},
        ],
    )
    def test_it_refuses_settings_that_google_would_swallow(self, config: dict[str, str]) -> None:
        with pytest.raises(Misconfigured):
            self.make(**config).deliver(make_full_event())

    # --- check ------------------------------------------------------------------------------------

    def test_its_check_says_what_cannot_be_proven(self, platform: responses.RequestsMock) -> None:
        platform.post(VALIDATE, json={"validationMessages": []})
        accepted, unproven = self.make(event_name="wa_lead").check()
        assert accepted.ok
        assert "no way to test the API secret" in unproven.text
        assert unproven.params == {"name": "wa_lead"}
        body = json.loads(platform.calls[0].request.body)
        assert body["validation_behavior"] == "ENFORCE_RECOMMENDATIONS"

    def test_its_check_shows_the_words_of_the_validator(self, platform: responses.RequestsMock) -> None:
        message = {"fieldPath": "events", "description": "Name is bad.", "validationCode": "NAME_INVALID"}
        platform.post(VALIDATE, json={"validationMessages": [message]})
        finding = self.make().check()[0]
        assert not finding.ok
        assert finding.text.format(**finding.params) == "Google's validator says: Name is bad."

    @pytest.mark.parametrize("answer", ["<html>", "[]", "{}", '{"validationMessages": 5}'])
    def test_its_check_survives_an_unreadable_answer(
        self, platform: responses.RequestsMock, answer: str
    ) -> None:
        platform.post(VALIDATE, body=answer)
        assert not self.make().check()[0].ok

    @pytest.mark.parametrize(
        ("status", "error"), [(400, Misconfigured), (404, Misconfigured), (503, Temporary)]
    )
    def test_its_check_tells_who_acts(
        self, platform: responses.RequestsMock, status: int, error: type[Exception]
    ) -> None:
        platform.post(VALIDATE, status=status)
        with pytest.raises(error):
            self.make().check()
