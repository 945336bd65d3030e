"""The snippet's file, and the tag that the owner copies into the site."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from functools import cache
from html import escape
from pathlib import Path

from flask import Blueprint, Response, abort, request

from plugin.parts import Parts
from plugin.store.projects import Project

ROOT = Path(__file__).parents[2] / "snippet"
FILE = ROOT / "dist" / "whence.js"
RELEASED = ROOT / "released"  # builds of earlier versions: pinned tags out there still ask for them
PLAIN_NAME = "whence.js"
YEAR_SECONDS = 31_536_000
FRESH_SECONDS = 300

blueprint = Blueprint("snippet", __name__)


@dataclass(frozen=True, slots=True)
class Built:
    """A built file with its names."""

    code: bytes
    digest: str

    @property
    def hashed_name(self) -> str:
        return f"whence.{self.digest}.js"

    @property
    def integrity(self) -> str:
        return "sha384-" + base64.b64encode(hashlib.sha384(self.code).digest()).decode()


def read_build(file: Path) -> Built:
    """Read a built file."""
    code = file.read_bytes()
    return Built(code, hashlib.sha256(code).hexdigest()[:12])


@cache
def built() -> Built:
    """Give this version's build."""
    return read_build(FILE)


@cache
def by_name() -> dict[str, Built]:
    """Give every build by the name it is asked for, this version's and those before."""
    builds = [*map(read_build, sorted(RELEASED.glob("*.js"))), built()]
    return {build.hashed_name: build for build in builds} | {PLAIN_NAME: built()}


@blueprint.get("/w/<name>")
def serve(name: str) -> Response:
    """Give the file: under a hashed name for a year, under the plain name for minutes."""
    file = by_name().get(name)
    if file is None:
        abort(404)
    response = Response(file.code, mimetype="text/javascript")
    response.set_etag(file.digest)
    response.headers["Access-Control-Allow-Origin"] = "*"  # SRI needs a readable answer
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.cache_control.public = True
    response.cache_control.max_age = FRESH_SECONDS if name == PLAIN_NAME else YEAR_SECONDS
    response.cache_control.immutable = name != PLAIN_NAME
    response.make_conditional(request)
    return response


def tag_html(parts: Parts, project: Project, *, pinned: bool = True) -> str:
    """Give the tag to paste into the site, with the project's settings inside.

    A pinned tag names one build and its hash, so the browser runs that and nothing else; a tag that is not
    pinned follows the updates of Whence.
    """
    file = built()
    config = escape(json.dumps(tag_config(project), ensure_ascii=False, separators=(",", ":")), quote=False)
    name = file.hashed_name if pinned else PLAIN_NAME
    integrity = f'integrity="{file.integrity}" crossorigin="anonymous" ' if pinned else ""
    return (
        f'<script async src="{escape(parts.settings.public_url)}/w/{name}" '
        f"{integrity}data-whence='{config.replace(chr(39), '&#39;')}'></script>"
    )


def tag_config(project: Project) -> dict[str, object]:
    """Give what the snippet must know, and nothing that is at its default."""
    tracked = [n.address for n in project.numbers if n.is_tracked and n.network == "whatsapp"]
    config: dict[str, object] = {"key": project.public_key, "numbers": tracked}
    optional: dict[str, object] = {
        "phrase": project.phrase,
        "phrases": [{"page": phrase.page, "text": phrase.text} for phrase in project.phrases],
        "template": "" if project.template == "{reference} {phrase}" else project.template,
        "consent": "" if project.consent == "off" else project.consent,
    }
    return config | {name: value for name, value in optional.items() if value}
