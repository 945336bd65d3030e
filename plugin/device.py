"""What a User-Agent says about the visitor's device, and whether a person sits at it at all."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

DeviceKind = Literal["phone", "tablet", "desktop", "bot", ""]

USER_AGENT_CHARS = 500


@dataclass(frozen=True, slots=True)
class Device:
    """A device as people call it: "Android 14", "Chrome 126". What is not known is an empty string."""

    os: str = ""
    browser: str = ""
    device: DeviceKind = ""


# Every browser of the last twenty years begins like this; libraries and link previews do not bother.
_BROWSER_START = ("Mozilla/", "Opera/", "UCWEB", "Nokia", "SAMSUNG", "BlackBerry", "SonyEricsson", "HUAWEI")
# Words of those that do pose as browsers; the well-mannered give an address ("+http://…").
# Plain substrings: a third of the time of one regular expression, and every beacon waits for this.
_BOT_WORDS = (
    *("bot", "http:", "https:", "crawl", "spider", "slurp", "fetch", "scrap", "archiver", "monitor"),
    *("headless", "lighthouse", "phantom", "puppeteer", "playwright", "selenium", "webdriver", "cypress"),
    *("preview", "screenshot", "validat", "pingdom", "ptst/", "gtmetrix", "wappalyzer", "jsdom"),
    *("mediapartners", "inspectiontool", "googleother", "read-aloud", "google favicon", "yandexmetri"),
    *("yadirect", "bytedance", "externalhit", "externalagent", "-user/"),
)


def is_bot(user_agent: str) -> bool:
    """Say whether a program sent this, not a person: crawlers, link previews, monitors, libraries, nobody."""
    if not user_agent.startswith(_BROWSER_START):
        return True
    words = user_agent[:USER_AGENT_CHARS].lower().replace("cubot", "")  # Cubot makes phones
    return any(map(words.__contains__, _BOT_WORDS))


def describe(user_agent: str) -> Device:
    """Name operating system, browser and kind of device."""
    return _described(user_agent[:USER_AGENT_CHARS])


@lru_cache(maxsize=2048)
def _described(user_agent: str) -> Device:
    if is_bot(user_agent):
        return Device(device="bot")
    # Its tables take a tenth of a second and tens of megabytes to load: not before they are needed.
    import ua_parser

    found = ua_parser.parse(user_agent)
    os, browser = found.os, found.user_agent
    os_name = _os(os.family, os.major or "", user_agent=user_agent) if os else ""
    browser_name = _browser(browser.family, browser.major or "") if browser else ""
    return Device(os_name, browser_name, _device(user_agent))


_OS_NAMES = {"Mac OS X": "macOS", "Chrome OS": "ChromeOS"}
_OS_WITH_VERSION = frozenset({"Android", "iOS", "Windows", "HarmonyOS"})


def _os(family: str, major: str, *, user_agent: str) -> str:
    name = _OS_NAMES.get(family, family)
    # Browsers froze these: "Android 10; K" and "Windows NT 10.0" stand for anything since.
    frozen = "Android 10; K)" in user_agent or (family == "Windows" and major == "10")
    return f"{name} {major}" if major and name in _OS_WITH_VERSION and not frozen else name


_BROWSER_NAMES = {
    "Chrome Mobile": "Chrome",
    "Chrome Mobile iOS": "Chrome",
    "Chrome Mobile WebView": "Android WebView",
    "Mobile Safari": "Safari",
    "Mobile Safari UI/WKWebView": "iOS WebView",
    "Firefox Mobile": "Firefox",
    "Firefox iOS": "Firefox",
    "Edge Mobile": "Edge",
    "Opera Mobile": "Opera",
    "Opera Mini": "Opera",
    "YandexSearch": "Yandex",
}


def _browser(family: str, major: str) -> str:
    return f"{_BROWSER_NAMES.get(family, family)} {major}".strip()


# First match wins. A tablet under Android says so by leaving "Mobile" out.
_DEVICE_SIGNS: tuple[tuple[re.Pattern[str], DeviceKind], ...] = (
    (re.compile(r"smart-?tv|\btv\b|googletv|appletv|playstation|xbox", re.IGNORECASE), ""),
    (re.compile(r"iPad|Tablet|PlayBook|Kindle|Silk/(?!.*Mobile)"), "tablet"),
    (re.compile(r"iPhone|iPod|Mobile|Phone|Opera Mini|BlackBerry|Symbian|UCWEB|Nokia"), "phone"),
    (re.compile(r"Android"), "tablet"),
    (re.compile(r"Windows|Macintosh|X11|Linux|CrOS"), "desktop"),
)


def _device(user_agent: str) -> DeviceKind:
    return next((kind for sign, kind in _DEVICE_SIGNS if sign.search(user_agent)), "")
