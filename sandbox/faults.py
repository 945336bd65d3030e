"""Fault switches: make a stand-in fail the way the real platform fails."""

from __future__ import annotations

import time
from collections.abc import Iterator

from flask import Response

from sandbox.shelf import Shelf

# what a switch does; every one can be limited to the next N calls
FAULTS = {
    "429": "asks to slow down, with retry_after",
    "500": "internal error",
    "slow": "answers after 3 seconds",
    "drop": "does nothing and cuts the connection",
    "drop-after": "does the work, then cuts the connection without an answer",
    "expired": "calls the token expired",
}
ALWAYS = -1


def switch(shelf: Shelf, platform: str, fault: str, *, calls: int = ALWAYS) -> None:
    """Switch a fault on for the next `calls` calls of a platform; "" switches off."""
    if fault:
        shelf.put("faults", platform, {"fault": fault, "calls": calls})
    else:
        shelf.remove("faults", platform)


def current(shelf: Shelf, platform: str) -> str:
    """Give the fault of this call, counting it."""
    if not shelf.get("faults", platform):
        return ""
    with shelf.locked():
        state = shelf.get("faults", platform)
        if not state:
            return ""
        if state["calls"] == ALWAYS:
            return str(state["fault"])
        left = state["calls"] - 1
        if left > 0:
            shelf.put("faults", platform, {**state, "calls": left})
        else:
            shelf.remove("faults", platform)
        return str(state["fault"])


def slow() -> None:
    """Let the caller wait."""
    time.sleep(3)


def cut_connection() -> Response:
    """Promise a body and end without it: the client sees a broken connection."""

    def body() -> Iterator[bytes]:
        yield b"{"
        raise ConnectionAbortedError("switched on: drop")

    return Response(body(), headers={"Content-Length": "1000"}, mimetype="application/json")
