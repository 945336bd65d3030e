"""Group commit under bad luck: what is answered is kept, what is not kept is told to the one it concerns."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from plugin.domain.visit import Visit
from plugin.store import messages, visits
from plugin.store.database import Database
from plugin.store.upsert import Row, Upsert
from plugin.store.writer import GroupWriter
from tests.conftest import NOW
from tests.factories import make_click, make_visit


@pytest.fixture
def writer(database: Database) -> GroupWriter:
    return GroupWriter(database)


def save(visit: Visit, upsert: Upsert = visits.SAVE_VISIT) -> tuple[Upsert, Row]:
    return upsert, visits.visit_row("p1", visit, received_at=NOW)


def kept(database: Database, table: str = "visits") -> int:
    with database.read() as connection:
        return connection.execute(text(f"SELECT count(*) FROM {table}")).scalar() or 0


def at_once(writer: GroupWriter, rows: Sequence[tuple[Upsert, Row]]) -> list[Exception | None]:
    """Write each row from a thread of its own; give what each was told."""
    told: list[Exception | None] = [None] * len(rows)
    barrier = threading.Barrier(len(rows))

    def write(place: int) -> None:
        barrier.wait()
        try:
            writer.write(rows[place])
        except Exception as error:
            told[place] = error

    threads = [threading.Thread(target=write, args=(place,)) for place in range(len(rows))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not any(thread.is_alive() for thread in threads)
    return told


def test_many_at_once_are_all_kept_and_each_is_let_go(database: Database, writer: GroupWriter):
    assert at_once(writer, [save(make_visit()) for _ in range(40)]) == [None] * 40
    assert kept(database) == 40


def test_only_the_bad_ones_are_told_so(database: Database, writer: GroupWriter):
    good = [save(make_visit()) for _ in range(12)]
    bad = [(upsert, {**row, "landing_url": None}) for upsert, row in (save(make_visit()) for _ in range(3))]
    told = at_once(writer, [*good, *bad])
    assert told[:12] == [None] * 12
    assert all(isinstance(error, SQLAlchemyError) for error in told[12:])
    assert kept(database) == 12


def test_a_bug_in_one_row_harms_no_neighbour(database: Database, writer: GroupWriter):
    upsert, row = save(make_visit())
    told = at_once(writer, [save(make_visit()), (upsert, {"visit_id": "half a row"}), save(make_visit())])
    assert [type(error) for error in told] == [type(None), KeyError, type(None)]
    assert kept(database) == 2
    writer.write((upsert, row))
    assert kept(database) == 3


def test_the_rows_of_one_request_are_kept_together_or_not_at_all(database: Database, writer: GroupWriter):
    visit = make_visit()
    click = {**visits.click_row("p1", make_click(visit), received_at=NOW), "reference": None}
    with pytest.raises(SQLAlchemyError):
        writer.write(save(visit), (visits.SAVE_CLICK, click))
    assert (kept(database), kept(database, "clicks")) == (0, 0)


def test_an_error_tells_nothing_of_the_row(writer: GroupWriter):
    upsert, row = save(make_visit(landing_url="https://shop.example/?phone=79991234567"))
    with pytest.raises(DBAPIError) as raised:
        writer.write((upsert, {**row, "started_at": None}))
    assert raised.value.params is None
    assert raised.value.statement is None


def test_the_same_visit_twice_in_one_commit_learns_what_came_last(database: Database, writer: GroupWriter):
    early, late = make_visit(visit_id="a" * 32), make_visit(visit_id="a" * 32, analytics_ids={"ga": "1.2"})
    writer.write(save(early, visits.REFRESH_VISIT), save(late, visits.REFRESH_VISIT))
    with database.read() as connection:
        found = visits.visit(connection, "p1", "a" * 32)
    assert found is not None
    assert found.analytics_ids == {"ga": "1.2"}
    assert found.visitor_id == early.visitor_id, "all else is as it was first told"


def test_bytes_and_odd_texts_come_back_as_they_were(database: Database, writer: GroupWriter):
    body = bytes(range(256)) + "❤ \\u0000 \\ ' % {} %s ?".encode()
    row = messages.webhook_row("p1", "c1", headers={"user-agent": "“%s”?"}, body=body, received_at=NOW)
    landing = "https://shop.example/?q=100%25 'x' \\ “☃” %s ? :name"
    writer.write((messages.SAVE_WEBHOOK, row), save(make_visit(visit_id="b" * 32, landing_url=landing)))
    with database.write() as connection:
        (webhook,) = messages.claim_webhooks(connection, now=NOW)
        visit = visits.visit(connection, "p1", "b" * 32)
    assert (webhook.body, webhook.headers) == (body, {"user-agent": "“%s”?"})
    assert visit is not None
    assert visit.landing_url == landing


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
def test_a_connection_cut_by_the_server_is_made_anew(database: Database, writer: GroupWriter):
    writer.write(save(make_visit()))
    with database.read() as connection:
        connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )
    writer.write(save(make_visit()))
    assert kept(database) == 2


def test_two_processes_worth_of_writers_wait_their_turn(database: Database):
    other = Database(database.url)
    writers = [GroupWriter(database), GroupWriter(other)]
    told: list[list[Exception | None]] = []
    threads = [
        threading.Thread(
            target=lambda writer=writer: told.append(at_once(writer, [save(make_visit()) for _ in range(20)]))
        )
        for writer in writers
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert told == [[None] * 20] * 2
    assert kept(database) == 40
    other.close()
