"""The collect endpoint: what it keeps, what it refuses and why, and that it never fails loudly."""

from __future__ import annotations

import json
import time
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from plugin.domain.reference import mint
from plugin.store import visits
from plugin.store.database import utc_now
from plugin.web.collect import MAX_BODY_BYTES, Drop
from plugin.web.edge import Edge, create_edge
from tests.factories import SALES, make_project

GOLDEN = sorted((Path(__file__).parents[2] / "golden" / "wire").glob("*.json"))
BROWSER = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
)


class Site:
    """A visitor's browser in front of the endpoint."""

    def __init__(self, parts) -> None:
        self.parts = parts
        self.project = make_project(parts.database)
        self.app = create_edge(parts)
        self.client = self.app.test_client()

    def payload(self, **overrides):
        now = int(time.time() * 1000)
        values = {
            "v": 1,
            "type": "visit",
            "key": self.project.public_key,
            "visit": "1" * 32,
            "visitor": "2" * 32,
            "started": now,
            "landing": "https://shop.example/?utm_source=yandex",
        }
        return {**values, **overrides}

    def click(self, **overrides):
        values = {
            "type": "click",
            "click": "3" * 32,
            "pressed": int(time.time() * 1000),
            "number": SALES,
            "ref": mint(),
            "page": "https://shop.example/sofa",
        }
        return self.payload(**{**values, **overrides})

    def send(self, payload, *, origin="https://shop.example", agent=BROWSER):
        body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        headers = {"User-Agent": agent}
        if origin:
            headers["Origin"] = origin
        return self.client.post("/collect", data=body, content_type="text/plain", headers=headers)

    def count(self, table: str) -> int:
        with self.parts.database.read() as connection:
            return connection.execute(text(f"SELECT count(*) FROM {table}")).scalar()


@pytest.fixture
def site(parts):
    return Site(parts)


@pytest.fixture
def debug_site(sqlite_url, make_settings):
    from plugin.parts import make_parts

    parts = make_parts(make_settings(database_url=sqlite_url, debug=True))
    yield Site(parts)
    parts.database.close()


def test_a_visit_is_kept_before_the_answer(site: Site):
    response = site.send(site.payload())
    assert (response.status_code, response.data) == (204, b"")
    assert site.count("visits") == 1


def test_a_click_brings_its_visit_along(site: Site):
    payload = site.click(ids={"ym_client_id": "1581234567890123456"})
    assert site.send(payload).status_code == 204
    with site.parts.database.read() as connection:
        click = visits.click(connection, site.project.project_id, "3" * 32)
        visit = visits.visit(connection, site.project.project_id, "1" * 32)
    assert click is not None
    assert visit is not None
    assert click.reference == payload["ref"]
    assert visit.analytics_ids == {"ym_client_id": "1581234567890123456"}


def test_a_click_adds_the_ids_that_the_visit_did_not_know_yet(site: Site):
    site.send(site.payload())
    site.send(site.click(ids={"ga_client_id": "1.2"}))
    with site.parts.database.read() as connection:
        visit = visits.visit(connection, site.project.project_id, "1" * 32)
    assert visit is not None
    assert visit.analytics_ids == {"ga_client_id": "1.2"}


def test_a_beacon_sent_twice_is_kept_once(site: Site):
    payload = site.click()
    site.send(payload)
    site.send(payload)
    assert (site.count("visits"), site.count("clicks")) == (1, 1)


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_every_golden_payload_is_accepted(debug_site: Site, path: Path):
    payload = {**json.loads(path.read_text())["payload"], "key": debug_site.project.public_key}
    if "pressed" in payload:
        payload["pressed"] = int(time.time() * 1000)
    response = debug_site.send(payload)
    assert (response.status_code, response.headers.get("X-Whence-Dropped")) == (204, None)


def test_touches_and_ids_of_the_golden_payload_are_kept(debug_site: Site):
    path = next(path for path in GOLDEN if path.stem == "visit")
    payload = {**json.loads(path.read_text())["payload"], "key": debug_site.project.public_key}
    debug_site.send(payload)
    with debug_site.parts.database.read() as connection:
        visit = visits.visit(connection, debug_site.project.project_id, payload["visit"])
    assert visit is not None
    assert visit.first_touch is not None
    assert visit.first_touch.referrer == "https://away.vk.com/"
    assert visit.analytics_ids["ym_client_id"] == payload["ids"]["ym_client_id"]
    assert visit.click_ids == payload["clicks"]
    assert visit.consent == payload["consent"]
    assert visit.screen == "1920x1080"


