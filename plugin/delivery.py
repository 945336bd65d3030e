"""Delivery: claim due rows, build events, call adapters, store what came of it.

At least once from us; adapters make it once at the far side where the platform allows. A row is claimed
under a lease, sent outside any transaction, and finished by a conditional update; whatever happens in
between, the lease runs out and the row comes back.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import structlog

from adapters.base import (
    N_,
    AdapterError,
    Destination,
    EventName,
    InquiryEvent,
    Misconfigured,
    Receipt,
    ReceiptState,
    Rejected,
    Temporary,
    Unsupported,
)
from plugin.event import build_event, stored_receipt
from plugin.kept import Kept
from plugin.parts import Parts, adapter_class
from plugin.store import breaker, inquiries, outbox, people, projects
from plugin.store.connections import LockNotHad, PlatformConnection
from plugin.store.database import new_id, utc_now
from plugin.store.outbox import Delivery
from plugin.store.projects import Project

LEASE_SECONDS = 120
# growing waits, then the last one again and again until GIVE_UP_AFTER
WAITS_SECONDS = (5, 15, 60, 300, 900, 3600, 3 * 3600, 6 * 3600)
JITTER = 0.2
GIVE_UP_AFTER = timedelta(days=3)
CONFIRM_GIVE_UP_AFTER = timedelta(days=2)
BUG_TRIES = 3
BREAKER_AFTER = 5
BREAKER_SECONDS = 60
SANDBOX_SECONDS = 2

log = structlog.get_logger(__name__)
Answer = Receipt | AdapterError | Exception


class Deliverer:
    """Works off the outbox. Several may run, in one process or many."""

    def __init__(self, parts: Parts, *, threads: int | None = None) -> None:
        self._parts = parts
        self._owner = new_id()
        self._threads = threads or parts.settings.delivery_threads
        self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="deliver")
        self._free = threading.Semaphore(self._threads)
        self._projects = Kept(self._load_project)

    def close(self) -> None:
        """Let what is under way end."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def deliver_due(self, now: datetime | None = None) -> int:
        """Claim what is due and start delivering it; give the number of rows claimed."""
        now = now or utc_now()
        with self._parts.database.read() as connection:
            work = outbox.due_connections(connection, now=now)
        return sum(self._start(*item, now=now) for item in work)

    def deliver_all(self, now: datetime | None = None) -> int:
        """Deliver everything that is due and wait for it; for tests and the command line."""
        total = 0
        while claimed := self.deliver_due(now):
            total += claimed
            self.wait()
        return total

    def wait(self) -> None:
        """Wait until nothing is under way."""
        for _ in range(self._threads):
            self._free.acquire()
        for _ in range(self._threads):
            self._free.release()

    def _start(
        self,
        project_id: str,
        connection_id: str,
        platform: str,
        count: int,
        oldest: datetime,
        *,
        now: datetime,
    ) -> int:
        cls = adapter_class(platform)
        if not issubclass(cls, Destination):
            return 0
        if count < cls.batch_size and now - oldest < self._gathering(cls):
            return 0
        is_batch = cls.batch_size > 1
        slots = self._take_slots(1 if is_batch else count)
        if not slots:
            return 0
        limit = cls.batch_size if is_batch else slots
        rows = self._claim(project_id, connection_id, limit=limit, now=now)
        parcels = [rows] if is_batch and rows else [[row] for row in rows]
        for parcel in parcels:
            self._pool.submit(self._run, parcel)
        for _ in range(slots - len(parcels)):
            self._free.release()
        return len(rows)

    def _take_slots(self, wanted: int) -> int:
        """Take up to `wanted` free threads; what is claimed is delivered at once, never put by."""
        taken = 0
        while taken < wanted and self._free.acquire(blocking=False):
            taken += 1
        return taken

    def _gathering(self, cls: type[Destination]) -> timedelta:
        # nobody waits a minute to see the demo's upload, and a stand-in has no daily quota
        limit = SANDBOX_SECONDS if self._parts.settings.sandbox_url else cls.batch_seconds
        return timedelta(seconds=min(cls.batch_seconds, limit))

    def _hurried(self, outcome: Outcome, *, now: datetime) -> Outcome:
        if outcome.state != "accepted" or not self._parts.settings.sandbox_url:
            return outcome
        return replace(outcome, due_at=now + timedelta(seconds=SANDBOX_SECONDS))

    def _claim(self, project_id: str, connection_id: str, *, limit: int, now: datetime) -> list[Delivery]:
        with self._parts.database.write() as connection:
            return outbox.claim(
                connection,
                project_id,
                connection_id,
                owner=self._owner,
                now=now,
                lease_seconds=LEASE_SECONDS,
                limit=limit,
            )

    def _run(self, rows: Sequence[Delivery]) -> None:
        try:
            self._deliver(rows)
        except Exception:
            # the rows stay claimed and come back when the lease runs out
            log.exception("delivery_failed", deliveries=[row.delivery_id for row in rows])
        finally:
            self._free.release()

    def _deliver(self, rows: Sequence[Delivery]) -> None:
        found = self._parts.connections.get(rows[0].project_id, rows[0].connection_id)
        if found is None:
            return
        facts = [self._facts(row) for row in rows]
        attempt = Attempt(self._parts, found, facts)
        self._store(attempt, attempt.make())

    def _facts(self, delivery: Delivery) -> Facts:
        project = self._projects.get(delivery.project_id)
        with self._parts.database.read() as connection:
            inquiry = inquiries.inquiry(connection, delivery.project_id, delivery.inquiry_id)
            if inquiry is None or project is None:
                raise LookupError(delivery.inquiry_id)
            person = people.person(connection, delivery.project_id, inquiry.person_id)
            known = outbox.known_details(connection, delivery)
        event = build_event(
            inquiry,
            project=project,
            person=person,
            event=EventName(delivery.event),
            known=known,
            public_url=self._parts.settings.public_url,
        )
        return Facts(delivery, event)

    def _load_project(self, project_id: str) -> Project | None:
        with self._parts.database.read() as connection:
            return projects.project(connection, project_id)

    def _store(self, attempt: Attempt, answers: Sequence[Answer]) -> None:
        now = utc_now()
        with self._parts.database.write() as connection:
            for fact, answer in zip(attempt.facts, answers, strict=True):
                outcome = self._hurried(judge(fact.delivery, answer, now=now), now=now)
                outbox.finish(
                    connection,
                    fact.delivery,
                    owner=self._owner,
                    state=outcome.state,
                    now=now,
                    due_at=outcome.due_at,
                    receipt=outcome.receipt,
                    error=outcome.error,
                    counts=outcome.counts,
                )
                outbox.add_attempt(
                    connection,
                    fact.delivery,
                    at=attempt.started_at,
                    seconds=attempt.seconds,
                    outcome=outcome.name,
                    error=outcome.error,
                    exchanges=attempt.exchanges,
                )
            _note_health(connection, attempt.connection, answers, now=now)
        for fact, answer in zip(attempt.facts, answers, strict=True):
            _log(fact.delivery, attempt, answer)


