"""amoCRM and Kommo: what is peculiar to them, on answers told beforehand."""

from __future__ import annotations

import json
import logging
import re
from datetime import timedelta

import jwt
import pytest
import responses

from adapters.base import EventName, Misconfigured, Rejected, Temporary, Unsupported
from adapters.crm.amocrm import AmoCRM, account_host, consent_url, exchange
from adapters.crm.amocrm.fields import ALL, to_fill
from adapters.crm.amocrm.note import note_text
from adapters.crm.amocrm.people import contacts_with
from tests.adapters.contract import Call, DestinationContract
from tests.adapters.factories import (
    NOW,
    PHONE,
    FakeState,
    as_source_found,
    make_event,
    make_full_event,
    make_http,
    make_person,
)

HOST = "https://acme.amocrm.ru"
API = f"{HOST}/api/v4"
FIELDS = {"_embedded": {"custom_fields": [{"id": 100 + n, "code": code} for n, code in enumerate(ALL)]}}
CLIENT = {
    "client_id": "11111111-2222-3333",
    "client_secret": "the-client-secret",
    "redirect_uri": "https://whence.example/oauth/amocrm",
}


def contact(contact_id: int = 7001, *, phone: str = PHONE, leads: tuple[int, ...] = ()) -> dict:
    values = [{"field_code": "PHONE", "values": [{"value": phone}]}]
    embedded = {"leads": [{"id": lead_id} for lead_id in leads]}
    return {"id": contact_id, "custom_fields_values": values, "_embedded": embedded}


def lead(lead_id: int = 9001, **overrides) -> dict:
    values = {
        "id": lead_id,
        "status_id": 1001,
        "pipeline_id": 100,
        "created_at": 1,
        "custom_fields_values": None,
        "_embedded": {"contacts": [{"id": 7001, "is_main": True}], "tags": []},
    }
    return {**values, **overrides}


def holding(**values: str) -> list[dict]:
    return [{"field_code": code, "values": [{"value": value}]} for code, value in values.items()]


class TestAmoCRM(DestinationContract):
    adapter = AmoCRM
    config = {"address": "acme.amocrm.ru", "token": "long-lived-token-1"}
    status_errors = {
        400: Rejected,
        401: Misconfigured,
        402: Misconfigured,
        403: Misconfigured,
        404: Misconfigured,
        422: Rejected,
        429: Temporary,
        500: Temporary,
        504: Temporary,
    }

    def prepare(self, platform: responses.RequestsMock) -> None:
        prepare(platform)

    def key_of(self, calls: list[Call]) -> object:
        made = next(call for call in calls if call["address"].endswith("/leads/complex"))
        values = made["body"][0]["custom_fields_values"]
        return next(item["values"][0]["value"] for item in values if item["field_code"] == "WHENCE_ID")


def prepare(platform, *, contacts=(), leads=(), fields=FIELDS) -> None:
    """Register an account that holds these contacts and leads."""
    platform.get(f"{API}/leads/custom_fields", json=fields)
    _list(platform, "contacts", contacts)
    _list(platform, "leads", leads)
    for item in leads:
        platform.get(f"{API}/leads/{item['id']}", json=item)
        platform.patch(f"{API}/leads/{item['id']}", json={"id": item["id"]})
    made = {"id": 9009, "contact_id": 7009, "company_id": None, "request_id": ["0"], "merged": False}
    platform.post(f"{API}/leads/complex", json=[made])
    platform.post(f"{API}/leads", json={"_embedded": {"leads": [{"id": 9010}]}})
    notes = re.compile(rf"{API}/leads/\d+/notes")
    platform.get(notes, status=204)
    platform.post(notes, json={"_embedded": {"notes": [{"id": 1}]}})


def _list(platform, name, rows) -> None:
    if rows:
        platform.get(f"{API}/{name}", json={"_embedded": {name: list(rows)}})
    else:
        platform.get(f"{API}/{name}", status=204)


