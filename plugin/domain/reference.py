"""The reference: minted in the browser, carried by the customer's text, read whatever happened to it.

A word is six random and two check symbols over GF(31): their sum is 0, and so is their sum weighted by
place (1 to 8). So no single mistake turns one word into another, and most single mistakes can be undone.
Reading alone decides nothing: `matching` asks which of the words were issued.
"""

from __future__ import annotations

import enum
import re
import secrets
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

from plugin.domain.text import ALPHABET, GAP, HYPHEN, MARKUP, OUTSIDER, View, views

PRIME = len(ALPHABET)
DATA_LENGTH = 6
LENGTH = 8
GROUP = 4
MAX_TOKENS = 200  # in one view of a text; ordinary messages hold one or two

VALUES = {symbol: value for value, symbol in enumerate(ALPHABET)}
RUN = re.compile(rf"[{ALPHABET}](?:[{GAP}{HYPHEN}]{{0,3}}[{ALPHABET}]){{{LENGTH - 1},}}")
WRITTEN = rf"[{ALPHABET}{OUTSIDER}]"
# Overlapping on purpose: in "is 7KQ2-M4XD" both "is 7KQ2" and "7KQ2-M4XD" are pairs of groups.
TOKEN = re.compile(
    rf"(?<!{WRITTEN})(?=(?P<run>{WRITTEN}{{7,9}})(?!{WRITTEN})|"
    rf"(?P<left>{WRITTEN}{{3,5}})(?P<gap>[{GAP}{HYPHEN}]{{1,3}})(?P<right>{WRITTEN}{{3,5}})(?!{WRITTEN}))"
)


class Edit(enum.StrEnum):
    SUBSTITUTED = "substituted"
    INSERTED = "inserted"
    LOST = "lost"
    SWAPPED = "swapped"


