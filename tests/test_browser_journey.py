"""The whole journey as people see it: a visitor in the shop, a salesperson in the CRM, a marketer in Whence.

The service and the stand-ins are process trees of their own; the service alone is stopped and started.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from sandbox.demo import AGENT, EMAIL, PASSWORD, Demo, set_up_demo
from tests.browser import chromium
from tests.crashing.lives import environment_of, settings_of
from tests.crashing.platforms import platforms
from tests.processes import Tree, answers, until
from tests.stage import hurry, rows

__all__ = ["chromium", "platforms"]  # fixtures
pytestmark = [pytest.mark.browser, pytest.mark.slow]

REFERENCE = re.compile(r"\b[2-9A-Z]{4}-[2-9A-Z]{4}\b")
SECONDS = 1000
PHONE_SIZE = {"width": 390, "height": 844}
DESK_SIZE = {"width": 1280, "height": 900}
# language → what stands on the screens
WORDS = {
    "ru": {"ad": "с объявления Яндекс Директа", "channel": "Контекстная реклама", "sent": "Доставлено"},
    "en": {"ad": "from a Yandex Direct ad", "channel": "Paid Search", "sent": "Delivered"},
}


@dataclass(frozen=True, slots=True)
class Scene:
    """A served demo and where its parts are."""

    demo: Demo
    tree: Tree
    sandbox: str

    def restart(self) -> None:
        self.tree.start()
        until(lambda: answers(f"{self.demo.base}/healthz"), "the service to start")


@pytest.fixture
def scene(platforms: tuple[Path, str], sqlite_template: bytes, tmp_path: Path) -> Iterator[Scene]:
    root, url = platforms
    folder = root / tmp_path.name
    folder.mkdir()
    (folder / "whence.db").write_bytes(sqlite_template)
    settings = settings_of(folder, database_url=f"sqlite:///{folder}/whence.db", platforms_url=url)
    demo = set_up_demo(settings, folder)
    hurry(demo)
    tree = Tree("tests.crashing.service", environment=environment_of(settings), log=folder / "service.log")
    found = Scene(demo, tree, f"{url}/{folder.name}")
    found.restart()
    yield found
    tree.stop()
    demo.parts.database.close()


@pytest.fixture(params=["ru-desk", "en-phone"])
def visitor(request: pytest.FixtureRequest, chromium: Browser) -> Iterator[tuple[BrowserContext, str]]:
    """A browser at a desk, then a phone; Russian, then English."""
    language, device = request.param.split("-")
    size = PHONE_SIZE if device == "phone" else DESK_SIZE
    context = chromium.new_context(
        viewport=size,
        is_mobile=device == "phone",
        has_touch=device == "phone",
        locale=language,
        user_agent=AGENT,  # its own name says headless, and bots are not counted
    )
    context.set_default_timeout(20 * SECONDS)
    yield context, language
    context.close()


def enter_by_ad(context: BrowserContext, scene: Scene, *, language: str) -> Page:
    shop = context.new_page()
    shop.goto(f"{scene.sandbox}/shop/?lang={language}")
    with shop.expect_response("**/collect"):
        shop.get_by_role("link", name=WORDS[language]["ad"]).click()
    return shop


def press(shop: Page) -> Page:
    """Press the WhatsApp button; give the messenger that opens."""
    with shop.context.expect_page() as opened:
        shop.locator("#delivery-link").click()
    messenger = opened.value
    messenger.wait_for_load_state()
    return messenger


def prefilled(messenger: Page) -> str:
    return messenger.get_by_role("textbox", name="Message").input_value()


def send(messenger: Page, text: str) -> None:
    messenger.get_by_role("textbox", name="Message").fill(text)
    messenger.get_by_role("button", name="Send").click()
    messenger.locator(".tick[data-state=delivered]").first.wait_for()


def sign_in(context: BrowserContext, scene: Scene, *, language: str) -> Page:
    page = context.new_page()
    page.goto(f"{scene.demo.base}/login")
    page.locator("[name=email]").fill(EMAIL)
    page.locator("[name=password]").fill(PASSWORD)
    page.locator("[name=password]").press("Enter")
    page.wait_for_url(f"{scene.demo.base}/**")
    page.goto(f"{scene.demo.base}/language/{language}")
    page.goto(f"{scene.demo.base}/p/{scene.demo.project_id}/")
    return page


def open_card(journal: Page) -> None:
    """Wait until the open journal tells of the inquiry by itself, and open its card."""
    journal.locator("a.row-item, [data-reload]").first.wait_for()
    if not journal.locator("a.row-item").count():
        journal.locator("[data-reload]").click()
    journal.locator("a.row-item").first.click()


def finished(scene: Scene) -> bool:
    found = rows(scene.demo, "deliveries")
    return len(found) == 3 and all(row.state == "delivered" for row in found)


def test_a_press_in_the_shop_is_a_source_in_the_deal_card(scene, visitor):
    context, language = visitor
    words = WORDS[language]
    journal = sign_in(context, scene, language=language)
    shop = enter_by_ad(context, scene, language=language)
    messenger = press(shop)
    reference = REFERENCE.search(prefilled(messenger))
    assert reference is not None, prefilled(messenger)
    send(messenger, f"{reference[0].lower()} Осло в сером есть?")
    open_card(journal)
    expect(journal.locator("main")).to_contain_text(words["channel"])
    for part in ("yandex", "sofas_msk", "ad-17", "купить диван", reference[0], "98 %"):
        expect(journal.locator("main")).to_contain_text(part)
    until(lambda: finished(scene), "the deliveries")
    journal.reload()
    expect(journal.locator("main")).to_contain_text(words["sent"], ignore_case=True)
    _look_at_the_platforms(context, scene)


def _look_at_the_platforms(context: BrowserContext, scene: Scene) -> None:
    crm = context.new_page()
    crm.goto(f"{scene.sandbox}/amocrm/demo/")
    crm.locator(".crm-lead a").click()
    crm.get_by_text("Статистика").click()
    statistics = crm.locator("section.stat")
    expect(statistics).to_be_visible()
    for part in ("yandex", "cpc", "sofas_msk|70112233", "ad-17"):
        expect(statistics).to_contain_text(part)
    crm.goto(f"{scene.sandbox}/ga4/")
    expect(crm.locator(".ga4-event")).to_contain_text("generate_lead")
    crm.goto(f"{scene.sandbox}/metrica/")
    expect(crm.get_by_text("визит найден").first).to_be_visible()


def test_the_link_works_while_the_service_is_down(scene, visitor):
    context, language = visitor
    shop = enter_by_ad(context, scene, language=language)
    scene.tree.kill()
    messenger = press(shop)
    text = prefilled(messenger)
    assert REFERENCE.search(text), text
    messenger.get_by_role("textbox", name="Message").fill(text)
    messenger.get_by_role("button", name="Send").click()
    scene.restart()
    shop.reload()
    until(lambda: rows(scene.demo, "clicks"), "the click to arrive after the restart")
    until(lambda: finished(scene), "the deliveries", seconds=60)
    [inquiry] = rows(scene.demo, "inquiries")
    assert (inquiry.how, inquiry.source) == ("exact", "yandex")
