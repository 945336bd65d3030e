"""Webhooks of the messaging platforms: authenticate the raw bytes, keep them, answer. Parsing comes later."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import parse_qsl

import structlog
from flask import Blueprint, Response, request
from sqlalchemy.exc import SQLAlchemyError

from adapters.base import Channel, NotAuthentic, WebhookRequest
from plugin import flow
from plugin.store.connections import PlatformConnection
from plugin.web.edge import Answer, Edge, Environ, read_body

# Meta sends up to 3 MB; what is longer is no message (messaging reference 1.4)
MAX_BODY_BYTES = 8 * 1024 * 1024
PLAIN = (("Content-Type", "text/plain; charset=utf-8"),)
JSON = (("Content-Type", "application/json"),)

blueprint = Blueprint("webhooks", __name__)
log = structlog.get_logger(__name__)


@blueprint.get("/hooks/<platform>/<hook_key>")
def handshake(platform: str, hook_key: str) -> Response:
    """Answer the probe with which a platform tries a webhook address."""
    incoming = WebhookRequest(
        method="GET", headers=_headers(request.environ), query=request.args.to_dict(), body=b""
    )
    answer = _answer_probe(Edge.current(), platform, hook_key, incoming)
    return Response(answer.body, status=answer.status, headers=list(answer.headers))


def receive(edge: Edge, environ: Environ) -> Answer:
    """Take one webhook. 4xx: not authentic. 503: could not be kept, send it again. 200: it is ours now."""
    _, _, address = environ["PATH_INFO"].partition("/hooks/")
    platform, _, hook_key = address.partition("/")
    found = _find(edge, platform, hook_key)
    if found is None:
        return _unknown()
    connection, channel = found
    body = read_body(environ, limit=MAX_BODY_BYTES)
    if body is None:
        return _error(413, "too_large", "The webhook is longer than any platform sends.")
    query = dict(parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True))
    incoming = WebhookRequest(method="POST", headers=_headers(environ), query=query, body=body)
    try:
        channel.verify(incoming)
    except NotAuthentic as error:
        return _not_authentic(connection, error)
    return _keep(edge, connection, incoming)


def _answer_probe(edge: Edge, platform: str, hook_key: str, incoming: WebhookRequest) -> Answer:
    found = _find(edge, platform, hook_key)
    if found is None:
        return _unknown()
    connection, channel = found
    try:
        return Answer(200, channel.handshake(incoming).encode(), PLAIN)
    except NotAuthentic as error:
        return _not_authentic(connection, error)


def _find(edge: Edge, platform: str, hook_key: str) -> tuple[PlatformConnection, Channel] | None:
    found = edge.verifiers.get(hook_key)
    if found is None or found[0].platform != platform or not isinstance(found[1], Channel):
        return None
    return found[0], found[1]


def _keep(edge: Edge, connection: PlatformConnection, incoming: WebhookRequest) -> Answer:
    try:
        flow.record_webhook(
            edge.parts.writer,
            connection.project_id,
            connection.connection_id,
            headers=incoming.headers,
            body=incoming.body,
            now=datetime.now(UTC),
        )
    except SQLAlchemyError as error:
        log.error("webhook_not_kept", connection_id=connection.connection_id, error=type(error).__name__)
        return _error(503, "not_kept", "The webhook could not be kept. Please send it again.")
    return Answer(200, b"OK", PLAIN)


def _headers(environ: Environ) -> Mapping[str, str]:
    """Give the headers by their lower-case names; WSGI keeps the body's type apart."""
    found = {
        name[5:].replace("_", "-").lower(): value
        for name, value in environ.items()
        if name.startswith("HTTP_")
    }
    return {**found, "content-type": environ.get("CONTENT_TYPE") or ""}


def _unknown() -> Answer:
    return _error(404, "not_found", "No such webhook address.")


def _not_authentic(connection: PlatformConnection, error: NotAuthentic) -> Answer:
    log.warning("webhook_not_authentic", connection_id=connection.connection_id, platform=connection.platform)
    return _error(403, "not_authentic", str(error))


def _error(status: int, error: str, message: str) -> Answer:
    return Answer(status, json.dumps({"error": error, "message": message, "status": status}).encode(), JSON)
