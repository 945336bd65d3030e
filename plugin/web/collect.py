"""Beacons from the snippet: bounded, checked, made durable, answered with nothing.

The steps stand in `_accept`; each refusal has a reason, is counted, and is told to nobody but the owner.
"""

from __future__ import annotations

import enum
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import islice
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import structlog
from flask import Blueprint, Response
from pydantic import BaseModel, Field, StringConstraints, ValidationError
from sqlalchemy.exc import SQLAlchemyError

from plugin import flow
from plugin.device import is_bot
from plugin.domain.reference import is_valid
from plugin.domain.visit import Click, Touch, Visit
from plugin.store.projects import Project
from plugin.web.edge import Answer, Edge, Environ, read_body

MAX_BODY_BYTES = 16_384
MAX_URL_CHARS = 2_000
MAX_TEXT_CHARS = 1_000
MAX_ID_CHARS = 500
MAX_NAME_CHARS = 40
MAX_NETWORK_CHARS = 16
MAX_TITLE_CHARS = 300
MAX_ENTRIES = 24
KEPT_JUDGEMENTS = 4096
ANYWHERE = ("Access-Control-Allow-Origin", "*")
# a click that could not be sent waits in the browser for a week
OLDEST = timedelta(days=8)
CLOCK_SLACK = timedelta(minutes=5)

blueprint = Blueprint("collect", __name__)
log = structlog.get_logger(__name__)


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


Hex = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16,64}$")]
Millis = Annotated[int, Field(ge=1_000_000_000_000, le=9_999_999_999_999)]
WireTouch = tuple[Millis, str] | tuple[Millis, str, str] | None


class Beacon(BaseModel):
    """Version 1 of the wire. Unknown fields are ignored; the golden payloads stand in tests/golden/wire.

    Only what decides is checked here; texts are cut and mappings flattened where they are taken over.
    """

    v: Literal[1]
    type: Literal["visit", "click"]
    key: Annotated[str, StringConstraints(max_length=64)]
    visit: Hex
    visitor: Hex
    started: Millis
    landing: str
    referrer: str = ""
    before: Annotated[int, Field(ge=0, le=100_000)] = 0
    first: WireTouch = None
    last: WireTouch = None
    clicks: Any = None
    ids: Any = None
    utm: Any = None
    screen: str = ""
    lang: str = ""
    zone: str = ""
    consent: Any = None
    # of a click
    click: Hex | None = None
    pressed: Millis | None = None
    net: str = "whatsapp"
    number: Annotated[str, StringConstraints(pattern=r"^\d{5,20}$")] | None = None
    ref: Annotated[str, StringConstraints(max_length=16)] = ""
    page: str = ""
    title: str = ""
    phrase: str = ""


def collect(edge: Edge, environ: Environ) -> Answer:
    """Keep one beacon. 204 whatever came of it, 503 only when it could not be kept and should come again."""
    now = datetime.now(UTC)
    try:
        _accept(edge, environ, now)
    except Refused as refused:
        edge.count_drop(refused.reason, project=refused.project, example=refused.example, now=now)
        told = (("X-Whence-Dropped", str(refused.reason)),) if edge.parts.settings.debug else ()
        return Answer(204, headers=(ANYWHERE, *told))
    except SQLAlchemyError as error:
        log.error("beacon_not_kept", error=type(error).__name__)
        return Answer(503, headers=(ANYWHERE,))
    return Answer(204, headers=(ANYWHERE,))


@blueprint.route("/collect", methods=["OPTIONS"])
def preflight() -> Response:
    """Let a browser ask first, as it does behind some proxies."""
    return Response(status=204, headers=[ANYWHERE])


def _accept(edge: Edge, environ: Environ, now: datetime) -> None:
    beacon = _parsed(_bounded_body(environ))
    project = _known_project(edge, beacon)
    _from_own_site(environ, project)
    user_agent = _not_a_bot(environ, project)
    visit = _visit(beacon, user_agent, now=now)
    click = _click(beacon, project, now=now)
    if click is None:
        flow.record_visit(edge.parts.writer, project.project_id, visit, now=now)
    else:
        flow.record_click(edge.parts.writer, project.project_id, visit, click=click, now=now)


