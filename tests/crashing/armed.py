"""Importing this hurries the service and arms the crash point that the environment names, if it does.

The product has no hooks for crashes: named functions are wrapped from outside. The charge is a file that
the first to die takes away, so the crash happens once, however many processes are armed.
"""

from __future__ import annotations

import functools
import importlib
import os
import re
import signal
import sqlite3
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from sqlalchemy import event
from sqlalchemy.pool import Pool

from tests.crashing.points import POINTS, Point

# Nobody waits two minutes for a lease, nor ten for Metrica.
HURRY = {
    "plugin.delivery:LEASE_SECONDS": 6,
    "plugin.delivery:WAITS_SECONDS": (0.5, 1, 1),
    "plugin.store.messages:LEASE": timedelta(seconds=6),
    "plugin.store.connections:LOCK_SECONDS": 6,
    "plugin.worker:LATE_CLICK_SECONDS": 0.5,
    "plugin.serving:RESPAWN_SECONDS": 0.2,
    "adapters.analytics.metrica.destination:FIRST_LOOK_SECONDS": 1,
    "adapters.analytics.metrica.destination:NEXT_LOOK_SECONDS": 1,
}


def _place(where: str) -> tuple[Any, str]:
    module, _, name = where.partition(":")
    holder: Any = importlib.import_module(module)
    *outer, last = name.split(".")
    for part in outer:
        holder = getattr(holder, part)
    if not hasattr(holder, last):
        raise LookupError(f"the crash tests name {where}, which is not there any more")
    return holder, last


def _die() -> None:
    try:
        os.unlink(os.environ["CRASH_CHARGE"])
    except FileNotFoundError:
        return
    if os.environ["CRASH_TAKES"] == "tree":
        os.killpg(0, signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)


def _is_asked(point: Point, args: tuple[Any, ...]) -> bool:
    if not point.asks:
        return True
    request = args[1]
    return re.search(point.asks, f"{request.method} {request.url}") is not None


def _wrapped(call: Callable[..., Any], point: Point) -> Callable[..., Any]:
    @functools.wraps(call)
    def crash(*args: Any, **kwargs: Any) -> Any:
        is_here = _is_asked(point, args)
        if is_here and point.when == "before":
            _die()
        result = call(*args, **kwargs)
        if is_here and point.when == "after":
            _die()
        return result

    return crash


def _at_commit(beginning: str) -> None:
    """Watch what SQLite is told, below every layer of ours: each statement, before it is run."""

    @event.listens_for(Pool, "connect")
    def watch(connection: sqlite3.Connection, _record: object) -> None:
        seen: list[str] = []

        def look(statement: str) -> None:
            if statement.startswith("BEGIN"):
                seen.clear()
            if statement.startswith(beginning):
                seen.append(beginning)
            if statement.startswith("COMMIT") and seen:
                _die()

        connection.set_trace_callback(look)


def _arm(point: Point) -> None:
    if point.when == "commit":
        _at_commit(point.where)
        return
    holder, name = _place(point.where)
    setattr(holder, name, _wrapped(getattr(holder, name), point))


for where, value in HURRY.items():
    setattr(*_place(where), value)
if "CRASH_POINT" in os.environ:
    _arm(POINTS[os.environ["CRASH_POINT"]])
