"""The fast side: beacons, webhooks, the snippet file, health. An application of its own, so that nothing
the screens need (sessions, forms, languages) is paid for here. Its two busy endpoints stand before Flask.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from typing import Any, NamedTuple

import structlog
from flask import Flask, current_app
from prometheus_client import Counter as Metric
from sqlalchemy.exc import SQLAlchemyError

from plugin.kept import Kept
from plugin.parts import Parts
from plugin.store import projects, visits
from plugin.store.projects import Project

FLUSH_SECONDS = 2.0

log = structlog.get_logger(__name__)
dropped_total = Metric("whence_beacons_dropped", "Beacons refused, by reason", ["reason"])
DropKey = tuple[str, str, str]  # project, day, reason
Environ = dict[str, Any]
Wsgi = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]
STATUS_LINES = {int(status): f"{status.value} {status.phrase}" for status in HTTPStatus}


@dataclass(slots=True)
class DropCounts:
    """Counts refused beacons and stores the sums every few seconds: a flood costs no writes of its own."""

    parts: Parts
    _counts: Counter[DropKey] = field(default_factory=Counter)
    _examples: dict[DropKey, str] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _timer: threading.Timer | None = None

    def add(self, project_id: str, reason: str, *, day: str, example: str) -> None:
        """Count one."""
        key = (project_id, day, reason)
        with self._lock:
            self._counts[key] += 1
            self._examples[key] = example or self._examples.get(key, "")
            if self._timer is None:
                self._timer = threading.Timer(FLUSH_SECONDS, self.flush)
                self._timer.daemon = True
                self._timer.start()

    def flush(self) -> None:
        """Store what was counted."""
        with self._lock:
            counts, self._counts = self._counts, Counter()
            examples, self._examples = self._examples, {}
            self._timer = None
        try:
            self._store(counts, examples)
        except SQLAlchemyError as error:  # a statistic: worth a line in the log, not a second try
            log.warning("drops_not_counted", error=type(error).__name__, count=counts.total())

    def _store(self, counts: Mapping[DropKey, int], examples: Mapping[DropKey, str]) -> None:
        with self.parts.database.write() as connection:
            for key, count in counts.items():
                project_id, day, reason = key
                visits.count_drop(
                    connection, project_id, day=day, reason=reason, example=examples.get(key, ""), count=count
                )


class Edge:
    """What the fast endpoints keep in memory; made once a process."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.drops = DropCounts(parts)
        self._projects = Kept(self._load_project)
        self.verifiers = Kept(self._load_verifier)

    @staticmethod
    def current() -> Edge:
        """Give the running application's."""
        edge: Edge = current_app.extensions["edge"]
        return edge

    def project_by_key(self, public_key: str) -> Project | None:
        """Give the project of a tag, at most a few seconds old."""
        return self._projects.get(public_key)

    def count_drop(self, reason: str, *, project: Project | None, example: str, now: datetime) -> None:
        """Count a refused beacon; for a known project also where its owner sees it."""
        dropped_total.labels(reason).inc()
        if project is not None:
            self.drops.add(project.project_id, reason, day=now.date().isoformat(), example=example)

    def _load_project(self, public_key: str) -> Project | None:
        with self.parts.database.read() as connection:
            return projects.project_by_key(connection, public_key)

    def _load_verifier(self, hook_key: str) -> Any:
        found = self.parts.connections.by_hook_key(hook_key)
        # verify and handshake read settings only, so one adapter may serve many requests
        return None if found is None else (found, self.parts.adapter(found))


class Answer(NamedTuple):
    """What a busy endpoint answers."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()


Handler = Callable[[Edge, Environ], Answer]


class FastLane:
    """WSGI in front of Flask: POSTs below a busy path go straight to their handler.

    Flask's dispatch takes as long as keeping a beacon does, and these handlers ask nothing of it.
    """

    def __init__(self, edge: Edge, handlers: Mapping[str, Handler], *, other: Wsgi) -> None:
        self._edge = edge
        self._handlers = handlers
        self._other = other

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        handler = self._handlers.get(_first_step(environ.get("PATH_INFO", "")))
        if handler is None or environ["REQUEST_METHOD"] != "POST":
            return self._other(environ, start_response)
        try:
            answer = handler(self._edge, environ)
        except Exception as error:  # noqa: BLE001, a bug; its text may quote a visitor's data
            log.error(
                "request_failed", endpoint=handler.__name__, error=type(error).__name__, where=_place(error)
            )
            answer = Answer(500)
        start_response(
            STATUS_LINES[answer.status], [*answer.headers, ("Content-Length", str(len(answer.body)))]
        )
        return [answer.body]


def read_body(environ: Environ, *, limit: int) -> bytes | None:
    """Give a request's body; None when it is longer than `limit`."""
    length = environ.get("CONTENT_LENGTH") or ""
    if length.isdigit() and int(length) > limit:
        return None
    # without a length only a stream that the server ends by itself may be read
    is_ended = bool(environ.get("wsgi.input_terminated"))
    body: bytes = environ["wsgi.input"].read(int(length) if length.isdigit() else (limit + 1) * is_ended)
    return None if len(body) > limit else body


def _first_step(path: str) -> str:
    return path[: path.find("/", 1) + 1] or path


def _place(error: Exception) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else ""


def create_edge(parts: Parts) -> Flask:
    """Make the application of the fast endpoints."""
    from plugin.web import collect, health, snippet, webhooks

    app = Flask("plugin.web.edge", static_folder=None)
    edge = Edge(parts)
    app.extensions["edge"] = edge
    app.extensions["whence"] = parts
    for module in (collect, webhooks, snippet, health):
        app.register_blueprint(module.blueprint)
    busy = {"/collect": collect.collect, "/hooks/": webhooks.receive}
    app.wsgi_app = FastLane(edge, busy, other=app.wsgi_app)  # type: ignore[method-assign]
    return app
