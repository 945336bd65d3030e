"""A demo shop with Whence's tag, and with WhatsApp buttons in all the forms that sites have.

Nothing of it leaves the machine: a press on a WhatsApp link opens the messenger's page instead.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from flask import Blueprint, abort, render_template, request, url_for

from sandbox.shelf import Shelf

LANGUAGES = ("ru", "en")


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """One piece of furniture; texts by language, price in roubles."""

    slug: str
    price: int
    names: Mapping[str, str]
    about: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entrance:
    """A way into the shop, and the address parameters that it leaves."""

    slug: str
    names: Mapping[str, str]
    query: Mapping[str, str]


CATALOGUE = (
    Product(
        slug="sofa",
        price=64_900,
        names={"ru": "Диван «Осло»", "en": "Oslo sofa"},
        about={
            "ru": "Трёхместный, букле, ножки из дуба. Раскладывается одним движением.",
            "en": "Three seats, bouclé, oak legs. Unfolds in one move.",
        },
    ),
    Product(
        slug="armchair",
        price=28_500,
        names={"ru": "Кресло «Берген»", "en": "Bergen armchair"},
        about={
            "ru": "Глубокая посадка и высокая спинка: для долгих книг.",
            "en": "A deep seat and a high back, for long books.",
        },
    ),
    Product(
        slug="table",
        price=41_200,
        names={"ru": "Стол «Лофотен»", "en": "Lofoten table"},
        about={
            "ru": "Массив ясеня, шесть мест, масло вместо лака.",
            "en": "Solid ash, six places, oiled rather than lacquered.",
        },
    ),
    Product(
        slug="lamp",
        price=9_800,
        names={"ru": "Торшер «Тромсё»", "en": "Tromsø lamp"},
        about={
            "ru": "Тёплый свет, льняной абажур, плавная регулировка.",
            "en": "Warm light, a linen shade, a smooth dimmer.",
        },
    ),
)

ENTRANCES = (
    Entrance(
        slug="yandex-direct",
        names={"ru": "с объявления Яндекс Директа", "en": "from a Yandex Direct ad"},
        query={
            "utm_source": "yandex",
            "utm_medium": "cpc",
            "utm_campaign": "sofas_msk|70112233",
            "utm_content": "ad-17",
            "utm_term": "купить диван",
            "yclid": "1234567890123456789",
        },
    ),
    Entrance(
        slug="vk-post",
        names={"ru": "из записи ВКонтакте", "en": "from a VK post"},
        query={
            "utm_source": "vk",
            "utm_medium": "social",
            "utm_campaign": "autumn",
            "utm_content": "post-204",
        },
    ),
    Entrance(
        slug="google-ads",
        names={"ru": "с рекламы Google", "en": "from a Google ad"},
        query={"gclid": "EAIaIQobChMIsandbox0001", "gad_source": "1", "gad_campaignid": "21700000001"},
    ),
    Entrance(
        slug="google-search",
        names={"ru": "из поиска Google", "en": "from Google search"},
        # No page can set another site's referrer, so the address tells what it would have told.
        query={"utm_source": "google", "utm_medium": "organic"},
    ),
    Entrance(slug="directly", names={"ru": "напрямую", "en": "directly"}, query={}),
)

WORDS = {
    "ru": {
        "shop": "Фьорд",
        "tagline": "Мебель, к которой возвращаются",
        "write": "Написать в WhatsApp",
        "ask": "Спросить о наличии",
        "delivery": "Рассчитать доставку",
        "callback": "Открыть чат",
        "late": "Менеджер онлайн: написать",
        "support": "Служба поддержки (не отслеживается)",
        "back": "Все товары",
        "enter": "Войти в магазин",
        "note": "Это демо: ссылки WhatsApp открывают страницу мессенджера песочницы, а не интернет.",
        "ask_text": "Здравствуйте! Есть ли в наличии: {name}?",
        "delivery_text": "Подскажите стоимость доставки",
        "other": "English",
    },
    "en": {
        "shop": "Fjord",
        "tagline": "Furniture you come back to",
        "write": "Write on WhatsApp",
        "ask": "Ask if it is in stock",
        "delivery": "Ask about delivery",
        "callback": "Open a chat",
        "late": "A manager is online: write",
        "support": "Customer support (not tracked)",
        "back": "All products",
        "enter": "Enter the shop",
        "note": "This is a demo: WhatsApp links open the sandbox's messenger page, not the internet.",
        "ask_text": "Hello! Is it in stock: {name}?",
        "delivery_text": "How much is delivery?",
        "other": "Русский",
    },
}


def configure(shelf: Shelf, *, tag: str, sales_number: str, support_number: str) -> None:
    """Put Whence's tag and the shop's two numbers in place."""
    shelf.put("shop", "tag", tag)
    shelf.put("shop", "numbers", {"sales": sales_number, "support": support_number})


def blueprint(shelf: Shelf) -> Blueprint:
    """Make the shop's blueprint."""
    made = Blueprint("shop", __name__)

    @made.context_processor
    def shared() -> dict[str, object]:
        lang = _language()
        return {
            "lang": lang,
            "other_lang": next(name for name in LANGUAGES if name != lang),
            "words": WORDS[lang],
            "tag": shelf.get("shop", "tag", ""),
            "numbers": shelf.get("shop", "numbers", {"sales": "", "support": ""}),
            "price": lambda value: f"{value:,} ₽".replace(",", "\N{NO-BREAK SPACE}"),
        }

    @made.get("/")
    def index() -> str:
        return render_template("shop.html", catalogue=CATALOGUE, entrances=_entrances())

    @made.get("/product/<slug>")
    def product(slug: str) -> str:
        found = next((item for item in CATALOGUE if item.slug == slug), None) or abort(404)
        return render_template("shop_product.html", product=found)

    return made


def _language() -> str:
    asked = request.args.get("lang", "")
    return asked if asked in LANGUAGES else LANGUAGES[0]


def _entrances() -> list[tuple[str, str]]:
    """Give (name, address) of every way in; click ids differ each time, as they do in life."""
    lang = _language()
    fresh = str(time.time_ns())
    found = []
    for entrance in ENTRANCES:
        query = dict(entrance.query)
        if "yclid" in query:
            query["yclid"] = fresh
        if lang != LANGUAGES[0]:
            query["lang"] = lang
        address = url_for(".index") + (f"?{urlencode(query)}" if query else "")
        found.append((entrance.names[lang], address))
    return found
