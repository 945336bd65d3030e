"""Beacons from the snippet: bounded, checked, made durable, answered with nothing.

The steps stand in `_accept`; each refusal has a reason, is counted, and is told to nobody but the owner.
"""

from __future__ import annotations

import enum
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from flask import Blueprint, Response, current_app, request
from pydantic import BaseModel, BeforeValidator, Field, StringConstraints, ValidationError
from sqlalchemy.exc import SQLAlchemyError

from plugin import flow
from plugin.device import is_bot
from plugin.domain.reference import is_valid
from plugin.domain.visit import Click, Touch, Visit
from plugin.store.projects import Project
from plugin.web.edge import Edge

MAX_BODY_BYTES = 16_384
MAX_URL_CHARS = 2_000
MAX_TEXT_CHARS = 1_000
MAX_ID_CHARS = 500
MAX_ENTRIES = 24
# a click that could not be sent waits in the browser for a week
OLDEST = timedelta(days=8)
CLOCK_SLACK = timedelta(minutes=5)

blueprint = Blueprint("collect", __name__)


class Drop(enum.StrEnum):
    """Why a beacon was refused."""

    TOO_LARGE = "too_large"
    BOT = "bot"
    NOT_JSON = "not_json"
    WRONG_FIELDS = "wrong_fields"
    UNKNOWN_PROJECT = "unknown_project"
    WRONG_ORIGIN = "wrong_origin"
    UNKNOWN_NUMBER = "unknown_number"
    WRONG_REFERENCE = "wrong_reference"
    TOO_OLD = "too_old"


class Refused(Exception):
    def __init__(self, reason: Drop, *, project: Project | None = None, example: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.project = project
        self.example = example


def _cut(limit: int) -> Any:
    return BeforeValidator(lambda value: value[:limit] if isinstance(value, str) else value)


def _flat(value: Any) -> dict[str, str]:
    """Keep the entries that are text, cut; what else a newer snippet sends is no error."""
    if not isinstance(value, dict):
        return {}
    items = ((k[:40], v[:MAX_ID_CHARS]) for k, v in value.items() if isinstance(v, str) and v)
    return dict(list(items)[:MAX_ENTRIES])


Hex = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16,64}$")]
Url = Annotated[str, _cut(MAX_URL_CHARS)]
Text = Annotated[str, _cut(MAX_TEXT_CHARS)]
Short = Annotated[str, _cut(40)]
Millis = Annotated[int, Field(ge=1_000_000_000_000, le=9_999_999_999_999)]
Flat = Annotated[dict[str, str], BeforeValidator(_flat)]
WireTouch = tuple[Millis, Url] | tuple[Millis, Url, Url] | None


class Beacon(BaseModel):
    """Version 1 of the wire. Unknown fields are ignored; the golden payloads stand in tests/golden/wire."""

    v: Literal[1]
    type: Literal["visit", "click"]
    key: Annotated[str, StringConstraints(max_length=64)]
    visit: Hex
    visitor: Hex
    started: Millis
    landing: Url
    referrer: Url = ""
    before: Annotated[int, Field(ge=0, le=100_000)] = 0
    first: WireTouch = None
    last: WireTouch = None
    clicks: Flat = {}
    ids: Flat = {}
    utm: Flat = {}
    screen: Short = ""
    lang: Short = ""
    zone: Short = ""
    consent: Flat = {}
    # of a click
    click: Hex | None = None
    pressed: Millis | None = None
    net: Short = "whatsapp"
    number: Annotated[str, StringConstraints(pattern=r"^\d{5,20}$")] | None = None
    ref: Annotated[str, StringConstraints(max_length=16)] = ""
    page: Url = ""
    title: Annotated[str, _cut(300)] = ""
    phrase: Text = ""


@blueprint.post("/collect")
def collect() -> Response:
    """Keep one beacon. 204 whatever came of it, 503 only when it could not be kept and should come again."""
    edge = Edge.current()
    now = datetime.now(UTC)
    reason = ""
    try:
        _accept(edge, now)
    except Refused as refused:
        reason = refused.reason
        edge.count_drop(refused.reason, project=refused.project, example=refused.example, now=now)
    except SQLAlchemyError:
        current_app.logger.exception("beacon not kept")
        return _answer(503)
    return _answer(204, reason=reason if edge.parts.settings.debug else "")


@blueprint.route("/collect", methods=["OPTIONS"])
def preflight() -> Response:
    """Let a browser ask first, as it does behind some proxies."""
    return _answer(204)


