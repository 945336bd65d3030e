"""Sites and names we know: search engines, networks, messengers, maps, shops, mail, assistants.

The table is `sources.json`, dated by `as_of`; docs/sources.md explains how to extend it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from plugin.domain.marks import Place, readable_host

_TABLE: dict[str, Any] = json.loads(Path(__file__).with_name("sources.json").read_text("utf-8"))

# What a visit from such a site is, when nothing in the address says more.
MEDIUM_OF_KIND: Mapping[str, str] = {
    "search": "organic",
    "social": "social",
    "video": "video",
    "messenger": "messenger",
    "maps": "maps",
    "shopping": "shopping",
    "email": "email",
    "ai": "ai-assistant",
    "ads": "cpc",
}
_SECOND_LEVEL = frozenset({"co", "com", "org", "net", "gov", "edu", "ac", "ne", "or", "gen"})
_NOT_WORD = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True)
class Known:
    """One known source: the name we report and the kind of site it is."""

    name: str
    kind: str
    medium: str
    query: tuple[str, ...] = ()  # parameters in which a search engine shows what was asked


@dataclass(frozen=True, slots=True)
class ClickId:
    """What a click id proves about the click that carries it."""

    name: str
    source: str
    medium: str


class HostTable:
    """Hosts of known sites, found in a few dictionary look-ups.

    "vk.link" is that host (with www. and m.), ".vk.com" also all hosts below it, "google.*" the name under
    every country's ending; "/maps" at the end asks for a path. The longest pattern wins.
    """

    def __init__(self, patterns: Iterable[tuple[str, Known]]) -> None:
        self._exact: dict[str, list[tuple[str, Known]]] = {}
        self._below: dict[str, list[tuple[str, Known]]] = {}
        for pattern, known in patterns:
            host, _, path = pattern.partition("/")
            table = self._below if host.startswith(".") else self._exact
            table.setdefault(host.removeprefix("."), []).append((f"/{path}" if path else "", known))
        for rows in (*self._exact.values(), *self._below.values()):
            rows.sort(key=lambda row: -len(row[0]))

    def find(self, place: Place) -> Known | None:
        """Give what is known about a place, or None."""
        host = place.host.removeprefix("m.") if place.host.count(".") > 1 else place.host
        exact = self._exact.get(host, []) or self._exact.get(_any_ending(host), [])
        below = next((rows for tail in _tails(host) if (rows := self._below.get(tail))), [])
        candidates = (known for path, known in (*exact, *below) if _is_under(place.path, path))
        return next(candidates, None)


def _is_under(path: str, start: str) -> bool:
    return not start or path == start or path.startswith(start + "/")


def _any_ending(host: str) -> str:
    """Write "google.co.uk" as "google.*"; a host under an ending we do not expect stays as it is."""
    labels = host.split(".")
    if len(labels) > 2 and labels[-2] in _SECOND_LEVEL and len(labels[-1]) == 2:
        return ".".join(labels[:-2]) + ".*"
    if len(labels) > 1 and (len(labels[-1]) == 2 or labels[-1] in ("com", "cat")):
        return ".".join(labels[:-1]) + ".*"
    return host


def _tails(host: str) -> Iterable[str]:
    while host:
        yield host
        host = host.partition(".")[2]


def folded(name: str) -> str:
    """Write a name without case and separators: "Yandex_Direct" and "yandex.direct" are one."""
    return _NOT_WORD.sub("", name.lower())


def _known(row: Mapping[str, Any]) -> Known:
    medium = row.get("medium") or MEDIUM_OF_KIND[row["kind"]]
    return Known(row["name"], row["kind"], medium, tuple(row.get("query", ())))


def _names(rows: Iterable[Mapping[str, Any]]) -> dict[str, Known]:
    found: dict[str, Known] = {}
    for row in rows:
        for name in (row["name"], *row.get("aliases", ())):
            found.setdefault(folded(name), _known(row))
    return found


AS_OF: str = _TABLE["as_of"]
CLICK_IDS: Mapping[str, ClickId] = {row[0]: ClickId(*row) for row in _TABLE["click_ids"]}
_HOSTS = HostTable((host, _known(row)) for row in _TABLE["sources"] for host in row["hosts"])
_PASSAGES = HostTable((host, Known("", "passage", "")) for host in _TABLE["passages"])
_NAMES = _names(_TABLE["sources"])
_OPEN_NAMES = _names(row for row in _TABLE["sources"] if row.get("open"))


def by_place(place: Place) -> Known | None:
    """Give the known site at a place."""
    return _HOSTS.find(place)


def is_passage(place: Place) -> bool:
    """Say whether visitors only pass through there: payment pages, sign-in pages, session replays."""
    return _PASSAGES.find(place) is not None


@lru_cache(maxsize=4096)
def by_name(utm_source: str) -> Known | None:
    """Give the known source a `utm_source` stands for: an alias, a host, or a name with words after it.

    "telegram_ivanov" is Telegram by kind but keeps its own name: somebody wants to tell channels apart.
    """
    name = utm_source.strip().lower()
    if exact := _NAMES.get(folded(name)) or _HOSTS.find(Place(readable_host(name))):
        return exact
    words = _NOT_WORD.split(name)
    for end in range(len(words) - 1, 0, -1):
        if begun := _OPEN_NAMES.get("".join(words[:end])):
            return Known(name, begun.kind, begun.medium)
    return None
