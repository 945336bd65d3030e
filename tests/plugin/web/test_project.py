from __future__ import annotations

import pytest
from sqlalchemy import select

from plugin.store import projects
from plugin.store.tables import audit
from plugin.web.forms import origin_of

FIELDS = {
    "name": "Sofas",
    "origins": "https://shop.example/\nwww.shop.example",
    "time_zone": "Asia/Almaty",
    "currency": "KZT",
    "language": "en",
    "consent": "google",
    "depth_days": "30",
    "dialogue_gap_hours": "12",
    "window_days": "14",
    "wait_seconds": "60",
}


def stored(parts, project):
    with parts.database.read() as connection:
        return projects.project(connection, project.project_id)


def actions(parts) -> list[str]:
    with parts.database.read() as connection:
        return list(connection.execute(select(audit.c.action)).scalars())


def test_it_saves_the_project_and_notes_what_changed(sign_in, sqlite_parts, project):
    page = sign_in("manager").send(f"/p/{project.project_id}/settings", **FIELDS).get_data(as_text=True)
    found = stored(sqlite_parts, project)
    assert "Saved." in page
    assert (found.name, found.time_zone, found.currency, found.consent) == (
        "Sofas",
        "Asia/Almaty",
        "KZT",
        "google",
    )
    assert found.origins == ("https://shop.example", "https://www.shop.example")
    assert (found.depth_days, found.wait_seconds) == (30, 60)
    assert actions(sqlite_parts) == ["project.change"]


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"name": ""}, "Fill in this field."),
        ({"origins": "not a site"}, "Not a site&#39;s address"),
        ({"origins": "ftp://shop.example"}, "Not a site&#39;s address"),
        ({"depth_days": "0"}, "From 1 to 3650."),
        ({"depth_days": "many"}, "Enter a whole number."),
        ({"time_zone": "Mars/Olympus"}, "valid choice"),
    ],
)
def test_what_is_wrong_is_said_at_its_field_and_nothing_is_saved(
    sign_in, sqlite_parts, project, fields, sentence
):
    response = sign_in().send(f"/p/{project.project_id}/settings", **{**FIELDS, **fields})
    assert sentence in response.get_data(as_text=True)
    assert stored(sqlite_parts, project) == project


@pytest.mark.parametrize(
    ("line", "origin"),
    [
        ("shop.example", "https://shop.example"),
        ("https://Shop.Example/a?b", "https://shop.example"),
        ("http://localhost:8080/", "http://localhost:8080"),
        ("https://диваны.рф", "https://xn--80adjlu3c.xn--p1ai"),
    ],
)
def test_a_site_may_be_written_in_many_ways(line, origin):
    if "диваны" in line:
        origin = "https://" + "диваны.рф".encode("idna").decode()
    assert origin_of(line) == origin


@pytest.mark.parametrize(
    "line", ["shop", "ftp://shop.example", "https://u:p@shop.example", "https://", "a b.example:x"]
)
def test_what_is_no_site_is_refused(line):
    with pytest.raises(ValueError):
        origin_of(line)


# --- numbers --------------------------------------------------------------------------------------


@pytest.mark.parametrize("written", ["+7 (916) 765-43-21", "8 916 765 43 21", "https://wa.me/79167654321"])
def test_a_number_is_taken_in_any_writing(sign_in, sqlite_parts, project, written):
    sign_in().send(f"/p/{project.project_id}/numbers", address=written, label="Опт", is_tracked="y")
    assert [n.address for n in stored(sqlite_parts, project).numbers] == ["79990000001", "79167654321"]
    assert actions(sqlite_parts) == ["number.add"]


@pytest.mark.parametrize(
    ("written", "sentence"),
    [
        ("hello", "Give a phone number"),
        ("+7 12", "No phone has this number"),
        ("79990000001", "in the list already"),
    ],
)
def test_a_number_that_is_none_or_known_is_refused_with_a_sentence(
    sign_in, sqlite_parts, project, written, sentence
):
    page = sign_in().send(f"/p/{project.project_id}/numbers", address=written).get_data(as_text=True)
    assert sentence in page
    assert len(stored(sqlite_parts, project).numbers) == 1


def test_a_number_gets_another_label_and_is_tracked_no_more(sign_in, sqlite_parts, project):
    path = f"/p/{project.project_id}/numbers/{project.numbers[0].number_id}"
    sign_in().send(path, label="Сервис")
    changed = stored(sqlite_parts, project).numbers[0]
    assert (changed.label, changed.is_tracked) == ("Сервис", False)


def test_a_number_is_removed(sign_in, sqlite_parts, project):
    sign_in().send(f"/p/{project.project_id}/numbers/{project.numbers[0].number_id}", action="remove")
    assert stored(sqlite_parts, project).numbers == ()
    assert actions(sqlite_parts) == ["number.remove"]


def test_a_number_of_nobody_is_not_found(sign_in, project):
    assert sign_in().send(f"/p/{project.project_id}/numbers/nothing").status_code == 404


# --- phrases --------------------------------------------------------------------------------------


def test_phrases_are_saved_in_their_order_and_empty_rows_left_out(sign_in, sqlite_parts, project):
    sign_in().send(
        f"/p/{project.project_id}/phrases",
        phrase="Hello!",
        template="{phrase} {reference}",
        page=["/b", "/a*", "/c"],
        text=["Second", " First ", ""],
    )
    found = stored(sqlite_parts, project)
    assert (found.phrase, found.template) == ("Hello!", "{phrase} {reference}")
    assert [(phrase.page, phrase.text) for phrase in found.phrases] == [("/b", "Second"), ("/a*", "First")]


def test_without_the_reference_nothing_is_saved_and_nothing_typed_is_lost(sign_in, sqlite_parts, project):
    response = sign_in().send(
        f"/p/{project.project_id}/phrases", phrase="Hi", template="{phrase}", page=["/a"], text=["Typed"]
    )
    page = response.get_data(as_text=True)
    assert "no inquiry can be traced" in page
    assert "Typed" in page
    assert stored(sqlite_parts, project).phrases == ()


def test_the_preview_shows_the_message_with_a_reference(sign_in, project):
    assert "7KQ2-M4XD Здравствуйте! Пишу с сайта." in sign_in().page(f"/p/{project.project_id}/phrases")


# --- a further project ----------------------------------------------------------------------------


def test_an_owner_makes_a_further_project_and_owns_it(sign_in, sqlite_parts, project):
    names = ("name", "origins", "time_zone", "currency", "language")
    fields = {name: FIELDS[name] for name in names}
    response = sign_in().send("/projects/new", follow=False, **fields)
    new_id = response.headers["Location"].split("/")[2]
    assert "Sofas" in sign_in().page(f"/p/{new_id}/settings")
    assert sign_in("viewer").send("/projects/new", **fields).status_code == 403
