from __future__ import annotations

import pytest

from plugin.store import projects
from plugin.web.auth import hash_password, password_fits
from tests.plugin.web import factory


def test_it_keeps_an_argon2id_hash_and_not_the_password():
    kept = hash_password("correct horse")
    assert kept.startswith("$argon2id$")
    assert "correct horse" not in kept


def test_nobody_has_a_password():
    assert not password_fits(None, "nobody has this password")


def test_the_right_password_opens_the_journal(stranger, project):
    page = stranger.sign_in("owner@shop.example").get_data(as_text=True)
    assert project.name in page


@pytest.mark.parametrize("email", ["owner@shop.example", "nobody@shop.example"])
def test_a_wrong_password_and_an_unknown_person_get_the_same_answer(stranger, project, email):
    stranger.speak("en")
    response = stranger.sign_in(email, "wrong")
    assert response.status_code == 401
    assert "do not fit together" in response.get_data(as_text=True)


def test_the_eleventh_try_within_a_minute_is_refused(stranger, project):
    answers = [stranger.sign_in("owner@shop.example", "wrong").status_code for _ in range(11)]
    assert answers == [401] * 10 + [429]


def test_tries_on_one_account_are_counted_over_all_addresses(app, stranger, project):
    token = stranger.token()

    def attempt(number):
        return stranger.client.post(
            "/login",
            data={"email": "OWNER@shop.example ", "password": "wrong", "csrf_token": token},
            environ_base={"REMOTE_ADDR": f"10.0.0.{number}"},
        ).status_code

    assert [attempt(number) for number in range(11)] == [401] * 10 + [429]


def test_a_form_without_the_token_is_refused(stranger, project):
    response = stranger.client.post("/login", data={"email": "a@b.c", "password": "x"})
    assert response.status_code == 400
    assert "name=" not in response.get_data(as_text=True).split("<main", 1)[1]


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("/p/{id}/settings", "/p/{id}/settings"),
        ("//evil.example/", "/"),
        ("https://evil.example/", "/"),
        ("/\\evil.example", "/"),
        ("javascript:alert(1)", "/"),
    ],
)
def test_it_goes_on_only_within_this_site(stranger, project, target, expected):
    response = stranger.client.post(
        "/login",
        query_string={"next": target.format(id=project.project_id)},
        data={
            "email": "owner@shop.example",
            "password": factory.PASSWORD,
            "csrf_token": stranger.token(),
        },
    )
    assert response.headers["Location"] == expected.format(id=project.project_id)


def test_a_page_asks_to_sign_in_and_comes_back(stranger, project):
    response = stranger.client.get(f"/p/{project.project_id}/deliveries?state=failed")
    assert response.status_code == 302
    assert "deliveries" in response.headers["Location"]


def test_a_fragment_leads_the_whole_page_to_the_sign_in(stranger, project):
    response = stranger.client.get(f"/p/{project.project_id}/newer", headers={"HX-Request": "true"})
    assert (response.status_code, response.headers["HX-Redirect"]) == (401, "/login")


def test_signing_out_ends_the_session(sign_in, project):
    browser = sign_in()
    browser.send("/logout")
    browser.page(f"/p/{project.project_id}/", 302)


def test_a_changed_password_ends_every_session(sign_in, project, sqlite_parts):
    browser = sign_in()
    with sqlite_parts.database.write() as connection:
        user = projects.user_by_email(connection, "owner@shop.example")
        projects.change_user(connection, user.user_id, password_hash=hash_password("another one"))
    browser.page(f"/p/{project.project_id}/", 302)


def test_the_session_cookie_is_out_of_reach_of_scripts(stranger, project):
    response = stranger.client.get("/login")
    cookie = response.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie


def test_cookies_are_secure_when_the_service_is_reached_by_https(sqlite_url, make_settings):
    from plugin.parts import make_parts
    from plugin.web.application import create_web

    app = create_web(make_parts(make_settings(database_url=sqlite_url, public_url="https://whence.example")))
    assert "Secure" in app.test_client().get("/login").headers["Set-Cookie"]


@pytest.mark.parametrize(("header", "title"), [("ru-RU,ru", "Войти"), ("en", "Sign in"), ("fr", "Sign in")])
def test_the_browser_says_the_language_until_somebody_chooses(stranger, header, title):
    assert title in stranger.page("/login", headers={"Accept-Language": header})


def test_the_chosen_language_stays_with_the_browser_and_with_the_person(app, stranger, project, sqlite_parts):
    stranger.speak("ru")
    assert "Войти" in stranger.page("/login", headers={"Accept-Language": "en"})
    stranger.sign_in("owner@shop.example")
    stranger.speak("en")
    with sqlite_parts.database.read() as connection:
        assert projects.user_by_email(connection, "owner@shop.example").language == "en"


def test_a_language_that_is_not_there_is_not_found(stranger):
    stranger.page("/language/xx", 404)


def test_after_choosing_a_language_one_is_back_on_the_page(sign_in, project):
    path = f"/p/{project.project_id}/phrases"
    response = sign_in().client.get("/language/ru", headers={"Referer": f"http://localhost{path}"})
    assert response.headers["Location"] == path
    elsewhere = sign_in().client.get("/language/ru", headers={"Referer": "https://evil.example/x"})
    assert elsewhere.headers["Location"] == "/"
