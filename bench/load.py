"""The load: ready-made requests over 32 connections, by wrk where there is one, else by Python."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import statistics
import subprocess
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

CONNECTIONS = 32
SCRIPT = Path(__file__).with_name("replay.lua")


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What one round of load came to."""

    requests: int
    seconds: int
    refused: int  # answered, but not 2xx
    failed: int  # not answered
    p50_ms: float
    p99_ms: float

    @property
    def per_second(self) -> float:
        return self.requests / self.seconds


def find_wrk() -> str | None:
    """Give wrk's path, installing Debian's package when it is missing and we may."""
    if shutil.which("wrk") is None and os.geteuid() == 0 and shutil.which("apt-get"):
        for command in (["update", "-qq"], ["install", "-y", "-qq", "wrk"]):
            subprocess.run(["apt-get", *command], check=False, capture_output=True)  # noqa: S603, S607
    return shutil.which("wrk")


def http_request(path: str, body: bytes, headers: Iterable[tuple[str, str]] = ()) -> bytes:
    """Give a POST as it goes over the wire."""
    lines = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1", *(f"{name}: {value}" for name, value in headers)]
    return "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode() + body


def write_requests(path: Path, requests: Iterable[bytes]) -> Path:
    """Keep requests as both generators read them."""
    path.write_bytes(b"".join(raw + b"\0" for raw in requests))
    return path


def run_round(port: int, requests: Path, *, seconds: int, wrk: str | None) -> Round:
    """Send as much as is answered for `seconds`."""
    if wrk is None:
        return asyncio.run(_Generator(port, requests.read_bytes().split(b"\0")[:-1], seconds=seconds).run())
    command = [wrk, "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", str(SCRIPT)]
    told = subprocess.run(  # noqa: S603
        [*command, f"http://127.0.0.1:{port}", "--", str(requests)],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    line = next(line for line in told.splitlines() if line.startswith("RESULT "))
    return Round(**json.loads(line.removeprefix("RESULT ")))


@dataclass(slots=True)
class _Generator:
    """A small stand-in for wrk; slower, so it takes more of the machine from both sides."""

    port: int
    requests: Sequence[bytes]
    seconds: int
    sent: int = 0
    refused: int = 0
    failed: int = 0
    waits: list[float] = field(default_factory=list)

    async def run(self) -> Round:
        started = time.perf_counter()
        await asyncio.gather(*(self._talk(started + self.seconds) for _ in range(CONNECTIONS)))
        cuts = statistics.quantiles(self.waits, n=100) if len(self.waits) > 1 else [0.0] * 99
        return Round(
            requests=len(self.waits),
            seconds=time.perf_counter() - started,
            refused=self.refused,
            failed=self.failed,
            p50_ms=cuts[49] * 1000,
            p99_ms=cuts[98] * 1000,
        )

    async def _talk(self, until: float) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        while (began := time.perf_counter()) < until:
            writer.write(self.requests[self.sent % len(self.requests)])
            self.sent += 1
            try:
                self.refused += await _status(reader) >= 300
            except (OSError, asyncio.IncompleteReadError):
                self.failed += 1
                break
            self.waits.append(time.perf_counter() - began)
        writer.close()


async def _status(reader: asyncio.StreamReader) -> int:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    length = next((line for line in head.split("\r\n") if line.startswith("content-length:")), "")
    if length:
        await reader.readexactly(int(length.partition(":")[2]))
    return int(head.split(" ", 2)[1])
