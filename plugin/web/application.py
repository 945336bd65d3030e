"""The web application: the screens, with the fast endpoints in front of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from plugin.parts import Parts
from plugin.web import register_pages
from plugin.web.edge import create_edge

EDGE_PREFIXES = ("/collect", "/hooks/", "/w/", "/healthz", "/metrics")
Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def create_web(parts: Parts) -> Flask:
    """Make the application; beacons and webhooks pass by everything that only screens need."""
    app = Flask("plugin", static_folder="web/static", template_folder="web/templates")
    app.secret_key = parts.settings.secret_key
    app.extensions["whence"] = parts
    app.config.update(
        SESSION_COOKIE_SECURE=parts.settings.is_https,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        MAX_CONTENT_LENGTH=1024 * 1024,
    )
    register_pages(app, parts)
    edge = create_edge(parts)
    app.extensions["edge_app"] = edge
    app.wsgi_app = _fork(edge.wsgi_app, app.wsgi_app)  # type: ignore[method-assign]
    hops = parts.settings.trusted_proxies
    if hops:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]
    return app


def _fork(edge: Wsgi, pages: Wsgi) -> Wsgi:
    def serve(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        is_fast = environ.get("PATH_INFO", "").startswith(EDGE_PREFIXES)
        return (edge if is_fast else pages)(environ, start_response)

    return serve
