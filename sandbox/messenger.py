"""A chat page that looks like the messenger on a phone: what is sent reaches Whence as a signed webhook."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import (
    Blueprint,
    Response,
    abort,
    current_app,
    jsonify,
    redirect,
    render_template,
    request,
    url_for,
)
from werkzeug.wrappers import Response as Answer

from sandbox import whatsapp
from sandbox.shelf import Shelf

MAX_TEXT = 4096
CUSTOM = "custom"
# What a message's ticks say. A number of another business gets one tick: nobody here is behind it.
TICKS = {"delivered": "✓✓", "waiting": "…", "given up": "⚠", "elsewhere": "✓"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Writer:
    """A customer one can write as."""

    phone: str
    name: str

    @property
    def bsuid(self) -> str:
        """The user id that stands for this person when the phone is hidden: always the same one."""
        digest = hashlib.sha256(self.phone.encode()).hexdigest()
        return f"RU.{int(digest[:13], 16)}"


PRESETS: Mapping[str, Writer] = {
    "anna": Writer(phone="79161234567", name="Анна Смирнова"),
    "timur": Writer(phone="79031112233", name="Тимур"),
    "aigul": Writer(phone="77011234567", name="Айгуль"),
    "john": Writer(phone="447700900123", name="John Carter"),
}


def blueprint(shelf: Shelf) -> Blueprint:
    """Make the messenger's blueprint."""
    made = Blueprint("messenger", __name__)

    @made.get("/")
    def index() -> str:
        found = whatsapp.account(shelf)
        own = _digits(found.display_phone_number) if found else ""
        number = _digits(request.args.get("phone", "")) or own
        who, writer = _writer(request.args)
        return render_template(
            "messenger.html",
            number=number,
            is_connected=bool(number) and number == own,
            who=who,
            writer=writer,
            presets=PRESETS,
            hidden=request.args.get("hide", ""),
            text=request.args.get("text", "")[:MAX_TEXT],
            bubbles=_bubbles(shelf, number=number, writer=writer),
            whence_url=current_app.config.get("WHENCE_URL", ""),
        )

    @made.post("/send")
    def send() -> Answer:
        who, writer = _writer(request.form)
        number = _digits(request.form.get("phone", ""))
        text = request.form.get("text", "").strip()[:MAX_TEXT]
        if not text or not writer.phone:
            abort(400)
        _write(shelf, writer, text=text, number=number)
        back = {"phone": number, "who": who, "hide": request.form.get("hide", "")}
        custom = {"from_phone": writer.phone, "name": writer.name} if who == CUSTOM else {}
        return redirect(url_for(".index", **{k: v for k, v in (back | custom).items() if v}))

    @made.get("/ticks")
    def ticks() -> Response:
        _, writer = _writer(request.args)
        bubbles = _bubbles(shelf, number=_digits(request.args.get("phone", "")), writer=writer)
        return jsonify({bubble["id"]: [bubble["tick"], bubble["state"]] for bubble in bubbles})

    return made


def _write(shelf: Shelf, writer: Writer, *, text: str, number: str) -> None:
    """Send a message and keep its bubble; only the connected number's webhook goes out."""
    found = whatsapp.account(shelf)
    webhook_id = ""
    if found and _digits(found.display_phone_number) == number:
        is_hidden = bool(request.form.get("hide"))
        webhook_id = whatsapp.send_text(
            shelf,
            text=text,
            from_phone="" if is_hidden else writer.phone,
            bsuid=writer.bsuid if is_hidden else "",
            name=writer.name,
            referral=dict(whatsapp.REFERRAL) if request.form.get("from_ad") else None,
        )
    bubble_id = shelf.next_id("messenger")
    bubble = {"id": str(bubble_id), "text": text, "at": time.time(), "webhook_id": webhook_id}
    shelf.put(_chat(number, writer), bubble_id, bubble)


def _bubbles(shelf: Shelf, *, number: str, writer: Writer) -> list[dict[str, Any]]:
    """Give the chat, oldest first: what the customer wrote with its ticks, what the business answered."""
    written = [
        {**item, "is_mine": True, **_state(shelf, item["webhook_id"])}
        for item in shelf.all(_chat(number, writer))
    ]
    answered = [
        {**item, "is_mine": False, "tick": "", "state": ""}
        for item in whatsapp.replies(shelf)
        if item["to"] in (writer.phone, writer.bsuid)
    ]
    chat = sorted(written + answered, key=lambda item: item["at"])
    return [{**item, "clock": time.strftime("%H:%M", time.localtime(item["at"]))} for item in chat]


def _state(shelf: Shelf, webhook_id: str) -> dict[str, str]:
    record = whatsapp.webhook(shelf, webhook_id) if webhook_id else None
    state = record["state"] if record else "delivered" if webhook_id else "elsewhere"
    return {"state": state, "tick": TICKS[state]}


def _writer(values: Mapping[str, str]) -> tuple[str, Writer]:
    """Read who writes: one of the presets, or a phone and a name of one's own."""
    who = values.get("who", next(iter(PRESETS)))
    if who in PRESETS:
        return who, PRESETS[who]
    return CUSTOM, Writer(phone=_digits(values.get("from_phone", "")), name=values.get("name", "").strip())


def _chat(number: str, writer: Writer) -> str:
    return f"messenger/{number}/{writer.phone}"


def _digits(value: str) -> str:
    return re.sub(r"\D", "", value)