def _bounded_body(environ: Environ) -> bytes:
    body = read_body(environ, limit=MAX_BODY_BYTES)
    if body is None:
        raise Refused(Drop.TOO_LARGE)
    return body


def _not_a_bot(environ: Environ, project: Project) -> str:
    user_agent = _text(environ.get("HTTP_USER_AGENT", ""), MAX_TEXT_CHARS)
    if _is_bot(user_agent):
        raise Refused(Drop.BOT, project=project)
    return user_agent


# the same few hundred browsers come all day
_is_bot = lru_cache(KEPT_JUDGEMENTS)(is_bot)


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


def _from_own_site(environ: Environ, project: Project) -> None:
    origin = environ.get("HTTP_ORIGIN") or environ.get("HTTP_REFERER") or ""
    if not _is_own(origin[:MAX_URL_CHARS], project.origins):
        raise Refused(Drop.WRONG_ORIGIN, project=project, example=_origin_of(origin))


@lru_cache(KEPT_JUDGEMENTS)
def _is_own(origin: str, own_origins: tuple[str, ...]) -> bool:
    host = _host(origin)
    own_hosts = [_host(own) or own for own in own_origins]
    return bool(host) and any(host == own or host.endswith("." + own) for own in own_hosts)


def _host(address: str) -> str:
    try:
        return urlsplit(address).hostname or ""
    except ValueError:  # "http://[": an address of nowhere
        return ""


def _origin_of(address: str) -> str:
    if not _host(address):
        return ""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"[:200]


def _visit(beacon: Beacon, user_agent: str, *, now: datetime) -> Visit:
    return Visit(
        visit_id=beacon.visit,
        visitor_id=beacon.visitor,
        started_at=_moment(beacon.started, now=now),
        landing_url=_text(beacon.landing, MAX_URL_CHARS),
        referrer=_text(beacon.referrer, MAX_URL_CHARS),
        visits_before=beacon.before,
        first_touch=_touch(beacon.first),
        last_touch=_touch(beacon.last),
        click_ids=_flat(beacon.clicks),
        analytics_ids=_flat(beacon.ids),
        utm=_flat(beacon.utm),
        screen=_text(beacon.screen, MAX_NAME_CHARS),
        language=_text(beacon.lang, MAX_NAME_CHARS),
        time_zone=_text(beacon.zone, MAX_NAME_CHARS),
        consent=_flat(beacon.consent),
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
        network=_text(beacon.net, MAX_NETWORK_CHARS),
        number=beacon.number,
        reference=beacon.ref,
        clicked_at=pressed,
        page_url=_text(beacon.page, MAX_URL_CHARS),
        page_title=_text(beacon.title, MAX_TITLE_CHARS),
        phrase=_text(beacon.phrase, MAX_TEXT_CHARS),
    )


def _moment(millis: int, *, now: datetime) -> datetime:
    """Read a browser's clock; one that runs ahead is set to ours."""
    moment = datetime.fromtimestamp(millis / 1000, UTC)
    return now if moment > now + CLOCK_SLACK else moment


def _touch(value: Any) -> Touch | None:
    if not value:
        return None
    at = datetime.fromtimestamp(value[0] / 1000, UTC)
    landing, *referrer = (_text(url, MAX_URL_CHARS) for url in value[1:])
    return Touch(at=at, landing_url=landing, referrer=referrer[0] if referrer else "")


def _flat(value: Any) -> dict[str, str]:
    """Keep the entries that are text, cut; what else a newer snippet sends is no error."""
    if not isinstance(value, dict):
        return {}
    items = ((k, v) for k, v in value.items() if isinstance(v, str) and v)
    return {_text(k, MAX_NAME_CHARS): _text(v, MAX_ID_CHARS) for k, v in islice(items, MAX_ENTRIES)}


def _text(value: str, limit: int) -> str:
    # PostgreSQL keeps no NUL
    return value[:limit].replace("\0", "")
