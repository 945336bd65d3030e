"""A shelf, a WhatsApp account on it, and the pages around it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.serving import make_server

from sandbox import messenger, shop, whatsapp
from sandbox.shelf import Shelf
from tests.sandbox.meta import ACCOUNT_ID, NUMBER_ID, SECRET, TOKEN, VERIFY, Receiver


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    found = Receiver()
    app = Flask("receiver")
    app.add_url_rule("/hook", view_func=found.take, methods=["GET", "POST"])
    server = make_server("127.0.0.1", 0, app, threaded=True)
    found.url = f"http://127.0.0.1:{server.server_port}/hook"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield found
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path / "shelf.db")


@pytest.fixture
def configure(shelf: Shelf, receiver: Receiver) -> Callable[..., None]:
    def make(**overrides: Any) -> None:
        values = {
            "callback_url": receiver.url,
            "app_secret": SECRET,
            "verify_token": VERIFY,
            "phone_number_id": NUMBER_ID,
            "display_phone_number": "+7 999 000-00-01",
            "waba_id": ACCOUNT_ID,
            "access_token": TOKEN,
            "retry_scale": 0.001,
        }
        whatsapp.configure(shelf, **{**values, **overrides})

    make()
    return make


@pytest.fixture
def app(shelf: Shelf) -> Flask:
    made = Flask("sandbox")
    for module in (whatsapp, shop, messenger):
        made.register_blueprint(module.blueprint(shelf), url_prefix=f"/{module.__name__.split('.')[1]}")
    made.add_url_rule("/faults/<platform>", "switch_fault", lambda platform: platform, methods=["POST"])
    return made


@pytest.fixture
def client(app: Flask, configure: Callable[..., None]) -> FlaskClient:
    return app.test_client()
