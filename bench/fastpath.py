"""Beacons and webhooks a second, as a ratio to the bare Flask no-op of the same run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench.databases import count_rows, prepare
from bench.load import Round, run_round, write_requests
from bench.servers import serving
from bench.shop import Shop
from plugin.parts import Parts

# kind → (table whose rows are counted, maker of distinct requests)
KINDS: Mapping[str, tuple[str, Callable[[Shop, int], Iterator[bytes]]]] = {
    "visit beacons": ("visits", lambda shop, count: shop.beacons("visit", count)),
    "click beacons": ("clicks", lambda shop, count: shop.beacons("click", count)),
    "webhooks": ("webhooks", lambda shop, count: shop.webhooks(count)),
}
APP = "plugin.serving:make_app"
BARE_REQUESTS = 2_000  # the no-op does not mind repetition


@dataclass(frozen=True, slots=True)
class Side:
    """One server under load and its database."""

    name: str
    port: int
    parts: Parts
    shop: Shop


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """What came of one kind of request on one database: medians over the rounds."""

    database: str
    kind: str
    per_second: float
    bare: float  # the no-op's, given the same requests in the same rounds
    ratio: float
    p50_ms: float
    p99_ms: float
    answered: int
    kept: int
    bad: int


def measure(
    databases: Mapping[str, Mapping[str, str]], *, folder: Path, seconds: int, rounds: int, wrk: str | None
) -> list[Figure]:
    """Load every kind of request on every database (name → settings), the no-op before each round."""

    def load(port: int, requests: Iterator[bytes]) -> Round:
        file = write_requests(folder / "requests", requests)
        return run_round(port, file, seconds=seconds, wrk=wrk)

    with ExitStack() as stack:
        sides = [_side(stack, name, settings, folder) for name, settings in databases.items()]
        environment, _, _ = prepare(f"sqlite:///{folder}/noop.db")
        bare = stack.enter_context(
            serving("bench.noop:make_app", environment=environment, log=folder / "log")
        )
        return [
            figure
            for kind in KINDS
            for figure in _measure_kind(kind, bare, sides, rounds=rounds, seconds=seconds, load=load)
        ]


def _side(stack: ExitStack, name: str, settings: Mapping[str, str], folder: Path) -> Side:
    environment, parts, shop = prepare(settings["DATABASE_URL"], **settings)
    port = stack.enter_context(serving(APP, environment=environment, log=folder / "log"))
    return Side(name, port, parts, shop)


def _measure_kind(
    kind: str,
    bare: int,
    sides: list[Side],
    *,
    rounds: int,
    seconds: int,
    load: Callable[[int, Iterator[bytes]], Round],
) -> list[Figure]:
    table, make = KINDS[kind]
    found: dict[str, list[Round]] = {side.name: [] for side in sides}
    yardstick: list[Round] = []
    for side in sides:  # caches, prepared statements
        load(side.port, make(side.shop, BARE_REQUESTS))
    empty = {side.name: count_rows(side.parts, table) for side in sides}
    for _ in range(rounds):
        yardstick.append(load(bare, make(sides[0].shop, BARE_REQUESTS)))
        enough = int(yardstick[-1].per_second * seconds)
        for side in sides:
            found[side.name].append(load(side.port, make(side.shop, enough)))
    return [
        _figure(
            kind, side.name, found[side.name], yardstick, count_rows(side.parts, table) - empty[side.name]
        )
        for side in sides
    ]


def _figure(kind: str, database: str, found: list[Round], yardstick: list[Round], kept: int) -> Figure:
    pairs = zip(found, yardstick, strict=True)
    return Figure(
        database=database,
        kind=kind,
        per_second=median(one.per_second for one in found),
        bare=median(one.per_second for one in yardstick),
        ratio=median(ours.per_second / bare.per_second for ours, bare in pairs),
        p50_ms=median(one.p50_ms for one in found),
        p99_ms=median(one.p99_ms for one in found),
        answered=sum(one.requests for one in found),
        kept=kept,
        bad=sum(one.refused + one.failed for one in found),
    )