@pytest.fixture
def platform():
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


def make(state: FakeState | None = None, **config: str) -> AmoCRM:
    given = {"address": "acme.amocrm.ru", "token": "long-lived-token-1", **config}
    values = {setting.name: given.get(setting.name, setting.default) for setting in AmoCRM.settings}
    return AmoCRM(values, make_http(), FakeState() if state is None else state)


def sent(platform, method: str, path: str) -> list:
    """Give the bodies written to a path."""
    calls = [call.request for call in platform.calls]
    return [
        json.loads(c.body) for c in calls if c.method == method and c.url.split("?")[0] == f"{API}/{path}"
    ]


# --- where the inquiry goes -----------------------------------------------------------------------


def test_an_open_deal_is_enriched_and_nothing_is_written_over(platform):
    old = lead(custom_fields_values=holding(UTM_SOURCE="google", UTM_MEDIUM=""))
    prepare(platform, contacts=[contact(leads=(9001,))], leads=[old])
    receipt = make().deliver(make_full_event())
    body = sent(platform, "PATCH", "leads/9001")[0]
    written = {item["field_code"] for item in body["custom_fields_values"]}
    assert "UTM_SOURCE" not in written
    assert {"UTM_MEDIUM", "YCLID", "WHENCE_ID"} <= written
    assert [tag["name"] for tag in body["tags_to_add"]] == ["WhatsApp", "диваны", "доставка"]
    assert (receipt.remote_id, receipt.note) == ("9001", "Open deal enriched")
    assert receipt.link == f"{HOST}/leads/detail/9001"
    assert receipt.details["contact_id"] == "7001"


def test_the_newest_open_deal_is_taken(platform):
    deals = [lead(9001, created_at=5), lead(9002, created_at=9), lead(9003, created_at=99, status_id=142)]
    prepare(platform, contacts=[contact(leads=(9001, 9002, 9003))], leads=deals)
    assert make().deliver(make_event()).remote_id == "9002"


@pytest.mark.parametrize(
    "deal", [lead(status_id=143), lead(status_id=142), lead(is_deleted=True), lead(pipeline_id=200)]
)
def test_a_contact_without_an_open_deal_gets_one(platform, deal):
    prepare(platform, contacts=[contact(leads=(9001,))], leads=[deal])
    receipt = make(pipeline_id="100").deliver(make_event())
    body = sent(platform, "POST", "leads")[0][0]
    assert body["_embedded"]["contacts"] == [{"id": 7001, "is_main": True}]
    assert (receipt.remote_id, receipt.note) == ("9010", "Lead created")


@pytest.mark.parametrize(
    ("stored", "is_same"),
    [
        ("+7 (916) 123-45-67", True),
        ("8 916 123 45 67", True),
        ("9161234567", True),
        ("+1 916 123 4567", False),
        ("note 9161234567890", False),
    ],
)
def test_phones_are_compared_whole(platform, stored, is_same):
    _list(platform, "contacts", [contact(phone=stored)])
    assert bool(contacts_with(make().api, PHONE)) is is_same


def test_a_person_without_a_phone_is_named_and_gets_no_phone(platform):
    prepare(platform)
    make().deliver(make_event(person=make_person(phone="")))
    body = sent(platform, "POST", "leads/complex")[0][0]
    assert body["_embedded"]["contacts"] == [{"name": "Анна Смирнова"}]
    assert body["name"] == "WhatsApp Анна Смирнова"


def test_a_create_whose_answer_was_lost_is_not_repeated(platform):
    mine = lead(custom_fields_values=holding(WHENCE_ID="inq-0001"), status_id=143)
    prepare(platform, leads=[mine])
    assert make().deliver(make_event()).remote_id == "9001"
    assert not sent(platform, "POST", "leads/complex")


