"""Meta's counterpart in tests: an account, somebody who takes its webhooks, Whence's reader of them."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from flask import Response, request

from adapters.base import WebhookRequest
from adapters.messaging.whatsapp import WhatsAppCloud
from sandbox import whatsapp
from sandbox.shelf import Shelf
from tests.adapters.factories import FakeState, make_http

SECRET, TOKEN, VERIFY = "app-secret-1", "test-access-token", "verify-token-1"
NUMBER_ID, ACCOUNT_ID, SALES, SUPPORT = "1090000000001", "2090000000001", "79990000001", "79990000002"
PHONE, BSUID = "79161234567", "RU.9001002003"


@dataclass
class Receiver:
    """Somebody's webhook: keeps what comes, answers what it is told to."""

    answers: list[int] = field(default_factory=list)  # before it turns to 200
    challenge: str = "{challenge}"
    requests: list[WebhookRequest] = field(default_factory=list)
    url: str = ""

    def take(self) -> Response:
        if request.method == "GET":
            return Response(self.challenge.format(challenge=request.args.get("hub.challenge")))
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.requests.append(
            WebhookRequest(method="POST", headers=headers, query={}, body=request.get_data())
        )
        return Response("", status=self.answers.pop(0) if self.answers else 200)


def settled(shelf: Shelf, webhook_id: str) -> dict[str, Any]:
    """Wait until a webhook is delivered or given up."""
    patience = time.monotonic() + 20
    while time.monotonic() < patience:
        found = whatsapp.webhook(shelf, webhook_id)
        if found and found["state"] != "waiting":
            return found
        time.sleep(0.01)
    raise TimeoutError


def channel(**config: str) -> WhatsAppCloud:
    known = {"app_secret": SECRET, "verify_token": VERIFY, "graph_version": "v26.0"}
    return WhatsAppCloud({**known, **config}, make_http(), FakeState())
