"""The stand-in for Yandex Metrica refuses what the real one refuses, and counts as it counts."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient
from jinja2 import ChoiceLoader, DictLoader

from sandbox import faults, metrica
from sandbox.shelf import Shelf

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
SECONDS = int(NOW.timestamp())
COUNTER = "/metrica/management/v1/counter/98765432"
OWN = {"counter_id": "98765432", "token": "token"}
HEADERS = {"Authorization": "OAuth token"}
VISITOR = "1581234567890123456"


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    found = Shelf(tmp_path / "shelf.db")
    metrica.configure(found, **OWN, goals=["wa_inquiry"], step_seconds=10)
    return found


@pytest.fixture
def clock() -> Iterator[Any]:
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def client(shelf: Shelf, clock: Any) -> FlaskClient:
    app = Flask("sandbox")
    # the page's own block alone, without the frame that all stand-ins share
    frame = DictLoader({"base.html": "{% block title %}{% endblock %}{% block content %}{% endblock %}"})
    app.jinja_loader = ChoiceLoader([frame, app.jinja_loader])
    app.register_blueprint(metrica.blueprint(shelf), url_prefix="/metrica")
    return app.test_client()


def send(client: FlaskClient, text: str | bytes, *, kind: str = "BASIC", part: str = "file") -> Any:
    content = text.encode() if isinstance(text, str) else text
    return client.post(
        f"{COUNTER}/offline_conversions/upload",
        query_string={"type": kind},
        data={part: (io.BytesIO(content), "rows.csv")},
        headers=HEADERS,
    )


def conversions(*rows: str, header: str = "ClientId,Target,DateTime") -> str:
    return "\n".join([header, *rows]) + "\n"


def chats(row: str, *, header: str = "DateTime,ChatPlatform,PhoneNumber,ClientId") -> str:
    return f"{header}\n{row}\n"


def look(client: FlaskClient, upload_id: int) -> Any:
    return client.get(f"{COUNTER}/offline_conversions/uploading/{upload_id}", headers=HEADERS)


@pytest.mark.parametrize(
    ("headers", "counter_id", "status", "error_type"),
    [
        ({}, "98765432", 401, "unauthorized"),
        ({"Authorization": "Bearer token"}, "98765432", 401, "unauthorized"),
        ({"Authorization": "OAuth other"}, "98765432", 403, "invalid_token"),
        ({"Authorization": "OAuth token"}, "1", 404, "not_found"),
        ({"Authorization": "OAuth token"}, "11111111", 403, "access_denied"),
    ],
)
def test_it_refuses_strangers(
    client: FlaskClient, shelf: Shelf, headers: Any, counter_id: str, status: int, error_type: str
) -> None:
    metrica.configure(shelf, counter_id="11111111", token="of-somebody-else")
    answer = client.get(f"/metrica/management/v1/counter/{counter_id}", headers=headers)
    assert answer.status_code == status
    assert answer.json["errors"][0]["error_type"] == error_type
    assert answer.json["code"] == status


def test_a_right_to_look_is_no_right_to_upload(client: FlaskClient, shelf: Shelf) -> None:
    metrica.configure(shelf, **OWN, permission="view")
    assert client.get(COUNTER, headers=HEADERS).json["counter"]["permission"] == "view"
    assert send(client, conversions(f"{VISITOR},wa_inquiry,{SECONDS}")).status_code == 403


@pytest.mark.parametrize(
    "content",
    [
        "",
        "ClientId,Target,DateTime\n",
        b"ClientId,Target,DateTime\n\xff,wa_inquiry,1\n",
        conversions(f"{VISITOR},{SECONDS}", header="ClientId,DateTime"),
        conversions(f"{VISITOR},wa_inquiry,{SECONDS},x", header="ClientId,Target,DateTime,Colour"),
        conversions(f"{VISITOR},{VISITOR},wa_inquiry,{SECONDS}", header="ClientId,ClientId,Target,DateTime"),
        conversions(f"{VISITOR},wa_inquiry"),
        conversions(f",wa_inquiry,{SECONDS}"),
        conversions(f"{VISITOR},,{SECONDS}"),
        conversions(f"abc,wa_inquiry,{SECONDS}"),
        conversions(f"{VISITOR},wa_inquiry,2026-11-23"),
        conversions(f"{VISITOR},wa_inquiry,{SECONDS + 1}"),
        conversions(f"{VISITOR},wa_inquiry,{SECONDS},5;0", header="ClientId,Target,DateTime,Price"),
    ],
)
def test_one_bad_row_makes_it_refuse_the_file(client: FlaskClient, shelf: Shelf, content: Any) -> None:
    answer = send(client, content)
    assert answer.status_code == 400
    assert answer.json["errors"][0]["error_type"] == "invalid_uploading"
    assert metrica.received(shelf) == []


@pytest.mark.parametrize(
    "content",
    [
        chats(f"{SECONDS},WhatsApp,+79995551111,"),
        chats(f"{SECONDS},whatsapp,79995551111,"),
        chats(f"{SECONDS},whatsapp,,{VISITOR}"),
        chats(f"{SECONDS},whatsapp,x", header="DateTime,ChatPlatform,Name"),
    ],
)
def test_it_refuses_bad_chats(client: FlaskClient, content: str) -> None:
    assert send(client, content, kind="CHATS").status_code == 400


@pytest.mark.parametrize(
    ("kind", "part", "error_type"),
    [("CALLS_AND_CHATS", "file", "invalid_parameter"), ("BASIC", "upload", "missing_parameter")],
)
def test_it_wants_a_known_type_and_the_part_file(
    client: FlaskClient, kind: str, part: str, error_type: str
) -> None:
    answer = send(client, conversions(f"{VISITOR},wa_inquiry,{SECONDS}"), kind=kind, part=part)
    assert (answer.status_code, answer.json["errors"][0]["error_type"]) == (400, error_type)


def test_an_upload_goes_through_its_statuses(client: FlaskClient, clock: Any) -> None:
    upload = send(client, conversions(f"{VISITOR},wa_inquiry,{SECONDS}")).json["uploading"]
    seen = [upload["status"]]
    for _ in range(4):
        clock.shift(timedelta(seconds=10))
        seen.append(look(client, upload["id"]).json["uploading"]["status"])
    assert seen == ["UPLOADED", "EXPORTED", "MATCHED", "PROCESSED", "PROCESSED"]
    assert look(client, upload["id"]).json["uploading"]["linked_quantity"] == 1


def test_an_unknown_upload_is_not_found(client: FlaskClient) -> None:
    assert look(client, 7).status_code == 404


def test_an_unknown_goal_is_only_counted(client: FlaskClient, clock: Any) -> None:
    assert send(client, conversions(f"{VISITOR},other,{SECONDS}")).status_code == 200
    clock.shift(timedelta(minutes=1))
    upload = look(client, 1).json["uploading"]
    assert (upload["status"], upload["goal_not_found_quantity"]) == ("LINKAGE_FAILURE", 1)
    assert upload["user_not_found_quantity"] == 0


@pytest.mark.parametrize(
    ("visit_age", "linked"),
    [(timedelta(hours=1), 1), (timedelta(days=21), 1), (timedelta(days=22), 0), (timedelta(hours=-1), 0)],
)
def test_it_links_to_visits_of_21_days(
    client: FlaskClient, shelf: Shelf, clock: Any, visit_age: timedelta, linked: int
) -> None:
    visits = [{"ClientId": VISITOR, "at": (NOW - visit_age).timestamp()}]
    metrica.configure(shelf, **OWN, goals=["wa_inquiry"], visits=visits, step_seconds=0)
    assert (
        send(client, conversions(f"{VISITOR},wa_inquiry,{SECONDS}")).json["uploading"]["linked_quantity"]
        == linked
    )


def test_the_same_row_again_replaces_the_first(client: FlaskClient, shelf: Shelf) -> None:
    for price in ("1", "2"):
        row = f"{VISITOR},wa_inquiry,{SECONDS},{price}"
        send(client, conversions(row, header="ClientId,Target,DateTime,Price"))
    (row,) = metrica.received(shelf)
    assert (row["cells"]["Price"], row["sent"], row["upload_id"]) == ("2", 2, 2)


def test_the_first_chat_makes_its_goal(client: FlaskClient, shelf: Shelf) -> None:
    answer = send(client, chats(f"{SECONDS},whatsapp,+79995551111,{VISITOR}"), kind="CHATS")
    assert answer.json["uploading"]["type"] == "CHATS"
    goals = client.get(f"{COUNTER}/goals", headers=HEADERS).json["goals"]
    assert [(goal["name"], goal["type"]) for goal in goals] == [("wa_inquiry", "action"), ("Чат", "chat")]
    assert metrica.goals_reached(shelf) == [("Чат", 1)]


def test_a_goal_can_be_made(client: FlaskClient) -> None:
    goal = {"name": "Lead", "type": "action", "conditions": [{"type": "exact", "url": "lead"}]}
    assert client.post(f"{COUNTER}/goals", json={"goal": goal}, headers=HEADERS).json["goal"]["id"] == 2
    assert client.post(f"{COUNTER}/goals", json={"goal": {}}, headers=HEADERS).status_code == 400
    assert send(client, conversions(f"{VISITOR},lead,{SECONDS}")).status_code == 200


def test_its_uploads_can_be_listed(client: FlaskClient) -> None:
    send(client, conversions(f"{VISITOR},wa_inquiry,{SECONDS}"))
    listed = client.get(f"{COUNTER}/offline_conversions/uploadings", headers=HEADERS).json["uploadings"]
    assert [one["id"] for one in listed] == [1]


@pytest.mark.parametrize("quota_status", [420, 429])
def test_its_quota_answers_as_told(client: FlaskClient, shelf: Shelf, quota_status: int) -> None:
    metrica.configure(shelf, **OWN, quota_status=quota_status)
    faults.switch(shelf, "metrica", "429")
    answer = client.get(COUNTER, headers=HEADERS)
    assert answer.status_code == quota_status
    assert answer.json["errors"][0]["error_type"].startswith("quota_")


def test_its_page_shows_uploads_rows_and_goals(client: FlaskClient) -> None:
    assert "Загрузок ещё не было" in client.get("/metrica/").text
    for _ in range(2):
        send(client, conversions(f"{VISITOR},wa_inquiry,{SECONDS}"))
    page = client.get("/metrica/").text
    for shown in ("№ 2 · конверсии", "UPLOADED", VISITOR, "визит найден", "повторов: 1", "wa_inquiry"):
        assert shown in page


def test_its_page_escapes_what_was_sent(client: FlaskClient) -> None:
    send(client, conversions(f"{VISITOR},<script>,{SECONDS}"))
    assert "<script>" not in client.get("/metrica/").text
