"""The source set by hand on the card."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from plugin import flow
from plugin.store import inquiries
from plugin.store.tables import audit
from tests.factories import make_click, make_message, make_visit, said


@pytest.fixture
def click(sqlite_parts, project, moment):
    visit = make_visit()
    found = make_click(visit, number=project.numbers[0].address, clicked_at=moment)
    flow.record_click(sqlite_parts.writer, project.project_id, visit, click=found, now=moment)
    return found


@pytest.fixture
def inquiry(sqlite_parts, project, moment):
    message = make_message(number=project.numbers[0].address, sent_at=moment, received_at=moment)
    return flow.receive_message(sqlite_parts.database, project.project_id, message, queue_for={}, now=moment)


@pytest.fixture
def path(inquiry) -> str:
    return f"/p/{inquiry.project_id}/inquiries/{inquiry.inquiry_id}"


@pytest.fixture
def how(sqlite_parts, inquiry):
    def read() -> str:
        with sqlite_parts.database.read() as connection:
            return inquiries.inquiry(connection, inquiry.project_id, inquiry.inquiry_id).how

    return read


def test_a_manager_sets_the_source_and_it_is_noted(sign_in, path, click, how, sqlite_parts):
    manager = sign_in("manager")
    assert "Set the source by hand" in manager.page(path)
    page = manager.send(f"{path}/source", reference=said(click, "")).get_data(as_text=True)
    assert "The source is set." in page
    assert how() == "manual"
    with sqlite_parts.database.read() as connection:
        actions = list(connection.execute(select(audit.c.action)).scalars())
    assert "inquiry.source" in actions


def test_that_there_was_no_visit_can_be_said(sign_in, path, how):
    sign_in("manager").send(f"{path}/source", reference="", no_visit="1")
    assert how() == "manual"


@pytest.mark.parametrize(
    ("reference", "told"), [("", "Enter the reference"), ("7KQ2-M4CP", "No press on a link")]
)
def test_what_cannot_be_is_told_and_changes_nothing(sign_in, path, how, reference, told):
    page = sign_in("manager").send(f"{path}/source", reference=reference).get_data(as_text=True)
    assert told in page
    assert how() == "none"


def test_a_viewer_cannot(sign_in, path, how):
    viewer = sign_in("viewer")
    assert "Set the source by hand" not in viewer.page(path)
    assert viewer.send(f"{path}/source", no_visit="1").status_code == 403
    assert how() == "none"


def test_an_inquiry_that_is_not_there_is_not_found(sign_in, project):
    response = sign_in("manager").send(f"/p/{project.project_id}/inquiries/none/source", no_visit="1")
    assert response.status_code == 404
