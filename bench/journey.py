"""From the webhook's answer to the lead in the CRM, at a steady pace, through the real process tree.

Web processes and worker run as `whence serve` starts them. The CRM is the strict stand-in in processes of
its own, with its limit of requests a second switched off and the adapter's set as high as it goes: what is
measured is Whence, not the quota of an account.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles

from bench.databases import prepare
from bench.load import http_request
from bench.servers import serving
from bench.shop import AGENT, PHRASE, SITE, Shop, compact
from bench.stand_in import SHELF
from plugin.domain import reference
from plugin.parts import Parts
from plugin.store.database import utc_now
from sandbox import amocrm
from sandbox.shelf import Shelf

PER_SECOND = 50
SENDERS = 16
LOOK_SECONDS = 0.01
PATIENCE_SECONDS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """How long messages took to become leads, in seconds."""

    database: str
    sent: int
    accepted: int
    p50: float
    p95: float
    longest: float


def measure(database: str, settings: Mapping[str, str], *, folder: Path, seconds: float) -> Figure:
    """Send messages with references at a steady pace and see when their leads stand in the CRM."""
    home = folder / f"journey-{database}"
    home.mkdir()
    os.environ[SHELF] = str(home / "shelf.db")
    token = secrets.token_hex(16)
    leads = amocrm.configure(Shelf(home / "shelf.db"), "bench", token=token).kind("leads")
    environment, parts, shop = prepare(settings["DATABASE_URL"], **settings)
    _connect_crm(parts, shop, token)
    log = home / "log"
    alone = {**environment, "WEB_PROCESSES": "1"}
    with serving("bench.stand_in:make_app", environment=alone, log=log) as crm:
        ours = {**environment, "RUN_WORKER": "1", "SANDBOX_URL": f"http://127.0.0.1:{crm}"}
        with serving("plugin.serving:make_app", environment=ours, log=log) as port:
            return _drive(database, shop, port, shelf=home / "shelf.db", leads=leads, seconds=seconds)


def _connect_crm(parts: Parts, shop: Shop, token: str) -> None:
    config = {
        "address": "bench.amocrm.ru",
        "token": token,
        "lead_name": "{phone}",
        "requests_per_second": "999",
    }
    parts.connections.add(
        shop.project_id, platform="amocrm", kind="crm", label="", config=config, now=utc_now()
    )


def _drive(database: str, shop: Shop, port: int, *, shelf: Path, leads: str, seconds: float) -> Figure:
    phones = [f"7900{number:07d}" for number in range(int(PER_SECOND * seconds))]
    requests = list(_pressed(shop, port, phones))
    arrivals = Arrivals(shelf, leads, expected=len(phones))
    arrivals.start()
    answered = _send_steadily(port, dict(zip(phones, requests, strict=True)))
    arrivals.join(PATIENCE_SECONDS)
    arrivals.stop()
    arrived = dict(arrivals.seen)
    waits = sorted(arrived[phone] - at for phone, at in answered.items() if phone in arrived)
    cuts = quantiles(waits, n=100, method="inclusive") if len(waits) > 1 else [0.0] * 99
    return Figure(
        database=database,
        sent=len(phones),
        accepted=len(waits),
        p50=cuts[49],
        p95=cuts[94],
        longest=max(waits, default=0.0),
    )


def _pressed(shop: Shop, port: int, phones: Sequence[str]) -> Iterator[bytes]:
    """Press a link for each customer, and give the request of the message that follows."""
    line = Line(port)
    headers = [("Origin", SITE), ("User-Agent", AGENT), ("Content-Type", "text/plain")]
    for phone in phones:
        word = reference.mint()
        line.ask(http_request("/collect", compact(shop.click(word)), headers))
        yield shop.webhook(text=f"{reference.printed(word)} {PHRASE}", phone=phone)


def _send_steadily(port: int, requests: Mapping[str, bytes]) -> dict[str, float]:
    """Send one request after the other at the pace; give when each was answered."""
    lines = threading.local()
    answered: dict[str, float] = {}
    started = time.monotonic()

    def send(turn: int, phone: str) -> None:
        if not hasattr(lines, "line"):
            lines.line = Line(port)
        time.sleep(max(0.0, started + turn / PER_SECOND - time.monotonic()))
        if lines.line.ask(requests[phone]) == 200:
            answered[phone] = time.monotonic()

    with ThreadPoolExecutor(SENDERS) as pool:
        list(pool.map(send, range(len(requests)), requests))
    return answered


class Line:
    """A kept connection that asks one thing at a time."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self._file = self._socket.makefile("rb")

    def ask(self, request: bytes) -> int:
        """Send a request, read its answer, give the status."""
        self._socket.sendall(request)
        status = int(self._file.readline().split()[1])
        length = 0
        while (header := self._file.readline().strip().lower()) != b"":
            if header.startswith(b"content-length:"):
                length = int(header.partition(b":")[2])
        self._file.read(length)
        return status


class Arrivals(threading.Thread):
    """Looks at the stand-in's shelf every hundredth of a second and notes when each lead is first there."""

    def __init__(self, shelf: Path, kind: str, *, expected: int) -> None:
        super().__init__(daemon=True)
        self.seen: dict[str, float] = {}
        self._shelf, self._kind, self._expected = shelf, kind, expected
        self._stopped = threading.Event()

    def stop(self) -> None:
        """Look no more."""
        self._stopped.set()

    def run(self) -> None:
        """Look until every expected lead is there."""
        connection = sqlite3.connect(self._shelf, timeout=30)
        last = 0
        while len(self.seen) < self._expected and not self._stopped.wait(LOOK_SECONDS):
            rows = connection.execute(
                "SELECT seq, doc FROM shelf WHERE kind = ? AND seq > ? ORDER BY seq", (self._kind, last)
            ).fetchall()
            now = time.monotonic()
            for seq, doc in rows:
                last = seq
                self.seen.setdefault(json.loads(doc)["name"].lstrip("+"), now)
