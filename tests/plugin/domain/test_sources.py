"""The tables of known sources: how hosts and names are found in them."""

from __future__ import annotations

from datetime import date

import pytest

from plugin.domain.marks import place
from plugin.domain.sources import AS_OF, CLICK_IDS, HostTable, Known, by_name, is_passage

TABLE = HostTable(
    (pattern, Known(pattern, "social", "social"))
    for pattern in ("one.ru", ".all.ru", "deep.all.ru", "land.*", "land.*/maps", "paths.ru/a", ".all.ru/pay")
)


@pytest.mark.parametrize(
    ("address", "pattern"),
    [
        ("https://one.ru/", "one.ru"),
        ("https://www.one.ru/", "one.ru"),
        ("https://m.one.ru/", "one.ru"),
        ("https://sub.one.ru/", ""),
        ("https://all.ru/", ".all.ru"),
        ("https://a.b.all.ru/", ".all.ru"),
        ("https://deep.all.ru/", "deep.all.ru"),
        ("https://a.all.ru/pay/1", ".all.ru/pay"),
        ("https://land.ru/", "land.*"),
        ("https://land.co.uk/", "land.*"),
        ("https://land.com.tr/", "land.*"),
        ("https://land.evil.com/", ""),
        ("https://land.shop/", ""),
        ("https://land.de/maps", "land.*/maps"),
        ("https://land.de/maps/1", "land.*/maps"),
        ("https://land.de/mapsmith", "land.*"),
        ("https://paths.ru/", ""),
        ("https://paths.ru/a?b", "paths.ru/a"),
        ("", ""),
    ],
)
def test_the_longest_pattern_wins(address: str, pattern: str) -> None:
    found = TABLE.find(place(address))
    assert (found.name if found else "") == pattern


@pytest.mark.parametrize(
    ("written", "name", "kind"),
    [
        ("VK", "vk", "social"),
        ("vk.com", "vk", "social"),
        ("www.m.vk.com", "vk", "social"),
        ("vk-group", "vk-group", "social"),
        ("vkusvill", "", ""),
        ("yandex_maps_spb", "yandex_maps_spb", "maps"),
        ("2_gis", "2gis", "maps"),
        ("okna", "", ""),
        ("", "", ""),
        ("___", "", ""),
    ],
)
def test_it_knows_names_as_people_write_them(written: str, name: str, kind: str) -> None:
    found = by_name(written)
    assert (found.name, found.kind) == (name, kind) if found else not name


def test_payment_pages_are_passages() -> None:
    assert is_passage(place("https://auth.robokassa.ru/Merchant"))
    assert not is_passage(place("https://blog.example.org/"))


def test_the_tables_carry_their_date() -> None:
    assert date.fromisoformat(AS_OF) >= date(2026, 11, 23)


def test_ad_clicks_come_before_clicks_that_prove_less() -> None:
    media = [proof.medium for proof in CLICK_IDS.values()]
    assert media.index("organic") > max(place for place, medium in enumerate(media) if medium == "cpc")