REFUSED = [
    ("a robot", lambda s: {"agent": "Mozilla/5.0 (compatible; Googlebot/2.1)"}, {}, Drop.BOT),
    ("no user agent", lambda s: {"agent": ""}, {}, Drop.BOT),
    ("another site", lambda s: {"origin": "https://evil.example"}, {}, Drop.WRONG_ORIGIN),
    ("no origin", lambda s: {"origin": ""}, {}, Drop.WRONG_ORIGIN),
    ("a look-alike", lambda s: {"origin": "https://notshop.example"}, {}, Drop.WRONG_ORIGIN),
    ("another key", lambda s: {}, {"key": "pk_unknown"}, Drop.UNKNOWN_PROJECT),
    ("another version", lambda s: {}, {"v": 2}, Drop.WRONG_FIELDS),
    ("a bad id", lambda s: {}, {"visit": "<script>"}, Drop.WRONG_FIELDS),
    ("a bad time", lambda s: {}, {"started": 12}, Drop.WRONG_FIELDS),
]


@pytest.mark.parametrize(("name", "how", "what", "reason"), REFUSED, ids=[row[0] for row in REFUSED])
def test_what_is_refused_has_its_reason(debug_site: Site, name, how, what, reason):
    response = debug_site.send(debug_site.payload(**what), **how(debug_site))
    assert response.status_code == 204
    assert response.headers["X-Whence-Dropped"] == reason
    assert debug_site.count("visits") == 0


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        ({"number": "79998887766"}, Drop.UNKNOWN_NUMBER),
        ({"ref": "AAAAAAAB"}, Drop.WRONG_REFERENCE),
        ({"ref": ""}, Drop.WRONG_REFERENCE),
        ({"pressed": int((time.time() - 9 * 86400) * 1000)}, Drop.TOO_OLD),
        ({"click": None}, Drop.WRONG_FIELDS),
    ],
)
def test_a_click_that_cannot_be_one_is_refused(debug_site: Site, what, reason):
    response = debug_site.send(debug_site.click(**what))
    assert response.headers["X-Whence-Dropped"] == reason


def test_a_subdomain_of_the_site_is_the_site(debug_site: Site):
    response = debug_site.send(debug_site.payload(), origin="https://m.shop.example")
    assert "X-Whence-Dropped" not in response.headers


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b"[1]", b"null", b'{"v":1}'])
def test_garbage_is_dropped_quietly(debug_site: Site, body):
    response = debug_site.send(body)
    assert response.status_code == 204
    assert response.headers["X-Whence-Dropped"] in (Drop.NOT_JSON, Drop.WRONG_FIELDS)


def test_a_body_over_the_limit_is_dropped_unread(debug_site: Site):
    response = debug_site.send(b"x" * (MAX_BODY_BYTES + 1))
    assert response.headers["X-Whence-Dropped"] == Drop.TOO_LARGE


def test_the_reason_is_told_in_debug_mode_only(site: Site):
    assert "X-Whence-Dropped" not in site.send(b"{").headers


def test_refusals_are_counted_for_the_owner(site: Site):
    for _ in range(3):
        site.send(site.payload(), origin="https://evil.example/path?secret=1")
    Edge.current  # noqa: B018
    site.app.extensions["edge"].drops.flush()
    with site.parts.database.read() as connection:
        assert visits.drops_since(connection, site.project.project_id, "2000-01-01") == [
            ("wrong_origin", 3, "https://evil.example")
        ]


def test_an_unknown_field_is_no_error(site: Site):
    site.send(site.payload(tomorrow={"x": 1}, ids={"ga_client_id": "1.2", "odd": 5}))
    with site.parts.database.read() as connection:
        visit = visits.visit(connection, site.project.project_id, "1" * 32)
    assert visit is not None
    assert visit.analytics_ids == {"ga_client_id": "1.2"}


def test_long_values_are_cut_not_refused(site: Site):
    site.send(site.click(page="https://shop.example/" + "x" * 5000, title="т" * 900))
    with site.parts.database.read() as connection:
        click = visits.click(connection, site.project.project_id, "3" * 32)
    assert click is not None
    assert (len(click.page_url), len(click.page_title)) == (2000, 300)


def test_a_browser_clock_that_runs_ahead_is_set_to_ours(site: Site):
    ahead = int((time.time() + 86400) * 1000)
    site.send(site.click(pressed=ahead))
    with site.parts.database.read() as connection:
        click = visits.click(connection, site.project.project_id, "3" * 32)
    assert click is not None
    assert abs(click.clicked_at - utc_now()) < timedelta(seconds=30)


def test_when_the_row_cannot_be_kept_the_browser_is_told_to_come_again(site: Site):
    with site.parts.database.write() as connection:
        connection.execute(text("ALTER TABLE visits RENAME TO elsewhere"))
    assert site.send(site.payload()).status_code == 503


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    junk=st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=20),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    ),
    name=st.sampled_from(
        ["first", "last", "clicks", "ids", "consent", "landing", "screen", "before", "title", "ref"]
    ),
)
def test_no_field_makes_the_endpoint_fail(debug_site: Site, junk, name):
    assert debug_site.send(debug_site.click(**{name: junk})).status_code == 204
