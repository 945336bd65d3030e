"""Is the service well: for a load balancer, and in numbers for a monitoring system."""

from __future__ import annotations

from ipaddress import ip_address

from flask import Blueprint, Response, abort, jsonify, request
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from plugin.web.edge import Edge

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
def healthz() -> Response:
    """Answer 200 when the database answers, else 503."""
    try:
        with Edge.current().parts.database.read() as connection:
            connection.execute(text("SELECT 1"))
    except SQLAlchemyError:
        response = jsonify(error="database", message="The database does not answer.", status=503)
        response.status_code = 503
        return response
    return jsonify(status="ok")


@blueprint.get("/metrics")
def metrics() -> Response:
    """Give this process's counters in Prometheus' text form, to callers in the private network only."""
    if not _is_near():
        abort(404)
    return Response(generate_latest(), content_type=CONTENT_TYPE_LATEST)


def _is_near() -> bool:
    # what came through a proxy came from outside, wherever the proxy stands
    return (
        "X-Forwarded-For" not in request.headers and ip_address(request.remote_addr or "8.8.8.8").is_private
    )
