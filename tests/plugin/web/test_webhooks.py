"""The webhook endpoint with the real WhatsApp adapter: only what Meta signed is kept, byte for byte."""

from __future__ import annotations

import hashlib
import hmac
from io import BytesIO

import pytest
from sqlalchemy import text

from plugin.store import messages
from plugin.store.database import utc_now
from plugin.web.edge import create_edge
from plugin.web.webhooks import MAX_BODY_BYTES
from tests.factories import make_project

SECRET = "app-secret-of-the-shop"
VERIFY = "verify-token-of-the-shop"
# Spacing, escapes and key order that any re-encoding would change.
BODY = (
    '{ "object":"whatsapp_business_account",\n "entry":[{"id":"1","changes":[]}], "é":"\\u0434 ✓" }'.encode()
)


class Meta:
    """Meta's side of a connected project."""

    def __init__(self, parts) -> None:
        self.parts = parts
        self.project = make_project(parts.database)
        self.connection = parts.connections.add(
            self.project.project_id,
            platform="whatsapp",
            kind="messaging",
            label="",
            config={"app_secret": SECRET, "verify_token": VERIFY},
            now=utc_now(),
        )
        self.path = f"/hooks/whatsapp/{self.connection.hook_key}"
        self.client = create_edge(parts).test_client()

    def send(self, body: bytes = BODY, *, path: str = "", secret: str = SECRET, **headers: str):
        signed = {
            "X-Hub-Signature-256": "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        }
        return self.client.post(
            path or self.path, data=body, content_type="application/json", headers={**signed, **headers}
        )

    def probe(self, **overrides: str):
        query = {"hub.mode": "subscribe", "hub.verify_token": VERIFY, "hub.challenge": "1158201444"}
        named = {name.replace("_", ".", 1): value for name, value in overrides.items()}
        return self.client.get(self.path, query_string={**query, **named})

    def kept(self) -> list[bytes]:
        with self.parts.database.write() as connection:
            return [webhook.body for webhook in messages.claim_webhooks(connection, now=utc_now())]


@pytest.fixture
def meta(parts) -> Meta:
    return Meta(parts)


@pytest.fixture
def small_meta(sqlite_parts) -> Meta:
    return Meta(sqlite_parts)


def test_it_answers_the_probe_with_its_challenge(small_meta: Meta):
    response = small_meta.probe()
    assert (response.status_code, response.data) == (200, b"1158201444")
    assert response.mimetype == "text/plain"


@pytest.mark.parametrize("wrong", [{"hub_verify_token": "guess"}, {"hub_mode": "unsubscribe"}])
def test_a_wrong_probe_gets_no_challenge(small_meta: Meta, wrong):
    response = small_meta.probe(**wrong)
    assert response.status_code == 403
    assert b"1158201444" not in response.data
    assert VERIFY.encode() not in response.data


def test_a_probe_of_an_unknown_address_finds_nothing(small_meta: Meta):
    assert small_meta.client.get("/hooks/whatsapp/guess").status_code == 404


def test_an_authentic_webhook_is_kept_byte_for_byte_before_the_answer(meta: Meta):
    response = meta.send()
    assert (response.status_code, response.data) == (200, b"OK")
    assert meta.kept() == [BODY]


def test_only_the_headers_that_matter_are_kept(small_meta: Meta):
    small_meta.send(
        **{"User-Agent": "facebookexternalua", "Cookie": "session=1", "X-Forwarded-For": "10.0.0.1"}
    )
    with small_meta.parts.database.write() as connection:
        (webhook,) = messages.claim_webhooks(connection, now=utc_now())
    assert set(webhook.headers) == {"content-type", "user-agent", "x-hub-signature-256"}
    assert webhook.headers["content-type"] == "application/json"


REFUSED = {
    "another secret": (lambda m: m.send(secret="guess"), 403, "not_authentic"),
    "no signature": (lambda m: m.client.post(m.path, data=BODY), 403, "not_authentic"),
    "an empty signature": (lambda m: m.send(**{"X-Hub-Signature-256": ""}), 403, "not_authentic"),
    "no hash": (lambda m: m.send(**{"X-Hub-Signature-256": "sha256="}), 403, "not_authentic"),
    "an unknown key": (lambda m: m.send(path="/hooks/whatsapp/guess"), 404, "not_found"),
    "another platform": (lambda m: m.send(path=m.path.replace("whatsapp", "amocrm")), 404, "not_found"),
    "a longer path": (lambda m: m.send(path=m.path + "/more"), 404, "not_found"),
    "no key": (lambda m: m.send(path="/hooks/whatsapp/"), 404, "not_found"),
}


@pytest.mark.parametrize(("how", "status", "error"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_not_authentic_is_refused_and_not_kept(small_meta: Meta, how, status, error):
    response = how(small_meta)
    assert response.status_code == status
    assert response.json["error"] == error
    assert response.json["status"] == status
    assert small_meta.kept() == []


def test_one_changed_byte_breaks_the_signature(small_meta: Meta):
    given = "sha256=" + hmac.new(SECRET.encode(), BODY, hashlib.sha256).hexdigest()
    response = small_meta.send(BODY[:-1] + b" ", **{"X-Hub-Signature-256": given})
    assert response.status_code == 403


def test_a_refusal_tells_no_secret(small_meta: Meta, capsys):
    response = small_meta.send(secret="guess")
    told = response.data.decode() + "".join(capsys.readouterr())
    assert SECRET not in told
    assert small_meta.connection.hook_key not in told


def test_both_secrets_are_good_while_one_is_being_changed(small_meta: Meta):
    small_meta.parts.connections.change(
        small_meta.project.project_id,
        small_meta.connection.connection_id,
        config={"app_secret": f"{SECRET}\nthe-new-secret", "verify_token": VERIFY},
    )
    assert [small_meta.send(secret=secret).status_code for secret in (SECRET, "the-new-secret")] == [200, 200]


def test_when_it_cannot_be_kept_the_platform_is_asked_to_send_it_again(meta: Meta):
    meta.send()
    with meta.parts.database.write() as connection:
        connection.execute(text("ALTER TABLE webhooks RENAME TO elsewhere"))
    response = meta.send()
    assert (response.status_code, response.json["error"]) == (503, "not_kept")


def test_what_no_platform_sends_is_too_large(small_meta: Meta):
    response = small_meta.send(b"x" * (MAX_BODY_BYTES + 1))
    assert (response.status_code, response.json["error"]) == (413, "too_large")
    assert small_meta.kept() == []


def test_a_body_without_a_length_is_read_to_its_end_and_bounded(small_meta: Meta):
    signed = "sha256=" + hmac.new(SECRET.encode(), BODY, hashlib.sha256).hexdigest()
    statuses = [
        small_meta.client.post(
            small_meta.path,
            input_stream=BytesIO(body),
            headers={"X-Hub-Signature-256": signed},
            environ_overrides={"wsgi.input_terminated": True, "CONTENT_LENGTH": ""},
        ).status_code
        for body in (BODY, b"x" * (MAX_BODY_BYTES + 1))
    ]
    assert statuses == [200, 413]
    assert small_meta.kept() == [BODY]


def test_a_paused_connection_still_receives(small_meta: Meta):
    now = utc_now()
    small_meta.parts.connections.change(
        small_meta.project.project_id, small_meta.connection.connection_id, paused_at=now
    )
    assert small_meta.send().status_code == 200
    assert small_meta.kept() == [BODY]


@pytest.mark.parametrize("garbage", [b"{", b"", b"\xff\x00\xfe", b"null", b"[" * 5000], ids=repr)
def test_authentic_garbage_is_kept_and_answered_200(meta: Meta, garbage: bytes):
    assert meta.send(garbage).status_code == 200
    assert meta.kept() == [garbage]


def test_a_removed_connection_is_known_no_more(small_meta: Meta):
    small_meta.parts.connections.remove(small_meta.project.project_id, small_meta.connection.connection_id)
    assert small_meta.send().status_code == 404


def test_the_same_webhook_twice_is_kept_twice_and_answered_alike(small_meta: Meta):
    # the messages inside are told apart by their ids when they are read
    assert [small_meta.send().status_code for _ in range(2)] == [200, 200]
    assert len(small_meta.kept()) == 2


def test_other_methods_are_not_allowed(small_meta: Meta):
    assert small_meta.client.put(small_meta.path).status_code == 405
