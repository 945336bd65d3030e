"""The stand-in of amoCRM alone, to be served by processes of its own."""

from __future__ import annotations

import os

from flask import Flask

from sandbox import amocrm
from sandbox.shelf import Shelf

SHELF = "BENCH_SHELF"  # environment variable: the shelf's file


def make_app() -> Flask:
    """Make it."""
    app = Flask("bench.stand_in", static_folder=None)
    app.register_blueprint(amocrm.blueprint(Shelf(os.environ[SHELF])), url_prefix="/amocrm")
    return app
