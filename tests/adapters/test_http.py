"""HTTP out: who acts next on which answer, what is never kept, where it never goes, and its pace."""

from __future__ import annotations

import json
import logging
import threading

import pytest
import requests
import responses
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.serving import make_server

from adapters.base import Misconfigured, Rejected, Temporary
from adapters.http import MASK, Http, Limiter, Limiters, Transport, _is_public

URL = "https://api.example.com/v1/leads"


def make_http(**overrides) -> Http:
    return Http(overrides.pop("transport", Transport(allow_private=True)), **overrides)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, Rejected),
        (401, Misconfigured),
        (403, Misconfigured),
        (404, Rejected),
        (405, Rejected),
        (408, Temporary),
        (409, Rejected),
        (420, Temporary),
        (422, Rejected),
        (425, Temporary),
        (429, Temporary),
        (500, Temporary),
        (502, Temporary),
        (503, Temporary),
        (504, Temporary),
        (301, Rejected),
    ],
)
@responses.activate
def test_the_status_says_who_acts_next(status, error):
    responses.post(URL, status=status, body="secret words of the platform")
    with pytest.raises(error) as raised:
        make_http().request("POST", URL, platform="Example", json={})
    assert "Example" in str(raised.value)
    assert "secret words" not in str(raised.value)


@responses.activate
def test_an_accepted_status_is_an_answer():
    responses.get(URL, status=404)
    assert make_http().request("GET", URL, platform="Example", accept=(404,)).status_code == 404


@pytest.mark.parametrize(
    ("exception", "error"),
    [
        (requests.ConnectTimeout(), Temporary),
        (requests.ReadTimeout(), Temporary),
        (requests.ConnectionError(), Temporary),
        (requests.exceptions.ChunkedEncodingError(), Temporary),
        (requests.exceptions.InvalidURL(), Misconfigured),
    ],
)
@responses.activate
def test_network_faults_are_told_apart(exception, error):
    responses.get(URL, body=exception)
    with pytest.raises(error):
        make_http().request("GET", URL, platform="Example")


