"""The journey's verbs on real databases: what opens, what waits, what is matched, what is queued."""

from __future__ import annotations

from datetime import timedelta

import pytest

from plugin import flow
from plugin.store import inquiries, messages, outbox
from plugin.store.database import Database
from plugin.store.writer import GroupWriter
from tests.factories import NOW, make_click, make_message, make_project, make_visit, said

CRM, GA = "crm-1", "ga-1"
QUEUE = {"inquiry_opened": [CRM, GA], "source_found": [CRM]}


class Journey:
    """A project with verbs, so that a test reads as what happened."""

    def __init__(self, database: Database, **project) -> None:
        self.database = database
        self.writer = GroupWriter(database)
        self.project = make_project(database, **project)
        self.project_id = self.project.project_id

    def press(self, *, visit=None, **overrides):
        visit = visit or make_visit()
        click = make_click(visit, **overrides)
        flow.record_click(self.writer, self.project_id, visit, click=click, now=NOW)
        return click

    def write(self, *, now=NOW, **overrides):
        message = make_message(**overrides)
        return flow.receive_message(self.database, self.project_id, message, queue_for=QUEUE, now=now)

    def settle(self, *, now):
        with self.database.read() as connection:
            waiting = messages.waiting_messages(connection)
        return [
            flow.settle_message(
                self.database, project_id, message, queue_for=QUEUE, is_over=settle_at <= now, now=now
            )
            for project_id, message, settle_at in waiting
        ]

    def inquiries(self, person_id):
        with self.database.read() as connection:
            return inquiries.inquiries_of(connection, self.project_id, person_id)

    def deliveries(self, inquiry):
        with self.database.read() as connection:
            rows = outbox.states_of(connection, self.project_id, inquiry.inquiry_id)
        return sorted((row.connection_id, row.event, row.state) for row in rows)

    def mark(self, inquiry, connection_id, state):
        with self.database.write() as connection:
            now = NOW + timedelta(hours=1)
            (row,) = outbox.claim(
                connection, self.project_id, connection_id, owner="t", now=now, lease_seconds=9, limit=1
            )
            outbox.finish(connection, row, owner="t", state=state, now=now)


@pytest.fixture
def journey(database: Database) -> Journey:
    return Journey(database)


def test_a_reference_joins_the_message_to_its_visit(journey: Journey):
    click = journey.press()
    inquiry = journey.write(text=said(click, "Есть серый?"))
    assert inquiry is not None
    assert (inquiry.how, inquiry.visit_id, inquiry.click_id) == ("exact", click.visit_id, click.click_id)
    assert (inquiry.channel, inquiry.source, inquiry.campaign) == ("Paid Search", "yandex", "sofas")
    assert inquiry.page_url == click.page_url
    assert inquiry.text == "Есть серый?"


def test_the_inquiry_and_its_deliveries_come_together(journey: Journey):
    inquiry = journey.write(text=said(journey.press()))
    assert journey.deliveries(inquiry) == [
        (CRM, "inquiry_opened", "pending"),
        (GA, "inquiry_opened", "pending"),
    ]


def test_a_crash_while_queueing_leaves_no_inquiry_and_no_message(journey: Journey, monkeypatch):
    click = journey.press()
    message = make_message(text=said(click))

    def crash(*args, **kwargs):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(outbox, "queue", crash)
        flow.receive_message(journey.database, journey.project_id, message, queue_for=QUEUE, now=NOW)
    again = flow.receive_message(journey.database, journey.project_id, message, queue_for=QUEUE, now=NOW)
    assert again is not None
    assert len(journey.inquiries(again.person_id)) == 1


def test_the_same_message_twice_opens_one_inquiry(journey: Journey):
    message = make_message()
    first = flow.receive_message(journey.database, journey.project_id, message, queue_for=QUEUE, now=NOW)
    second = flow.receive_message(journey.database, journey.project_id, message, queue_for=QUEUE, now=NOW)
    assert first is not None
    assert second is None
    assert len(journey.inquiries(first.person_id)) == 1


def test_a_message_before_its_click_waits_and_is_matched_when_the_click_comes(journey: Journey):
    visit = make_visit()
    click = make_click(visit)
    assert journey.write(text=said(click)) is None
    assert journey.settle(now=NOW + timedelta(seconds=10)) == [False]
    flow.record_click(journey.writer, journey.project_id, visit, click=click, now=NOW)
    assert journey.settle(now=NOW + timedelta(seconds=11)) == [True]
    assert journey.settle(now=NOW + timedelta(seconds=12)) == []


