"""The snippet's file and tag: pinned, cached, and still there after an update."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re

import pytest

from plugin.store import projects
from plugin.web import snippet
from plugin.web.edge import create_edge
from tests.factories import NOW, make_project


@pytest.fixture
def client(sqlite_parts):
    return create_edge(sqlite_parts).test_client()


def attribute(tag: str, name: str) -> str:
    found = re.search(rf"""{name}=(["'])(.*?)\1""", tag)
    assert found is not None
    return html.unescape(found[2])


def test_the_tag_names_the_file_that_is_served_with_its_hash(client, sqlite_parts):
    tag = snippet.tag_html(sqlite_parts, make_project(sqlite_parts.database))
    path = attribute(tag, "src").removeprefix(sqlite_parts.settings.public_url)
    response = client.get(path)
    digest = base64.b64encode(hashlib.sha384(response.data).digest()).decode()
    assert attribute(tag, "integrity") == f"sha384-{digest}"
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert "max-age=31536000" in response.headers["Cache-Control"]
    assert "immutable" in response.headers["Cache-Control"]


def test_the_plain_name_is_fresh_within_minutes(client):
    assert "max-age=300" in client.get("/w/whence.js").headers["Cache-Control"]


def test_an_unchanged_file_is_not_sent_again(client):
    first = client.get("/w/whence.js")
    again = client.get("/w/whence.js", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


def test_another_name_is_not_found(client):
    assert client.get("/w/whence.000000000000.js").status_code == 404
    assert client.get("/w/..%2fsecret").status_code == 404


def test_the_build_of_an_earlier_version_is_still_served(client, tmp_path, monkeypatch):
    (tmp_path / "0.0.9.js").write_bytes(b"old()")
    monkeypatch.setattr(snippet, "RELEASED", tmp_path)
    snippet.by_name.cache_clear()
    name = snippet.read_build(tmp_path / "0.0.9.js").hashed_name
    try:
        assert client.get(f"/w/{name}").data == b"old()"
    finally:
        snippet.by_name.cache_clear()


def test_the_settings_in_the_tag_survive_quotes_and_angle_brackets(sqlite_parts):
    project = make_project(sqlite_parts.database, phrase="""It's <b>"fine"</b> & Привет""")
    with sqlite_parts.database.write() as connection:
        projects.set_phrases(connection, project.project_id, [("/sofa*", "Диван?")])
        projects.add_number(
            connection, project.project_id, address="79990000002", label="support", is_tracked=False, now=NOW
        )
        project = projects.project(connection, project.project_id)
    tag = snippet.tag_html(sqlite_parts, project)
    assert json.loads(attribute(tag, "data-whence")) == {
        "key": project.public_key,
        "numbers": ["79990000001"],
        "phrase": """It's <b>"fine"</b> & Привет""",
        "phrases": [{"page": "/sofa*", "text": "Диван?"}],
    }
    assert "<b>" not in tag


def test_a_tag_that_follows_updates_is_not_pinned(sqlite_parts):
    tag = snippet.tag_html(sqlite_parts, make_project(sqlite_parts.database), pinned=False)
    assert attribute(tag, "src").endswith("/w/whence.js")
    assert "integrity" not in tag
