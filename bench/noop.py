"""The yardstick: a bare Flask application that answers 204 and does nothing."""

from __future__ import annotations

from flask import Flask


def make_app() -> Flask:
    """Make it; its two routes look like Whence's, so that both sides get the same requests."""
    app = Flask("noop", static_folder=None)
    app.add_url_rule("/collect", view_func=nothing, methods=["POST"])
    app.add_url_rule("/hooks/<platform>/<hook_key>", view_func=nothing, methods=["POST"])
    return app


def nothing(**_where: str) -> tuple[str, int]:
    """Answer."""
    return "", 204
