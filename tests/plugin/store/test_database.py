"""The database itself: migrations, transactions, secrets, group commit, the connection's lock."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from plugin.domain.visit import Visit
from plugin.store import projects, visits
from plugin.store.connections import Connections
from plugin.store.database import Database, new_id
from plugin.store.secrets import CannotDecrypt, Vault
from plugin.store.tables import from_micros, metadata, to_micros
from plugin.store.writer import GroupWriter
from tests.conftest import NOW


def make_visit(**overrides) -> Visit:
    values = {
        "visit_id": "a" * 32,
        "visitor_id": "b" * 32,
        "started_at": NOW,
        "landing_url": "https://shop.example/",
    }
    return Visit(**{**values, **overrides})


def test_migrations_make_exactly_the_declared_tables(database: Database):
    with database.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
    assert database.is_current()


def test_migrating_twice_changes_nothing(database: Database):
    database.migrate()
    assert database.is_current()


def test_a_failed_write_leaves_nothing(database: Database):
    with pytest.raises(RuntimeError), database.write() as connection:
        projects.add_project(connection, name="Half", now=NOW)
        raise RuntimeError
    with database.read() as connection:
        assert projects.all_projects(connection) == []


def test_ids_sort_by_time():
    ids = [new_id() for _ in range(50)]
    assert [i[:12] for i in ids] == sorted(i[:12] for i in ids)
    assert len(set(ids)) == 50


@given(st.datetimes(datetime(1970, 1, 2), datetime(2200, 1, 1), timezones=st.just(UTC)))
def test_times_survive_to_the_microsecond(moment: datetime):
    assert from_micros(to_micros(moment)) == moment


def test_a_time_without_a_zone_is_refused():
    with pytest.raises(ValueError, match="zone"):
        to_micros(datetime(2026, 1, 1))


class TestVault:
    keys = [b"1" * 32, b"2" * 32]

    @given(st.dictionaries(st.text(max_size=20), st.text(max_size=200), max_size=8))
    def test_what_is_locked_opens_again(self, values):
        vault = Vault(self.keys)
        assert vault.unlock(vault.lock(values, owner="c1"), owner="c1") == values

    def test_an_old_key_still_opens_after_rotation(self):
        box = Vault([self.keys[1]]).lock({"token": "abc"}, owner="c1")
        assert Vault(self.keys).unlock(box, owner="c1") == {"token": "abc"}

    def test_a_box_moved_to_another_owner_does_not_open(self):
        vault = Vault(self.keys)
        with pytest.raises(CannotDecrypt):
            vault.unlock(vault.lock({"token": "abc"}, owner="c1"), owner="c2")

    def test_a_lost_key_is_told_apart(self):
        box = Vault([b"3" * 32]).lock({"token": "abc"}, owner="c1")
        with pytest.raises(CannotDecrypt):
            Vault(self.keys).unlock(box, owner="c1")

    def test_the_secret_does_not_stand_in_the_box(self):
        assert b"abcdefgh" not in Vault(self.keys).lock({"token": "abcdefgh"}, owner="c1")


class TestGroupWriter:
    def test_what_is_written_is_there_after_the_answer(self, database: Database):
        writer = GroupWriter(database)
        writer.write((visits.SAVE_VISIT, visits.visit_row("p1", make_visit(), received_at=NOW)))
        with database.read() as connection:
            assert visits.visit(connection, "p1", "a" * 32) == make_visit()

    def test_the_same_row_twice_is_kept_once_and_not_changed(self, database: Database):
        writer = GroupWriter(database)
        for landing in ("https://shop.example/", "https://other.example/"):
            visit = make_visit(landing_url=landing)
            writer.write((visits.SAVE_VISIT, visits.visit_row("p1", visit, received_at=NOW)))
        with database.read() as connection:
            found = visits.visit(connection, "p1", "a" * 32)
        assert found is not None
        assert found.landing_url == "https://shop.example/"

    def test_many_threads_lose_nothing(self, database: Database):
        writer = GroupWriter(database)

        def write(thread: int) -> None:
            for number in range(20):
                visit = make_visit(visit_id=f"{thread:016d}{number:016d}")
                writer.write((visits.SAVE_VISIT, visits.visit_row("p1", visit, received_at=NOW)))

        threads = [threading.Thread(target=write, args=(n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        with database.read() as connection:
            assert connection.execute(text("SELECT count(*) FROM visits")).scalar() == 160

    def test_one_bad_row_does_not_take_its_neighbours_along(self, database: Database):
        writer = GroupWriter(database)
        good = visits.visit_row("p1", make_visit(), received_at=NOW)
        bad = {**good, "visit_id": "c" * 32, "landing_url": None}
        outcomes: list[str] = []
        barrier = threading.Barrier(2)

        def write(row) -> None:
            barrier.wait()
            try:
                writer.write((visits.SAVE_VISIT, row))
                outcomes.append("kept")
            except SQLAlchemyError:
                outcomes.append("refused")

        threads = [threading.Thread(target=write, args=(row,)) for row in (good, bad)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(outcomes) == ["kept", "refused"]
        with database.read() as connection:
            assert connection.execute(text("SELECT count(*) FROM visits")).scalar() == 1


class TestConnections:
    @pytest.fixture
    def connections(self, database: Database) -> Connections:
        return Connections(database, Vault([b"1" * 32]))

    def add(self, connections: Connections):
        config = {"token": "long-secret-token"}
        return connections.add("p1", platform="amocrm", kind="crm", label="amo", config=config, now=NOW)

    def test_settings_come_back_decrypted(self, connections: Connections):
        found = self.add(connections)
        assert found.config == {"token": "long-secret-token"}
        by_key = connections.by_hook_key(found.hook_key)
        assert by_key is not None
        assert by_key.connection_id == found.connection_id

    def test_the_database_holds_no_plain_secret(self, connections: Connections, database: Database):
        self.add(connections)
        with database.read() as connection:
            config = connection.execute(text("SELECT config FROM connections")).scalar()
        assert b"long-secret-token" not in bytes(config)

    def test_the_state_is_kept_on_leaving_the_lock(self, connections: Connections):
        found = self.add(connections)
        state = connections.state("p1", found.connection_id)
        with state.exclusive() as kept:
            kept["access_token"] = "one"
        assert state.read() == {"access_token": "one"}

    def test_two_at_once_see_each_others_refresh(self, connections: Connections):
        found = self.add(connections)
        seen: list[str] = []

        def refresh() -> None:
            with connections.state("p1", found.connection_id).exclusive() as kept:
                kept["count"] = str(int(kept.get("count", "0")) + 1)
                seen.append(kept["count"])

        threads = [threading.Thread(target=refresh) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(seen) == ["1", "2", "3", "4", "5", "6"]

    def test_a_lock_left_by_a_dead_process_runs_out(self, connections: Connections):
        found = self.add(connections)
        connections.change(
            "p1", found.connection_id, lock_until=NOW - timedelta(days=1), lock_owner="a dead process"
        )
        with connections.state("p1", found.connection_id).exclusive() as kept:
            kept["alive"] = "yes"
        assert connections.state("p1", found.connection_id).read() == {"alive": "yes"}
