"""The rules that tag inquiries."""

from __future__ import annotations

import pytest

from plugin.store import projects


@pytest.fixture
def rules_of(sqlite_parts, project):
    def read():
        with sqlite_parts.database.read() as connection:
            found = projects.project(connection, project.project_id)
        return [dict(rule) for rule in found.tag_rules]

    return read


@pytest.fixture
def path(project) -> str:
    return f"/p/{project.project_id}/tags"


RULE = {"tag": "delivery", "field": "text", "op": "contains", "value": "deliver"}


def test_rules_are_kept_in_their_order(sign_in, path, rules_of):
    second = {"tag": "sofa", "field": "page", "op": "glob", "value": "*/sofa*"}
    fields = {name: [RULE[name], second[name], ""] for name in ("tag", "value")}
    fields |= {name: [RULE[name], second[name], RULE[name]] for name in ("field", "op")}
    response = sign_in("manager").send(path, **fields)
    assert response.status_code == 200
    assert rules_of() == [RULE, second]


@pytest.mark.parametrize(("name", "value"), [("tag", ""), ("value", ""), ("field", "moon"), ("op", "regex")])
def test_a_rule_that_cannot_work_is_refused_and_what_was_typed_stays(sign_in, path, rules_of, name, value):
    response = sign_in("manager").send(path, **{**RULE, name: value})
    assert response.status_code == 422
    assert (RULE["value"] if name == "tag" else RULE["tag"]) in response.get_data(as_text=True)
    assert rules_of() == []


def test_a_viewer_sees_the_rules_and_changes_nothing(sign_in, path):
    sign_in("manager").send(path, **RULE)
    viewer = sign_in("viewer")
    assert "delivery" in viewer.page(path)
    assert viewer.send(path, **RULE).status_code == 403


def test_both_languages(sign_in, path):
    for language, word in (("ru", "Метки"), ("en", "Tags")):
        assert word in sign_in("viewer", language=language).page(path)
