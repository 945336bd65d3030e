from __future__ import annotations

import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.serving import make_server

from adapters.base import NotAuthentic
from adapters.http import Transport
from adapters.messaging.whatsapp import WhatsAppCloud
from sandbox import faults, whatsapp
from sandbox.shelf import Shelf
from sandbox.whatsapp.graph import WINDOW_SECONDS
from sandbox.whatsapp.sender import WAITS_SECONDS, WINDOWS, sign
from tests.adapters.factories import FakeState, make_http
from tests.sandbox.meta import (
    ACCOUNT_ID,
    BSUID,
    NUMBER_ID,
    PHONE,
    SALES,
    SECRET,
    TOKEN,
    VERIFY,
    Receiver,
    channel,
    settled,
)

CALLS = f"/whatsapp/v26.0/{NUMBER_ID}"


def call(client: FlaskClient, path: str = f"{CALLS}/messages", *, token: str = TOKEN, **body: Any) -> Any:
    base = {"messaging_product": "whatsapp", "to": PHONE, "type": "text", "text": {"body": "Добрый день"}}
    message = {name: value for name, value in {**base, **body}.items() if value is not None}
    return client.post(path, json=message, headers={"Authorization": f"Bearer {token}"})


def code_of(answer: Any) -> int:
    return int(answer.get_json()["error"]["code"])


# --- webhooks ---


@pytest.mark.usefixtures("configure")
def test_a_message_arrives_signed_over_its_very_bytes(shelf: Shelf, receiver: Receiver) -> None:
    webhook_id = whatsapp.send_text(shelf, text="Диван есть?", from_phone=PHONE, name="Анна")
    assert settled(shelf, webhook_id)["state"] == "delivered"
    (arrived,) = receiver.requests
    expected = hmac.new(SECRET.encode(), arrived.body, hashlib.sha256).hexdigest()
    assert arrived.headers["x-hub-signature-256"] == f"sha256={expected}"
    assert arrived.body.isascii()
    channel().verify(arrived)
    (message,) = channel().parse(arrived)
    assert (message.text, message.phone, message.name) == ("Диван есть?", PHONE, "Анна")
    assert (message.channel_id, message.channel_address) == (NUMBER_ID, SALES)


@pytest.mark.usefixtures("configure")
def test_a_hidden_phone_leaves_no_trace(shelf: Shelf, receiver: Receiver) -> None:
    settled(shelf, whatsapp.send_text(shelf, text="Да", bsuid=BSUID, username="anna"))
    (message,) = channel().parse(receiver.requests[0])
    assert (message.sender_key, message.phone, message.username) == (BSUID, "", "anna")


@pytest.mark.usefixtures("configure")
def test_it_repeats_the_same_bytes_until_200(shelf: Shelf, receiver: Receiver) -> None:
    receiver.answers = [500, 404, 202]
    found = settled(shelf, whatsapp.send_text(shelf, text="Да", from_phone=PHONE))
    assert [attempt["status"] for attempt in found["attempts"]] == [500, 404, 202, 200]
    assert len({arrived.body for arrived in receiver.requests}) == 1


def test_it_gives_up_at_last(shelf: Shelf, configure: Callable[..., None]) -> None:
    configure(callback_url="http://127.0.0.1:9/hook", retry_scale=0)
    found = settled(shelf, whatsapp.send_text(shelf, text="Да", from_phone=PHONE))
    assert found["state"] == "given up"
    assert [attempt["status"] for attempt in found["attempts"]] == [0] * (len(WAITS_SECONDS) + 1)


def test_nothing_is_sent_before_it_is_configured(shelf: Shelf) -> None:
    with pytest.raises(LookupError):
        whatsapp.send_text(shelf, text="Да", from_phone=PHONE)