def test_the_same_note_is_not_written_twice(platform):
    event = make_event(known={"lead_id": "9001"})
    note = {"params": {"text": note_text(event)}}
    platform.get(f"{API}/leads/9001/notes", json={"_embedded": {"notes": [note]}})
    prepare(platform, leads=[lead()])
    make().deliver(event)
    assert not sent(platform, "POST", "leads/9001/notes")


def test_the_settings_choose_stage_and_person(platform):
    prepare(platform)
    make(pipeline_id="100", status_id="1001", responsible_user_id="55").deliver(make_event())
    body = sent(platform, "POST", "leads/complex")[0][0]
    assert (body["pipeline_id"], body["status_id"], body["responsible_user_id"]) == (100, 1001, 55)
    assert body["created_at"] == int(NOW.timestamp())


@pytest.mark.parametrize("age_minutes", [0, 59, 61])
def test_enrich_only_waits_an_hour_for_the_connector(platform, age_minutes, time_machine_now):
    prepare(platform)
    event = make_event(occurred_at=NOW - timedelta(minutes=age_minutes))
    expected = Temporary if age_minutes < 60 else Unsupported
    with pytest.raises(expected) as caught:
        make(mode="enrich").deliver(event)
    assert getattr(caught.value, "after", 60) == 60
    assert not sent(platform, "POST", "leads/complex")


@pytest.fixture
def time_machine_now(time_machine):
    time_machine.move_to(NOW, tick=False)


# --- a source that became known -------------------------------------------------------------------


def test_a_corrected_source_replaces_only_what_we_wrote(platform):
    deal = lead(custom_fields_values=holding(UTM_SOURCE="google", UTM_CAMPAIGN="by hand"))
    prepare(platform, leads=[deal])
    known = {"lead_id": "9001", "written": json.dumps({"UTM_SOURCE": "google", "UTM_CAMPAIGN": "old"})}
    make().deliver(as_source_found(make_full_event(), known=known))
    fields = {f["field_code"]: f["values"][0]["value"] for f in _patched(platform)}
    assert fields["UTM_SOURCE"] == "yandex"
    assert "UTM_CAMPAIGN" not in fields
    text = sent(platform, "POST", "leads/9001/notes")[0][0]["params"]["text"]
    assert text.startswith("Источник обращения уточнён")


def _patched(platform) -> list:
    return sent(platform, "PATCH", "leads/9001")[0]["custom_fields_values"]


def test_a_source_for_a_deal_that_is_gone_is_skipped(platform):
    platform.get(f"{API}/leads/9001", status=204)
    prepare(platform)
    with pytest.raises(Unsupported):
        make().deliver(make_event(name=EventName.SOURCE_FOUND, known={"lead_id": "9001"}))


@pytest.mark.parametrize(
    ("current", "written", "fills"),
    [("", "", True), ("x", "", False), ("x", "x", True), ("y", "x", False), ("new", "x", False)],
)
def test_what_people_wrote_stays(current, written, fills):
    assert bool(to_fill({"A": "new"}, {"A": current}, written={"A": written})) is fills


# --- fields ---------------------------------------------------------------------------------------


def _refusing(places):
    errors = [{"code": "NotSupportedChoice", "path": f"custom_fields_values.{n}.field_id"} for n in places]
    return {"validation-errors": [{"request_id": "0", "errors": errors}], "status": 400}


def test_a_refused_field_never_loses_the_lead(platform):
    platform.post(f"{API}/leads/complex", status=400, json=_refusing([0]))
    platform.post(f"{API}/leads/complex", status=400, json=_refusing([0]))
    prepare(platform)
    make().deliver(make_full_event())
    first, again, last = sent(platform, "POST", "leads/complex")
    assert first == again
    assert last[0]["custom_fields_values"] == again[0]["custom_fields_values"][1:]


