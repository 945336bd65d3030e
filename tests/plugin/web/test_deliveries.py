from __future__ import annotations

import pytest
from sqlalchemy import select

from plugin.store import delivery_log
from plugin.store.delivery_log import Filters
from plugin.store.tables import audit, deliveries
from tests.plugin.web import factory


@pytest.fixture
def connected(sqlite_parts, project, moment):
    return factory.make_connection(sqlite_parts, project, "metrica", now=moment)


@pytest.fixture
def deliver(sqlite_parts, project, connected, moment):
    """Put a delivery of a new inquiry into the outbox."""

    def made(state: str, **over) -> str:
        inquiry = factory.make_inquiry(sqlite_parts, project, at=moment)
        connection_id = over.pop("connection_id", connected.connection_id)
        return factory.make_delivery(sqlite_parts, inquiry, connection_id, at=moment, state=state, **over)

    return made


def states(parts) -> list[str]:
    with parts.database.read() as connection:
        return sorted(connection.execute(select(deliveries.c.state)).scalars())


def audited(parts) -> list[tuple[str, dict]]:
    with parts.database.read() as connection:
        return [(row.action, row.facts) for row in connection.execute(select(audit))]


def test_it_shows_errors_next_attempt_and_receipt(sign_in, project, deliver):
    deliver("rejected", error=factory.REFUSED)
    deliver("pending", error=factory.BUSY, attempts=2, finished_at=None)
    deliver("delivered", receipt={"note": "Metrica has processed the upload."})
    page = sign_in(language="ru").page(f"/p/{project.project_id}/deliveries")
    assert "Yandex Metrica: запрос не принят (400)." in page
    assert "Следующая попытка" in page
    assert "Метрика обработала загрузку." in page


@pytest.mark.parametrize(
    ("query", "shown"),
    [("state=failed", "dead"), ("state=delivered", "delivered"), ("state=waiting", "pending")],
)
def test_the_state_chooses(sign_in, project, deliver, query, shown):
    ids = {
        state: deliver(state, link=f"https://x.example/{state}") for state in ("dead", "delivered", "pending")
    }
    page = sign_in().page(f"/p/{project.project_id}/deliveries?{query}")
    assert [state for state in ids if f"x.example/{state}" in page] == [shown]


def test_connection_and_event_choose(sign_in, project, deliver):
    deliver("delivered", link="https://x.example/a", connection_id="elsewhere")
    deliver("delivered", link="https://x.example/b", event="source_found")
    browser = sign_in()
    path = f"/p/{project.project_id}/deliveries"
    assert "x.example/b" not in browser.page(f"{path}?connection_id=elsewhere")
    assert "x.example/a" not in browser.page(f"{path}?event=source_found")


def test_older_deliveries_come_on_asking(sign_in, shop):
    browser = sign_in()
    page = browser.page(f"/p/{shop.project.project_id}/deliveries")
    assert page.count('class="delivery"') == delivery_log.PAGE_ROWS
    assert "/deliveries/older?after=" in page


def test_one_delivery_is_sent_again_and_the_audit_knows_who_did_it(sign_in, sqlite_parts, project, deliver):
    delivery_id = deliver("dead")
    response = sign_in("manager").send(f"/p/{project.project_id}/deliveries/{delivery_id}/again")
    assert "within seconds" in response.get_data(as_text=True)
    assert states(sqlite_parts) == ["pending"]
    assert audited(sqlite_parts) == [("delivery.again", {"delivery_id": delivery_id})]


def test_sending_again_from_the_card_leads_back_to_it(sign_in, project, deliver, sqlite_parts):
    delivery_id = deliver("dead")
    with sqlite_parts.database.read() as connection:
        row = delivery_log.delivery_rows(connection, project.project_id, filters=Filters())[0]
    response = sign_in().send(
        f"/p/{project.project_id}/deliveries/{delivery_id}/again", follow=False, inquiry_id=row.inquiry_id
    )
    assert response.headers["Location"].endswith(f"/inquiries/{row.inquiry_id}")


def test_what_is_not_there_is_not_sent_again(sign_in, project):
    response = sign_in().send(f"/p/{project.project_id}/deliveries/nothing/again")
    assert "not there any more" in response.get_data(as_text=True)


@pytest.mark.parametrize(
    ("fields", "left"),
    [
        ({"state": "failed"}, ["delivered", "pending", "pending", "skipped"]),
        ({"state": "skipped"}, ["dead", "delivered", "pending", "rejected"]),
        ({}, ["delivered", "pending", "pending", "skipped"]),
        ({"state": "failed", "connection_id": "elsewhere"}, ["dead", "delivered", "rejected", "skipped"]),
        ({"state": "delivered"}, ["dead", "delivered", "rejected", "skipped"]),
    ],
)
def test_all_shown_that_stopped_are_sent_again_and_delivered_ones_never(
    sign_in, sqlite_parts, project, deliver, fields, left
):
    for state in ("dead", "rejected", "skipped", "delivered"):
        deliver(state)
    sign_in().send(f"/p/{project.project_id}/deliveries/again-all", **fields)
    assert states(sqlite_parts) == left


def test_the_health_of_each_connection_stands_on_top(sign_in, shop):
    page = sign_in().page(f"/p/{shop.project.project_id}/deliveries")
    assert "Google Analytics 4 refused the credentials (403)." in page
    assert "Resume" in page
    assert "Errors in 24 hours" in page


def test_a_paused_connection_is_resumed_from_there(sign_in, sqlite_parts, shop):
    paused = shop.connections["ga4"]
    path = f"/p/{shop.project.project_id}/connections/{paused.connection_id}/resume"
    response = sign_in("manager").send(path, follow=False, back="deliveries")
    assert response.headers["Location"].endswith("/deliveries")
    assert not sqlite_parts.connections.get(shop.project.project_id, paused.connection_id).is_paused
