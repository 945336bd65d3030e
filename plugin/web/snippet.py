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

FILE = Path(__file__).parents[2] / "snippet" / "dist" / "whence.js"
YEAR_SECONDS = 31_536_000
FRESH_SECONDS = 300

blueprint = Blueprint("snippet", __name__)


@dataclass(frozen=True, slots=True)
class Built:
    """The built file with its names."""

    code: bytes
    digest: str

    @property
    def hashed_name(self) -> str:
        return f"whence.{self.digest}.js"

    @property
    def integrity(self) -> str:
        return "sha384-" + base64.b64encode(hashlib.sha384(self.code).digest()).decode()


@cache
def built() -> Built:
    """Read the built file once."""
    code = FILE.read_bytes()
    return Built(code, hashlib.sha256(code).hexdigest()[:12])


@blueprint.get("/w/<name>")
def serve(name: str) -> Response:
    """Give the file: under its hashed name for a year, under the plain name for minutes."""
    file = built()
    if name not in (file.hashed_name, "whence.js"):
        abort(404)
    response = Response(file.code, mimetype="text/javascript")
    response.set_etag(file.digest)
    response.headers["Access-Control-Allow-Origin"] = "*"  # SRI needs a readable answer
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.cache_control.public = True
    response.cache_control.max_age = YEAR_SECONDS if name == file.hashed_name else FRESH_SECONDS
    response.cache_control.immutable = name == file.hashed_name
    return response.make_conditional(request)


def tag_html(parts: Parts, project: Project) -> str:
    """Give the tag to paste before </body> or into <head>: pinned by its hash, settings inside."""
    file = built()
    config = escape(json.dumps(tag_config(project), ensure_ascii=False, separators=(",", ":")), quote=False)
    return (
        f'<script async src="{escape(parts.settings.public_url)}/w/{file.hashed_name}" '
        f'integrity="{file.integrity}" crossorigin="anonymous" '
        f"data-whence='{config.replace(chr(39), '&#39;')}'></script>"
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
