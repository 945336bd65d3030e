"""Addresses: their parameters, hosts and the values ad systems fill in."""

from __future__ import annotations

import time

import pytest

from plugin.domain.channel import classify
from plugin.domain.marks import VALUE_CHARS, cleaned_mapping, decoded, filled, params, place, readable_host

PLACES = [
    ("https://www.Example.com:8443/a/b?x=1#y", "example.com", "/a/b"),
    ("https://user:pass@example.com/", "example.com", "/"),
    ("HTTPS://EXAMPLE.COM.", "example.com", ""),
    ("//example.com/a", "example.com", "/a"),
    ("example.com", "example.com", ""),
    ("example.com:8080/a", "example.com", "/a"),
    ("android-app://org.telegram.messenger/", "org.telegram.messenger", "/"),
    ("https://xn--80aswg.xn--p1ai/", "сайт.рф", "/"),
    ("https://сайт.рф/", "сайт.рф", "/"),
    ("https://[2001:db8::1]:80/", "[2001:db8::1]", "/"),
    ("https://xn--\u0439/", "xn--й", "/"),
    ("", "", ""),
    ("just words", "", ""),
    ("https://", "", ""),
]


@pytest.mark.parametrize(("address", "host", "path"), PLACES)
def test_it_reads_host_and_path(address: str, host: str, path: str) -> None:
    found = place(address)
    assert (found.host, found.path) == (host, path)


def test_a_host_is_bounded() -> None:
    assert len(readable_host("a." * 5000)) <= 253


def test_the_first_filled_parameter_counts() -> None:
    assert params("https://shop.example/?a=&A=1&a=2&b#b=3") == {"a": "1", "b": "3"}


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("a+b", "a b"),
        ("%D1%8F", "я"),
        ("%FF", "я"),
        ("%EF%BB%BF%D1%8F%00", "я"),
        ("50%25", "50%"),
        ("50%2520off", "50 off"),
        ("%", "%"),
        ("%u044F", "я"),
        ("%ud800", ""),
        ("x" * 10_000, "x" * VALUE_CHARS),
    ],
)
def test_it_decodes_what_browsers_and_ad_systems_send(written: str, read: str) -> None:
    assert decoded(written) == read


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("{keyword}", ""),
        ("{{campaign.name}}", ""),
        ("${campaign}", ""),
        ("a_{b}_c", "a__c"),
        ("{b}|c", "c"),
        ("NONE", ""),
        ("{unclosed", "{unclosed"),
        ("__init__", "__init__"),
        ("none_such", "none_such"),
    ],
)
def test_it_drops_what_was_never_filled_in(written: str, read: str) -> None:
    assert filled(written) == read


def test_it_bounds_what_callers_hand_over() -> None:
    assert cleaned_mapping({"YCLID": " 1\x00 ", "empty": " "}) == {"yclid": "1"}


@pytest.mark.parametrize(
    "piece", ["a.", "?a=b", "%25", "{", "__A", "utm_source%3D%2526", "|1", "@", "%u0", "/:"]
)
def test_no_address_takes_long(piece: str) -> None:
    address = "https://shop.example/?utm_campaign=" + piece * (20_000 // len(piece))
    started = time.perf_counter()
    classify(address, address, utm={"utm_source": piece * 5000, "utm_content": piece * 5000})
    classify(piece * 5000, "https://" + piece * 5000)
    assert time.perf_counter() - started < 1
