"""What holds for all screens: languages, roles, headers, errors."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from flask import Flask

from plugin.web import period
from plugin.web.pages import short_url, web_url
from tests.plugin.web import factory

TEMPLATES = Path(__file__).parents[3] / "plugin" / "web" / "templates"
READ = (
    "",
    "deliveries",
    "settings",
    "numbers",
    "phrases",
    "connections",
    "install",
    "install/heard",
    "progress",
)


@pytest.mark.parametrize("language", ["ru", "en"])
@pytest.mark.parametrize("role", ["owner", "manager", "viewer"])
def test_every_screen_is_shown_to_every_role_in_both_languages(sign_in, shop, role, language):
    browser = sign_in(role, language=language)
    for name in READ:
        page = browser.page(f"/p/{shop.project.project_id}/{name}")
        assert ("Журнал" in page) == (language == "ru") or "<html" not in page


@pytest.mark.parametrize("language", ["ru", "en"])
def test_every_screen_of_a_new_project_says_what_to_do(sign_in, project, language):
    browser = sign_in(language=language)
    for name in READ:
        browser.page(f"/p/{project.project_id}/{name}")


CHANGES = [
    ("settings", "manager"),
    ("numbers", "manager"),
    ("phrases", "manager"),
    ("numbers/1", "manager"),
    ("deliveries/1/again", "manager"),
    ("deliveries/again-all", "manager"),
    ("connections/{connection}/check", "manager"),
    ("connections/{connection}/pause", "manager"),
    ("connections/{connection}/resume", "manager"),
    ("connections/{connection}", "owner"),
    ("connections/{connection}/remove", "owner"),
    ("connections/new/ga4", "owner"),
]


@pytest.mark.parametrize(("path", "needed"), CHANGES)
def test_each_change_needs_its_role(sign_in, shop, path, needed):
    connection_id = shop.connections["ga4"].connection_id
    address = f"/p/{shop.project.project_id}/{path.format(connection=connection_id)}"
    too_low = {"manager": ("viewer",), "owner": ("viewer", "manager")}[needed]
    for role in too_low:
        assert sign_in(role).send(address, follow=False).status_code == 403


@pytest.mark.parametrize(("path", "needed"), CHANGES)
def test_each_change_needs_the_page_s_token(sign_in, shop, path, needed):
    connection_id = shop.connections["ga4"].connection_id
    address = f"/p/{shop.project.project_id}/{path.format(connection=connection_id)}"
    assert sign_in(needed).client.post(address, data={}).status_code == 400


def test_a_project_of_others_is_not_found(sign_in, project, sqlite_parts, moment):
    other = factory.make_project(sqlite_parts, now=moment, name="Their secret shop")
    browser = sign_in()
    assert "secret" not in browser.page(f"/p/{other.project_id}/", 404)
    browser.page(f"/p/{other.project_id}/settings", 404)


def test_an_inquiry_or_connection_of_another_project_is_not_found(sign_in, shop, sqlite_parts, moment):
    other = factory.make_project(sqlite_parts, now=moment)
    theirs = factory.make_inquiry(sqlite_parts, other, at=moment)
    connection = factory.make_connection(sqlite_parts, other, "ga4", now=moment)
    browser = sign_in()
    browser.page(f"/p/{shop.project.project_id}/inquiries/{theirs.inquiry_id}", 404)
    browser.page(f"/p/{shop.project.project_id}/connections/{connection.connection_id}", 404)


def test_the_policy_allows_neither_inline_scripts_nor_inline_styles(sign_in, shop):
    response = sign_in().client.get(f"/p/{shop.project.project_id}/")
    policy = response.headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "script-src 'self'" in policy
    assert "style-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("template", sorted(TEMPLATES.glob("*.html")), ids=lambda path: path.name)
def test_templates_hold_no_inline_script_style_or_foreign_address(template):
    text = template.read_text(encoding="utf-8")
    assert not re.search(r"\sstyle=|<style|\son[a-z]+=|javascript:", text)
    assert not re.search(r"<script(?![^>]*\ssrc=)", text)
    assert not re.search(r"https?://", text)
    assert "| safe" not in text


def test_the_root_leads_to_the_only_project_or_lets_one_choose(sign_in, project, sqlite_parts, moment):
    browser = sign_in()
    assert browser.client.get("/").headers["Location"] == f"/p/{project.project_id}/"
    from plugin.store import projects

    other = factory.make_project(sqlite_parts, now=moment, name="Second")
    with sqlite_parts.database.write() as connection:
        owner = projects.user_by_email(connection, "owner@shop.example")
        projects.set_role(connection, other.project_id, user_id=owner.user_id, role="owner")
    assert "Second" in sign_in().page("/")
    browser.page(f"/p/{other.project_id}/")
    assert browser.client.get("/").headers["Location"] == f"/p/{other.project_id}/"


def test_somebody_without_a_project_is_told_whom_to_ask(sign_in, sqlite_parts, moment):
    factory.make_user(sqlite_parts, None, "lonely", now=moment)
    assert "Ask the owner" in sign_in("lonely").page("/")


@pytest.mark.parametrize(("language", "words"), [("ru", "Здесь ничего нет"), ("en", "There is nothing here")])
def test_what_is_not_there_is_told_in_plain_words(stranger, language, words):
    assert words in stranger.speak(language).page("/nowhere", 404)


def test_programs_get_errors_in_the_one_shape(stranger):
    response = stranger.client.get("/api/nowhere")
    assert response.status_code == 404
    assert set(response.json) == {"error", "message", "status"}
    assert response.json["status"] == 404


def test_a_bug_shows_a_calm_page_and_no_traceback(app: Flask):
    @app.get("/breaks")
    def breaks():
        raise RuntimeError("the secret inside")

    response = app.test_client().get("/breaks")
    assert response.status_code == 500
    assert "secret" not in response.get_data(as_text=True)


def test_static_files_are_kept_by_browsers_only_under_an_address_that_changes(sign_in, project):
    browser = sign_in()
    found = re.search(r"/static/app\.css\?v=\w+", browser.page(f"/p/{project.project_id}/"))
    assert "immutable" in browser.client.get(found[0]).headers["Cache-Control"]
    assert "immutable" not in browser.client.get("/static/app.css").headers["Cache-Control"]


@pytest.mark.parametrize(
    ("address", "kept"),
    [
        ("https://shop.example/a?b=1", True),
        ("http://shop.example", True),
        ("javascript:alert(1)", False),
        ("JAVASCRIPT:alert(1)", False),
        ("data:text/html,x", False),
        ("//evil.example", False),
        ("https://[broken", False),
        ("", False),
        (None, False),
    ],
)
def test_only_web_addresses_become_links(address, kept):
    assert bool(web_url(address)) is kept


@pytest.mark.parametrize(
    ("address", "short"),
    [
        ("https://www.shop.example/a/?b=1", "shop.example/a"),
        ("text", "text"),
        ("https://[broken", "https://[broken"),
    ],
)
def test_addresses_are_written_short(address, short):
    assert short_url(address) == short


# --- periods --------------------------------------------------------------------------------------

EVENING = datetime(2026, 11, 23, 22, 30, tzinfo=UTC)  # already the 24th in Moscow


@pytest.mark.parametrize(
    ("args", "first", "last"),
    [
        ({}, "2026-10-26", "2026-11-24"),
        ({"period": "1"}, "2026-11-24", "2026-11-24"),
        ({"period": "7"}, "2026-11-18", "2026-11-24"),
        ({"period": "nonsense"}, "2026-10-26", "2026-11-24"),
        ({"period": "own", "from": "2026-11-03", "to": "2026-11-01"}, "2026-11-01", "2026-11-03"),
        ({"period": "own", "from": "0001-01-01", "to": "2026-11-01"}, "2026-10-26", "2026-11-24"),
        ({"period": "own", "from": "2020-01-01", "to": "2026-11-01"}, "2025-11-01", "2026-11-01"),
    ],
)
def test_a_period_is_whole_days_of_the_project_s_zone(args, first, last):
    found = period.read(args, zone_name="Europe/Moscow", now=EVENING)
    assert (found.first.isoformat(), found.last.isoformat()) == (first, last)
    assert found.since.hour == 21


def test_the_chart_counts_by_the_project_s_day(app):
    found = period.read({"period": "7"}, zone_name="Europe/Moscow", now=EVENING)
    with app.test_request_context():
        drawn = period.chart(found, [(EVENING, "Direct", 2), (EVENING.replace(hour=3), "", 1)])
    assert json.loads(json.dumps(drawn))["series"][0]["values"][-1] == 2
    assert drawn["series"][1]["values"][-2] == 1
