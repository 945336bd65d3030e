"""A shop, and browsers of the people who work in it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
from flask import Flask
from flask.testing import FlaskClient

from plugin.parts import Parts
from plugin.web.application import create_web
from tests.plugin.web import factory
from tests.plugin.web.factory import Shop

TOKEN = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')


class Browser:
    """A test client that sends forms as a page does: with its token."""

    def __init__(self, client: FlaskClient) -> None:
        self.client = client

    def page(self, path: str, status: int = 200, **kwargs) -> str:
        response = self.client.get(path, **kwargs)
        assert response.status_code == status, (path, response.status_code)
        return response.get_data(as_text=True)

    def token(self) -> str:
        for path in ("/projects/new", "/", "/login"):
            if found := TOKEN.search(self.client.get(path, follow_redirects=True).get_data(as_text=True)):
                return found[1]
        raise AssertionError("no page gave a token")

    def send(self, path: str, *, follow: bool = True, **fields):
        fields["csrf_token"] = self.token()
        return self.client.post(path, data=fields, follow_redirects=follow)

    def speak(self, language: str) -> Browser:
        self.client.get(f"/language/{language}")
        return self

    def sign_in(self, email: str, password: str = factory.PASSWORD):
        return self.send("/login", email=email, password=password)


@pytest.fixture
def app(sqlite_parts: Parts) -> Flask:
    return create_web(sqlite_parts)


@pytest.fixture
def moment() -> datetime:
    """The pages ask the real clock, so their rows are made around it."""
    return datetime.now(UTC)


@pytest.fixture
def project(sqlite_parts: Parts, moment: datetime):
    """A project without anything but a number, with a person of each role."""
    found = factory.make_project(sqlite_parts, now=moment)
    for role in ("owner", "manager", "viewer"):
        factory.make_user(sqlite_parts, found, role, now=moment)
    return found


@pytest.fixture
def shop(sqlite_parts: Parts, moment: datetime) -> Shop:
    return factory.make_shop(sqlite_parts, now=moment, count=70)


@pytest.fixture
def sign_in(app: Flask) -> Iterator[Callable[..., Browser]]:
    """Open a browser and sign somebody of the project in."""

    def signed(role: str = "owner", *, language: str = "en") -> Browser:
        browser = Browser(app.test_client())
        assert browser.sign_in(f"{role}@shop.example").status_code == 200
        return browser.speak(language)

    return signed


@pytest.fixture
def stranger(app: Flask) -> Browser:
    return Browser(app.test_client())
