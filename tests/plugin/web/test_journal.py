from __future__ import annotations

import json
import re
from datetime import timedelta
from html import unescape

import pytest

from plugin.store import journal as store
from plugin.store.journal import Cursor
from plugin.web.journal import read_cursor, timeline, write_cursor
from tests.plugin.web import factory

NASTY = '"><script>alert(1)</script>{{ 7*7 }}'


def rows_of(page: str) -> list[str]:
    return re.findall(r"inquiries/(\w+)", page)


def test_the_journal_shows_figures_chart_and_rows(sign_in, shop):
    page = sign_in(language="ru").page(f"/p/{shop.project.project_id}/?period=90")
    assert "Дошло до сообщения" in page
    chart = json.loads(unescape(re.search(r'data-chart="([^"]+)"', page)[1]))
    assert sum(series["total"] for series in chart["series"]) == len(shop.inquiries)
    assert len(rows_of(page)) == store.PAGE_ROWS


def test_older_rows_come_without_gap_or_repetition(sign_in, shop):
    browser = sign_in()
    page = browser.page(f"/p/{shop.project.project_id}/?period=90")
    older = unescape(re.search(r'hx-get="([^"]+/older[^"]+)"', page)[1])
    rest = browser.page(older)
    assert "/older" not in rest
    assert len(set(rows_of(page) + rows_of(rest))) == len(shop.inquiries)


def test_the_journal_tells_what_came_since_and_does_so_quietly(sign_in, sqlite_parts, project, moment):
    factory.make_inquiry(sqlite_parts, project, at=moment)
    browser = sign_in()
    newer = unescape(re.search(r'hx-get="([^"]+/newer[^"]+)"', browser.page(f"/p/{project.project_id}/"))[1])
    assert browser.page(newer).strip() == ""
    factory.make_inquiry(sqlite_parts, project, at=moment - timedelta(minutes=1))
    assert "1 new inquiry" in browser.page(newer)


@pytest.mark.parametrize(
    ("query", "fits"),
    [
        ("channel=Direct", True),
        ("channel=-", False),
        ("how=exact", True),
        ("how=none", False),
        ("number=79990000001", True),
        ("number=79990000002", False),
        ("standing=repeat", True),
        ("standing=new", False),
        ("delivery=failed", True),
        ("delivery=delivered", False),
        ("text=Анна", True),
        ("text=79161234567", True),
        ("text=Борис", False),
        ("period=1", False),
        ("period=7", True),
        ("period=own&from=2001-01-01&to=2001-02-01", False),
        ("period=nonsense", True),
    ],
)
def test_each_filter_works_from_the_address(sign_in, sqlite_parts, project, moment, query, fits):
    made = factory.make_inquiry(
        sqlite_parts, project, at=moment - timedelta(days=3), channel="Direct", how="exact", is_repeat=True
    )
    factory.make_delivery(sqlite_parts, made, "c", at=moment, state="dead")
    page = sign_in().page(f"/p/{project.project_id}/?{query}")
    assert (f"inquiries/{made.inquiry_id}" in page) is fits
    assert ("Nothing fits" in page) is not fits


def test_an_empty_journal_shows_three_steps_that_tick_themselves(sign_in, sqlite_parts, project, moment):
    browser = sign_in()
    page = browser.page(f"/p/{project.project_id}/")
    assert page.count("node is-waiting") == 3
    factory.make_visit_row(sqlite_parts, project, at=moment)
    factory.make_connection(sqlite_parts, project, "whatsapp", now=moment, last_webhook_at=moment)
    assert browser.page(f"/p/{project.project_id}/progress").count("node is-good") == 2
    factory.make_inquiry(sqlite_parts, project, at=moment)
    response = browser.client.get(f"/p/{project.project_id}/progress?from=journal")
    assert response.headers["HX-Refresh"] == "true"


def test_the_card_tells_everything(sign_in, shop):
    inquiry = next(i for i in shop.inquiries if i.campaign == "sofas_msk_search")
    page = sign_in(language="ru").page(f"/p/{shop.project.project_id}/inquiries/{inquiry.inquiry_id}")
    for fact in (
        "Контекстная реклама",
        "sofas_msk_search",
        "ad-14",
        "купить диван осло",
        "yclid",
        "1171254987.1795425600",
        f"{inquiry.reference[:4]}-{inquiry.reference[4:]}",
        "Первое касание",
        "Этот визит",
        "Переход по ссылке",
        "В адресе есть метки UTM.",
        "Europe/Moscow",
        "99 %" if inquiry.how == "exact" else "95 %",
    ):
        assert fact in page, fact