@pytest.mark.parametrize(
    ("headers", "json", "after"),
    [
        ({"Retry-After": "17"}, {}, 17.0),
        ({}, {"retry_after": 300}, 300.0),
        ({"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}, {}, None),
        ({}, ["odd"], None),
    ],
)
@responses.activate
def test_the_platforms_wait_is_read(headers, json, after):
    responses.get(URL, status=429, headers=headers, json=json)
    with pytest.raises(Temporary) as raised:
        make_http().request("GET", URL, platform="Example")
    assert raised.value.after == after


@responses.activate
def test_a_redirect_is_not_followed():
    responses.get(URL, status=302, headers={"Location": "http://169.254.169.254/"})
    with pytest.raises(Rejected):
        make_http().request("GET", URL, platform="Example")
    assert len(responses.calls) == 1


@responses.activate
def test_the_kept_exchange_holds_no_secret_and_no_person(caplog):
    caplog.set_level(logging.DEBUG)
    responses.post(URL, json={"access_token": "new-token", "echo": "79991112233 Анна"})
    http = make_http(redact=["my-api-secret", "79991112233", "Анна Смирнова", "Анна"])
    http.request(
        "POST",
        URL,
        platform="Example",
        params={"api_secret": "my-api-secret", "q": "79991112233"},
        json={"name": "Анна Смирнова", "client_secret": "abc"},
        headers={"Authorization": "Bearer my-api-secret"},
    )
    (exchange,) = http.exchanges
    kept = f"{exchange.url} {exchange.request_body} {exchange.response_body}"
    for private in ("my-api-secret", "79991112233", "Анна", "new-token", '"abc"'):
        assert private not in kept
    assert MASK in kept
    assert exchange.status == 200
    assert "79991112233" not in caplog.text


@responses.activate
def test_escaped_and_encoded_values_are_masked_too():
    responses.get(URL, body=json.dumps({"name": "Анна Петровна"}))
    http = make_http(redact=["Анна Петровна"])
    http.request("GET", URL, platform="Example", params={"query": "Анна Петровна"})
    (exchange,) = http.exchanges
    assert exchange.response_body == f'{{"name": "{MASK}"}}'
    assert exchange.url == f"{URL}?query={MASK}"


@responses.activate
def test_an_exchange_without_an_answer_is_kept_too():
    responses.get(URL, body=requests.ConnectionError())
    http = make_http()
    with pytest.raises(Temporary):
        http.request("GET", URL, platform="Example")
    assert http.exchanges[0].status == 0


@given(secret=st.text(min_size=4, max_size=30), around=st.text(max_size=30))
def test_a_secret_is_masked_wherever_it_stands(secret, around):
    text = make_http(redact=[secret]).redacted(f"{around}{secret}{around}")
    assert secret in MASK or secret not in text.replace(MASK, "")


class TestGuard:
    @pytest.mark.parametrize(
        ("address", "public"),
        [
            ("93.184.216.34", True),
            ("2606:2800:220:1::1", True),
            ("127.0.0.1", False),
            ("10.1.2.3", False),
            ("172.16.0.1", False),
            ("192.168.1.1", False),
            ("169.254.169.254", False),
            ("0.0.0.0", False),
            ("100.64.0.1", False),
            ("224.0.0.1", False),
            ("::1", False),
            ("fe80::1%eth0", False),
            ("fd00::1", False),
            ("::ffff:127.0.0.1", False),
        ],
    )
    def test_private_addresses_are_known(self, address, public):
        assert _is_public(address) is public

    @pytest.fixture
    def inside(self):
        hits = []

        def app(environ, start_response):
            hits.append(environ["PATH_INFO"])
            start_response("200 OK", [])
            return [b"inside"]

        server = make_server("127.0.0.1", 0, app)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.port}", hits
        server.shutdown()
        thread.join()

    def test_a_private_address_gets_not_one_byte(self, inside):
        base, hits = inside
        with pytest.raises(Misconfigured, match="private network"):
            make_http(transport=Transport()).request("GET", base + "/secret", platform="Example")
        assert hits == []

    def test_a_name_that_leads_inside_is_refused_as_well(self, inside):
        base, hits = inside
        with pytest.raises(Misconfigured):
            url = base.replace("127.0.0.1", "localhost")
            make_http(transport=Transport()).request("GET", url, platform="Example")
        assert hits == []

    def test_the_owner_may_allow_it(self, inside):
        base, hits = inside
        make_http().request("GET", base + "/fine", platform="Example")
        assert hits == ["/fine"]

    def test_a_detour_leads_a_host_to_its_stand_in(self, inside):
        base, hits = inside
        detours = {".amocrm.ru": base + "/amocrm/{sub}", "www.google-analytics.com": base + "/ga4"}
        http = make_http(transport=Transport(detours=detours, allow_private=True))
        http.request("GET", "https://acme.amocrm.ru/api/v4/account?with=x", platform="amo")
        http.request("POST", "https://www.google-analytics.com/mp/collect", platform="GA4")
        assert hits == ["/amocrm/acme/api/v4/account", "/ga4/mp/collect"]


class TestLimiter:
    def test_it_keeps_the_pace(self):
        slept: list[float] = []
        limiter = Limiter(5, clock=lambda: 100.0, sleep=slept.append)
        for _ in range(4):
            limiter.wait()
        assert slept == pytest.approx([0.2, 0.4, 0.6])

    def test_a_platform_that_asks_for_a_pause_gets_it(self):
        slept: list[float] = []
        limiter = Limiter(5, clock=lambda: 100.0, sleep=slept.append)
        limiter.hold(30)
        limiter.wait()
        assert slept == pytest.approx([30])

    def test_an_account_has_one_limiter(self):
        limiters = Limiters()
        assert limiters.get("kommo", 5) is limiters.get("kommo", 5)
        assert limiters.get("kommo", 5) is not limiters.get("acme", 5)
