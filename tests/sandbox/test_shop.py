from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient

from sandbox import shop
from sandbox.shelf import Shelf
from tests.sandbox.meta import SALES, SUPPORT


@pytest.fixture
def shop_client(app: Flask, shelf: Shelf) -> FlaskClient:
    shop.configure(
        shelf, tag="<script data-whence='{}'></script>", sales_number=SALES, support_number=SUPPORT
    )
    return app.test_client()


@pytest.mark.parametrize(
    "path", ["/shop/", "/shop/?lang=en", "/shop/product/sofa", "/shop/product/lamp?lang=en"]
)
def test_every_page_of_the_shop_holds_the_tag_after_its_own_script(
    path: str, shop_client: FlaskClient
) -> None:
    page = shop_client.get(path).get_data(as_text=True)
    assert 0 < page.index("shop.js") < page.index("<script data-whence='{}'></script>")
    assert f"https://wa.me/{SALES}" in page
    assert f"https://wa.me/{SUPPORT}" in page


@pytest.mark.parametrize(
    ("query", "words"), [("", "Мебель"), ("?lang=en", "Furniture"), ("?lang=xx", "Мебель")]
)
def test_the_shop_speaks_two_languages(query: str, words: str, shop_client: FlaskClient) -> None:
    assert words in shop_client.get(f"/shop/{query}").get_data(as_text=True)


def test_the_shop_knows_only_its_products(shop_client: FlaskClient) -> None:
    assert shop_client.get("/shop/product/nonsense").status_code == 404


def test_the_entrances_leave_the_marks_of_their_ads(shop_client: FlaskClient) -> None:
    page = shop_client.get("/shop/").get_data(as_text=True)
    for mark in ("utm_source=yandex", "yclid=", "utm_source=vk", "gclid=", "utm_source=google"):
        assert mark in page


@pytest.mark.parametrize("path", ["/shop/", "/messenger/", "/whatsapp/"])
def test_pages_below_a_prefix_stay_below_it(path: str, shop_client: FlaskClient) -> None:
    page = shop_client.get(path, environ_overrides={"SCRIPT_NAME": "/sandbox"}).get_data(as_text=True)
    assert "/sandbox/static/sandbox.css" in page
    assert 'href="/shop' not in page
    assert 'action="/' not in page.replace('action="/sandbox/', "")
