from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import responses
import time_machine
from hypothesis import given
from hypothesis import strategies as st

from adapters.base import AdapterError, IncomingMessage, Misconfigured, NotAuthentic, Rejected, Temporary
from adapters.messaging.whatsapp import WhatsAppCloud, webhook
from adapters.messaging.whatsapp.channel import signature
from tests.adapters.factories import PERSON_NAME, PHONE, FakeState, make_http
from tests.adapters.messaging.contract import ChannelContract, make_request

GOLDEN = Path(__file__).parents[2] / "golden" / "messaging" / "whatsapp"
CASES = sorted(path.stem for path in GOLDEN.glob("*.json"))
SECRET, NUMBER_ID, ACCOUNT_ID, TOKEN = "app-secret-1", "1090000000001", "2090000000001", "test-access-token"
GRAPH = "https://graph.facebook.com/v26.0"


def make_item(**overrides: Any) -> dict[str, Any]:
    base = {"from": PHONE, "id": "wamid.1", "timestamp": "1795000000", "type": "text", "text": {"body": "Да"}}
    return {**base, **overrides}


def make_body(*items: Any, **metadata: Any) -> bytes:
    contacts = [{"profile": {"name": PERSON_NAME}, "wa_id": PHONE}]
    address = {"display_phone_number": "+7 999 000-00-01", "phone_number_id": NUMBER_ID, **metadata}
    value = {"metadata": address, "contacts": contacts, "messages": items or [make_item()]}
    entry = {"id": ACCOUNT_ID, "changes": [{"field": "messages", "value": value}]}
    return json.dumps({"object": "whatsapp_business_account", "entry": [entry]}).encode()