@dataclass(frozen=True, slots=True)
class Facts:
    """A claimed row with the event made of its inquiry."""

    delivery: Delivery
    event: InquiryEvent


@dataclass(slots=True)
class Attempt:
    """One call of an adapter for one or several rows of a connection."""

    parts: Parts
    connection: PlatformConnection
    facts: Sequence[Facts]
    started_at: datetime = field(default_factory=utc_now)
    seconds: float = 0.0
    exchanges: list[Mapping[str, Any]] = field(default_factory=list)

    def make(self) -> Sequence[Answer]:
        """Call the adapter; every row gets a receipt or the error that says who acts next."""
        private = [word for fact in self.facts for word in _private_words(fact.event)]
        adapter = self.parts.adapter(self.connection, redact=private)
        started = time.monotonic()
        try:
            return self._ask(adapter)
        except LockNotHad:
            return self._same(Temporary(N_("Another worker is renewing this connection's token.")))
        except Exception as error:  # noqa: BLE001, whatever an adapter raises is told to the owner
            return self._same(error)
        finally:
            self.seconds = round(time.monotonic() - started, 4)
            self.exchanges = [asdict(exchange) for exchange in adapter.http.exchanges]

    def _ask(self, adapter: Any) -> Sequence[Answer]:
        waiting = [fact for fact in self.facts if fact.delivery.state == "accepted"]
        fresh = [fact for fact in self.facts if fact.delivery.state != "accepted"]
        answers: dict[str, Answer] = {}
        for fact in waiting:
            answers[fact.delivery.delivery_id] = _one(
                lambda f=fact: adapter.confirm(stored_receipt(f.delivery))
            )
        if fresh and adapter.batch_size > 1:
            found = adapter.deliver_batch([fact.event for fact in fresh])
            answers |= {fact.delivery.delivery_id: answer for fact, answer in zip(fresh, found, strict=True)}
        else:
            for fact in fresh:
                answers[fact.delivery.delivery_id] = _one(lambda f=fact: adapter.deliver(f.event))
        return [answers[fact.delivery.delivery_id] for fact in self.facts]

    def _same(self, error: Exception) -> Sequence[Answer]:
        return [error for _ in self.facts]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What becomes of a row."""

    name: str  # of the attempt, as the log shows it
    state: str
    due_at: datetime | None = None
    receipt: Mapping[str, Any] | None = None
    error: Mapping[str, Any] = field(default_factory=dict)
    counts: bool = True


def judge(delivery: Delivery, answer: Answer, *, now: datetime) -> Outcome:
    """Decide what becomes of a row from the adapter's answer."""
    if isinstance(answer, Receipt):
        return _judge_receipt(delivery, answer, now=now)
    error = error_facts(answer)
    if isinstance(answer, Rejected):
        return Outcome(name="rejected", state="rejected", error=error)
    if isinstance(answer, Unsupported):
        return Outcome(name="skipped", state="skipped", error=error)
    if isinstance(answer, Misconfigured):
        # the connection is paused; the row waits for it and this try is not held against it
        return Outcome(name="misconfigured", state=delivery.state, due_at=now, error=error, counts=False)
    after = answer.after if isinstance(answer, Temporary) else None
    wait = max(after or 0.0, growing_wait(delivery.attempts))
    age = now - (delivery.first_attempt_at or now)
    given_up = age > GIVE_UP_AFTER
    if not isinstance(answer, AdapterError):
        given_up = delivery.attempts + 1 >= BUG_TRIES
    if given_up:
        return Outcome(name="dead", state="dead", error=error)
    return Outcome(name="temporary", state=delivery.state, due_at=now + timedelta(seconds=wait), error=error)


