"""Refusals in the platform's own shape."""

from __future__ import annotations

import json
from typing import Any

from flask import Response

TITLES = {
    400: "Bad Request",
    401: "Unauthorized",
    402: "Payment Required",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    422: "Unprocessable Entity",
    429: "Too Many Requests",
    500: "Internal Server Error",
}


class Problem(Exception):
    """A request that the platform refuses; raised anywhere, answered once."""

    def __init__(self, status: int, detail: str, **more: Any) -> None:
        super().__init__(detail)
        self.status = status
        self.body = {
            **more,
            "title": TITLES[status],
            "type": f"https://httpstatus.es/{status}",
            "status": status,
            "detail": detail,
        }

    def answer(self) -> Response:
        return answer(self.body, status=self.status, subtype="problem+json")


class Invalid(Problem):
    """A body whose item number `place` has a wrong value at `path`."""

    def __init__(self, place: int, path: str, *, code: str = "NotSupportedChoice") -> None:
        errors = [{"code": code, "path": path, "detail": "This value is not valid."}]
        listed = [{"request_id": str(place), "errors": errors}]
        super().__init__(400, "Request validation failed", **{"validation-errors": listed})


def answer(body: Any, *, status: int = 200, subtype: str = "hal+json") -> Response:
    """Give a body as the platform does."""
    return Response(json.dumps(body, ensure_ascii=False), status=status, mimetype=f"application/{subtype}")