def test_missing_fields_are_made_in_their_own_group(platform):
    platform.get(f"{API}/leads/custom_fields", json={"_embedded": {"custom_fields": []}})
    platform.get(f"{API}/leads/custom_fields", json={"_embedded": {"custom_fields": []}})
    platform.get(f"{API}/leads/custom_fields/groups", status=204)
    group = {"_embedded": {"custom_field_groups": [{"id": "leads_1"}]}}
    platform.post(f"{API}/leads/custom_fields/groups", json=group)
    platform.post(f"{API}/leads/custom_fields", json={})
    prepare(platform)
    receipt = make().deliver(make_full_event())
    assert sent(platform, "POST", "leads/custom_fields/groups") == [[{"name": "Реклама", "sort": 10}]]
    made = sent(platform, "POST", "leads/custom_fields")[0]
    assert {field["code"] for field in made} == set(ALL)
    assert {field["group_id"] for field in made} == {"leads_1"}
    assert receipt.note == "Lead created"


@pytest.mark.parametrize("create", ["yes", "no"])
def test_fields_that_cannot_be_made_are_a_warning(platform, create):
    few = {"_embedded": {"custom_fields": [{"id": 1, "code": "UTM_SOURCE"}]}}
    platform.get(f"{API}/leads/custom_fields/groups", status=403, json={})
    prepare(platform, fields=few)
    receipt = make(create_fields=create).deliver(make_full_event())
    assert receipt.note.startswith("Lead created; the account lacks")
    assert "utm_medium" in receipt.params["fields"]
    body = sent(platform, "POST", "leads/complex")[0][0]
    assert [item["field_code"] for item in body["custom_fields_values"]] == ["UTM_SOURCE"]


def test_the_field_list_is_read_once_a_day(platform):
    prepare(platform)
    state = FakeState()
    for _ in range(3):
        make(state).deliver(make_event())
    reads = [call for call in platform.calls if "custom_fields?" in call.request.url]
    assert len(reads) == 1


# --- errors ---------------------------------------------------------------------------------------


def test_an_unknown_stage_names_its_setting(platform):
    errors = [{"code": "NotSupportedChoice", "path": "status_id"}]
    platform.post(f"{API}/leads/complex", status=400, json={"validation-errors": [{"errors": errors}]})
    prepare(platform)
    with pytest.raises(Misconfigured) as caught:
        make().deliver(make_event())
    assert caught.value.params == {"setting": "Stage ID"}


def test_a_block_in_plain_text_is_waited_out(platform):
    platform.get(f"{API}/contacts", status=403, body="blocked", content_type="text/plain")
    with pytest.raises(Temporary) as caught:
        make().deliver(make_event())
    assert caught.value.after == 3600


@pytest.mark.parametrize("body", ["Too many requests", '{"retry_after": 300}'])
def test_it_slows_down_with_and_without_json(platform, body):
    platform.get(f"{API}/contacts", status=429, body=body)
    with pytest.raises(Temporary) as caught:
        make().deliver(make_event())
    assert caught.value.after == (300 if "300" in body else None)


def test_an_unreadable_answer_is_temporary(platform):
    platform.get(f"{API}/contacts", status=200, body="<html>")
    with pytest.raises(Temporary):
        make().deliver(make_event())


@pytest.mark.parametrize("address", ["evil.example", "acme.amocrm.ru.evil.example", "", "127.0.0.1"])
def test_secrets_go_to_the_crm_only(address):
    with pytest.raises(Misconfigured):
        make(address=address).deliver(make_event())
    with pytest.raises(Misconfigured):
        account_host(address)


@pytest.mark.parametrize(
    "text", ["acme.kommo.com", "https://acme.kommo.com", "https://ACME.kommo.com/leads/"]
)
def test_an_address_may_be_pasted_from_the_browser(text):
    assert account_host(text) == "acme.kommo.com"


@pytest.mark.parametrize(("host", "account"), [("a.kommo.com", "kommo"), ("a.amocrm.ru", "connection-1")])
def test_all_kommo_accounts_share_one_pace(host, account):
    adapter = make(address=host)
    assert adapter.api
    assert adapter.http._limiters.asked == [(account, 5.0)]


