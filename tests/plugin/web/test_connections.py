from __future__ import annotations

import pytest
from sqlalchemy import select

from adapters.base import Finding, Misconfigured
from adapters.registry import adapter_class, all_adapters
from plugin.store.tables import audit, connections
from tests.plugin.web import factory

NEW = {"label": "Shop's GA4", "set-measurement_id": "G-ABC123DEF4", "set-api_secret": "top-secret-value"}


@pytest.fixture
def ga4(sqlite_parts, project, moment):
    return factory.make_connection(sqlite_parts, project, "ga4", now=moment)


@pytest.fixture
def path(project, ga4) -> str:
    return f"/p/{project.project_id}/connections/{ga4.connection_id}"


@pytest.fixture
def checks(monkeypatch):
    """Let GA4's check answer as the test says: the platform itself is tested elsewhere."""
    asked = []

    def answer(result):
        def check(self):
            asked.append(dict(self.config))
            if isinstance(result, Exception):
                raise result
            return result

        monkeypatch.setattr(adapter_class("ga4"), "check", check)
        return asked

    return answer


def kept(parts, connection):
    return parts.connections.get(connection.project_id, connection.connection_id)


@pytest.mark.parametrize("language", ["ru", "en"])
@pytest.mark.parametrize("slug", [cls.slug for cls in all_adapters()])
def test_every_platform_has_a_form_with_all_its_settings(sign_in, project, slug, language):
    page = sign_in(language=language).page(f"/p/{project.project_id}/connections/new/{slug}")
    for setting in adapter_class(slug).settings:
        assert f'name="set-{setting.name}"' in page


def test_a_platform_that_is_not_there_is_not_found(sign_in, project):
    sign_in().page(f"/p/{project.project_id}/connections/new/nothing", 404)


def test_a_connection_is_added_encrypted_and_tried_at_once(sign_in, sqlite_parts, project):
    response = sign_in().send(f"/p/{project.project_id}/connections/new/ga4", follow=False, **NEW)
    assert response.headers["Location"].endswith("?check=1")
    [added] = sqlite_parts.connections.of_project(project.project_id)
    assert (added.label, added.kind, added.config["api_secret"]) == (
        "Shop's GA4",
        "analytics",
        "top-secret-value",
    )
    with sqlite_parts.database.read() as connection:
        assert b"top-secret-value" not in connection.execute(select(connections.c.config)).scalar()
        [noted] = connection.execute(select(audit.c.facts)).scalars()
    assert "top-secret-value" not in str(noted)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"set-measurement_id": ""}, "Fill in this field."),
        ({"set-api_secret": ""}, "Fill in this field."),
        ({"set-measurement_id": "UA-1"}, "This does not look right."),
    ],
)
def test_wrong_settings_are_refused_at_their_field_without_sending_secrets_back(
    sign_in, sqlite_parts, project, fields, sentence
):
    response = sign_in().send(f"/p/{project.project_id}/connections/new/ga4", **{**NEW, **fields})
    page = response.get_data(as_text=True)
    assert sentence in page
    assert "top-secret-value" not in page
    assert sqlite_parts.connections.of_project(project.project_id) == []


def test_secrets_are_never_sent_to_the_browser(sign_in, shop):
    browser = sign_in()
    for platform, connection in shop.connections.items():
        page = browser.page(f"/p/{shop.project.project_id}/connections/{connection.connection_id}")
        assert factory.SECRET not in page, platform
        assert "Kept. Leave the field empty" in page
    for name in ("connections", "deliveries", "install", ""):
        assert factory.SECRET not in browser.page(f"/p/{shop.project.project_id}/{name}")


def test_an_empty_secret_stays_and_an_entered_one_replaces(sign_in, sqlite_parts, ga4, path):
    browser = sign_in()
    browser.send(path, **{**NEW, "set-api_secret": "", "set-measurement_id": "G-OTHER12345"})
    assert kept(sqlite_parts, ga4).config["api_secret"] == factory.SECRET
    assert kept(sqlite_parts, ga4).config["measurement_id"] == "G-OTHER12345"
    browser.send(path, **NEW)
    assert kept(sqlite_parts, ga4).config["api_secret"] == "top-secret-value"


