"""The stand-ins behind a real HTTP server, and adapters that are led to them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask
from werkzeug.serving import make_server

from adapters.base import Destination
from adapters.http import Transport
from sandbox import ga4, metrica
from sandbox.shelf import Shelf
from tests.adapters.factories import FakeState, make_http

Connect = Callable[..., Destination]


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path / "shelf.db")


@pytest.fixture
def base(shelf: Shelf) -> Iterator[str]:
    """The address of a server with both stand-ins."""
    app = Flask("sandbox")
    app.register_blueprint(ga4.blueprint(shelf), url_prefix="/ga4")
    app.register_blueprint(metrica.blueprint(shelf), url_prefix="/metrica")
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def connect(base: str) -> Connect:
    """Make an adapter whose hosts are the stand-ins'."""

    def make(adapter: type[Destination], **config: str) -> Destination:
        detours = dict.fromkeys(adapter.hosts, f"{base}/{adapter.slug}")
        http = make_http(transport=Transport(detours=detours, allow_private=True))
        return adapter(config, http, FakeState())

    return make
