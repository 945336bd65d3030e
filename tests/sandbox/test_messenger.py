from __future__ import annotations

from typing import Any

from flask.testing import FlaskClient

from sandbox import whatsapp
from sandbox.shelf import Shelf
from tests.sandbox.meta import NUMBER_ID, PHONE, SALES, SUPPORT, TOKEN, Receiver, channel, settled


def write(client: FlaskClient, **form: str) -> Any:
    return client.post(
        "/messenger/send", data={"phone": SALES, "who": "anna", "text": "Здравствуйте", **form}
    )


def ticks(client: FlaskClient, **query: str) -> list[str]:
    answer = client.get("/messenger/ticks", query_string={"phone": SALES, "who": "anna", **query})
    return [state for _, state in answer.get_json().values()]


def test_the_messenger_brings_the_text_of_the_link(client: FlaskClient) -> None:
    page = client.get("/messenger/", query_string={"phone": SALES, "text": "7KQ2-M4XD Привет"})
    assert "7KQ2-M4XD Привет</textarea>" in page.get_data(as_text=True)


def test_what_is_sent_becomes_a_bubble_and_a_webhook(
    client: FlaskClient, shelf: Shelf, receiver: Receiver
) -> None:
    back = write(client).location
    assert "phone=79990000001" in back
    settled(shelf, "1")
    (message,) = channel().parse(receiver.requests[0])
    assert (message.phone, message.text) == (PHONE, "Здравствуйте")
    assert ticks(client) == ["delivered"]
    assert "Здравствуйте" in client.get(back).get_data(as_text=True)


def test_a_hidden_writer_from_an_ad(client: FlaskClient, shelf: Shelf, receiver: Receiver) -> None:
    write(client, hide="1", from_ad="1")
    settled(shelf, "1")
    (message,) = channel().parse(receiver.requests[0])
    assert message.phone == ""
    assert message.sender_key.startswith("RU.")
    assert message.referral["source_type"] == "ad"


def test_somebody_else_writes_with_a_phone_of_their_own(
    client: FlaskClient, shelf: Shelf, receiver: Receiver
) -> None:
    write(client, who="custom", from_phone="+7 (903) 111-22-33", name="Тимур")
    settled(shelf, "1")
    (message,) = channel().parse(receiver.requests[0])
    assert (message.phone, message.name) == ("79031112233", "Тимур")


def test_a_number_that_is_not_connected_sends_no_webhook(client: FlaskClient, shelf: Shelf) -> None:
    write(client, phone=SUPPORT)
    assert whatsapp.webhooks(shelf) == []
    assert ticks(client, phone=SUPPORT) == ["elsewhere"]


def test_an_empty_message_is_not_sent(client: FlaskClient) -> None:
    assert write(client, text="  ").status_code == 400
    assert write(client, who="custom").status_code == 400


def test_the_chat_shows_the_answer_of_the_business(client: FlaskClient, shelf: Shelf) -> None:
    settled(shelf, whatsapp.send_text(shelf, text="Да", from_phone=PHONE))
    reply = {"messaging_product": "whatsapp", "to": PHONE, "text": {"body": "Привезём в четверг"}}
    path = f"/whatsapp/v26.0/{NUMBER_ID}/messages"
    client.post(path, json=reply, headers={"Authorization": f"Bearer {TOKEN}"})
    page = client.get("/messenger/", query_string={"phone": SALES, "who": "anna"})
    assert "Привезём в четверг" in page.get_data(as_text=True)