def test_a_message_whose_click_never_comes_is_an_inquiry_after_the_wait(journey: Journey):
    message = make_message(text=said(make_click(make_visit())))
    flow.receive_message(journey.database, journey.project_id, message, queue_for=QUEUE, now=NOW)
    assert journey.settle(now=NOW + timedelta(seconds=91)) == [True]
    with journey.database.read() as connection:
        (found,) = inquiries.unmatched_with_reference(connection, since=NOW - timedelta(days=1))
    assert (found.how, found.channel) == ("none", "")


def test_a_click_that_comes_days_late_still_gives_its_inquiry_the_source(journey: Journey):
    visit = make_visit()
    click = make_click(visit)
    journey.write(text=said(click))
    journey.settle(now=NOW + timedelta(seconds=91))
    with journey.database.read() as connection:
        (unmatched,) = inquiries.unmatched_with_reference(connection, since=NOW - timedelta(days=1))
    journey.mark(unmatched, CRM, "delivered")
    journey.mark(unmatched, GA, "skipped")
    flow.record_click(journey.writer, journey.project_id, visit, click=click, now=NOW)
    later = NOW + timedelta(days=2)
    assert flow.match_late(journey.database, unmatched, queue_for=QUEUE, now=later)
    (found,) = journey.inquiries(unmatched.person_id)
    assert (found.how, found.source) == ("exact", "yandex")
    assert journey.deliveries(found) == [
        (CRM, "inquiry_opened", "delivered"),
        (CRM, "source_found", "pending"),
        (GA, "inquiry_opened", "pending"),
    ]


def test_a_reference_in_a_later_message_of_the_dialogue_gives_the_source(journey: Journey):
    click = journey.press()
    first = journey.write(sender_key="1", phone="79991112233", text="Добрый день")
    second = journey.write(sender_key="1", phone="79991112233", text=said(click))
    assert first is not None
    assert second is not None
    assert first.inquiry_id == second.inquiry_id
    assert second.how == "exact"
    assert second.text == "Добрый день"


def test_a_later_reference_does_not_replace_an_equal_match(journey: Journey):
    first_click, second_click = journey.press(), journey.press()
    first = journey.write(sender_key="1", phone="79991112233", text=said(first_click))
    journey.write(sender_key="1", phone="79991112233", text=said(second_click))
    assert first is not None
    (found,) = journey.inquiries(first.person_id)
    assert found.click_id == first_click.click_id


@pytest.mark.parametrize(("hours", "count"), [(23, 1), (25, 2)])
def test_silence_longer_than_the_gap_starts_a_new_inquiry(journey: Journey, hours: int, count: int):
    first = journey.write(sender_key="1", phone="79991112233")
    at = NOW + timedelta(hours=hours)
    journey.write(sender_key="1", phone="79991112233", sent_at=at, received_at=at, now=at)
    assert first is not None
    found = journey.inquiries(first.person_id)
    assert len(found) == count
    assert [inquiry.is_repeat for inquiry in found] == [False, True][:count]


def test_after_the_depth_a_person_is_new_again(database: Database):
    journey = Journey(database, depth_days=30)
    first = journey.write(sender_key="1", phone="79991112233")
    at = NOW + timedelta(days=31)
    journey.write(sender_key="1", phone="79991112233", sent_at=at, received_at=at, now=at)
    assert first is not None
    assert [inquiry.is_repeat for inquiry in journey.inquiries(first.person_id)] == [False, False]


def test_a_reference_of_another_number_is_not_taken(journey: Journey):
    click = journey.press(number="79995550000")
    inquiry = journey.write(text=said(click), now=NOW + timedelta(minutes=5))
    assert inquiry is not None
    assert inquiry.how == "none"


def test_a_second_person_with_the_same_reference_is_flagged(journey: Journey):
    click = journey.press()
    first = journey.write(sender_key="1", phone="79991112233", text=said(click))
    second = journey.write(sender_key="2", phone="79994445566", text=said(click))
    assert first is not None
    assert second is not None
    assert (first.is_shared, second.is_shared) == (False, True)


def test_an_ad_referral_without_a_visit_is_a_source(journey: Journey):
    referral = {
        "source_type": "ad",
        "source_id": "120200000001",
        "source_url": "https://fb.me/abc",
        "ctwa_clid": "clid-1",
    }
    inquiry = journey.write(referral=referral)
    assert inquiry is not None
    assert (inquiry.how, inquiry.channel, inquiry.ad) == ("referral", "Paid Social", "120200000001")
    assert inquiry.facts["source"]["click_ids"] == {"ctwa_clid": "clid-1"}
    assert inquiry.facts["referral"] == referral


def test_a_direct_visit_speaks_for_the_last_one_that_was_not(journey: Journey):
    from plugin.domain.visit import Touch

    touch = Touch(
        at=NOW - timedelta(days=3), landing_url="https://shop.example/?utm_source=vk&utm_medium=cpc"
    )
    visit = make_visit(landing_url="https://shop.example/", referrer="", last_touch=touch)
    inquiry = journey.write(text=said(journey.press(visit=visit)))
    assert inquiry is not None
    assert (inquiry.channel, inquiry.source) == ("Paid Social", "vk")


