from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from plugin.parts import Parts
from plugin.store import delivery_log, journal
from plugin.store.journal import Cursor, Filters
from tests.plugin.web import factory


@pytest.fixture
def project(parts: Parts, now: datetime):
    return factory.make_project(parts, now=now)


@pytest.fixture
def month(now: datetime) -> Filters:
    return Filters(since=now - timedelta(days=30), until=now + timedelta(days=1))


def names(parts: Parts, project, filters: Filters, **kwargs) -> list[str]:
    with parts.database.read() as connection:
        found = journal.rows(connection, project.project_id, filters=filters, **kwargs)
    return [row.name for row in found]


def test_the_newest_stands_first_and_others_projects_stay_out(parts, project, month, now):
    other = factory.make_project(parts, now=now)
    factory.make_inquiry(parts, other, at=now, name="Theirs")
    for days, name in ((2, "Old"), (0, "New"), (1, "Middle"), (40, "Too old")):
        factory.make_inquiry(parts, project, at=now - timedelta(days=days), name=name)
    assert names(parts, project, month) == ["New", "Middle", "Old"]


def test_pages_follow_each_other_without_gap_or_repetition(parts, project, month, now):
    for number in range(7):  # three of them at the same moment
        factory.make_inquiry(parts, project, at=now - timedelta(hours=max(number, 3)), name=str(number))
    seen, after = [], None
    while page := _page(parts, project, month, after):
        seen += [row.name for row in page]
        after = Cursor(page[-1].opened_at, page[-1].inquiry_id)
    assert sorted(seen) == [str(number) for number in range(7)]
    assert len(seen) == 7


def _page(parts, project, filters, after):
    with parts.database.read() as connection:
        return journal.rows(connection, project.project_id, filters=filters, after=after, limit=2)


FILTERS = [
    ({"channel": "Direct"}, {"channel": "Direct"}),
    ({"channel": journal.UNKNOWN}, {"channel": ""}),
    ({"how": "exact"}, {"how": "exact"}),
    ({"number": "79990000002"}, {"number": "79990000002"}),
    ({"standing": "repeat"}, {"is_repeat": True}),
    ({"standing": "new"}, {"is_repeat": False}),
]


@pytest.mark.parametrize(("asked", "wanted"), FILTERS)
def test_each_filter_keeps_what_fits(parts, project, month, now, asked, wanted):
    unwanted = {"channel": "Email", "how": "none", "is_repeat": not wanted.get("is_repeat", False)}
    factory.make_inquiry(parts, project, at=now, name="Fits", **{"channel": "Email", **wanted})
    factory.make_inquiry(parts, project, at=now, name="Does not", **unwanted)
    assert names(parts, project, replace(month, **asked)) == ["Fits"]


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("анна", True),
        ("АННА", True),
        ("кузнецова", True),
        ("+7 916 123-45", True),
        ("8 916 123", True),
        ("диван", True),
        ("Sofas_Msk", True),
        ("7kq2-m4xd", True),
        ("7KQ2", True),
        ("100%", False),
        ("_", True),
        ("пётр", False),
        ("999", False),
    ],
)
def test_search_reads_names_phones_texts_campaigns_and_references(parts, project, month, now, text, fits):
    factory.make_inquiry(
        parts,
        project,
        at=now,
        name="Анна Кузнецова",
        phone="79161234567",
        text="Интересует Диван",
        campaign="sofas_msk",
        reference="7KQ2M4XD",
    )
    assert names(parts, project, replace(month, text=text)) == (["Анна Кузнецова"] if fits else [])


@pytest.mark.parametrize("group", journal.STATES)
def test_the_state_of_a_delivery_chooses_inquiries(parts, project, month, now, group):
    for other, states in journal.STATES.items():
        inquiry = factory.make_inquiry(parts, project, at=now, name=other)
        for number, state in enumerate(states):
            factory.make_delivery(parts, inquiry, f"c{number}", at=now, state=state)
    assert names(parts, project, replace(month, delivery=group)) == [group]


def test_a_row_carries_the_marks_of_its_deliveries(parts, project, month, now):
    connected = factory.make_connection(parts, project, "ga4", now=now)
    inquiry = factory.make_inquiry(parts, project, at=now)
    factory.make_delivery(
        parts, inquiry, connected.connection_id, at=now, state="rejected", error={"text": "no"}
    )
    factory.make_delivery(parts, inquiry, "removed", at=now)
    with parts.database.read() as connection:
        row = journal.rows(connection, project.project_id, filters=month)[0]
    assert [(mark.connection, mark.platform, mark.state) for mark in row.marks] == [
        ("GA4", "ga4", "rejected"),
        ("", "", "delivered"),
    ]


def test_figures_count_inquiries_and_presses(parts, project, month, now):
    for number in range(4):
        factory._press(parts, project, at=now, ids=(f"v{number}", f"c{number}", "7KQ2M4XD"), extra=False)
    factory.make_inquiry(parts, project, at=now, channel="Direct", visit_id="v1", click_id="c1")
    factory.make_inquiry(parts, project, at=now, is_repeat=True)
    factory.make_inquiry(parts, project, at=now - timedelta(days=60), channel="Direct")
    with parts.database.read() as connection:
        found = journal.figures(connection, project.project_id, filters=month)
    assert (found.inquiries, found.known, found.new, found.repeat) == (2, 1, 1, 1)
    assert (found.chat_clicks, found.chat_clicks_with_message) == (4, 1)


