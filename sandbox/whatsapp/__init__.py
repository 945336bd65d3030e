"""A stand-in of WhatsApp Cloud API: the webhooks that Meta sends, the Graph calls that it takes."""

from __future__ import annotations

import json

from flask import Blueprint, Response, abort, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as Answer

from sandbox.shelf import Shelf
from sandbox.whatsapp import graph
from sandbox.whatsapp.envelope import ODD, REFERRAL, Account, Customer
from sandbox.whatsapp.graph import replies
from sandbox.whatsapp.sender import (
    WEBHOOKS,
    HandshakeFailed,
    account,
    configure,
    send,
    send_message,
    send_odd,
    send_text,
    webhook,
    webhooks,
)

__all__ = [
    "ODD",
    "REFERRAL",
    "Account",
    "Customer",
    "HandshakeFailed",
    "account",
    "blueprint",
    "configure",
    "replies",
    "send",
    "send_message",
    "send_odd",
    "send_text",
    "webhook",
    "webhooks",
]

SHOWN = 100


def blueprint(shelf: Shelf) -> Blueprint:
    """Make the stand-in's blueprint: its page, and below each version the Graph calls."""
    made = Blueprint("whatsapp", __name__)

    @made.app_context_processor
    def counted() -> dict[str, object]:
        return {"kept_by": shelf.count}

    @made.get("/")
    def index() -> str:
        sent = webhooks(shelf)[::-1]
        answers = replies(shelf)[::-1]
        return render_template(
            "whatsapp.html",
            sent=sent[:SHOWN],
            count=len(sent),
            replies=answers[:SHOWN],
            account=account(shelf),
            odd=ODD,
            switched=shelf.get("faults", "whatsapp"),
        )

    @made.get("/webhooks/<webhook_id>")
    def body(webhook_id: str) -> Response:
        found = webhook(shelf, webhook_id) or abort(404)
        pretty = json.dumps(json.loads(found["body"]), ensure_ascii=False, indent=2)
        return Response(pretty, mimetype="text/plain")

    @made.post("/odd")
    def odd() -> Answer:
        case = request.form.get("case", "")
        if case not in ODD or account(shelf) is None:
            abort(400)
        send_odd(shelf, case)
        return redirect(url_for(".index"))

    @made.post("/clear")
    def clear() -> Answer:
        shelf.remove(WEBHOOKS)
        return redirect(url_for(".index"))

    graph.add_routes(made, shelf)
    return made
