"""Views of a message's text in which a reference can be looked for, whatever the text went through.

A view says of every character whether it is a symbol of the reference's alphabet, another letter or
digit, a separator, or a boundary; and where it stood in the original.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"

# WhatsApp ends a text at 4,096 characters; only a hostile or broken sender goes beyond four times that.
READ_CHARS = 16_384

# A view's alphabet, beside the symbols themselves.
OUTSIDER = "?"  # a letter or digit that no reference holds: 0, 1, I, L, O, Ж
HYPHEN = "-"
GAP = " "  # any other separator
EDGE = "!"  # everything else

SEPARATORS = frozenset("._*~`\\−·•⁃")  # beside white space and the dashes of Unicode
# Blank, though Unicode calls them letters or symbols: the Hangul fillers and the empty Braille pattern.
BLANKS = frozenset("\u115f\u1160\u3164\uffa0\u2800")
INVISIBLE_CATEGORIES = frozenset({"Cf", "Cc", "Mn", "Me"})
FILLER = "\u200b"

LOOKALIKES = str.maketrans(
    "АВЕЗКМНРСТУХЅЈҮҺԌԚԜѴ" + "ΑΒΕΖΗΚΜΝΡΤΥΧͿ",
    "ABE3KMHPCTYXSJYHGQWV" + "ABEZHKMNPTYXJ",
)

MARKUP = re.compile(
    r"</?[a-z][a-z0-9]{0,15}(?:\s[^<>]{0,500})?/?>|&(?:#\d{1,7}|#x[0-9a-f]{1,6}|[a-z]{2,31});", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class View:
    """`plain` and `shape` are equally long: what was written, and what it counts as."""

    plain: str
    shape: str
    origin: tuple[int, ...]  # where each character stood in the original

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Give the place of plain[start:end] in the original text."""
        return self.origin[start], self.origin[end - 1] + 1


def views(text: str) -> Iterator[View]:
    """Give the text as it is and, where it holds HTML, the text without it.

    Both, because what looks like a tag may be somebody's brackets around the reference.
    """
    cut = text[:READ_CHARS]
    yield _view(cut)
    bare = MARKUP.sub(_blank, cut)
    if bare != cut:
        yield _view(bare)


def is_invisible(char: str) -> bool:
    """Tell whether a character takes no room in the text: format signs, controls, combining marks."""
    return char in BLANKS or (unicodedata.category(char) in INVISIBLE_CATEGORIES and not char.isspace())


def _view(text: str) -> View:
    units = [_units(char) for char in text]
    origin = (place for place, (plain, _) in enumerate(units) for _ in plain)
    return View("".join(plain for plain, _ in units), "".join(shape for _, shape in units), tuple(origin))


def _blank(found: re.Match[str]) -> str:
    """Replace markup by what a reader sees, of the same length, so that places stay."""
    markup = found[0]
    seen = GAP if markup.startswith("<") else html.unescape(markup)
    return seen.ljust(len(markup), FILLER)


@lru_cache(maxsize=8192)
def _units(char: str) -> tuple[str, str]:
    # Character by character: composing the whole text would melt a symbol with the accent that follows it.
    plain = "".join(c for c in unicodedata.normalize("NFKC", char) if not is_invisible(c))
    return plain, "".join(map(_shape, plain))


def _shape(char: str) -> str:
    if char == HYPHEN:
        return HYPHEN
    if char.isspace() or char in SEPARATORS or unicodedata.category(char) == "Pd":
        return GAP
    if not char.isalnum():
        return EDGE
    return _symbol(char) or OUTSIDER


def _symbol(char: str) -> str:
    digit = unicodedata.decimal(char, None)
    folded = char.upper().translate(LOOKALIKES) if digit is None else str(digit)
    return folded if len(folded) == 1 and folded in ALPHABET else ""
