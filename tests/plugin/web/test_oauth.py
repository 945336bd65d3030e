"""The consent window's way there and back, against the strict stand-in."""

from __future__ import annotations

import threading
from urllib.parse import parse_qs, urlsplit

import pytest
from werkzeug.serving import make_server

from adapters.http import Transport
from plugin.parts import sandbox_detours
from sandbox import amocrm, create_sandbox
from sandbox.shelf import Shelf
from tests.plugin.web.conftest import Browser

REDIRECT = "https://whence.example/oauth/amocrm"
CLIENT = {"client_id": "11111111-2222", "client_secret": "secret-of-it", "redirect_uri": REDIRECT}


@pytest.fixture
def shelf(tmp_path):
    found = Shelf(tmp_path / "sandbox.db")
    amocrm.configure(found, "acme", **CLIENT)
    return found


@pytest.fixture
def connection(sqlite_parts, project, shelf, tmp_path, moment):
    server = make_server("127.0.0.1", 0, create_sandbox(shelf_path=tmp_path / "sandbox.db"), threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    detours = sandbox_detours(f"http://127.0.0.1:{server.port}")
    object.__setattr__(sqlite_parts, "transport", Transport(detours=detours, allow_private=True))
    config = {"address": "acme.amocrm.ru", **CLIENT}
    yield sqlite_parts.connections.add(
        project.project_id, platform="amocrm", kind="crm", label="", config=config, now=moment
    )
    server.shutdown()
    thread.join()


def consent(browser: Browser, connection) -> dict[str, list[str]]:
    path = f"/p/{connection.project_id}/connections/{connection.connection_id}/consent"
    response = browser.client.get(path)
    assert response.status_code == 302
    return parse_qs(urlsplit(response.headers["Location"]).query)


def back(browser: Browser, **query: str):
    return browser.client.get("/oauth/amocrm", query_string=query, follow_redirects=True)


def test_the_owner_comes_back_with_tokens(sign_in, connection, sqlite_parts, shelf):
    owner = sign_in("owner")
    asked = consent(owner, connection)
    assert asked["client_id"] == [CLIENT["client_id"]]
    code = amocrm.issue_code(shelf, "acme")
    page = back(owner, code=code, referer="acme.amocrm.ru", state=asked["state"][0])
    assert "The account is connected." in page.get_data(as_text=True)
    kept = sqlite_parts.connections.state(connection.project_id, connection.connection_id).read()
    assert kept["access_token"]
    assert kept["refresh_token"]
    assert all(finding.text for finding in sqlite_parts.adapter(connection).check())


def test_a_code_for_a_strange_host_goes_nowhere(sign_in, connection, sqlite_parts, shelf):
    owner = sign_in("owner")
    state = consent(owner, connection)["state"][0]
    page = back(owner, code="x", referer="evil.example", state=state)
    assert "must look like acme.amocrm.ru" in page.get_data(as_text=True)
    assert not sqlite_parts.connections.state(connection.project_id, connection.connection_id).read()


def test_a_state_that_is_not_ours_is_refused(sign_in, connection):
    page = back(sign_in("owner"), code="x", referer="acme.amocrm.ru", state="made-up")
    assert "not ours or took too long" in page.get_data(as_text=True)


def test_somebody_elses_state_connects_nothing(sign_in, connection):
    state = consent(sign_in("owner"), connection)["state"][0]
    assert back(sign_in("owner"), code="x", referer="acme.amocrm.ru", state=state).status_code == 403


def test_a_way_back_serves_once(sign_in, connection, shelf):
    owner = sign_in("owner")
    state = consent(owner, connection)["state"][0]
    code = amocrm.issue_code(shelf, "acme")
    back(owner, code=code, referer="acme.amocrm.ru", state=state)
    assert back(owner, code=code, referer="acme.amocrm.ru", state=state).status_code == 403


@pytest.mark.parametrize("role", ["manager", "viewer"])
def test_only_an_owner_lets_whence_in(sign_in, connection, role):
    path = f"/p/{connection.project_id}/connections/{connection.connection_id}/consent"
    assert sign_in(role).client.get(path).status_code == 403


def test_nobody_comes_back_unsigned(stranger, connection):
    assert stranger.client.get("/oauth/amocrm?code=x&state=y").status_code == 302
