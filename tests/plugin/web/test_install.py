from __future__ import annotations

from datetime import timedelta
from html import unescape

from plugin.store import visits
from plugin.web.snippet import tag_html
from tests.plugin.web import factory


def test_it_gives_the_tag_to_copy(sign_in, sqlite_parts, project):
    page = sign_in().page(f"/p/{project.project_id}/install")
    assert tag_html(sqlite_parts, project) in unescape(page)
    assert 'data-copy="tag"' in page


def test_it_tells_when_the_snippet_was_seen(sign_in, sqlite_parts, project, moment):
    browser = sign_in()
    path = f"/p/{project.project_id}/install/heard"
    assert "turns green within seconds" in browser.page(path)
    factory.make_visit_row(sqlite_parts, project, at=moment - timedelta(minutes=5))
    assert "The snippet was seen 5 minutes ago." in browser.page(path)


def test_it_tells_in_plain_words_what_was_not_counted(sign_in, sqlite_parts, project, moment):
    with sqlite_parts.database.write() as connection:
        for reason, days in (("wrong_origin", 1), ("unknown_number", 30), ("something_new", 0)):
            visits.count_drop(
                connection,
                project.project_id,
                day=(moment - timedelta(days=days)).date().isoformat(),
                reason=reason,
                example="https://evil.example",
            )
    page = sign_in().page(f"/p/{project.project_id}/install")
    assert "not in the list of the project&#39;s sites" in page
    assert "https://evil.example" in page
    assert "something_new" in page
    assert "a number that is not in the project" not in page


def test_each_messenger_has_its_webhook_address(sign_in, sqlite_parts, project, moment):
    connected = factory.make_connection(sqlite_parts, project, "whatsapp", now=moment)
    page = sign_in().page(f"/p/{project.project_id}/install")
    assert f"{sqlite_parts.settings.public_url}/hooks/whatsapp/{connected.hook_key}" in page
