"""The stand-in as a real server, and the real adapter led to it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from werkzeug.serving import make_server

from adapters.crm.amocrm import AmoCRM
from adapters.http import Transport
from sandbox import amocrm
from sandbox.shelf import Shelf
from tests.adapters.factories import FakeState, make_http

TOKEN = "long-lived-token-of-the-tests"


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path / "shelf.db")


@pytest.fixture
def base(shelf: Shelf) -> Iterator[str]:
    """The address of a running stand-in."""
    app = Flask("stand-in")
    app.register_blueprint(amocrm.blueprint(shelf), url_prefix="/amocrm")
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()


@pytest.fixture
def account(shelf: Shelf):
    return amocrm.configure(shelf, "acme", token=TOKEN)


@pytest.fixture
def make_crm(base: str, account):
    """Make the adapter on the account; each has its own state unless one is given."""
    transport = Transport(
        detours={".amocrm.ru": base + "/amocrm/{sub}", ".kommo.com": base + "/amocrm/{sub}"},
        allow_private=True,
    )

    def make(state: FakeState | None = None, **config: str) -> AmoCRM:
        given = {"address": "acme.amocrm.ru", "token": TOKEN, **config}
        values = {setting.name: given.get(setting.name) or setting.default for setting in AmoCRM.settings}
        http = make_http(transport=transport)
        return AmoCRM(values, http, FakeState() if state is None else state)

    return make
