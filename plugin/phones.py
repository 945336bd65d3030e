"""Phone numbers in any writing, to and from the one form we keep: E.164 digits without "+"."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from functools import lru_cache

import phonenumbers
from phonenumbers import PhoneNumber

from plugin.domain.because import N_


class NotAPhone(ValueError):
    """One translatable sentence for the person who typed it; never the number itself."""


_NO_DIGITS = N_("Give a phone number, for example +7 999 123-45-67.")
_NO_NUMBER = N_("No phone has this number. Check the digits, and give the country code with a plus sign.")

WRITTEN_CHARS = 200
SHORTEST_BARE = 10  # digits; a shorter one without "+" is a local number with a digit lost
SHORTEST_UNPROVEN = 11


def normalise(text: str, *, region: str) -> str:
    """Give the E.164 digits of a number in any writing; `region` ("RU") is where numbers without a code are.

    Takes "8 (999) 123-45-67", "tel:" and wa.me links, full-width digits, ids of messengers. Raises NotAPhone.
    """
    written = unicodedata.normalize("NFKC", text[:WRITTEN_CHARS])
    if not any(char.isdecimal() for char in written):
        raise NotAPhone(_NO_DIGITS)
    for number in _readings(written, region.upper()):
        return f"{number.country_code}{phonenumbers.national_significant_number(number)}"
    raise NotAPhone(_NO_NUMBER)


def pretty(digits: str) -> str:
    """Write a number for people: "+7 999 123-45-67". What is no number comes back as it is."""
    number = _read(f"+{digits}", None) if digits.isdecimal() else None
    if number is None or not phonenumbers.is_possible_number(number):
        return digits
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)


@lru_cache(maxsize=4096)
def region(digits: str, language: str) -> str:
    """Name the place a number belongs to, in `language`: a town or area, else the country, else ""."""
    number = _read(f"+{digits}", None) if digits.isdecimal() else None
    if number is None:
        return ""
    # Its tables take half a second and tens of megabytes to load: not before they are needed.
    from phonenumbers import geocoder

    return str(geocoder.description_for_number(number, language.replace("_", "-").split("-")[0]))


def variants(digits: str) -> tuple[str, ...]:
    """Give the other writings under which the same phone may stand elsewhere, itself first.

    Two numbers may be one phone when their variants meet. For comparing only: an id a network gave is kept
    as it came.
    """
    if not digits.isdecimal():
        return (digits,)  # A business-scoped user id, not a phone.
    others = (other for rule in _VARIANT_RULES if (other := rule(digits)))
    return tuple(dict.fromkeys((digits, *others)))


def _readings(written: str, region_code: str) -> Iterator[PhoneNumber]:
    """Give the readings that hold, the likeliest first."""
    digits = "".join(char for char in written if char.isdecimal())
    is_international = "+" in written or digits.startswith("00")
    here = _read(written, region_code)
    if here and phonenumbers.is_valid_number(here):
        yield here
    world = _read(f"+{digits}", None)
    if here and is_international and phonenumbers.is_possible_number(here):
        yield here  # Newly opened ranges are not in the tables yet.
    if world is None or is_international:
        return
    if len(digits) >= SHORTEST_BARE and phonenumbers.is_valid_number(world):
        yield world
    # Test numbers of WhatsApp (1 555 …) are in no table.
    if len(digits) >= SHORTEST_UNPROVEN and phonenumbers.is_possible_number(world):
        yield world


def _read(written: str, region_code: str | None) -> PhoneNumber | None:
    try:
        return phonenumbers.parse(written, region_code)
    except phonenumbers.NumberParseException:
        return None


# Brazil put a 9 before all mobile numbers; networks kept the ids from before. Landlines begin with 2 to 5.
_BRAZIL_WITH_NINE = re.compile(r"(55\d\d)9([6-9]\d{7})")
_BRAZIL_WITHOUT_NINE = re.compile(r"(55\d\d)([6-9]\d{7})")
_MEXICO_WITH_ONE = re.compile(r"521(\d{10})")
_MEXICO_WITHOUT_ONE = re.compile(r"52(\d{10})")
_ARGENTINA_WITH_NINE = re.compile(r"549(\d{10})")
_SEVEN = re.compile(r"7([3-9]\d{9})")
_EIGHT = re.compile(r"8([3-9]\d{9})")


def _brazil(digits: str) -> str:
    if found := _BRAZIL_WITH_NINE.fullmatch(digits):
        return found[1] + found[2]
    found = _BRAZIL_WITHOUT_NINE.fullmatch(digits)
    return f"{found[1]}9{found[2]}" if found else ""


def _mexico(digits: str) -> str:
    if found := _MEXICO_WITH_ONE.fullmatch(digits):
        return "52" + found[1]
    found = _MEXICO_WITHOUT_ONE.fullmatch(digits)
    return "521" + found[1] if found else ""


def _argentina(digits: str) -> str:
    # One way only: with a 9 put in, a landline would become somebody's mobile.
    found = _ARGENTINA_WITH_NINE.fullmatch(digits)
    return "54" + found[1] if found else ""


def _russia_and_kazakhstan(digits: str) -> str:
    if found := _SEVEN.fullmatch(digits):
        return "8" + found[1]
    found = _EIGHT.fullmatch(digits)
    # Numbers of Korea and Vietnam have the same look; theirs are real, so they stay alone.
    abroad = _read(f"+{digits}", None) if found else None
    return "7" + found[1] if found and not (abroad and phonenumbers.is_valid_number(abroad)) else ""


_VARIANT_RULES: tuple[Callable[[str], str], ...] = (_brazil, _mexico, _argentina, _russia_and_kazakhstan)
