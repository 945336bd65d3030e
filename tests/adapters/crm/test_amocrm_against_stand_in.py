"""The real adapter against the strict stand-in, over real HTTP."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from adapters.base import Misconfigured, Temporary
from adapters.crm.amocrm import exchange
from sandbox import amocrm, faults
from sandbox.amocrm import entities
from tests.adapters.factories import (
    FakeState,
    as_source_found,
    make_event,
    make_full_event,
    make_person,
    make_source,
)

REDIRECT = "https://whence.example/oauth/amocrm"
CLIENT = {"client_id": "11111111-2222", "client_secret": "secret-of-it", "redirect_uri": REDIRECT}


def values(account, lead_id: str) -> dict[str, str]:
    lead = account.get("leads", lead_id)
    return {item["field_code"]: item["values"][0]["value"] for item in lead["custom_fields_values"] or []}


def test_a_new_person_becomes_a_deal_with_its_source(make_crm, account):
    receipt = make_crm().deliver(make_full_event())
    found = values(account, receipt.remote_id)
    assert (found["UTM_SOURCE"], found["YCLID"]) == ("yandex", "1234567890123456789")
    assert (found["WHENCE_ID"], found["WHENCE_REFERENCE"]) == ("inq-0001", "7KQ2-M4XD")
    assert receipt.note == "Lead created"
    assert [group["name"] for group in account.get("setup", "groups")] == ["Статистика", "Реклама"]
    assert len(account.get("notes", receipt.remote_id)) == 1
    assert amocrm.received(account.shelf, "acme")[0].startswith("Сделка №")


def test_a_second_inquiry_enriches_the_open_deal(make_crm, account):
    state = FakeState()
    first = make_crm(state).deliver(make_event(inquiry_id="inq-0001"))
    second = make_crm(state).deliver(make_full_event(inquiry_id="inq-0002"))
    assert second.remote_id == first.remote_id
    assert second.note == "Open deal enriched"
    assert values(account, first.remote_id)["WHENCE_ID"] == "inq-0001"
    assert values(account, first.remote_id)["UTM_SOURCE"] == "yandex"


@pytest.mark.parametrize("person", [make_person(), make_person(phone="")])
def test_a_lost_answer_never_doubles_the_deal(make_crm, account, shelf, person):
    state, event = FakeState(), make_full_event(person=person)
    make_crm(state).deliver(make_event(inquiry_id="inq-0000", person=make_person(phone="79160000000")))
    adapter = make_crm(state)
    send = adapter.api.send

    def lose_answer(method, path, data):
        if path == "leads/complex":
            faults.switch(shelf, "amocrm", "drop-after", calls=1)
        return send(method, path, data)

    adapter.api.send = lose_answer
    with pytest.raises(Temporary):
        adapter.deliver(event)
    assert len(account.all("leads")) == 2
    receipt = make_crm(state).deliver(event)
    assert len(account.all("leads")) == 2
    assert len(account.get("notes", receipt.remote_id)) == 1


def test_the_same_event_again_changes_nothing(make_crm, account):
    state, event = FakeState(), make_full_event()
    first = make_crm(state).deliver(event)
    again = make_crm(state).deliver(make_full_event(known=first.details))
    assert again.remote_id == first.remote_id
    assert len(account.get("notes", first.remote_id)) == 1


def test_a_corrected_source_is_written_over_our_own_words_only(make_crm, account):
    state = FakeState()
    first = make_crm(state).deliver(make_full_event())
    lead = account.get("leads", first.remote_id)
    by_hand = {"field_code": "UTM_TERM", "values": [{"value": "by hand"}]}
    entities.change(account, "leads", lead, {"custom_fields_values": [by_hand]})
    other = make_source(source="google", keyword="sofa", utm={}, click_ids={"gclid": "g-1"})
    event = as_source_found(make_full_event(source=other), known=first.details)
    make_crm(state).deliver(event)
    found = values(account, first.remote_id)
    assert (found["UTM_SOURCE"], found["GCLID"], found["UTM_TERM"]) == ("google", "g-1", "by hand")
    assert len(account.get("notes", first.remote_id)) == 2


def test_enrich_only_fills_the_connectors_lead(make_crm, account):
    first = make_crm().deliver(make_event(inquiry_id="inq-0000"))
    receipt = make_crm(mode="enrich").deliver(make_full_event())
    assert receipt.remote_id == first.remote_id


def test_a_stage_of_another_pipeline_is_told(make_crm):
    with pytest.raises(Misconfigured, match="Stage ID"):
        make_crm(status_id="5").deliver(make_event())


def test_an_account_without_own_fields_still_gets_its_deals(make_crm, shelf, account):
    amocrm.configure(shelf, "acme", is_admin=False)
    receipt = make_crm().deliver(make_full_event())
    assert "WHENCE_ID" not in values(account, receipt.remote_id)
    assert receipt.note.startswith("Lead created; the account lacks")


def test_an_account_with_other_tracking_fields_still_gets_its_deals(make_crm, shelf):
    other = amocrm.configure(shelf, "kom", token="kommo-token", tracking_codes=["UTM_SOURCE"])
    adapter = make_crm(address="kom.kommo.com", token="kommo-token", create_fields="no")
    receipt = adapter.deliver(make_full_event())
    assert values(other, receipt.remote_id) == {"UTM_SOURCE": "yandex"}
    assert receipt.link.startswith("https://kom.kommo.com/")


@pytest.mark.parametrize(
    ("fault", "expected"),
    [("429", Temporary), ("500", Temporary), ("drop", Temporary), ("expired", Misconfigured)],
)
def test_a_fault_is_told_for_what_it_is(make_crm, shelf, fault, expected):
    faults.switch(shelf, "amocrm", fault, calls=1)
    with pytest.raises(expected):
        make_crm().deliver(make_event())


def test_an_unpaid_account_is_told(make_crm, shelf, account):
    amocrm.configure(shelf, "acme", is_paid=False)
    with pytest.raises(Misconfigured, match="not paid"):
        make_crm().deliver(make_event())


def test_too_many_requests_are_waited_out(make_crm, shelf, account):
    amocrm.configure(shelf, "acme", rate=1)
    with pytest.raises(Temporary) as caught:
        make_crm().deliver(make_event())
    assert caught.value.after == 1


def test_the_check_tells_what_is_missing_and_changes_nothing(make_crm, account):
    findings = make_crm(pipeline_id="7").check()
    assert [finding.ok for finding in findings] == [True, False, True]
    assert "Inquiry ID" in findings[-1].params["fields"]
    assert len(account.get("setup", "groups")) == 1


# --- access ---------------------------------------------------------------------------------------


@pytest.fixture
def with_client(shelf, account):
    return amocrm.configure(shelf, "acme", **CLIENT)


def test_a_code_connects_and_a_dead_token_is_renewed(make_crm, shelf, with_client):
    state = FakeState()
    code = amocrm.issue_code(shelf, "acme")
    config = {"token": "", **CLIENT, "auth_code": code}
    make_crm(state, **config).deliver(make_event())
    amocrm.expire_tokens(shelf, state.values["access_token"])
    before = state.values["refresh_token"]
    make_crm(state, **config).deliver(make_event(inquiry_id="inq-0002"))
    assert state.values["refresh_token"] != before


def test_a_new_code_connects_again_after_the_pair_was_lost(make_crm, shelf, with_client):
    state = FakeState()
    first, second = (amocrm.issue_code(shelf, "acme") for _ in range(2))
    make_crm(state, token="", **CLIENT, auth_code=first).api.read("account")
    amocrm.expire_tokens(shelf, state.values["access_token"])
    shelf.remove("amocrm/refresh", state.values["refresh_token"])
    with pytest.raises(Misconfigured):
        make_crm(state, token="", **CLIENT, auth_code=first).api.read("account")
    again = make_crm(state, token="", **CLIENT, auth_code=second)
    assert again.api.read("account")["subdomain"] == "acme"


def test_many_threads_renew_once(make_crm, shelf, with_client):
    state = FakeState()
    make_crm(state, token="", **CLIENT, auth_code=amocrm.issue_code(shelf, "acme")).api.read("account")
    amocrm.expire_tokens(shelf, state.values["access_token"])
    adapters = [make_crm(state, token="", **CLIENT) for _ in range(6)]
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda adapter: adapter.api.read("account")["subdomain"], adapters))
    assert found == ["acme"] * 6
    assert len(shelf.all("amocrm/refresh")) == 1


def test_a_renamed_account_is_followed(make_crm, shelf, with_client):
    state = FakeState()
    adapter = make_crm(state, token="", **CLIENT, auth_code=amocrm.issue_code(shelf, "acme"))
    adapter.deliver(make_event())
    amocrm.rename(shelf, "acme", "renamed")
    receipt = make_crm(state, token="", **CLIENT).deliver(make_event(inquiry_id="inq-0002"))
    assert receipt.link.startswith("https://renamed.amocrm.ru/")


def test_the_return_page_connects(make_crm, shelf, with_client):
    state = FakeState()
    http = make_crm(state).http
    code = amocrm.issue_code(shelf, "acme")
    exchange(http, state, config=CLIENT, referer="acme.amocrm.ru", code=code)
    assert state.values["account_id"] == str(with_client.facts["id"])
    assert make_crm(state, token="", **CLIENT).deliver(make_event()).remote_id
    assert code not in json.dumps([repr(exchange) for exchange in http.exchanges])