def test_a_person_keeps_one_identity_over_phone_and_user_id(journey: Journey):
    first = journey.write(sender_key="KZ.1", phone="77011112233", handles={"bsuid": "KZ.1"})
    second = journey.write(sender_key="KZ.1", phone="", handles={"bsuid": "KZ.1"})
    third = journey.write(sender_key="77011112233", phone="77011112233", handles={})
    assert first is not None
    assert second is not None
    assert third is not None
    assert first.person_id == second.person_id == third.person_id


def test_tags_follow_the_rules_of_the_project(database: Database):
    rules = [
        {"tag": "sofa", "field": "page", "op": "contains", "value": "/sofa"},
        {"tag": "table", "field": "page", "op": "contains", "value": "/table"},
        {"tag": "price", "field": "text", "op": "contains", "value": "сколько стоит"},
    ]
    journey = Journey(database, tag_rules=rules)
    inquiry = journey.write(text=said(journey.press(), "Сколько стоит?"))
    assert inquiry is not None
    assert inquiry.tags == ("sofa", "price")


def test_messages_out_of_order_make_one_inquiry(journey: Journey):
    at = NOW + timedelta(minutes=3)
    later = journey.write(sender_key="1", phone="79991112233", sent_at=at, received_at=at, now=at)
    journey.write(sender_key="1", phone="79991112233", sent_at=NOW, received_at=at, now=at)
    assert later is not None
    assert len(journey.inquiries(later.person_id)) == 1


def test_a_better_match_does_not_lose_the_ad_that_was_told_once(journey: Journey):
    referral = {"source_type": "ad", "source_id": "12", "source_url": "https://fb.me/a", "ctwa_clid": "c1"}
    journey.write(sender_key="1", phone="79991112233", referral=referral)
    better = journey.write(sender_key="1", phone="79991112233", text=said(journey.press()))
    assert better is not None
    assert better.how == "exact"
    assert better.facts["referral"] == referral


def test_a_kept_click_id_goes_along_but_does_not_make_a_direct_visit_an_ad(journey: Journey):
    visit = make_visit(landing_url="https://shop.example/", referrer="", click_ids={"gclid": "g-1"})
    inquiry = journey.write(text=said(journey.press(visit=visit)))
    assert inquiry is not None
    assert inquiry.channel == "Direct"
    assert inquiry.facts["source"]["click_ids"] == {"gclid": "g-1"}


def test_two_workers_that_read_two_first_messages_at_once_make_one_person(journey: Journey):
    from concurrent.futures import ThreadPoolExecutor

    for number in range(5):
        phone = f"7999222000{number}"
        with ThreadPoolExecutor(4) as pool:
            jobs = [pool.submit(journey.write, sender_key=phone, phone=phone) for _ in range(4)]
            found = [job.result() for job in jobs]
        assert len({inquiry.person_id for inquiry in found}) == 1
        assert len({inquiry.inquiry_id for inquiry in found}) == 1


class TestByHand:
    """Manual correction wins over all, and is told to those who were told otherwise."""

    def correct(self, journey: Journey, inquiry, written: str):
        return flow.correct_match(
            journey.database,
            journey.project_id,
            inquiry.inquiry_id,
            written=written,
            queue_for=QUEUE,
            now=NOW + timedelta(minutes=5),
        )

    def test_a_reference_read_out_gives_the_inquiry_its_visit(self, journey: Journey):
        click = journey.press()
        inquiry = journey.write(text="Добрый день")
        journey.mark(inquiry, CRM, "delivered")
        found = self.correct(journey, inquiry, said(click, "").lower())
        assert found is not None
        assert (found.how, found.visit_id, found.source) == ("manual", click.visit_id, "yandex")
        assert (found.confidence, found.text) == (1.0, "Добрый день")
        assert (CRM, "source_found", "pending") in journey.deliveries(inquiry)

    def test_nothing_replaces_it(self, journey: Journey):
        inquiry = journey.write(sender_key="1", phone="79991112233", text=said(journey.press()))
        assert self.correct(journey, inquiry, "") is not None
        later = journey.write(sender_key="1", phone="79991112233", text=said(journey.press()))
        assert (later.how, later.visit_id, later.channel) == ("manual", "", "")

    def test_a_reference_nobody_pressed_changes_nothing(self, journey: Journey):
        inquiry = journey.write(text=said(journey.press()))
        assert self.correct(journey, inquiry, said(make_click(make_visit()))) is None
        (found,) = journey.inquiries(inquiry.person_id)
        assert found.how == "exact"