def test_saving_lets_a_connection_work_that_its_settings_had_stopped(
    sign_in, sqlite_parts, ga4, path, moment
):
    because = {"text": "The token is wrong.", "params": {}}
    sqlite_parts.connections.change(
        ga4.project_id, ga4.connection_id, paused_at=moment, paused_because=because
    )
    sign_in().send(path, **NEW)
    assert not kept(sqlite_parts, ga4).is_paused


def test_saving_leaves_paused_what_somebody_paused(sign_in, sqlite_parts, ga4, path):
    browser = sign_in()
    browser.send(f"{path}/pause")
    browser.send(path, **NEW)
    assert kept(sqlite_parts, ga4).is_paused
    assert "Paused by hand." in browser.page(path)
    browser.send(f"{path}/resume")
    assert not kept(sqlite_parts, ga4).is_paused


def test_a_removed_connection_leaves_nothing(sign_in, sqlite_parts, ga4, path):
    sign_in().send(f"{path}/remove")
    assert kept(sqlite_parts, ga4) is None


def test_the_check_lists_what_was_found(sign_in, path, checks):
    checks([Finding(True, "The goal {target} is there.", {"target": "wa"}), Finding(False, "Be careful.")])
    page = sign_in(language="ru").send(f"{path}/check").get_data(as_text=True)
    assert "Цель wa найдена." in page
    assert "is-fair" in page


def test_the_check_tells_the_adapter_s_sentence(sign_in, path, checks):
    text = "{platform} refused the credentials ({status}). Check the token and its rights."
    checks(Misconfigured(text, platform="GA4", status=401))
    page = sign_in(language="ru").send(f"{path}/check").get_data(as_text=True)
    assert "GA4: доступ отклонён (401). Проверьте токен и его права." in page


def test_a_bug_during_the_check_tells_no_details(sign_in, path, checks):
    checks(RuntimeError(factory.SECRET))
    page = sign_in().send(f"{path}/check").get_data(as_text=True)
    assert "Whence failed during the check." in page
    assert factory.SECRET not in page


def test_an_owner_tries_what_stands_in_the_form_before_saving(sign_in, sqlite_parts, ga4, path, checks):
    asked = checks([])
    sign_in().send(f"{path}/check", **NEW)
    assert asked[0]["api_secret"] == "top-secret-value"
    assert kept(sqlite_parts, ga4).config["api_secret"] == factory.SECRET


def test_a_manager_tries_only_what_is_kept(sign_in, path, checks):
    asked = checks([])
    sign_in("manager").send(f"{path}/check", **NEW)
    assert asked[0]["measurement_id"] == "G-ABC123DEF4"
    assert asked[0]["api_secret"] == factory.SECRET


def test_the_webhook_address_is_for_managers(sign_in, sqlite_parts, project, moment):
    connected = factory.make_connection(sqlite_parts, project, "whatsapp", now=moment)
    address = f"/hooks/whatsapp/{connected.hook_key}"
    assert address in sign_in("manager").page(f"/p/{project.project_id}/install")
    assert address not in sign_in("viewer").page(f"/p/{project.project_id}/install")


def test_only_an_owner_is_led_to_the_consent_window_and_only_where_there_is_one(
    sign_in, sqlite_parts, project, path, moment
):
    amo = sqlite_parts.connections.add(
        project.project_id, platform="amocrm", kind="crm", label="amoCRM", config={}, now=moment
    )
    address = f"/p/{project.project_id}/connections/{amo.connection_id}"
    assert f"{address}/consent" in sign_in().page(address)
    assert f"{address}/consent" not in sign_in("manager").page(address)
    assert "/consent" not in sign_in().page(path)
