"""Phone numbers: one form from any writing, and the writings of one phone."""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugin.phones import NotAPhone, normalise, pretty, region, variants

WRITINGS = [
    ("+7 (999) 123-45-67", "RU", "79991234567"),
    ("8 (999) 123-45-67", "RU", "79991234567"),
    ("89991234567", "ru", "79991234567"),
    ("79991234567", "RU", "79991234567"),
    ("9991234567", "RU", "79991234567"),
    ("007 999 123 45 67", "DE", "79991234567"),
    ("＋７ ９９９ １２３ ４５ ６７", "RU", "79991234567"),
    ("+7\u00a0999\u2011123\u201145\u201167", "RU", "79991234567"),
    ("+7 999 123-45-67 доб. 12", "RU", "79991234567"),
    ("tel:+7-999-123-45-67", "RU", "79991234567"),
    ("https://wa.me/79991234567", "RU", "79991234567"),
    ("whatsapp:+79991234567", "US", "79991234567"),
    ("8 701 123 45 67", "KZ", "77011234567"),
    ("77011234567", "RU", "77011234567"),
    ("+1 555 078 3881", "RU", "15550783881"),
    ("15550783881", "RU", "15550783881"),
    ("5511987654321", "RU", "5511987654321"),
    ("029 123-45-67", "BY", "375291234567"),
    ("80291234567", "BY", "375291234567"),
    ("079 123 45 67", "CH", "41791234567"),
    ("+971 50 123 4567", "RU", "971501234567"),
]


@pytest.mark.parametrize(("written", "where", "digits"), WRITINGS)
def test_it_reads_a_number_in_any_writing(written: str, where: str, digits: str) -> None:
    assert normalise(written, region=where) == digits


@pytest.mark.parametrize(
    "written", ["", "call me", "12", "8 999 123-45-6", "495 555 111", "+999 123 45 67 89", "0" * 50, "+"]
)
def test_it_refuses_what_is_no_number(written: str) -> None:
    with pytest.raises(NotAPhone):
        normalise(written, region="RU")


def test_a_refusal_does_not_repeat_the_number() -> None:
    with pytest.raises(ValueError, match="Check the digits") as caught:
        normalise("+999 123 45 67 89", region="RU")
    assert "123" not in str(caught.value)


def test_it_is_the_same_when_read_again() -> None:
    for written, where, digits in WRITINGS:
        assert normalise(normalise(written, region=where), region="RU") == digits


@given(st.text(max_size=60))
def test_any_text_is_a_number_or_refused(text: str) -> None:
    with suppress(NotAPhone):
        assert normalise(text, region="RU").isdecimal()


PRETTY = [
    ("79991234567", "+7 999 123-45-67"),
    ("15550783881", "+1 555-078-3881"),
    ("375291234567", "+375 29 123-45-67"),
    ("KZ.9001ABC", "KZ.9001ABC"),
    ("12", "12"),
    ("", ""),
]


@pytest.mark.parametrize(("digits", "written"), PRETTY)
def test_it_writes_numbers_for_people(digits: str, written: str) -> None:
    assert pretty(digits) == written


PLACES = [
    ("73431234567", "ru", "Свердловская обл"),
    ("74951234567", "en", "Moscow"),
    ("78121234567", "ru-RU", "г. Санкт-Петербург"),
    ("79991234567", "ru", "Россия"),
    ("77011234567", "ru", "Казахстан"),
    ("4930123456", "en", "Berlin"),
    ("KZ.9001ABC", "ru", ""),
    ("", "ru", ""),
]


@pytest.mark.parametrize(("digits", "language", "place"), PLACES)
def test_it_names_the_place_of_a_number(digits: str, language: str, place: str) -> None:
    assert region(digits, language) == place


VARIANTS = [
    ("5511987654321", ("5511987654321", "551187654321")),
    ("551187654321", ("551187654321", "5511987654321")),
    ("551132654321", ("551132654321",)),
    ("5511932654321", ("5511932654321",)),
    ("5215512345678", ("5215512345678", "525512345678")),
    ("525512345678", ("525512345678", "5215512345678")),
    ("5491123456789", ("5491123456789", "541123456789")),
    ("541123456789", ("541123456789",)),
    ("87011234567", ("87011234567", "77011234567")),
    ("77011234567", ("77011234567", "87011234567")),
    ("79991234567", ("79991234567", "89991234567")),
    ("84912345678", ("84912345678",)),
    ("4930123456", ("4930123456",)),
    ("KZ.79991234567", ("KZ.79991234567",)),
    ("", ("",)),
]


@pytest.mark.parametrize(("digits", "expected"), VARIANTS)
def test_it_gives_the_writings_of_one_phone(digits: str, expected: tuple[str, ...]) -> None:
    assert variants(digits) == expected


def test_naming_places_is_loaded_on_first_use() -> None:
    code = "import sys, plugin.phones; assert 'phonenumbers.geocoder' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