def _judge_receipt(delivery: Delivery, receipt: Receipt, *, now: datetime) -> Outcome:
    kept = {**asdict(receipt), "state": str(receipt.state)}
    if receipt.state is ReceiptState.ACCEPTED and receipt.check_after is not None:
        age = now - (delivery.first_attempt_at or now)
        if age <= CONFIRM_GIVE_UP_AFTER:
            due = now + timedelta(seconds=receipt.check_after)
            return Outcome(name="accepted", state="accepted", due_at=due, receipt=kept)
    return Outcome(name="delivered", state="delivered", receipt=kept)


def growing_wait(attempts: int) -> float:
    """Give the seconds to wait after so many failed attempts, with jitter."""
    base = WAITS_SECONDS[min(attempts, len(WAITS_SECONDS) - 1)]
    return base * random.uniform(1 - JITTER, 1 + JITTER)


def error_facts(error: Exception) -> dict[str, Any]:
    """Give an error as the tables keep it; of a bug, only its kind: its text may hold personal data."""
    if isinstance(error, AdapterError):
        return {"class": type(error).__name__, "text": error.text, "params": error.params}
    text = N_("Whence failed on this delivery ({kind}). The service's log has the details.")
    return {"class": "Bug", "text": text, "params": {"kind": type(error).__name__}}


def _one(call: Any) -> Answer:
    try:
        answer: Answer = call()
    except AdapterError as error:
        if isinstance(error, Misconfigured):
            raise  # concerns every row of the connection
        return error
    return answer


def _note_health(
    connection: Any, where: PlatformConnection, answers: Sequence[Answer], *, now: datetime
) -> None:
    key = (where.project_id, where.connection_id)
    blamed = next((a for a in answers if isinstance(a, Misconfigured)), None)
    if blamed is not None:
        breaker.pause(connection, *key, because=error_facts(blamed), now=now)
        return
    failed = next((a for a in answers if isinstance(a, Temporary)), None)
    if failed is not None:
        hold = timedelta(seconds=max(failed.after or 0.0, BREAKER_SECONDS))
        breaker.note_failure(
            connection,
            *key,
            error=error_facts(failed),
            now=now,
            breaker_after=BREAKER_AFTER,
            breaker_until=now + hold,
        )
        return
    if any(isinstance(a, Receipt) for a in answers):
        breaker.note_success(connection, *key, now=now)


def _log(delivery: Delivery, attempt: Attempt, answer: Answer) -> None:
    facts = {
        "delivery_id": delivery.delivery_id,
        "inquiry_id": delivery.inquiry_id,
        "platform": attempt.connection.platform,
        "attempt": delivery.attempts + 1,
        "seconds": attempt.seconds,
    }
    if isinstance(answer, Receipt):
        log.info("delivered", **facts)
    elif isinstance(answer, AdapterError):
        log.warning("not_delivered", error=type(answer).__name__, reason=answer.text, **facts)
    else:
        # a traceback of our own code; the exception's text may quote data, so only its kind and place
        log.error("delivery_bug", error=type(answer).__name__, where=_place(answer), **facts)


def _place(error: Exception) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else ""


def _private_words(event: InquiryEvent) -> list[str]:
    phone = event.person.phone
    names = [event.person.name, event.text, *event.person.handles.values()]
    return [word for word in (phone, phone[-10:], *names) if word]