def _accept(edge: Edge, now: datetime) -> None:
    body = _bounded_body()
    user_agent = _not_a_bot()
    beacon = _parsed(body)
    project = _known_project(edge, beacon)
    _from_own_site(project)
    visit = _visit(beacon, user_agent, now=now)
    click = _click(beacon, project, now=now)
    if click is None:
        flow.record_visit(edge.parts.writer, project.project_id, visit, now=now)
    else:
        flow.record_click(edge.parts.writer, project.project_id, visit, click=click, now=now)


def _bounded_body() -> bytes:
    if (request.content_length or 0) > MAX_BODY_BYTES:
        raise Refused(Drop.TOO_LARGE)
    body = request.stream.read(MAX_BODY_BYTES + 1)
    if len(body) > MAX_BODY_BYTES:
        raise Refused(Drop.TOO_LARGE)
    return body


def _not_a_bot() -> str:
    user_agent = request.headers.get("User-Agent", "")[:MAX_TEXT_CHARS]
    if is_bot(user_agent):
        raise Refused(Drop.BOT)
    return user_agent


def _parsed(body: bytes) -> Beacon:
    try:
        return Beacon.model_validate_json(body)
    except ValidationError as error:
        is_json = error.errors(include_url=False, include_input=False)[0]["type"] != "json_invalid"
        raise Refused(Drop.WRONG_FIELDS if is_json else Drop.NOT_JSON) from None


def _known_project(edge: Edge, beacon: Beacon) -> Project:
    project = edge.project_by_key(beacon.key)
    if project is None:
        raise Refused(Drop.UNKNOWN_PROJECT)
    return project


def _from_own_site(project: Project) -> None:
    origin = request.headers.get("Origin") or request.headers.get("Referer") or ""
    host = urlsplit(origin).hostname or ""
    for own in project.origins:
        own_host = urlsplit(own).hostname or own
        if host and (host == own_host or host.endswith("." + own_host)):
            return
    raise Refused(Drop.WRONG_ORIGIN, project=project, example=_origin_of(origin))


def _origin_of(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"[:200] if parts.netloc else ""


def _visit(beacon: Beacon, user_agent: str, *, now: datetime) -> Visit:
    return Visit(
        visit_id=beacon.visit,
        visitor_id=beacon.visitor,
        started_at=_moment(beacon.started, now=now),
        landing_url=beacon.landing,
        referrer=beacon.referrer,
        visits_before=beacon.before,
        first_touch=_touch(beacon.first),
        last_touch=_touch(beacon.last),
        click_ids=beacon.clicks,
        analytics_ids=beacon.ids,
        utm=beacon.utm,
        screen=beacon.screen,
        language=beacon.lang,
        time_zone=beacon.zone,
        consent=beacon.consent,
        user_agent=user_agent,
    )


def _click(beacon: Beacon, project: Project, *, now: datetime) -> Click | None:
    if beacon.type == "visit":
        return None
    if beacon.click is None or beacon.pressed is None or beacon.number is None:
        raise Refused(Drop.WRONG_FIELDS, project=project)
    if project.number(beacon.number) is None:
        raise Refused(Drop.UNKNOWN_NUMBER, project=project, example=beacon.number)
    if not is_valid(beacon.ref):
        raise Refused(Drop.WRONG_REFERENCE, project=project)
    pressed = _moment(beacon.pressed, now=now)
    if now - pressed > OLDEST:
        raise Refused(Drop.TOO_OLD, project=project)
    return Click(
        click_id=beacon.click,
        visit_id=beacon.visit,
        network=beacon.net,
        number=beacon.number,
        reference=beacon.ref,
        clicked_at=pressed,
        page_url=beacon.page,
        page_title=beacon.title,
        phrase=beacon.phrase,
    )


def _moment(millis: int, *, now: datetime) -> datetime:
    """Read a browser's clock; one that runs ahead is set to ours."""
    moment = datetime.fromtimestamp(millis / 1000, UTC)
    return now if moment > now + CLOCK_SLACK else moment


def _touch(value: Any) -> Touch | None:
    if not value:
        return None
    at = datetime.fromtimestamp(value[0] / 1000, UTC)
    return Touch(at=at, landing_url=value[1], referrer=value[2] if len(value) > 2 else "")


def _answer(status: int, *, reason: str = "") -> Response:
    response = Response(status=status)
    response.headers["Access-Control-Allow-Origin"] = "*"
    if reason:
        response.headers["X-Whence-Dropped"] = reason
    return response
