"""Webhooks of the messaging platforms: authenticate the raw bytes, keep them, answer. Parsing comes later."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import structlog
from flask import Blueprint, Response, current_app, jsonify, request
from sqlalchemy.exc import SQLAlchemyError

from adapters.base import Channel, NotAuthentic, WebhookRequest
from plugin import flow
from plugin.store.connections import PlatformConnection
from plugin.web.edge import Edge

# Meta sends up to 3 MB; what is longer is no message (messaging reference 1.4)
MAX_BODY_BYTES = 8 * 1024 * 1024

blueprint = Blueprint("webhooks", __name__)
log = structlog.get_logger(__name__)


@blueprint.route("/hooks/<platform>/<hook_key>", methods=["GET", "POST"])
def receive(platform: str, hook_key: str) -> Response:
    """Take one webhook. 4xx: not authentic. 503: could not be kept, send it again. 200: it is ours now."""
    edge = Edge.current()
    found = edge.verifiers.get(hook_key)
    if found is None or found[0].platform != platform or not isinstance(found[1], Channel):
        return _error(404, "not_found", "No such webhook address.")
    connection, channel = found
    incoming = WebhookRequest(
        method=request.method,
        headers={name.lower(): value for name, value in request.headers.items()},
        query=request.args.to_dict(),
        body=request.get_data(cache=False),
    )
    try:
        if request.method == "GET":
            return Response(channel.handshake(incoming), mimetype="text/plain")
        channel.verify(incoming)
    except NotAuthentic as error:
        log.warning("webhook_not_authentic", connection_id=connection.connection_id, platform=platform)
        return _error(403, "not_authentic", str(error))
    return _keep(edge, connection, incoming)


def _keep(edge: Edge, connection: PlatformConnection, incoming: WebhookRequest) -> Response:
    try:
        flow.record_webhook(
            edge.parts.writer,
            connection.project_id,
            connection.connection_id,
            headers=incoming.headers,
            body=incoming.body,
            now=datetime.now(UTC),
        )
    except SQLAlchemyError:
        current_app.logger.exception("webhook not kept")
        return _error(503, "not_kept", "The webhook could not be kept. Please send it again.")
    return Response("OK", mimetype="text/plain")


@blueprint.errorhandler(413)
def too_large(_error_: Any) -> Response:
    """Refuse what no platform sends."""
    return _error(413, "too_large", "The webhook is longer than any platform sends.")


def _error(status: int, error: str, message: str) -> Response:
    response = jsonify(error=error, message=message, status=status)
    response.status_code = status
    return response
