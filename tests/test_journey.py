"""The whole journey in one process: real web application, real adapters, strict stand-ins over HTTP."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from adapters.http import Transport
from plugin import intake
from plugin.delivery import Deliverer
from plugin.parts import sandbox_detours
from plugin.store import outbox
from plugin.store.database import utc_now
from plugin.store.outbox import OPEN_STATES
from plugin.web.application import create_web
from sandbox import create_sandbox, faults, ga4, metrica, whatsapp
from sandbox.amocrm import entities
from sandbox.demo import Demo, set_up_demo
from tests.processes import served, until
from tests.stage import (
    SOURCE_FIELDS,
    Visitor,
    connection_of,
    crm_of,
    hurry,
    lead_values,
    notes_of,
    rows,
)

PHONE, NAME = "79161234567", "Анна Смирнова"
SOON, LATER, DAYS = timedelta(seconds=3), timedelta(minutes=15), timedelta(days=2)


class Unlucky(Transport):
    """A way out on which the next call but some of a platform meets a fault."""

    def __init__(self, demo: Demo, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._shelf = demo.shelf
        self.platform, self.fault, self.left = "", "", 0
        self.meanwhile: Callable[[], None] | None = None

    def strike(self, platform: str, fault: str, *, after: int) -> None:
        """Let the platform's call after so many good ones meet the fault, once."""
        self.platform, self.fault, self.left = platform, fault, after + 1

    def send(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        """Send; just before a lead is created, once, do what happens `meanwhile`."""
        if self.meanwhile and "leads/complex" in request.url:
            happens, self.meanwhile = self.meanwhile, None
            happens()
        if self.left and f"/{self.platform}" in self._detour(request.url.split("/")[2]):
            self.left -= 1
            if not self.left:
                faults.switch(self._shelf, self.platform, self.fault, calls=1)
        return super().send(request, *args, **kwargs)


@dataclass(slots=True)
class Journey:
    """A demo that is served, and its worker, run by hand."""

    demo: Demo
    out: Unlucky
    deliverer: Deliverer

    def write(self, text: str, *, phone: str = PHONE, **more: Any) -> None:
        """Write to the business; come back when the webhook was answered."""
        sent = whatsapp.send_text(self.demo.shelf, from_phone=phone, name=NAME, text=text, **more)
        until(lambda: whatsapp.webhook(self.demo.shelf, sent)["state"] == "delivered", "the webhook's 200")

    def work(self, after: timedelta = SOON) -> None:
        """Do what a worker does, as if it were so much later."""
        now = utc_now() + after
        intake.read_webhooks(self.demo.parts, now=now)
        intake.settle_waiting(self.demo.parts, now=now)
        intake.find_late_clicks(self.demo.parts, now=now)
        self.deliverer.deliver_all(now + SOON)  # a batch gathers for a moment

    def work_off(self) -> None:
        """Work until no delivery is open."""

        def step() -> bool:
            self.work(LATER)
            return not any(row.state in OPEN_STATES for row in rows(self.demo, "deliveries"))

        until(step, "all deliveries to be finished")

    def states(self) -> Counter[tuple[str, str, str]]:
        """Count the deliveries by platform, event and state."""
        platforms = {row.connection_id: row.platform for row in rows(self.demo, "connections")}
        found = rows(self.demo, "deliveries")
        return Counter((platforms[row.connection_id], row.event, row.state) for row in found)

    def resume(self, platform: str) -> None:
        """Do what the owner does on the connection's page once it is mended."""
        found = connection_of(self.demo, platform)
        with self.demo.parts.database.write() as connection:
            outbox.resume(connection, found.project_id, found.connection_id, now=utc_now())


def start(base: str, *, settings: Any, folder: Path) -> tuple[Journey, Any]:
    """Set the demo up at an address; give it with its application."""
    demo = set_up_demo(settings, folder)
    hurry(demo)
    out = Unlucky(demo, detours=sandbox_detours(settings.sandbox_url), allow_private=True)
    demo = replace(demo, parts=replace(demo.parts, transport=out))
    sandbox = create_sandbox(shelf_path=folder / "sandbox.db", whence_url=base)
    app = DispatcherMiddleware(create_web(demo.parts), {"/sandbox": sandbox})
    return Journey(demo, out, Deliverer(demo.parts)), app


@pytest.fixture
def make_journey(make_settings, tmp_path: Path):
    """Serve a journey on a database."""

    def make(database_url: str) -> Iterator[Journey]:
        made: list[Journey] = []

        def app_at(base: str) -> Any:
            addresses = {"public_url": base, "sandbox_url": f"{base}/sandbox"}
            settings = make_settings(database_url=database_url, debug=True, **addresses)
            journey, app = start(base, settings=settings, folder=tmp_path)
            made.append(journey)
            return app

        with served(app_at):
            yield made[0]
        made[0].deliverer.close()
        made[0].demo.parts.database.close()

    return make


@pytest.fixture
def journey(make_journey, database_url: str) -> Iterator[Journey]:
    """On SQLite, then on PostgreSQL."""
    yield from make_journey(database_url)


@pytest.fixture
def sqlite_journey(make_journey, sqlite_url: str) -> Iterator[Journey]:
    """On SQLite only, where the database is not what is asked about."""
    yield from make_journey(sqlite_url)


def leads(journey: Journey) -> list[dict[str, Any]]:
    return crm_of(journey.demo).all("leads")


def source_of(lead: dict[str, Any]) -> dict[str, Any]:
    values = lead_values(lead)
    return {code: values.get(code) for code in SOURCE_FIELDS}


def delivered(*platforms: str, event: str = "inquiry_opened") -> Counter[tuple[str, str, str]]:
    return Counter((platform, event, "delivered") for platform in platforms)


def _asks_crm(attempt: Any) -> bool:
    return "amocrm" in attempt.exchanges[0]["url"]


def _at(attempt: Any) -> datetime:
    moment: datetime = attempt.at
    return moment


def test_an_ad_becomes_a_lead_and_conversions(journey):
    visitor = Visitor(journey.demo)
    visitor.opens_page()
    journey.write(visitor.presses())
    journey.work_off()
    [inquiry] = rows(journey.demo, "inquiries")
    assert (inquiry.how, inquiry.source, inquiry.campaign) == ("exact", "yandex", "sofas_msk")
    assert journey.states() == delivered("amocrm", "ga4", "metrica")
    [lead] = leads(journey)
    assert source_of(lead) == SOURCE_FIELDS
    assert len(notes_of(journey.demo, lead)) == 1
    [event] = ga4.received(journey.demo.shelf)
    assert (event["state"], event["client_id"]) == ("kept", visitor.facts["ids"]["ga_client_id"])
    assert {(row["kind"], row["is_linked"]) for row in metrica.received(journey.demo.shelf)} == {
        ("BASIC", True),
        ("CHATS", True),
    }
    links = {row.link for row in rows(journey.demo, "deliveries")}
    assert f"https://demo.amocrm.ru/leads/detail/{lead['id']}" in links


def test_a_message_before_its_click_waits_for_it(journey):
    visitor = Visitor(journey.demo)
    journey.write(visitor.presses_offline())
    journey.work()
    assert not rows(journey.demo, "inquiries")
    visitor.resend()
    journey.work_off()
    assert journey.states() == delivered("amocrm", "ga4", "metrica")
    assert source_of(leads(journey)[0]) == SOURCE_FIELDS


def test_a_click_days_late_reaches_all_who_had_been_told_less(journey):
    visitor = Visitor(journey.demo)
    journey.write(visitor.presses_offline())
    journey.work()
    journey.work(LATER)
    journey.work_off()
    assert journey.states() == delivered("amocrm", "metrica") + Counter(
        {("ga4", "inquiry_opened", "skipped"): 1}
    )
    with time_machine.travel(utc_now() + DAYS):
        visitor.resend()
        journey.work_off()
    late = delivered("amocrm", "metrica", event="source_found")
    assert journey.states() == delivered("amocrm", "ga4", "metrica") + late
    [lead] = leads(journey)
    assert source_of(lead) == SOURCE_FIELDS
    assert len(notes_of(journey.demo, lead)) == 2
    assert [event["state"] for event in ga4.received(journey.demo.shelf)] == ["kept"]
    assert Counter(row["kind"] for row in metrica.received(journey.demo.shelf)) == {"BASIC": 1, "CHATS": 1}


def test_a_click_that_comes_amid_a_delivery_is_not_lost(journey):
    visitor = Visitor(journey.demo)

    def click_comes() -> None:
        visitor.resend()
        assert intake.find_late_clicks(journey.demo.parts, now=utc_now()) == 1

    journey.write(visitor.presses_offline())
    journey.work()
    journey.out.meanwhile = click_comes
    journey.work(LATER)
    journey.work(2 * LATER)  # the lease has run out
    journey.work_off()
    [lead] = leads(journey)
    assert source_of(lead) == SOURCE_FIELDS
    assert [event["state"] for event in ga4.received(journey.demo.shelf)] == ["kept"]


def test_an_ad_that_opens_the_chat_needs_no_visit(sqlite_journey):
    sqlite_journey.write("Здравствуйте!", referral=dict(whatsapp.REFERRAL))
    sqlite_journey.work_off()
    [inquiry] = rows(sqlite_journey.demo, "inquiries")
    assert (inquiry.how, inquiry.channel, inquiry.ad) == (
        "referral",
        "Paid Social",
        whatsapp.REFERRAL["source_id"],
    )
    assert lead_values(leads(sqlite_journey)[0])["UTM_CONTENT"] == whatsapp.REFERRAL["source_id"]


def test_a_hidden_phone_still_gets_its_lead_and_source(sqlite_journey):
    visitor = Visitor(sqlite_journey.demo)
    text = visitor.presses()
    for words in (text, "И ещё вопрос"):
        sqlite_journey.write(words, phone="", bsuid="RU.9001002003")
        sqlite_journey.work_off()
    [lead] = leads(sqlite_journey)
    assert source_of(lead) == SOURCE_FIELDS
    [contact] = crm_of(sqlite_journey.demo).all("contacts")
    assert (contact["name"], contact["custom_fields_values"]) == (NAME, None)
    assert len(rows(sqlite_journey.demo, "inquiries")) == 1


def test_a_repeat_inquiry_fills_only_what_is_empty(sqlite_journey):
    journey = sqlite_journey
    journey.write("Здравствуйте! Нашла вас на выставке.")
    journey.work_off()
    account, [lead] = crm_of(journey.demo), leads(journey)
    by_hand = {"field_code": "UTM_CAMPAIGN", "values": [{"value": "выставка"}]}
    entities.change(account, "leads", lead, {"custom_fields_values": [by_hand]})
    with time_machine.travel(utc_now() + DAYS):
        journey.write(Visitor(journey.demo).presses())
        journey.work_off()
    assert [inquiry.is_repeat for inquiry in rows(journey.demo, "inquiries")] == [False, True]
    [lead] = leads(journey)
    assert source_of(lead) == SOURCE_FIELDS | {"UTM_CAMPAIGN": "выставка"}
    assert len(notes_of(journey.demo, lead)) == 2


def test_an_expired_token_pauses_and_a_mended_one_delivers(journey):
    faults.switch(journey.demo.shelf, "amocrm", "expired")
    journey.write(Visitor(journey.demo).presses())
    journey.work()
    assert connection_of(journey.demo, "amocrm").is_paused
    journey.work(DAYS)
    assert journey.states()["amocrm", "inquiry_opened", "pending"] == 1
    faults.switch(journey.demo.shelf, "amocrm", "")
    journey.resume("amocrm")
    journey.work_off()
    assert journey.states() == delivered("amocrm", "ga4", "metrica")
    assert len(leads(journey)) == 1


def test_it_waits_as_long_as_the_platform_asks(journey):
    faults.switch(journey.demo.shelf, "amocrm", "429", calls=1)
    journey.write(Visitor(journey.demo).presses())
    journey.work_off()
    first, second = sorted((row for row in rows(journey.demo, "attempts") if _asks_crm(row)), key=_at)
    assert first.error["class"] == "Temporary"
    assert _at(second) + timedelta(seconds=second.seconds) > _at(first) + timedelta(seconds=2)
    assert journey.states() == delivered("amocrm", "ga4", "metrica")


# platform, its calls for one inquiry; "expired" pauses, and has a test of its own
FAULTY = [
    (platform, fault, calls)
    for platform, calls in (("amocrm", 4), ("ga4", 1), ("metrica", 3))
    for fault in faults.FAULTS
    if fault not in ("slow", "expired")
]


@pytest.mark.parametrize(("platform", "fault", "calls"), FAULTY)
def test_a_fault_at_any_call_loses_and_doubles_nothing(sqlite_journey, platform, fault, calls):
    journey = sqlite_journey
    for place in range(calls):
        journey.out.strike(platform, fault, after=place)
        journey.write(Visitor(journey.demo).presses(), phone=f"7916555{place:04d}")
        journey.work_off()
        assert not journey.out.left, "the platform was not called so often"
    assert journey.states() == Counter(
        {(name, "inquiry_opened", "delivered"): calls for name in ("amocrm", "ga4", "metrica")}
    )
    assert len(crm_of(journey.demo).all("contacts")) == calls
    assert [len(notes_of(journey.demo, lead)) for lead in leads(journey)] == [1] * calls
    assert all(source_of(lead) == SOURCE_FIELDS for lead in leads(journey))
    kept = Counter(event["state"] for event in ga4.received(journey.demo.shelf))
    is_repeated = (platform, fault) == ("ga4", "drop-after")
    assert kept == {"kept": calls} | ({"repeat": 1} if is_repeated else {})
    kinds = Counter(row["kind"] for row in metrica.received(journey.demo.shelf))
    assert kinds == {"BASIC": calls, "CHATS": calls}


@pytest.mark.parametrize("platform", ["amocrm", "ga4", "metrica"])
def test_a_slow_answer_is_waited_for(sqlite_journey, platform):
    faults.switch(sqlite_journey.demo.shelf, platform, "slow", calls=1)
    sqlite_journey.write(Visitor(sqlite_journey.demo).presses())
    sqlite_journey.work_off()
    assert sqlite_journey.states() == delivered("amocrm", "ga4", "metrica")


def test_an_unknown_secret_is_seen_by_nobody_but_the_stand_in(sqlite_journey):
    """Google answers the same either way; that is why the receipt promises nothing."""
    faults.switch(sqlite_journey.demo.shelf, "ga4", "expired", calls=1)
    sqlite_journey.write(Visitor(sqlite_journey.demo).presses())
    sqlite_journey.work_off()
    assert [event["state"] for event in ga4.received(sqlite_journey.demo.shelf)] == ["dropped"]
    [row] = [row for row in rows(sqlite_journey.demo, "deliveries") if "analytics.google" in row.link]
    assert "does not confirm" in row.receipt["note"]
