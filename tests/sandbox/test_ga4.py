"""The stand-in for Google Analytics 4 is as strict, and as silent, as the real one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient
from jinja2 import ChoiceLoader, DictLoader

from sandbox import faults, ga4
from sandbox.shelf import Shelf

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
QUERY = {"measurement_id": "G-ABC1234567", "api_secret": "secret"}


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    found = Shelf(tmp_path / "shelf.db")
    ga4.configure(found, **QUERY)
    return found


@pytest.fixture
def client(shelf: Shelf) -> Iterator[FlaskClient]:
    app = Flask("sandbox")
    # the page's own block alone, without the frame that all stand-ins share
    frame = DictLoader({"base.html": "{% block title %}{% endblock %}{% block content %}{% endblock %}"})
    app.jinja_loader = ChoiceLoader([frame, app.jinja_loader])
    app.register_blueprint(ga4.blueprint(shelf), url_prefix="/ga4")
    with time_machine.travel(NOW, tick=False), app.test_client() as client:
        yield client


def micros(age: timedelta) -> int:
    return int((NOW - age).timestamp() * 1e6)


def make_body(params: Any = None, **changed: Any) -> dict[str, Any]:
    event = {"name": changed.pop("name", "generate_lead"), "params": params if params is not None else {}}
    return {"client_id": "1162820436.1749482504", "events": [event], **changed}


# what is wrong → (the body, the code that the validator gives)
BROKEN = {
    "no object": ([], "VALUE_INVALID"),
    "no client id": (make_body(client_id=""), "VALUE_REQUIRED"),
    "client id": (make_body(client_id="abc"), "VALUE_INVALID"),
    "unknown field": (make_body(sessions=1), "NAME_INVALID"),
    "long user id": (make_body(user_id="u" * 257), "VALUE_INVALID"),
    "consent word": (make_body(consent={"ad_user_data": "yes"}), "VALUE_INVALID"),
    "consent key": (make_body(consent={"analytics_storage": "DENIED"}), "VALUE_INVALID"),
    "user data alone": (make_body(user_data={"sha256_phone_number": ["0" * 64]}), "VALUE_REQUIRED"),
    "bare phone": (
        make_body(user_id="u", user_data={"sha256_phone_number": ["+79995551111"]}),
        "VALUE_INVALID",
    ),
    "property": (make_body(user_properties={"x" * 25: {"value": "1"}}), "NAME_INVALID"),
    "property value": (make_body(user_properties={"x": {"value": "1" * 37}}), "VALUE_INVALID"),
    "no events": (make_body(events=[]), "VALUE_REQUIRED"),
    "many events": (make_body(events=[{"name": "a"}] * 26), "EXCEEDED_MAX_ENTITIES"),
    "event without a name": (make_body(events=[{}]), "VALUE_REQUIRED"),
    "reserved event": (make_body(name="session_start"), "NAME_RESERVED"),
    "event name": (make_body(name="new lead"), "NAME_INVALID"),
    "long event name": (make_body(name="x" * 41), "NAME_INVALID"),
    "reserved prefix": (make_body({"ga_source": "x"}), "NAME_RESERVED"),
    "reserved param": (make_body({"firebase_conversion": 1}), "NAME_RESERVED"),
    "param name": (make_body({"campaign-id": "x"}), "NAME_INVALID"),
    "long value": (make_body({"campaign": "x" * 101}), "VALUE_OUT_OF_BOUNDS"),
    "empty value": (make_body({"campaign": ""}), "VALUE_REQUIRED"),
    "nested value": (make_body({"campaign": {}}), "VALUE_INVALID"),
    "session id": (make_body({"session_id": "first"}), "VALUE_INVALID"),
    "many params": (make_body({f"p{n}": 1 for n in range(26)}), "EXCEEDED_MAX_ENTITIES"),
    "value without currency": (make_body({"value": 5}), "VALUE_REQUIRED"),
    "value as a text": (make_body({"value": "5", "currency": "RUB"}), "VALUE_INVALID"),
    "purchase without items": (
        make_body({"value": 5, "currency": "RUB", "transaction_id": "t"}, name="purchase"),
        "VALUE_REQUIRED",
    ),
    "too old": (make_body(timestamp_micros=micros(timedelta(hours=73))), "VALUE_OUT_OF_BOUNDS"),
    "to come": (make_body(timestamp_micros=micros(timedelta(hours=-1))), "VALUE_OUT_OF_BOUNDS"),
    "time as a text": (make_body(timestamp_micros="now"), "VALUE_INVALID"),
}
SOUND = {
    "smallest": make_body(),
    "raw cookie": make_body({"session_id": "GS2.1.s1747132561$o1"}, client_id="GA1.1.1162820436.1749482504"),
    "fullest": make_body(
        {"session_id": "1747132561", "engagement_time_msec": 1, "value": 0, "currency": "RUB"},
        user_id="u",
        user_data={"sha256_phone_number": "0" * 64},
        user_properties={"plan": {"value": "pro"}},
        consent={"ad_user_data": "GRANTED", "ad_personalization": "DENIED"},
        timestamp_micros=micros(timedelta(hours=71)),
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_it_drops_silently_what_google_would_drop(client: FlaskClient, shelf: Shelf, case: str) -> None:
    answer = client.post("/ga4/mp/collect", query_string=QUERY, json=BROKEN[case][0])
    assert (answer.status_code, answer.data) == (204, b"")
    assert {event["state"] for event in ga4.received(shelf)} == {"dropped"}


@pytest.mark.parametrize("case", BROKEN)
def test_its_validator_names_the_fault(client: FlaskClient, shelf: Shelf, case: str) -> None:
    body, code = BROKEN[case]
    strict = {**body, "validation_behavior": "ENFORCE_RECOMMENDATIONS"} if isinstance(body, dict) else body
    messages = client.post("/ga4/debug/mp/collect", json=strict).json["validationMessages"]
    assert code in {message["validationCode"] for message in messages}
    assert all(message["description"] for message in messages)
    assert ga4.received(shelf) == []


@pytest.mark.parametrize("case", SOUND)
def test_it_keeps_what_is_sound(client: FlaskClient, shelf: Shelf, case: str) -> None:
    client.post("/ga4/mp/collect", query_string=QUERY, json=SOUND[case])
    assert [(event["state"], event["reasons"]) for event in ga4.received(shelf)] == [("kept", [])]
    assert client.post("/ga4/debug/mp/collect", json=SOUND[case]).json == {"validationMessages": []}


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ({**QUERY, "api_secret": "other"}, "not a secret of this stream"),
        ({**QUERY, "measurement_id": "G-OTHER"}, "no such data stream"),
        ({}, "no such data stream"),
    ],
)
def test_it_answers_strangers_alike(
    client: FlaskClient, shelf: Shelf, query: dict[str, str], reason: str
) -> None:
    assert client.post("/ga4/mp/collect", query_string=query, json=make_body()).status_code == 204
    (event,) = ga4.received(shelf)
    assert event["state"] == "dropped"
    assert reason in event["reasons"][0]


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[]", b"5"])
def test_it_answers_204_to_broken_json(client: FlaskClient, shelf: Shelf, body: bytes) -> None:
    assert client.post("/ga4/mp/collect", query_string=QUERY, data=body).status_code == 204
    assert ga4.received(shelf)[0]["state"] == "dropped"


def test_it_takes_posts_only(client: FlaskClient) -> None:
    assert client.get("/ga4/mp/collect").status_code == 405


def test_it_marks_a_repeat(client: FlaskClient, shelf: Shelf) -> None:
    for transaction_id in ("a", "a", "b"):
        client.post("/ga4/mp/collect", query_string=QUERY, json=make_body({"transaction_id": transaction_id}))
    assert [event["state"] for event in ga4.received(shelf)] == ["kept", "repeat", "kept"]


@pytest.mark.parametrize(
    ("fault", "status", "states"),
    [("429", 429, []), ("500", 500, []), ("expired", 204, ["dropped"]), ("", 204, ["kept"])],
)
def test_its_faults_can_be_switched(
    client: FlaskClient, shelf: Shelf, fault: str, status: int, states: list[str]
) -> None:
    faults.switch(shelf, "ga4", fault)
    assert client.post("/ga4/mp/collect", query_string=QUERY, json=make_body()).status_code == status
    assert [event["state"] for event in ga4.received(shelf)] == states


def test_its_page_shows_each_event_with_its_fate(client: FlaskClient) -> None:
    assert "Nothing has arrived yet" in client.get("/ga4/").text
    for body in (make_body({"inquiry_campaign": "sofas"}), make_body({"bad": "<script>" * 20}), []):
        client.post("/ga4/mp/collect", query_string=QUERY, json=body)
    page = client.get("/ga4/").text
    for shown in (
        "generate_lead",
        "sofas",
        "1162820436.1749482504",
        "Longer than 100 characters",
        "no event",
    ):
        assert shown in page
    assert "<script>" not in page
