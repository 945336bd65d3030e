"""The worker: reads webhooks, settles messages that waited, works off the outbox, tidies up.

Any number may run, beside the web processes or apart; each step claims its rows, so none is done twice.
"""

from __future__ import annotations

import os
import threading
from datetime import timedelta

import structlog

from plugin import intake
from plugin.delivery import Deliverer
from plugin.parts import Parts
from plugin.store import messages, outbox
from plugin.store.database import utc_now

IDLE_SECONDS = 0.2
BUSY_SECONDS = 0.01
PRUNE_SECONDS = 3600
LATE_CLICK_SECONDS = 5
WEBHOOK_DAYS = 30

log = structlog.get_logger(__name__)


class Worker:
    """Three loops over one database; a failure of a step is logged and the step tried again."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._deliverer = Deliverer(parts)
        self._stop = threading.Event()
        self._opened = threading.Event()

    def run(self, *, parent: int | None = None) -> None:
        """Work until `stop`; with `parent`, also until that process is gone."""
        loops = [
            threading.Thread(target=self._loop, args=(self._take_in, IDLE_SECONDS, self._stop)),
            threading.Thread(target=self._loop, args=(self._deliver, IDLE_SECONDS, self._opened)),
            threading.Thread(
                target=self._loop, args=(self._find_late_clicks, LATE_CLICK_SECONDS, self._stop)
            ),
            threading.Thread(target=self._loop, args=(self._prune, PRUNE_SECONDS, self._stop)),
        ]
        for loop in loops:
            loop.start()
        log.info("worker_started")
        while not self._stop.wait(0.5):
            if parent is not None and os.getppid() != parent:
                log.warning("parent_gone")
                self.stop()
        for loop in loops:
            loop.join()
        self._deliverer.close()
        log.info("worker_stopped")

    def stop(self) -> None:
        """Let every loop end after its step."""
        self._stop.set()
        self._opened.set()

    def _loop(self, step, idle_seconds: float, wake: threading.Event) -> None:
        while not self._stop.is_set():
            try:
                worked = step()
            except Exception:
                log.exception("step_failed", step=step.__name__)
                worked = False
            wake.wait(BUSY_SECONDS if worked else idle_seconds)
            if wake is not self._stop and not self._stop.is_set():
                wake.clear()

    def _take_in(self) -> bool:
        now = utc_now()
        taken = intake.read_webhooks(self._parts, now=now) + intake.settle_waiting(self._parts, now=now)
        if taken:
            self._opened.set()
        return taken > 0

    def _deliver(self) -> bool:
        return self._deliverer.deliver_due() > 0

    def _find_late_clicks(self) -> bool:
        if intake.find_late_clicks(self._parts, now=utc_now()):
            self._opened.set()
        return False

    def _prune(self) -> bool:
        now = utc_now()
        with self._parts.database.write() as connection:
            outbox.prune_attempts(connection, before=now - timedelta(days=self._parts.settings.attempt_days))
            messages.prune_webhooks(connection, before=now - timedelta(days=WEBHOOK_DAYS))
        return False
