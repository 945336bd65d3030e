"""Delivery on real databases: who acts next, waits, leases, batches, crashes, sending again."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.base import Misconfigured, Receipt, ReceiptState, Rejected, Temporary, Unsupported
from plugin import delivery, flow, intake
from plugin.delivery import Deliverer, growing_wait
from plugin.parts import Parts
from plugin.store import outbox
from plugin.store.database import utc_now
from tests.factories import make_click, make_message, make_project, make_visit, said
from tests.fakes import FakeBatch, FakeCrm, fakes  # noqa: F401

pytestmark = pytest.mark.usefixtures("fakes")


class Bench:
    """A project with one destination, and verbs."""

    def __init__(self, parts: Parts, slug: str = "fake-crm") -> None:
        self.parts = parts
        self.project = make_project(parts.database)
        self.connection = parts.connections.add(
            self.project.project_id,
            platform=slug,
            kind="crm",
            label="",
            config={"token": "secret-token-1"},
            now=utc_now(),
        )
        self.deliverer = Deliverer(parts, threads=4)

    def inquire(self, **overrides):
        now = utc_now()
        visit = make_visit()
        click = make_click(visit, clicked_at=now)
        flow.record_click(self.parts.writer, self.project.project_id, visit, click=click, now=now)
        message = make_message(**{"text": said(click), "sent_at": now, "received_at": now, **overrides})
        queue = intake.destinations(self.parts, self.project.project_id)
        found = flow.receive_message(
            self.parts.database, self.project.project_id, message, queue_for=queue, now=now
        )
        assert found is not None
        return found

    def row(self, inquiry):
        with self.parts.database.read() as connection:
            return outbox.states_of(connection, self.project.project_id, inquiry.inquiry_id)[-1]

    def health(self):
        return self.parts.connections.get(self.project.project_id, self.connection.connection_id)

    def deliver(self, *, later: float = 0):
        return self.deliverer.deliver_all(utc_now() + timedelta(seconds=later))


@pytest.fixture
def bench(parts: Parts):
    found = Bench(parts)
    yield found
    found.deliverer.close()


def test_a_delivered_inquiry_has_its_receipt(bench: Bench):
    inquiry = bench.inquire()
    assert bench.deliver() == 1
    row = bench.row(inquiry)
    assert (row.state, row.remote_id, row.link) == ("delivered", "lead-1", "https://crm.example/1")
    assert bench.health().last_success_at is not None
    assert bench.deliver() == 0


def test_the_event_tells_what_the_inquiry_knows(bench: Bench):
    inquiry = bench.inquire(name="Анна", phone="79991112233")
    bench.deliver()
    (event,) = FakeCrm.received
    assert event.inquiry_id == inquiry.inquiry_id
    assert event.source.campaign == "sofas"
    assert event.person.phone == "79991112233"
    assert event.because.startswith("Код обращения")  # in the project's language
    assert event.source.channel_name == "Контекстная реклама"
    assert event.card_url.endswith(f"/p/{inquiry.project_id}/inquiries/{inquiry.inquiry_id}")
    assert event.key == f"{inquiry.inquiry_id}.inquiry_opened"


@pytest.mark.parametrize(
    ("error", "state", "attempts"),
    [
        (Temporary("later"), "pending", 1),
        (Rejected("never"), "rejected", 1),
        (Unsupported("no id"), "skipped", 1),
        (Misconfigured("bad token"), "pending", 0),
        (KeyError("our bug"), "pending", 1),
    ],
)
def test_the_error_class_says_who_acts_next(bench: Bench, error, state, attempts):
    FakeCrm.answers.append(error)
    inquiry = bench.inquire()
    bench.deliver()
    row = bench.row(inquiry)
    assert (row.state, row.attempts) == (state, attempts)
    assert row.error["class"] in (type(error).__name__, "Bug")


def test_a_temporary_error_is_tried_again_after_a_wait(bench: Bench):
    FakeCrm.answers.append(Temporary("later"))
    inquiry = bench.inquire()
    bench.deliver()
    assert bench.deliver(later=1) == 0
    assert bench.deliver(later=10) == 1
    assert bench.row(inquiry).state == "delivered"


def test_the_platforms_own_wait_wins(bench: Bench):
    FakeCrm.answers.append(Temporary("slow down", after=300))
    inquiry = bench.inquire()
    bench.deliver()
    assert bench.row(inquiry).due_at - utc_now() > timedelta(seconds=290)


def test_after_three_days_a_row_is_dead_and_says_why(bench: Bench, monkeypatch):
    monkeypatch.setattr(delivery, "GIVE_UP_AFTER", timedelta(seconds=-1))
    FakeCrm.answers.append(Temporary("down"))
    inquiry = bench.inquire()
    bench.deliver()
    assert bench.row(inquiry).state == "dead"
    assert bench.row(inquiry).error["text"] == "down"


def test_a_bug_of_ours_is_tried_a_few_times_only(bench: Bench):
    FakeCrm.answers.extend([KeyError("x")] * 3)
    inquiry = bench.inquire()
    for later in (0, 100, 1000):
        bench.deliver(later=later)
    assert bench.row(inquiry).state == "dead"


def test_a_bug_is_told_without_its_text(bench: Bench):
    FakeCrm.answers.append(KeyError("+7 999 111-22-33"))
    inquiry = bench.inquire()
    bench.deliver()
    assert "999" not in str(bench.row(inquiry).error)


def test_wrong_credentials_pause_the_connection_and_lose_nothing(bench: Bench):
    FakeCrm.answers.append(Misconfigured("bad token"))
    first, second = bench.inquire(), bench.inquire()
    bench.deliver()
    health = bench.health()
    assert health.is_paused
    assert health.paused_because["text"] == "bad token"
    FakeCrm.answers.clear()
    bench.deliver(later=100_000)
    states = [bench.row(inquiry).state for inquiry in (first, second)]
    assert "pending" in states
    with bench.parts.database.write() as connection:
        outbox.resume(connection, bench.project.project_id, bench.connection.connection_id, now=utc_now())
    bench.deliver(later=1)
    assert [bench.row(inquiry).state for inquiry in (first, second)] == ["delivered", "delivered"]


def test_five_failures_in_a_row_hold_the_connection(bench: Bench):
    FakeCrm.answers.extend([Temporary("down")] * 5)
    for _ in range(5):
        bench.inquire()
    bench.deliver()
    assert bench.health().retry_at is not None
    bench.inquire()
    assert bench.deliver(later=1) == 0
    assert bench.deliver(later=90) > 0


def test_a_lease_that_runs_out_gives_the_row_back(bench: Bench):
    inquiry = bench.inquire()
    now = utc_now()
    with bench.parts.database.write() as connection:
        rows = outbox.claim(
            connection,
            bench.project.project_id,
            bench.connection.connection_id,
            owner="a worker that died",
            now=now,
            lease_seconds=delivery.LEASE_SECONDS,
            limit=10,
        )
    assert len(rows) == 1
    assert bench.deliver(later=1) == 0
    assert bench.deliver(later=delivery.LEASE_SECONDS + 1) == 1
    assert bench.row(inquiry).state == "delivered"


def test_a_worker_that_lost_its_lease_changes_nothing(bench: Bench):
    inquiry = bench.inquire()
    now = utc_now()
    key = (bench.project.project_id, bench.connection.connection_id)
    with bench.parts.database.write() as connection:
        (stale,) = outbox.claim(connection, *key, owner="slow", now=now, lease_seconds=0, limit=1)
    later = now + timedelta(seconds=1)
    with bench.parts.database.write() as connection:
        outbox.claim(connection, *key, owner="fast", now=later, lease_seconds=60, limit=1)
    with bench.parts.database.write() as connection:
        assert not outbox.finish(connection, stale, owner="slow", state="dead", now=later)
    assert bench.row(inquiry).state == "pending"


def test_two_workers_deliver_every_row_once(bench: Bench):
    inquiries = [bench.inquire() for _ in range(20)]
    other = Deliverer(bench.parts, threads=4)
    while bench.deliverer.deliver_due() + other.deliver_due():
        pass
    bench.deliverer.wait()
    other.wait()
    while bench.deliverer.deliver_due() + other.deliver_due():
        bench.deliverer.wait()
        other.wait()
    other.close()
    received = [event.inquiry_id for event in FakeCrm.received]
    assert sorted(received) == sorted(inquiry.inquiry_id for inquiry in inquiries)


def test_one_row_of_a_person_at_a_time_whoever_works(bench: Bench):
    for hours in (0, 25):
        at = utc_now() - timedelta(hours=30 - hours)
        bench.inquire(sender_key="1", phone="79991112233", sent_at=at, received_at=at)
    other = bench.inquire()
    now = utc_now()
    key = (bench.project.project_id, bench.connection.connection_id)

    def claim(owner: str):
        with bench.parts.database.write() as connection:
            return outbox.claim(connection, *key, owner=owner, now=now, lease_seconds=60, limit=10)

    first = claim("one worker")
    assert len(first) == 2
    assert other.inquiry_id in {row.inquiry_id for row in first}
    assert claim("another worker") == []
    with bench.parts.database.write() as connection:
        for row in first:
            outbox.finish(connection, row, owner="one worker", state="delivered", now=now)
    assert len(claim("another worker")) == 1


def test_sending_again_makes_a_stopped_row_due(bench: Bench):
    FakeCrm.answers.append(Rejected("never"))
    inquiry = bench.inquire()
    bench.deliver()
    row = bench.row(inquiry)
    with bench.parts.database.write() as connection:
        assert outbox.send_again(connection, row.project_id, row.delivery_id, now=utc_now())
    bench.deliver(later=1)
    assert bench.row(inquiry).state == "delivered"


def test_sending_all_again_leaves_the_delivered_alone(bench: Bench):
    FakeCrm.answers.extend([Rejected("never"), Rejected("never")])
    for _ in range(3):
        bench.inquire()
    bench.deliver()
    with bench.parts.database.write() as connection:
        assert outbox.send_all_again(connection, bench.project.project_id, now=utc_now()) == 2


def test_what_an_earlier_delivery_left_comes_back_with_the_next(bench: Bench):
    inquiry = bench.inquire()
    bench.deliver()
    with bench.parts.database.write() as connection:
        outbox.queue(
            connection,
            inquiry.project_id,
            inquiry_id=inquiry.inquiry_id,
            connection_ids=[bench.connection.connection_id],
            event="source_found",
            now=utc_now(),
        )
    bench.deliver(later=1)
    assert FakeCrm.received[-1].known == {"lead_id": "1"}


def test_attempts_keep_no_secret_and_no_phone(bench: Bench):
    from sqlalchemy import text

    FakeCrm.answers.append(Temporary("later"))
    bench.inquire(phone="79991112233", name="Анна Петровна")
    bench.deliver()
    with bench.parts.database.read() as connection:
        kept = str(connection.execute(text("SELECT * FROM attempts")).all())
    for private in ("79991112233", "Анна", "secret-token-1"):
        assert private not in kept


class TestBatches:
    @pytest.fixture
    def bench(self, parts: Parts):
        found = Bench(parts, "fake-batch")
        yield found
        found.deliverer.close()

    def test_rows_gather_before_they_go(self, bench: Bench):
        for _ in range(3):
            bench.inquire()
        assert bench.deliver() == 0
        assert bench.deliver(later=61) == 3
        assert FakeBatch.batches == [3]

    def test_a_full_batch_goes_at_once(self, bench: Bench):
        for _ in range(10):
            bench.inquire()
        assert bench.deliver() == 10

    def test_an_accepted_row_is_asked_for_until_it_is_processed(self, bench: Bench):
        inquiry = bench.inquire()
        bench.deliver(later=61)
        assert bench.row(inquiry).state == "accepted"
        bench.deliver(later=120)
        assert bench.row(inquiry).state == "accepted"
        bench.deliver(later=800)
        row = bench.row(inquiry)
        assert (row.state, row.receipt["note"]) == ("delivered", "Processed")
        assert FakeBatch.confirmed[0].remote_id == "upload-7"
        assert FakeBatch.confirmed[0].state is ReceiptState.ACCEPTED

    def test_one_bad_row_of_a_batch_stops_alone(self, bench: Bench):
        inquiries = [bench.inquire() for _ in range(2)]
        FakeBatch.answers.append([Receipt(), Rejected("bad row")])
        bench.deliver(later=61)
        assert sorted(bench.row(inquiry).state for inquiry in inquiries) == ["delivered", "rejected"]

    def test_an_error_of_the_whole_batch_concerns_every_row(self, bench: Bench):
        inquiries = [bench.inquire() for _ in range(2)]
        FakeBatch.answers.append(Temporary("down"))
        bench.deliver(later=61)
        assert [bench.row(inquiry).attempts for inquiry in inquiries] == [1, 1]


@given(st.integers(0, 10_000))
def test_waits_grow_and_stay_within_their_jitter(attempts: int):
    wait = growing_wait(attempts)
    assert delivery.WAITS_SECONDS[0] * 0.8 <= wait <= delivery.WAITS_SECONDS[-1] * 1.2