class Repair(NamedTuple):
    """A word that is one edit away from what is written."""

    word: str
    edit: Edit


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Every reference that the text may hold; words have eight symbols and no separator."""

    exact: tuple[str, ...] = ()  # as printed
    folded: tuple[str, ...] = ()  # case, script or separators changed
    repairs: tuple[Repair, ...] = ()
    clear: tuple[str, ...] = ()  # those of them that are no accident of other text: exact, or standing apart

    @property
    def words(self) -> tuple[str, ...]:
        """Give all words once: the ones to ask the clicks for."""
        return tuple(dict.fromkeys((*self.exact, *self.folded, *(r.word for r in self.repairs))))


NOTHING_READ = Reading()


class _Found(NamedTuple):
    word: str
    start: int
    end: int
    is_printed: bool


class _Token(NamedTuple):
    symbols: str
    start: int
    end: int


# --- words ----------------------------------------------------------------------------------------


def mint(choose: Callable[[str], str] = secrets.choice) -> str:
    """Make a new word; `choose` draws one symbol of the alphabet."""
    return complete("".join(choose(ALPHABET) for _ in range(DATA_LENGTH)))


def complete(data: str) -> str:
    """Add the two check symbols to six symbols."""
    total, weighted = _sums([VALUES[symbol] for symbol in data])
    last = (7 * total - weighted) % PRIME
    return data + ALPHABET[(-total - last) % PRIME] + ALPHABET[last]


def is_valid(word: str) -> bool:
    """Tell whether the text is a word: eight symbols of the alphabet whose checks hold."""
    if len(word) != LENGTH or not all(symbol in VALUES for symbol in word):
        return False
    return _sums([VALUES[symbol] for symbol in word]) == (0, 0)


def printed(word: str) -> str:
    """Give a word as people see it: 7KQ2-M4XD."""
    return f"{word[:GROUP]}-{word[GROUP:]}"


def _sums(values: Iterable[int]) -> tuple[int, int]:
    total = weighted = 0
    for place, value in enumerate(values, start=1):
        total += value
        weighted += place * value
    return total % PRIME, weighted % PRIME


# --- reading --------------------------------------------------------------------------------------


def read(text: str) -> Reading:
    """Find every reference of a text: unchanged ones anywhere, damaged ones where they stand apart.

    Reads the first `READ_CHARS` characters; the work grows with their number alone.
    """
    seen = list(views(text))
    found = [hit for view in seen for hit in _found(view)]
    tokens = [token for view in seen for token in _tokens(view)]
    exact = dict.fromkeys(hit.word for hit in found if hit.is_printed)
    folded = dict.fromkeys(hit.word for hit in found if hit.word not in exact)
    repairs = {r.word: r for token in tokens for r in _repairs(token.symbols)}
    return Reading(
        exact=tuple(exact),
        folded=tuple(folded),
        repairs=tuple(r for word, r in repairs.items() if word not in exact and word not in folded),
        clear=tuple(exact | dict.fromkeys(t.symbols for t in tokens if is_valid(t.symbols))),
    )


def _found(view: View) -> Iterator[_Found]:
    """Slide over every run of symbols, so that a reference glued to other letters is found too."""
    for run in RUN.finditer(view.shape):
        places = [place for place in range(run.start(), run.end()) if view.shape[place] in VALUES]
        for first in _valid_windows([VALUES[view.shape[place]] for place in places]):
            window = places[first : first + LENGTH]
            start, end = window[0], window[-1] + 1
            word = "".join(view.shape[place] for place in window)
            yield _Found(word, start, end, view.plain[start:end] == printed(word))


def _valid_windows(values: list[int]) -> Iterator[int]:
    total, weighted = sum(values[:LENGTH]), sum(i * v for i, v in enumerate(values[:LENGTH], start=1))
    for first, following in enumerate([*values[LENGTH:], 0]):
        if total % PRIME == 0 and weighted % PRIME == 0:
            yield first
        weighted += LENGTH * following - total
        total += following - values[first]


def _tokens(view: View) -> Iterator[_Token]:
    """Give what stands apart and looks like a reference, perhaps a damaged one."""
    likely = (token for match in TOKEN.finditer(view.shape) if (token := _token(view, match)))
    return islice(likely, MAX_TOKENS)


def _token(view: View, match: re.Match[str]) -> _Token | None:
    first, last = ("left", "right") if match["run"] is None else ("run", "run")
    symbols = match["run"] or match["left"] + match["right"]
    if abs(len(symbols) - LENGTH) > 1 or symbols.count(OUTSIDER) > 1:
        return None
    start, end = match.start(first), match.end(last)
    if not _looks_minted(view.plain[start:end], match["gap"]):
        return None
    return _Token(symbols, start, end)


def _looks_minted(piece: str, gap: str | None) -> bool:
    """Tell a likely reference from plain prose, a telephone number or a date."""
    has_digit = any(char.isdigit() for char in piece)
    has_letter = any(char.isalpha() for char in piece)
    is_joined = gap is None or gap == HYPHEN
    return has_letter and (has_digit or (is_joined and piece.isupper()))


# --- repairing ------------------------------------------------------------------------------------


def _repairs(symbols: str) -> Iterator[Repair]:
    """Give every word within one edit of the symbols."""
    if is_valid(symbols):
        return
    hole = symbols.find(OUTSIDER)
    for edit, undo in UNDOINGS[len(symbols)]:
        yield from (Repair(word, edit) for word in undo(symbols, hole) if is_valid(word))


def _resubstituted(symbols: str, hole: int) -> Iterator[str]:
    """Solve for the wrong symbol: the sum gives the error, the weighted sum its place."""
    if hole >= 0:
        yield _filled(symbols[:hole], symbols[hole + 1 :])
        return
    error, weighted = _sums(VALUES[symbol] for symbol in symbols)
    place = weighted * pow(error, -1, PRIME) % PRIME - 1 if error else LENGTH
    if 0 <= place < LENGTH:
        yield _filled(symbols[:place], symbols[place + 1 :])


def _swapped_back(symbols: str, hole: int) -> Iterator[str]:
    if hole < 0:
        for i in range(LENGTH - 1):
            yield symbols[:i] + symbols[i + 1] + symbols[i] + symbols[i + 2 :]


def _without_one(symbols: str, hole: int) -> Iterator[str]:
    for i in range(len(symbols)) if hole < 0 else (hole,):
        yield symbols[:i] + symbols[i + 1 :]


def _with_one_more(symbols: str, hole: int) -> Iterator[str]:
    if hole < 0:
        for i in range(LENGTH):
            yield _filled(symbols[:i], symbols[i:])


def _filled(before: str, after: str) -> str:
    """Put the one symbol between that makes the sum 0."""
    return before + ALPHABET[-sum(VALUES[symbol] for symbol in before + after) % PRIME] + after


UNDOINGS: dict[int, tuple[tuple[Edit, Callable[[str, int], Iterator[str]]], ...]] = {
    LENGTH: ((Edit.SUBSTITUTED, _resubstituted), (Edit.SWAPPED, _swapped_back)),
    LENGTH + 1: ((Edit.INSERTED, _without_one),),
    LENGTH - 1: ((Edit.LOST, _with_one_more),),
}


# --- removing -------------------------------------------------------------------------------------

WRAPPERS = ("**", "__", "~~", "``", "()", "[]", "{}", "<>", "«»", '""', "''")
UNSEEN = frozenset("\u200b\u2060\ufeff")  # other invisible signs may be half of an emoji
OPENING_TAG = re.compile(r"<([a-z][a-z0-9]{0,15})(?:\s[^<>]{0,500})?>$", re.IGNORECASE)


def without_reference(text: str, *words: str) -> str:
    """Give the text without these words, exact, folded or damaged, and without what only held them."""
    spans = {span for view in views(text) for span in _spans(view, words)}
    cut_from = len(text) + 1
    for start, end in sorted(spans, reverse=True):
        if end <= cut_from:
            inner_tags = "".join(tag for tag in MARKUP.findall(text[start:end]) if tag.startswith("<"))
            text, cut_from = _joined(text[:start], inner_tags + text[end:]), start
    return text


def _spans(view: View, words: tuple[str, ...]) -> Iterator[tuple[int, int]]:
    hits = [view.span(hit.start, hit.end) for hit in _found(view) if hit.word in words]
    yield from hits
    for token in _tokens(view):
        span = view.span(token.start, token.end)
        overlaps = any(span[0] < end and start < span[1] for start, end in hits)
        if not overlaps and any(repair.word in words for repair in _repairs(token.symbols)):
            yield span


def _joined(before: str, after: str) -> str:
    """Join what stood on both sides of a reference, as if it had never stood between."""
    before, after = _unwrapped(before.removesuffix("#"), after)
    left, right = _rstripped(before), _lstripped(after)
    if not left or not right:
        return left or right.lstrip(",.;:!–—- ")
    between = before[len(left) :] + after[: len(after) - len(right)]
    return left + ("\n" if "\n" in between else " " if between else "") + right


def _unwrapped(before: str, after: str) -> tuple[str, str]:
    while True:
        tag = OPENING_TAG.search(before)
        if tag and after.lower().startswith(f"</{tag[1].lower()}>"):
            before, after = before[: tag.start()], after[len(tag[1]) + 3 :]
        elif before and after and before[-1] + after[0] in WRAPPERS:
            before, after = before[:-1], after[1:]
        else:
            return before, after


def _rstripped(text: str) -> str:
    end = len(text)
    while end and (text[end - 1].isspace() or text[end - 1] in UNSEEN):
        end -= 1
    return text[:end]


def _lstripped(text: str) -> str:
    return _rstripped(text[::-1])[::-1]