@pytest.mark.parametrize("case", whatsapp.ODD)
def test_whence_reads_each_odd_webhook(
    case: str, shelf: Shelf, receiver: Receiver, configure: Callable[..., None]
) -> None:
    settled(shelf, whatsapp.send_odd(shelf, case))
    (arrived,) = receiver.requests
    if not whatsapp.ODD[case].sign:
        with pytest.raises(NotAuthentic):
            channel().verify(arrived)
        return
    channel().verify(arrived)
    found = channel().parse(arrived)
    assert len({message.message_id for message in found}) == whatsapp.ODD[case].messages


@pytest.mark.usefixtures("configure")
def test_the_large_one_is_as_large_as_promised(shelf: Shelf, receiver: Receiver) -> None:
    settled(shelf, whatsapp.send_odd(shelf, "large"))
    assert 2_400_000 < len(receiver.requests[0].body) < 3_000_000


# --- handshake ---


def test_it_shakes_hands_when_asked(configure: Callable[..., None]) -> None:
    configure(handshake=True)


@pytest.mark.parametrize("said", ["", '"{challenge}"', "{challenge}\n", "no"])
def test_it_wants_the_bare_challenge(said: str, configure: Callable[..., None], receiver: Receiver) -> None:
    receiver.challenge = said
    with pytest.raises(whatsapp.HandshakeFailed):
        configure(handshake=True)


# --- Graph calls ---


def get(client: FlaskClient, path: str, token: str = TOKEN) -> Any:
    return client.get(path, headers={"Authorization": f"Bearer {token}"})


def test_it_gives_the_asked_fields_of_the_number(client: FlaskClient) -> None:
    answer = get(client, f"{CALLS}?fields=display_phone_number,quality_rating").get_json()
    assert answer == {
        "id": NUMBER_ID,
        "display_phone_number": "+7 999 000-00-01",
        "quality_rating": "GREEN",
    }


@pytest.mark.parametrize(
    ("path", "token", "status", "code"),
    [
        (CALLS, "", 401, 104),
        (CALLS, "wrong", 401, 190),
        ("/whatsapp/v20.0/1090000000001", TOKEN, 400, 2635),
        ("/whatsapp/v26.0/1", TOKEN, 400, 100),
        ("/whatsapp/v26.0/1/subscribed_apps", TOKEN, 400, 100),
        (f"{CALLS}?fields=nonsense", TOKEN, 400, 100),
    ],
)
def test_it_refuses_as_graph_does(path: str, token: str, status: int, code: int, client: FlaskClient) -> None:
    answer = get(client, path, token)
    assert (answer.status_code, code_of(answer)) == (status, code)
    assert {"message", "type", "fbtrace_id"} <= set(answer.get_json()["error"])


def test_it_takes_an_answer_within_a_day_and_reports_it(client: FlaskClient, shelf: Shelf) -> None:
    settled(shelf, whatsapp.send_text(shelf, text="Да", from_phone=PHONE))
    answer = call(client).get_json()
    assert answer["contacts"] == [{"input": PHONE, "wa_id": PHONE}]
    report = json.loads(settled(shelf, "2")["body"])["entry"][0]["changes"][0]["value"]["statuses"]
    assert {item["id"] for item in report} == {answer["messages"][0]["id"]}
    assert [item["status"] for item in report] == ["sent", "delivered"]


def test_it_takes_a_user_id_as_recipient_alone(client: FlaskClient, shelf: Shelf) -> None:
    settled(shelf, whatsapp.send_text(shelf, text="Да", bsuid=BSUID))
    answer = call(client, to=None, recipient=BSUID).get_json()
    assert answer["contacts"] == [{"input": BSUID, "user_id": BSUID}]
    assert code_of(call(client, to=BSUID)) == 100


def test_the_phone_wins_over_the_user_id(client: FlaskClient, shelf: Shelf) -> None:
    settled(shelf, whatsapp.send_text(shelf, text="Да", from_phone=PHONE))
    assert call(client, recipient=BSUID).get_json()["contacts"] == [{"input": PHONE, "wa_id": PHONE}]