def golden(case: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((GOLDEN / f"{case}.json").read_text(encoding="utf-8"))
    return found


def plain(message: IncomingMessage) -> dict[str, Any]:
    return {**asdict(message), "sent_at": message.sent_at.isoformat()}


def expected(case: str) -> list[dict[str, Any]]:
    """Give a case's messages with what goes without saying."""
    business = {"platform": "whatsapp", "network": "whatsapp", "channel_id": NUMBER_ID}
    empty = {field.name: "" for field in fields(IncomingMessage)}
    silent = {"handles": {}, "referral": {}, "kind": "text", "is_forwarded": False}
    base = {**empty, **silent, **business, "channel_address": "77019876543"}
    return [{**base, **message} for message in golden(case)["messages"]]


class TestWhatsAppCloud(ChannelContract):
    adapter = WhatsAppCloud
    config = {"app_secret": SECRET, "verify_token": "verify-token-1"}
    rotated_config = {"app_secret": f"app-secret-2\n{SECRET}", "verify_token": "verify-token-1"}
    good_body = make_body()

    def sign(self, body: bytes) -> dict[str, str]:
        return {"x-hub-signature-256": signature(body, secret=SECRET)}

    # --- authenticity ---

    def test_it_signs_as_the_published_vector(self) -> None:
        known = "sha256=0ca28c0f1996234eb6829e59ad3c11a18161f6eb043943d601e420c312432cdf"
        body = b'{"object":"whatsapp_business_account","entry":[]}'
        self.channel().verify(make_request(body, headers={"x-hub-signature-256": known}))

    def test_it_compares_the_very_bytes(self) -> None:
        escaped = rb'{"text":"\u0414\u0430"}'
        rewritten = json.dumps(json.loads(escaped), ensure_ascii=False).encode()
        with pytest.raises(NotAuthentic):
            self.channel().verify(make_request(rewritten, headers=self.sign(escaped)))

    @pytest.mark.parametrize("secrets", [f"new,{SECRET}", f"{SECRET}, new", f"a\n\n b \n{SECRET}\n"])
    def test_it_reads_several_secrets_however_they_are_listed(self, secrets: str) -> None:
        self.channel(app_secret=secrets).verify(self.signed(self.good_body))

    # --- handshake ---

    def probe(self, **query: str) -> Any:
        known = {"mode": "subscribe", "verify_token": "verify-token-1", "challenge": "1158201444"}
        return make_request(method="GET", query={f"hub.{k}": v for k, v in {**known, **query}.items()})

    def test_it_answers_the_probe_with_the_bare_challenge(self) -> None:
        assert self.channel().handshake(self.probe()) == "1158201444"

    @pytest.mark.parametrize(
        "query",
        [{"verify_token": "other"}, {"verify_token": ""}, {"verify_token": "é"}, {"mode": "unsubscribe"}],
    )
    def test_it_refuses_a_strange_probe(self, query: dict[str, str]) -> None:
        with pytest.raises(NotAuthentic):
            self.channel().handshake(self.probe(**query))

    def test_it_refuses_every_probe_without_a_token_of_its_own(self) -> None:
        with pytest.raises(NotAuthentic):
            self.channel(verify_token="").handshake(self.probe(verify_token=""))

    # --- reading ---

    @pytest.mark.parametrize("case", CASES)
    def test_it_reads(self, case: str) -> None:
        body = json.dumps(golden(case)["webhook"]).encode()
        found = self.channel(phone_number_id=NUMBER_ID).parse(self.signed(body))
        assert [plain(message) for message in found] == expected(case)

    def test_every_text_of_a_message_can_be_stored(self) -> None:
        item = make_item(text={"body": "a\0\ud83d"}, referral={"ref\0": ["\udc00", {"x": "\0"}]})
        (message,) = self.channel().parse(self.signed(make_body(item)))
        stored = json.dumps([message.text, message.referral], ensure_ascii=False)
        stored.encode()
        assert "\0" not in stored
        assert r"\u0000" not in stored

    @pytest.mark.parametrize(
        ("ids", "count"), [("", 1), (NUMBER_ID, 1), ("1099999999999", 0), (f"1099999999999,\n{NUMBER_ID}", 1)]
    )
    def test_it_reads_only_the_named_numbers(self, ids: str, count: int) -> None:
        assert len(self.channel(phone_number_id=ids).parse(self.signed(self.good_body))) == count

    @pytest.mark.parametrize(
        ("written", "address"),
        [
            ("+7 999 000-00-01", "79990000001"),
            ("79990000001", "79990000001"),
            (79990000001, "79990000001"),
            ("", ""),
        ],
    )
    def test_it_gives_the_number_as_digits(self, written: object, address: str) -> None:
        body = make_body(display_phone_number=written)
        assert [m.channel_address for m in self.channel().parse(self.signed(body))] == [address]

    @time_machine.travel("2026-11-23T12:00:00Z", tick=False)
    @pytest.mark.parametrize("timestamp", [None, "", "soon", [], {}, 1e400, 10**30, "9" * 5000, -(10**20)])
    def test_a_message_without_a_readable_time_was_sent_now(self, timestamp: object) -> None:
        (message,) = self.channel().parse(self.signed(make_body(make_item(timestamp=timestamp))))
        assert message.sent_at == datetime(2026, 11, 23, 12, tzinfo=UTC)

    def test_it_reads_a_body_of_the_largest_kind(self) -> None:
        items = [make_item(id=f"wamid.{n}", text={"body": "x" * 2_400}) for n in range(1_000)]
        assert len(self.channel().parse(self.signed(make_body(*items)))) == 1_000


# --- whatever arrives ---

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
BODIES = [json.dumps(golden(case)["webhook"]).encode() for case in CASES]


def replaced(node: Any, place: int, new: Any) -> tuple[Any, int]:
    """Put `new` at the node of this number, counted in reading order."""
    if place == 0:
        return new, -1
    place -= 1
    if isinstance(node, dict | list):
        made = node.copy()
        for key in node if isinstance(node, dict) else range(len(node)):
            made[key], place = replaced(node[key], place, new) if place >= 0 else (node[key], place)
        return made, place
    return node, place


@given(case=st.sampled_from(CASES), place=st.integers(0, 120), new=JSON)
def test_any_value_at_any_place_is_survived(case: str, place: int, new: Any) -> None:
    changed, _ = replaced(golden(case)["webhook"], place, new)
    for message in webhook.read(json.dumps(changed).encode()):
        repr(message).encode()
        assert message.sender_key


@given(body=st.sampled_from(BODIES), cut=st.integers(0, 3_000), noise=st.binary(max_size=6))
def test_truncated_and_disturbed_bodies_are_survived(body: bytes, cut: int, noise: bytes) -> None:
    webhook.read(body[:cut])
    webhook.read(body[:cut] + noise + body[cut + len(noise) :])


@given(user_id=st.from_regex(webhook.BSUID, fullmatch=True))
def test_a_user_id_is_never_a_phone(user_id: str) -> None:
    (message,) = webhook.read(make_body(make_item(**{"from": user_id})))
    assert message.phone == ""
    assert user_id in message.handles.values()


# --- the live check ---


def live(**settings: str) -> WhatsAppCloud:
    """Make a channel that may ask Meta."""
    known = {"access_token": TOKEN, "phone_number_id": NUMBER_ID, "waba_id": ACCOUNT_ID}
    return WhatsAppCloud({**known, **settings}, make_http(redact=(TOKEN,)), FakeState())


@pytest.fixture
def meta() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as recorded:
        yield recorded


def healthy(meta: responses.RequestsMock, *, quality: str = "GREEN", apps: int = 1) -> None:
    number = {"id": NUMBER_ID, "display_phone_number": "+7 999 000-00-01", "verified_name": "Sofas"}
    app = {"whatsapp_business_api_data": {"id": "1", "name": "Leads", "link": ""}}
    meta.get(f"{GRAPH}/{NUMBER_ID}", json={**number, "quality_rating": quality})
    meta.get(f"{GRAPH}/{ACCOUNT_ID}/subscribed_apps", json={"data": [app] * apps})


def refuses(meta: responses.RequestsMock, status: int, code: int | None = None) -> None:
    error = {"error": {"message": f"about {PHONE}", "code": code}} if code else {}
    meta.get(f"{GRAPH}/{NUMBER_ID}", json=error, status=status)


def test_the_check_names_the_number_and_the_subscribed_app(meta: responses.RequestsMock) -> None:
    healthy(meta)
    findings = live().check()
    assert [finding.ok for finding in findings] == [True, True]
    assert findings[0].params == {"number": "+7 999 000-00-01", "name": "Sofas", "quality": "GREEN"}
    assert findings[1].params == {"apps": "Leads"}
    assert all(call.request.headers["Authorization"] == f"Bearer {TOKEN}" for call in meta.calls)
    assert "fields=display_phone_number" in str(meta.calls[0].request.url)


def test_the_check_warns_of_a_bad_quality_and_a_missing_subscription(meta: responses.RequestsMock) -> None:
    healthy(meta, quality="RED", apps=0)
    assert [finding.ok for finding in live().check()] == [False, False]


@pytest.mark.parametrize(
    "settings", [{"access_token": ""}, {"phone_number_id": "", "waba_id": ""}], ids=["no token", "no ids"]
)
def test_the_check_says_what_it_cannot_prove(settings: dict[str, str], meta: responses.RequestsMock) -> None:
    (finding,) = live(**settings).check()
    assert not finding.ok
    assert not meta.calls


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (401, 190, Misconfigured),
        (400, 190, Misconfigured),
        (400, 100, Misconfigured),
        (403, 10, Misconfigured),
        (403, 200, Misconfigured),
        (400, 80007, Temporary),
        (400, 130429, Temporary),
        (403, 4, Temporary),
        (429, 4, Temporary),
        (500, 2, Temporary),
        (503, None, Temporary),
        (401, None, Misconfigured),
        (400, 999, Rejected),
    ],
)
def test_the_check_says_who_acts_next(
    status: int, code: int | None, error: type[AdapterError], meta: responses.RequestsMock
) -> None:
    refuses(meta, status, code)
    with pytest.raises(error) as caught:
        live().check()
    assert PHONE not in str(caught.value)
    assert TOKEN not in str(caught.value)


def test_the_check_keeps_no_token_in_the_log_of_exchanges(meta: responses.RequestsMock) -> None:
    healthy(meta)
    channel = live()
    channel.check()
    assert TOKEN not in repr(channel.http.exchanges)