def test_the_package_keeps_its_hands_off(platform):
    from amocrm.v2 import interaction, tokens

    prepare(platform)
    adapter = make()
    adapter.deliver(make_event())
    assert adapter.api._session is not interaction._session
    assert adapter.api._token_manager is not tokens.default_token_manager
    assert not logging.getLogger("amocrm").handlers


# --- access ---------------------------------------------------------------------------------------


def token_of(expires_in: int = 86400) -> str:
    claims = {"exp": int(NOW.timestamp()) + expires_in, "api_domain": "api-b.amocrm.ru"}
    return jwt.encode(claims, "a-key-of-at-least-thirty-two-bytes", "HS256")


def pair(name: str) -> dict:
    return {"access_token": f"access-{name}", "refresh_token": f"refresh-{name}", "expires_in": 86400}


def connected(**values: str) -> FakeState:
    later = str(int(NOW.timestamp()) + 7200)
    kept = {"access_token": token_of(), "refresh_token": "refresh-0", "expires_at": later}
    return FakeState(**{**kept, **values})


def make_oauth(state: FakeState, **config: str) -> AmoCRM:
    return make(state, token="", **CLIENT, **config)


@pytest.mark.usefixtures("time_machine_now")
class TestAccess:
    def test_a_code_is_exchanged_once(self, platform):
        platform.post(f"{HOST}/oauth2/access_token", json=pair("1"))
        prepare(platform)
        state = FakeState()
        make_oauth(state, auth_code="the-code").deliver(make_event())
        make_oauth(state, auth_code="the-code").deliver(make_event())
        asked = [call.request for call in platform.calls if "oauth2" in call.request.url]
        assert json.loads(asked[0].body) == {
            **CLIENT,
            "grant_type": "authorization_code",
            "code": "the-code",
        }
        assert len(asked) == 1
        assert state.values["refresh_token"] == "refresh-1"

    def test_an_ending_token_is_renewed_before_use(self, platform):
        platform.post(f"{HOST}/oauth2/access_token", json=pair("1"))
        prepare(platform)
        state = connected(expires_at=str(int(NOW.timestamp()) + 100))
        make_oauth(state).deliver(make_event())
        used = {call.request.headers.get("Authorization") for call in platform.calls}
        assert used == {None, "Bearer access-1"}

    def test_a_refused_token_is_renewed_once(self, platform):
        platform.get(f"{API}/contacts", status=401)
        platform.post(f"{HOST}/oauth2/access_token", json=pair("1"))
        prepare(platform)
        assert make_oauth(connected()).deliver(make_event()).remote_id == "9009"

    def test_a_pair_that_another_process_renewed_is_taken(self, platform):
        platform.get(f"{API}/contacts", status=401)
        prepare(platform)
        state = connected()
        adapter = make_oauth(state)
        assert adapter.api
        state.values["access_token"] = "access-of-another-process"
        adapter.deliver(make_event())
        assert not [call for call in platform.calls if "oauth2" in call.request.url]

    def test_a_renamed_account_is_found_again(self, platform):
        platform.post(f"{HOST}/oauth2/access_token", status=404)
        url = "https://api-b.amocrm.ru/oauth2/account/current/subdomain"
        platform.get(url, json={"domain": "newname.amocrm.ru"})
        platform.post("https://newname.amocrm.ru/oauth2/access_token", json=pair("1"))
        platform.get("https://newname.amocrm.ru/api/v4/account", json={"id": 5})
        state = connected(expires_at="0")
        assert make_oauth(state).api.read("account") == {"id": 5}
        assert make_oauth(state).api.read("account") == {"id": 5}

    def test_a_renamed_account_never_leads_elsewhere(self, platform):
        platform.post(f"{HOST}/oauth2/access_token", status=404)
        url = "https://api-b.amocrm.ru/oauth2/account/current/subdomain"
        platform.get(url, json={"domain": "evil.example"})
        with pytest.raises(Misconfigured):
            make_oauth(connected(expires_at="0")).deliver(make_event())

    def test_a_revoked_access_asks_to_connect_again(self, platform):
        platform.post(f"{HOST}/oauth2/access_token", status=400, json={"hint": "revoked"})
        with pytest.raises(Misconfigured, match="Connect the account again"):
            make_oauth(connected(expires_at="0")).deliver(make_event())

    def test_no_new_token_is_ever_kept_in_the_log(self, platform):
        platform.post(f"{HOST}/oauth2/access_token", json=pair("1"))
        prepare(platform)
        adapter = make_oauth(FakeState(), auth_code="the-code-1")
        adapter.deliver(make_event())
        kept = repr(adapter.http.exchanges)
        for secret in ("access-1", "refresh-1", "the-code-1", CLIENT["client_secret"]):
            assert secret not in kept

    def test_the_return_page_connects(self, platform):
        platform.post(f"{HOST}/oauth2/access_token", json=pair("1"))
        platform.get(f"{API}/account", json={"id": 5})
        state = FakeState()
        exchange(make_http(), state, config=CLIENT, referer=HOST, code="the-code-1")
        assert (state.values["account_id"], state.values["access_token"]) == ("5", "access-1")

    def test_the_return_page_refuses_another_account(self, platform):
        platform.post(f"{HOST}/oauth2/access_token", json=pair("1"))
        platform.get(f"{API}/account", json={"id": 6})
        state = FakeState(account_id="5")
        with pytest.raises(Misconfigured, match="another account"):
            exchange(make_http(), state, config=CLIENT, referer=HOST, code="the-code-1")
        assert state.values == {"account_id": "5"}

    def test_the_connection_takes_the_consent(self, platform):
        platform.post(f"{HOST}/oauth2/access_token", json=pair("1"))
        platform.get(f"{API}/account", json={"id": 5})
        adapter = make_oauth(FakeState())
        assert "client_id=11111111-2222-3333" in adapter.consent_url(state="s")
        adapter.take_consent({"code": "the-code-1", "referer": "acme.amocrm.ru", "state": "s"})
        assert adapter.state.values["access_token"] == "access-1"

    @pytest.mark.parametrize(
        "query", [{"error": "access_denied"}, {}, {"code": "the-code-1", "referer": "evil.example"}]
    )
    def test_no_consent_keeps_nothing(self, platform, query):
        adapter = make_oauth(FakeState())
        with pytest.raises(Misconfigured):
            adapter.take_consent(query)
        assert adapter.state.values == {}

    def test_the_consent_window_is_the_accounts_own(self):
        assert consent_url(host="a.kommo.com", client_id="x", state="s p").startswith(
            "https://www.kommo.com/oauth?client_id=x&state=s+p"
        )

    @pytest.mark.parametrize(("days", "is_fine"), [(100, True), (3, False)])
    def test_the_end_of_a_long_lived_token_is_told_in_time(self, platform, days, is_fine):
        platform.get(f"{API}/account", json={"id": 5})
        platform.get(f"{API}/leads/pipelines", json={"_embedded": {"pipelines": []}})
        platform.get(f"{API}/leads/custom_fields", json=FIELDS)
        adapter = make(token=token_of(days * 86400))
        assert adapter.check()[1].ok is is_fine
        assert adapter.expires_at() == NOW + timedelta(days=days)


# --- the note -------------------------------------------------------------------------------------


def test_the_note_tells_everything_that_is_known():
    text = note_text(make_full_event())
    for part in ("Обращение из WhatsApp", "sofas_msk (70112233)", "купить диван", "100%", "7KQ2-M4XD"):
        assert part in text


def test_the_note_says_so_when_nothing_is_known():
    text = note_text(make_event(language="en"))
    assert text.splitlines() == [
        "Inquiry from WhatsApp",
        "How it was found: the source is not known",
        "Customer: new",
        "Number: +79990000001",
    ]
