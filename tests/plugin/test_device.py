"""Devices and bots by User-Agent."""

from __future__ import annotations

import subprocess
import sys
import timeit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugin.device import Device, describe, is_bot

WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"
WINDOWS = f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {WEBKIT} Chrome/126.0.0.0 Safari/537.36"


def android(details: str, rest: str = "Chrome/126.0.0.0 Mobile Safari/537.36") -> str:
    return f"Mozilla/5.0 (Linux; {details}) {WEBKIT} {rest}"


PEOPLE = [
    (WINDOWS, "Windows", "Chrome 126", "desktop"),
    (f"{WINDOWS} Edg/126.0.0.0", "Windows", "Edge 126", "desktop"),
    (f"{WINDOWS} OPR/112.0.0.0", "Windows", "Opera 112", "desktop"),
    (WINDOWS.replace("NT 10.0", "NT 6.1"), "Windows 7", "Chrome 126", "desktop"),
    (
        f"Mozilla/5.0 (Windows NT 10.0) {WEBKIT} Chrome/124.0.0.0 YaBrowser/24.4.0.0 Safari/537.36",
        "Windows",
        "Yandex Browser 24",
        "desktop",
    ),
    (
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) "
        "Version/17.4 Safari/605.1.15",
        "macOS",
        "Safari 17",
        "desktop",
    ),
    (
        "Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0",
        "Linux",
        "Firefox 127",
        "desktop",
    ),
    (
        f"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {WEBKIT} Chrome/126.0.0.0 Safari/537.36",
        "ChromeOS",
        "Chrome 126",
        "desktop",
    ),
    (f"{IPHONE} Version/17.5 Mobile/15E148 Safari/604.1", "iOS 17", "Safari 17", "phone"),
    (f"{IPHONE} CriOS/126.0 Mobile/15E148 Safari/604.1", "iOS 17", "Chrome 126", "phone"),
    (f"{IPHONE} Mobile/15E148 Instagram 330.0.0.0", "iOS 17", "Instagram 330", "phone"),
    (
        IPHONE.replace("iPhone; CPU iPhone", "iPad; CPU") + " Version/16.6 Mobile/15E148 Safari/604.1",
        "iOS 17",
        "Safari 16",
        "tablet",
    ),
    (android("Android 10; K"), "Android", "Chrome 126", "phone"),
    (
        android(
            "arm_64; Android 14; SM-S911B", "Chrome/124.0 YaBrowser/24.4.3.90.00 SA/3 Mobile Safari/537.36"
        ),
        "Android 14",
        "Yandex Browser 24",
        "phone",
    ),
    (
        android("Android 12; SAMSUNG SM-G991B", "SamsungBrowser/25.0 Chrome/121.0.0.0 Mobile Safari/537.36"),
        "Android 12",
        "Samsung Internet 25",
        "phone",
    ),
    (android("Android 13; SM-X200", "Chrome/126.0.0.0 Safari/537.36"), "Android 13", "Chrome 126", "tablet"),
    (
        android("Android 13; CUBOT_X18 Build/T; wv", "Version/4.0 Chrome/126.0.0.0 Mobile Safari/537.36"),
        "Android 13",
        "Android WebView 126",
        "phone",
    ),
    (
        "Mozilla/5.0 (SMART-TV; Linux; Tizen 6.0) AppleWebKit/538.1 Version/6.0 TV Safari/538.1",
        "Tizen",
        "Safari 6",
        "",
    ),
]


@pytest.mark.parametrize(("user_agent", "os", "browser", "device"), PEOPLE)
def test_it_names_what_people_use(user_agent: str, os: str, browser: str, device: str) -> None:
    assert not is_bot(user_agent)
    found = describe(user_agent)
    assert (found.os, found.browser, found.device) == (os, browser, device)


BOTS = [
    "",
    "Mozilla/5.0 (compatible; YandexBot/3.0; +http://yandex.com/bots)",
    "Mozilla/5.0 (compatible; YandexMetrika/2.0; +http://yandex.com/bots yabs01)",
    "Mozilla/5.0 (compatible; YandexDirect/3.0; +http://yandex.com/bots)",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 8_1) AppleWebKit/600 (compatible; YandexMobileBot/3.0)",
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    f"Mozilla/5.0 (Linux; Android 6.0.1) {WEBKIT} Chrome/126 Mobile Safari/537.36 (compatible; GoogleOther)",
    "AdsBot-Google (+http://www.google.com/adsbot.html)",
    "Mediapartners-Google",
    "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
    "Mozilla/5.0 (compatible; Linux x86_64; Mail.RU_Bot/2.0; +https://help.mail.ru/webmaster/)",
    "Mozilla/5.0 (compatible; vkShare; +http://vk.com/dev/Share)",
    "WhatsApp/2.23.20.0 A",
    "TelegramBot (like TwitterBot)",
    "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
    "Viber/13.3.0.1",
    "Twitterbot/1.0",
    "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
    "Mozilla/5.0 (Macintosh) AppleWebKit/537.36 (compatible; ChatGPT-User/1.0; +https://openai.com/bot)",
    "Mozilla/5.0 AppleWebKit/537.36 (compatible; GPTBot/1.2; +https://openai.com/gptbot)",
    f"Mozilla/5.0 (X11; Linux x86_64) {WEBKIT} HeadlessChrome/126.0.0.0 Safari/537.36",
    f"Mozilla/5.0 (Linux; Android 11; moto g) {WEBKIT} Chrome/126 Mobile Safari/537.36 Chrome-Lighthouse",
    f"Mozilla/5.0 (X11; Linux x86_64) {WEBKIT} Chrome/126 Safari/537.36 PTST/240101",
    "Mozilla/5.0 (compatible; UptimeRobot/2.0; http://www.uptimerobot.com/)",
    "Mozilla/5.0 (compatible; Bytespider; spider-feedback@bytedance.com)",
    "curl/8.5.0",
    "Wget/1.21",
    "python-requests/2.32.0",
    "Go-http-client/2.0",
    "okhttp/4.12.0",
    "node-fetch/1.0",
    "Java/17.0.1",
]


@pytest.mark.parametrize("user_agent", BOTS)
def test_it_tells_programs_from_people(user_agent: str) -> None:
    assert is_bot(user_agent)
    assert describe(user_agent) == Device(device="bot")


@given(st.text(max_size=2000))
def test_nothing_makes_it_raise(user_agent: str) -> None:
    assert describe("Mozilla/5.0 " + user_agent).device in ("phone", "tablet", "desktop", "bot", "")


def test_telling_bots_needs_no_tables() -> None:
    code = "import sys, plugin.device as d; d.is_bot('Mozilla/5.0'); assert 'ua_parser' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_telling_bots_is_quick() -> None:
    runs = 2000
    best = min(timeit.repeat(lambda: is_bot(PEOPLE[13][0]), number=runs, repeat=5)) / runs
    assert best < 50e-6  # the bar leaves room for a crowded machine