def test_ten_presses_of_one_visit_on_one_number_are_one(parts, project, month, now):
    for number in range(10):
        factory._press(parts, project, at=now, ids=("v", f"c{number}", "7KQ2M4XD"), extra=False)
    with parts.database.read() as connection:
        assert journal.figures(connection, project.project_id, filters=month).chat_clicks == 1


def test_figures_of_an_empty_journal_are_zero(parts, project, month):
    with parts.database.read() as connection:
        found = journal.figures(connection, project.project_id, filters=month)
    assert (found.inquiries, found.known, found.repeat, found.chat_clicks) == (0, 0, 0, 0)


def test_quarters_keep_time_and_channel(parts, project, month, now):
    for minutes, channel in ((0, "Direct"), (3, "Direct"), (16, "Email")):
        factory.make_inquiry(parts, project, at=now + timedelta(minutes=minutes), channel=channel)
    with parts.database.read() as connection:
        found = journal.quarters_by_channel(connection, project.project_id, filters=month)
    assert found == [(now, "Direct", 2), (now + timedelta(minutes=15), "Email", 1)]


def test_a_late_message_counts_as_new_though_it_was_sent_before(parts, project, month, now):
    factory.make_inquiry(parts, project, at=now, inquiry_id="01")
    with parts.database.read() as connection:
        newest = journal.newest_id(connection, project.project_id)
    factory.make_inquiry(parts, project, at=now - timedelta(hours=3), inquiry_id="02")
    with parts.database.read() as connection:
        assert journal.count_newer(connection, project.project_id, filters=month, than=newest) == 1
        assert journal.count_newer(connection, project.project_id, filters=month, than="02") == 0


def test_channels_are_those_seen(parts, project, now):
    for channel in ("Email", "", "Direct", "Email"):
        factory.make_inquiry(parts, project, at=now, channel=channel)
    with parts.database.read() as connection:
        found = journal.channels_of(connection, project.project_id, since=now - timedelta(days=1))
    assert sorted(found) == ["", "Direct", "Email"]


def test_progress_tells_only_what_was_seen(parts, project, now):
    with parts.database.read() as connection:
        assert journal.progress(connection, project.project_id) == journal.Progress(
            visit_at=None, webhook_at=None, inquiry_at=None
        )
    factory.make_visit_row(parts, project, at=now)
    factory.make_connection(parts, project, "whatsapp", now=now, last_webhook_at=now)
    factory.make_inquiry(parts, project, at=now)
    with parts.database.read() as connection:
        found = journal.progress(connection, project.project_id)
    assert (found.visit_at, found.webhook_at, found.inquiry_at) == (now, now, now)
    assert found.is_done


def test_memberships_are_the_user_s_own(parts, project, now):
    factory.make_project(parts, now=now)
    user = factory.make_user(parts, project, "viewer", now=now)
    with parts.database.read() as connection:
        found = journal.memberships_of(connection, user.user_id)
    assert [(own.project_id, own.role) for own in found] == [(project.project_id, "viewer")]


# --- deliveries -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "count"),
    [
        ({}, 3),
        ({"state": "failed"}, 1),
        ({"state": "waiting"}, 1),
        ({"connection_id": "c1"}, 2),
        ({"event": "source_found"}, 1),
        ({"state": "nonsense"}, 0),
    ],
)
def test_deliveries_are_chosen_by_each_filter(parts, project, now, asked, count):
    inquiry = factory.make_inquiry(parts, project, at=now)
    factory.make_delivery(parts, inquiry, "c1", at=now, state="dead")
    factory.make_delivery(parts, inquiry, "c1", at=now, state="accepted", event="source_found")
    factory.make_delivery(parts, inquiry, "c2", at=now)
    filters = delivery_log.Filters(**asked)
    with parts.database.read() as connection:
        assert len(delivery_log.delivery_rows(connection, project.project_id, filters=filters)) == count


def test_attempts_stand_last_first_under_their_delivery(parts, project, now):
    inquiry = factory.make_inquiry(parts, project, at=now)
    delivery_id = factory.make_delivery(parts, inquiry, "c1", at=now)
    for number in (1, 2):
        factory.make_attempt(parts, project, delivery_id, at=now + timedelta(minutes=number), number=number)
    with parts.database.read() as connection:
        found = delivery_log.attempts_of(connection, project.project_id, [delivery_id])
        assert delivery_log.attempts_of(connection, project.project_id, []) == {}
    assert [attempt.number for attempt in found[delivery_id]] == [2, 1]


def test_health_counts_lately_tried_and_what_waits(parts, project, now):
    inquiry = factory.make_inquiry(parts, project, at=now)
    delivery_id = factory.make_delivery(parts, inquiry, "c1", at=now, state="pending")
    factory.make_delivery(parts, inquiry, "c1", at=now, state="dead", event="source_found")
    for outcome, hours in (("temporary", 1), ("delivered", 1), ("temporary", 30)):
        factory.make_attempt(parts, project, delivery_id, at=now - timedelta(hours=hours), outcome=outcome)
    with parts.database.read() as connection:
        found = delivery_log.health(connection, project.project_id, since=now - timedelta(hours=24))
    assert found == {"c1": delivery_log.Health(attempts=2, failed=1, waiting=1, stopped=1)}
    assert found["c1"].error_share == 0.5