def test_the_card_shows_deliveries_with_their_errors_and_attempts(sign_in, sqlite_parts, project, moment):
    connected = factory.make_connection(sqlite_parts, project, "metrica", now=moment)
    inquiry = factory.make_inquiry(sqlite_parts, project, at=moment)
    delivery_id = factory.make_delivery(
        sqlite_parts, inquiry, connected.connection_id, at=moment, state="rejected", error=factory.REFUSED
    )
    factory.make_attempt(sqlite_parts, project, delivery_id, at=moment, outcome="rejected")
    path = f"/p/{project.project_id}/inquiries/{inquiry.inquiry_id}"
    page = sign_in().page(path)
    assert "Yandex Metrica did not accept the request (400)." in page
    assert "offline_conversions/upload" in page
    assert "Send again" in page
    assert "Send again" not in sign_in("viewer").page(path)


def test_a_receipt_leads_to_the_platform(sign_in, sqlite_parts, project, moment):
    inquiry = factory.make_inquiry(sqlite_parts, project, at=moment)
    receipt = {"note": "Open deal enriched", "params": {}}
    link = "https://shop.amocrm.ru/leads/detail/9001"
    factory.make_delivery(sqlite_parts, inquiry, "c", at=moment, link=link, receipt=receipt)
    page = sign_in(language="ru").page(f"/p/{project.project_id}/inquiries/{inquiry.inquiry_id}")
    assert link in page
    assert "Дополнена открытая сделка" in page


def test_the_history_holds_the_person_s_other_inquiries(sign_in, sqlite_parts, project, moment):
    first = factory.make_inquiry(sqlite_parts, project, at=moment - timedelta(days=9), text="Раньше")
    second = factory.make_inquiry(sqlite_parts, project, at=moment, person_id=first.person_id)
    page = sign_in().page(f"/p/{project.project_id}/inquiries/{second.inquiry_id}")
    assert first.inquiry_id in page
    assert "Раньше" in page


def test_nothing_that_strangers_write_becomes_markup(sign_in, sqlite_parts, project, moment):
    inquiry = factory.make_inquiry(
        sqlite_parts,
        project,
        at=moment,
        name=NASTY,
        text=NASTY,
        campaign=NASTY,
        source=NASTY,
        channel=NASTY,
        keyword=NASTY,
        ad=NASTY,
        how="exact",
        page_url="javascript:alert(1)",
        phrase=NASTY,
        tags=(NASTY,),
        because={"text": "The reference {reference} stands in the text.", "params": {"reference": NASTY}},
        facts={
            "source": {
                "landing_url": "javascript:alert(2)",
                "referrer": "data:text/html,x",
                "utm": {NASTY: NASTY},
                "click_ids": {NASTY: NASTY},
                "because": NASTY,
            },
            "visit": {"user_agent": NASTY, "screen": NASTY, "ids": {NASTY: NASTY}, "consent": {"ad": NASTY}},
            "click": {"page_title": NASTY, "page_url": "javascript:alert(3)"},
            "referral": {"headline": NASTY, "source_url": "javascript:alert(4)"},
        },
    )
    factory.make_delivery(
        sqlite_parts, inquiry, "c", at=moment, link="javascript:alert(5)", error={"text": NASTY}, state="dead"
    )
    browser = sign_in()
    project_id = project.project_id
    for path in ("", f"inquiries/{inquiry.inquiry_id}", "deliveries"):
        page = browser.page(f"/p/{project_id}/{path}")
        assert "<script>alert" not in page
        assert not re.search(r'(href|src)="\s*(javascript|data):', page)
    page = browser.page(f"/p/{project_id}/", query_string={"text": NASTY})
    assert "<script>alert" not in page


@pytest.mark.parametrize("text", ["", "abc", "12", ".", "12.", "x.y", "9" * 30 + ".a"])
def test_a_cursor_of_nonsense_begins_at_the_top(text):
    assert read_cursor(text) is None


def test_a_cursor_is_read_as_it_was_written(moment):
    cursor = Cursor(moment, "0199")
    assert read_cursor(write_cursor(cursor)) == cursor


def test_the_timeline_has_only_what_is_known(sqlite_parts, project, moment):
    bare = factory.make_inquiry(sqlite_parts, project, at=moment)
    assert timeline(bare) == []
    seen = factory.make_inquiry(
        sqlite_parts,
        project,
        at=moment,
        facts={
            "visit": {
                "started_at": "2026-11-23T12:00:00+00:00",
                "first_at": "2026-11-01T12:00:00+00:00",
                "last_at": "2026-11-10T12:00:00+00:00",
            },
            "click": {"clicked_at": "2026-11-23T12:01:00+00:00"},
        },
    )
    assert [point["kind"] for point in timeline(seen)] == ["first", "last", "visit", "press"]