@pytest.mark.parametrize("last", [None, WINDOW_SECONDS + 60])
def test_it_refuses_a_free_answer_after_a_day(last: int | None, client: FlaskClient, shelf: Shelf) -> None:
    if last:
        shelf.put(WINDOWS, PHONE, time.time() - last)
    assert code_of(call(client)) == 131047
    assert call(client, type="template").status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        {"messaging_product": None},
        {"to": None},
        {"to": None, "recipient": PHONE},
        {"text": {}},
        {"text": {"body": "x" * 4097}},
    ],
)
def test_it_refuses_an_incomplete_message(body: dict[str, Any], client: FlaskClient, shelf: Shelf) -> None:
    shelf.put(WINDOWS, PHONE, time.time())
    assert code_of(call(client, **body)) == 100


def test_it_subscribes_an_address_of_the_accounts_own(client: FlaskClient, receiver: Receiver) -> None:
    path = f"/whatsapp/v26.0/{ACCOUNT_ID}/subscribed_apps"
    own = {"override_callback_uri": receiver.url, "verify_token": VERIFY}
    assert call(client, path, **own).get_json() == {"success": True}
    assert get(client, path).get_json()["data"][0]["override_callback_uri"] == receiver.url
    receiver.challenge = "no"
    assert code_of(call(client, path, **own)) == 2200


@pytest.mark.parametrize(
    ("fault", "status", "code"), [("429", 429, 130429), ("500", 500, 2), ("expired", 401, 190)]
)
def test_it_fails_when_switched(
    fault: str, status: int, code: int, client: FlaskClient, shelf: Shelf
) -> None:
    faults.switch(shelf, "whatsapp", fault, calls=1)
    answer = get(client, CALLS)
    assert (answer.status_code, code_of(answer)) == (status, code)
    assert get(client, CALLS).status_code == 200


def test_a_cut_answer_leaves_the_work_done(client: FlaskClient, shelf: Shelf) -> None:
    shelf.put(WINDOWS, PHONE, time.time())
    faults.switch(shelf, "whatsapp", "drop-after", calls=1)
    with pytest.raises(ConnectionAbortedError):
        call(client).get_data()
    assert [item["to"] for item in whatsapp.replies(shelf)] == [PHONE]


@pytest.mark.usefixtures("configure")
def test_whences_check_passes_against_it(app: Flask) -> None:
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    detours = {"graph.facebook.com": f"http://127.0.0.1:{server.server_port}/whatsapp"}
    config = {"access_token": TOKEN, "phone_number_id": NUMBER_ID, "waba_id": ACCOUNT_ID, "graph_version": ""}
    http = make_http(transport=Transport(detours=detours, allow_private=True))
    findings = WhatsAppCloud(config, http, FakeState()).check()
    server.shutdown()
    thread.join()
    server.server_close()
    assert [finding.ok for finding in findings] == [True, True]


# --- pages ---


def test_its_page_shows_webhooks_with_their_answers(client: FlaskClient, shelf: Shelf) -> None:
    settled(shelf, whatsapp.send_text(shelf, text="Диван <есть>?", from_phone=PHONE))
    page = client.get("/whatsapp/").get_data(as_text=True)
    assert "Диван &lt;есть&gt;?" in page
    assert "delivered" in page
    assert "Диван <есть>?" in client.get("/whatsapp/webhooks/1").get_data(as_text=True)
    assert client.get("/whatsapp/webhooks/99").status_code == 404


def test_its_page_sends_the_odd_and_forgets(client: FlaskClient, shelf: Shelf) -> None:
    assert client.post("/whatsapp/odd", data={"case": "image"}).status_code == 302
    assert client.post("/whatsapp/odd", data={"case": "nonsense"}).status_code == 400
    settled(shelf, "1")
    client.post("/whatsapp/clear")
    assert whatsapp.webhooks(shelf) == []


def test_it_signs_with_the_secret_given() -> None:
    assert sign(b"x", secret="a") != sign(b"x", secret="b")
