"""An inquiry: when a message opens one, whether it is new or a repeat, and which tags it gets."""

from __future__ import annotations

import enum
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from plugin.domain.because import N_

DIALOGUE_GAP = timedelta(hours=24)
MAX_PATTERN_CHARS = 200


def opens_inquiry(last_message_at: datetime | None, at: datetime, *, gap: timedelta = DIALOGUE_GAP) -> bool:
    """Tell whether a message starts a dialogue: the person was silent towards this number for longer.

    `last_message_at` is the latest message known before this one arrived. Platforms deliver late and out
    of order: a message from before the running dialogue belongs to the past and opens nothing.
    """
    return last_message_at is None or at - last_message_at > gap


class Standing(enum.StrEnum):
    NEW = "new"
    REPEAT = "repeat"


def standing(previous_openings: Iterable[datetime], at: datetime, *, depth_days: int) -> Standing:
    """Tell a new inquiry from a repeat: the person opened another within the depth before."""
    depth = timedelta(days=depth_days)
    is_repeat = any(timedelta() < at - opened_at <= depth for opened_at in previous_openings)
    return Standing.REPEAT if is_repeat else Standing.NEW


def is_shared(person_id: str, *, used_by: Collection[str]) -> bool:
    """Tell whether a reference was used by somebody else too; a reference serves one person."""
    return any(other != person_id for other in used_by)


# --- tags -----------------------------------------------------------------------------------------


class TagField(enum.StrEnum):
    """What a rule looks at."""

    TEXT = "text"  # of the message that opened the inquiry, without the reference
    PAGE = "page"  # address of the page where the link was pressed
    PHRASE = "phrase"
    LANDING = "landing"
    CAMPAIGN = "campaign"
    NUMBER = "number"


class TagOp(enum.StrEnum):
    CONTAINS = "contains"
    EQUALS = "equals"
    GLOB = "glob"  # "*" stands for anything; regular expressions could be made to run for hours


@dataclass(frozen=True, slots=True, kw_only=True)
class TagRule:
    tag: str
    field: TagField
    op: TagOp
    value: str

    def fits(self, facts: Mapping[TagField, str]) -> bool:
        """Tell whether the rule holds; letter case and the width of white space do not matter."""
        return OPS[self.op](_even(facts.get(self.field, "")), _even(self.value))


def read_rule(raw: Mapping[str, object]) -> TagRule:
    """Read a stored or entered rule; a ValueError says in one sentence what is wrong."""
    given = {name: str(raw.get(name) or "").strip() for name in ("tag", "field", "op", "value")}
    for is_bad, sentence in (
        (not given["tag"], N_("A rule needs a tag.")),
        (given["field"] not in list(TagField), N_("A rule looks at a field that does not exist.")),
        (given["op"] not in list(TagOp), N_("A rule compares in a way that does not exist.")),
        (not given["value"], N_("A rule needs a text to look for.")),
        (len(given["value"]) > MAX_PATTERN_CHARS, N_("The text that a rule looks for is too long.")),
    ):
        if is_bad:
            raise ValueError(sentence)
    return TagRule(
        tag=given["tag"], field=TagField(given["field"]), op=TagOp(given["op"]), value=given["value"]
    )


def tags_for(rules: Iterable[TagRule], facts: Mapping[TagField, str]) -> tuple[str, ...]:
    """Give the tags of the rules that hold, each once, in the rules' order."""
    return tuple(dict.fromkeys(rule.tag for rule in rules if rule.fits(facts)))


def _even(text: str) -> str:
    return " ".join(text.casefold().split())


def _contains(text: str, value: str) -> bool:
    return value in text


def _equals(text: str, value: str) -> bool:
    return value == text


def _glob(text: str, pattern: str) -> bool:
    """Find the pieces between the stars in order: one pass, whatever the pattern."""
    first, *middle = pattern.split("*")
    if not middle:
        return text == pattern
    *middle, last = middle
    if len(text) < len(first) + len(last) or not (text.startswith(first) and text.endswith(last)):
        return False
    place, end = len(first), len(text) - len(last)
    for piece in middle:
        found = text.find(piece, place, end)
        if found < 0:
            return False
        place = found + len(piece)
    return True


OPS: Mapping[TagOp, Callable[[str, str], bool]] = {
    TagOp.CONTAINS: _contains,
    TagOp.EQUALS: _equals,
    TagOp.GLOB: _glob,
}
