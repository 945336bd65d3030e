"""The stand-in refuses what amoCRM refuses."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask import Flask

from sandbox import amocrm, create_sandbox, faults
from sandbox.amocrm.entities import SCANNED
from sandbox.shelf import Shelf

TOKEN = "test-token"


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path / "shelf.db")


@pytest.fixture
def account(shelf):
    return amocrm.configure(shelf, "acme", token=TOKEN)


@pytest.fixture
def client(shelf):
    app = Flask("stand-in")
    app.register_blueprint(amocrm.blueprint(shelf), url_prefix="/amocrm")
    return app.test_client()


@pytest.fixture
def call(client, account):
    def ask(method: str, path: str, body=None, *, token: str = TOKEN, **query):
        headers = {"Authorization": f"Bearer {token}"}
        url = f"/amocrm/acme/api/v4/{path}"
        return client.open(url, method=method, json=body, headers=headers, query_string=query)

    return ask


def value(code: str, text: str, **more) -> dict:
    return {"field_code": code, "values": [{"value": text, **more}]}


def person(phone: str = "+79161234567", name: str = "Anna") -> dict:
    return {"first_name": name, "custom_fields_values": [value("PHONE", phone, enum_code="MOB")]}


def complex_lead(**overrides) -> list:
    return [{"name": "A", "_embedded": {"contacts": [person()]}, **overrides}]


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "leads", {"name": "A"}, 400),
        ("POST", "leads", [], 400),
        ("POST", "leads", [{"name": "A"}] * 251, 422),
        ("POST", "leads/complex", [{"name": "A"}] * 51, 400),
        ("POST", "leads/complex", complex_lead(_embedded={"contacts": [person(), person()]}), 400),
        ("POST", "leads/complex", complex_lead(custom_fields_values=[value("GCLID", "x")] * 41), 400),
        ("POST", "leads", [{"created_at": 1.5}], 400),
        ("POST", "leads", [{"status_id": "142"}], 400),
        ("POST", "leads", [{"status_id": 5}], 400),
        ("POST", "leads", [{"status_id": 61000001}], 400),  # the Incoming stage
        ("POST", "leads", [{"status_id": 142}], 200),
        ("POST", "leads", [{"pipeline_id": 5}], 400),
        ("POST", "leads", [{"responsible_user_id": 5}], 400),
        ("POST", "leads", [{"loss_reason_id": 1}], 400),
        ("POST", "leads", [{"_embedded": {"contacts": [{"id": 5}]}}], 400),
        ("POST", "leads", [{"_embedded": {"source": {"external_id": "x"}}}], 400),
        ("POST", "leads", [{"custom_fields_values": [value("TTCLID", "x")]}], 400),
        ("POST", "leads", [{"custom_fields_values": [value("PHONE", "x")]}], 400),
        ("POST", "leads", [{"custom_fields_values": [{"field_code": "GCLID", "values": "x"}]}], 400),
        ("POST", "contacts", [{"custom_fields_values": [value("PHONE", "1", enum_code="CAR")]}], 400),
        ("POST", "leads/notes", [{"entity_id": 5, "note_type": "common", "params": {"text": "x"}}], 400),
        ("POST", "leads/custom_fields", [{"name": "A", "type": "poem"}], 400),
        ("POST", "leads/custom_fields", [{"name": "A", "type": "text", "code": "GCLID"}], 400),
        ("POST", "webhooks", {"destination": "http://a.example/", "settings": ["add_lead"]}, 400),
        ("POST", "webhooks", {"destination": "https://a.example/", "settings": ["add_joy"]}, 400),
        ("POST", "webhooks", {"destination": "https://a.example/", "settings": ["add_lead"]}, 201),
        ("DELETE", "leads/1", None, 405),
        ("GET", "leads/unsorted", None, 404),
        ("GET", "leads/1", None, 204),
        ("GET", "leads", None, 204),
    ],
)
def test_it_is_as_strict_as_the_platform(call, method, path, body, status):
    assert call(method, path, body).status_code == status


def test_an_unknown_field_is_named_by_its_place(call):
    values = [value("GCLID", "x"), value("NOPE", "x")]
    answer = call("POST", "leads", [{"name": "A"}, {"custom_fields_values": values}])
    assert answer.mimetype == "application/problem+json"
    refused = answer.json["validation-errors"][0]
    assert refused["request_id"] == "1"
    assert refused["errors"][0]["path"] == "custom_fields_values.1.field_id"
    assert call("GET", "leads").status_code == 204


def test_complex_answers_with_a_bare_array(call):
    answer = call("POST", "leads/complex", complex_lead(request_id="r1"))
    made = answer.json[0]
    assert made["request_id"] == ["r1"]
    assert made["merged"] is False
    lead = call("GET", f"leads/{made['id']}", **{"with": "contacts"}).json
    assert lead["_embedded"]["contacts"] == [{"id": made["contact_id"], "is_main": True}]


def test_without_duplicate_control_every_complex_call_makes_a_contact(call, shelf):
    for _ in range(2):
        call("POST", "leads/complex", complex_lead())
    found = call("GET", "contacts", query="9161234567").json["_embedded"]["contacts"]
    assert len(found) == 2
    amocrm.configure(shelf, "acme", token=TOKEN, duplicate_control=True)
    assert call("POST", "leads/complex", complex_lead()).json[0]["merged"] is True


@pytest.mark.parametrize("many", [0, SCANNED])
def test_the_search_compares_digits_as_they_stand(call, account, many):
    account.put("counts", "contacts", many)
    call("POST", "contacts", [person("+79161234567"), person("89161234568")])
    assert call("GET", "contacts", query="9161234567").status_code == 200
    assert call("GET", "contacts", query="89161234567").status_code == 204


def test_a_change_touches_only_what_it_names(call):
    body = [{"name": "A", "custom_fields_values": [value("GCLID", "1")], "tags_to_add": [{"name": "t"}]}]
    made = call("POST", "leads", body).json["_embedded"]["leads"][0]["id"]
    change = {"custom_fields_values": [value("YCLID", "2")], "tags_to_add": [{"name": "u"}]}
    call("PATCH", f"leads/{made}", change)
    lead = call("GET", f"leads/{made}").json
    assert lead["name"] == "A"
    assert [item["field_code"] for item in lead["custom_fields_values"]] == ["GCLID", "YCLID"]
    assert [tag["name"] for tag in lead["_embedded"]["tags"]] == ["t", "u"]


def test_a_tag_with_id_and_name_is_doubled(call):
    made = call("POST", "leads", [{"tags_to_add": [{"name": "t"}]}]).json["_embedded"]["leads"][0]["id"]
    tag = call("GET", f"leads/{made}").json["_embedded"]["tags"][0]
    both = {"id": tag["id"], "name": "t"}
    call("PATCH", f"leads/{made}", {"_embedded": {"tags": [both]}})
    assert len(call("GET", f"leads/{made}").json["_embedded"]["tags"]) == 2


def test_lists_come_in_pages(call):
    call("POST", "leads", [{"name": str(n)} for n in range(5)])
    first = call("GET", "leads", limit=2).json
    assert "next" in first["_links"]
    assert "next" not in call("GET", "leads", limit=2, page=3).json["_links"]
    assert call("GET", "leads", limit=2, page=4).status_code == 204


@pytest.mark.parametrize(("token", "status"), [("", 401), ("other", 401), (TOKEN, 200)])
def test_it_wants_a_token(call, token, status):
    assert call("GET", "account", token=token).status_code == status


def test_a_token_opens_its_own_account_only(call, client, shelf):
    amocrm.configure(shelf, "other", token="other-token")
    assert call("GET", "account", token="other-token").status_code == 401


@pytest.mark.parametrize(
    ("facts", "path", "status"),
    [
        ({"is_paid": False}, "account", 402),
        ({"rate": 1}, "account", 429),
    ],
)
def test_an_account_can_be_in_trouble(call, shelf, facts, path, status):
    amocrm.configure(shelf, "acme", token=TOKEN, **facts)
    found = {call("GET", path).status_code for _ in range(5)}
    assert status in found


def test_fields_need_an_administrator(call, shelf):
    amocrm.configure(shelf, "acme", token=TOKEN, is_admin=False)
    assert call("POST", "leads/custom_fields", [{"name": "A", "type": "text"}]).status_code == 403


def test_a_code_and_a_refresh_token_serve_once(client, shelf):
    facts = {"client_id": "c", "client_secret": "s", "redirect_uri": "https://a.example/"}
    amocrm.configure(shelf, "acme", **facts)
    url = "/amocrm/acme/oauth2/access_token"
    code = amocrm.issue_code(shelf, "acme")
    form = {**facts, "grant_type": "authorization_code", "code": code}
    pair = client.post(url, json=form)
    assert pair.status_code == 200
    assert "hint" in client.post(url, json=form).json
    assert client.post(url, json={**form, "client_secret": "x"}).status_code == 400
    again = {**facts, "grant_type": "refresh_token", "refresh_token": pair.json["refresh_token"]}
    assert client.post(url, json=again).status_code == 200
    assert client.post(url, json=again).status_code == 400


@pytest.mark.parametrize(("fault", "status"), [("429", 429), ("500", 500), ("expired", 401)])
def test_faults_are_switched_on_for_some_calls(call, shelf, fault, status):
    faults.switch(shelf, "amocrm", fault, calls=1)
    assert call("GET", "account").status_code == status
    assert call("GET", "account").status_code == 200


def test_drop_after_does_the_work(call, shelf):
    faults.switch(shelf, "amocrm", "drop-after", calls=1)
    answer = call("POST", "leads", [{"name": "A"}])
    with pytest.raises(ConnectionAbortedError):
        answer.get_data()
    assert call("GET", "leads").status_code == 200


def test_people_see_the_board_and_the_card(tmp_path):
    app = create_sandbox(shelf_path=tmp_path / "pages.db")
    account = amocrm.configure(app.extensions["shelf"], "acme", token=TOKEN)
    client = app.test_client()
    body = complex_lead(custom_fields_values=[value("UTM_SOURCE", "yandex<b>")])
    headers = {"Authorization": f"Bearer {TOKEN}"}
    made = client.post("/amocrm/acme/api/v4/leads/complex", json=body, headers=headers).json[0]["id"]
    note = [{"note_type": "common", "params": {"text": "see https://a.example/1"}}]
    client.post(f"/amocrm/acme/api/v4/leads/{made}/notes", json=note, headers=headers)
    assert "Первичный контакт" in client.get("/amocrm/acme/").text
    card = client.get(f"/amocrm/acme/leads/detail/{made}").text
    for part in ("Статистика", "yandex&lt;b&gt;", "+79161234567", 'href="https://a.example/1"'):
        assert part in card
    assert client.get("/amocrm/acme/leads/detail/5").status_code == 404
    assert client.get("/amocrm/").status_code == 200
    assert amocrm.received(app.extensions["shelf"], "acme")[0] == f"Сделка №{made} «A»"
    assert account.facts["subdomain"] == "acme"
