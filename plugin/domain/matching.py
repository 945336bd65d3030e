"""Decide which visit a message belongs to, and say why.

A reference counts only when it was issued: when a press on a marked link of this number brought it.
The caller looks the clicks up by `Reading.words` for the message's network, number and window of days,
and hands in the visits of these clicks.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from plugin.domain.because import N_, Because
from plugin.domain.reference import NOTHING_READ, Edit, Reading, printed
from plugin.domain.referral import ReferralSource, source_of_referral
from plugin.domain.visit import Click, Visit


class How(enum.StrEnum):
    """The rung of the ladder that decided."""

    EXACT = "exact"
    FOLDED = "folded"
    REPAIRED = "repaired"
    START_PAYLOAD = "start_payload"
    REFERRAL = "referral"
    MANUAL = "manual"
    NONE = "none"


CONFIDENCE: Mapping[How, float] = {
    How.MANUAL: 1.0,  # a person looked
    # Another word is never read by chance: 887 million words, few issued. What remains are customers who
    # hand the link with its text to a friend.
    How.EXACT: 0.99,
    How.START_PAYLOAD: 0.99,
    How.FOLDED: 0.98,  # the same word, but the text went through hands or an odd program
    # A text with two mistakes can be one mistake away from another word; that it was issued too is rare.
    How.REPAIRED: 0.95,
    How.REFERRAL: 0.9,  # the network vouches for the ad, nothing for a visit
    How.NONE: 0.0,
}
# As likely a friend's visit as the sender's own; below every rung, so later proof replaces it.
FORWARDED_CONFIDENCE = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A visit that the message may belong to, and why it was considered."""

    reference: str
    click_id: str
    visit_id: str
    how: How


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    how: How
    confidence: float
    because: Because
    visit_id: str | None = None
    click_id: str | None = None
    reference: str = ""  # eight symbols; `printed` gives what people see
    referral: ReferralSource | None = None  # kept whichever rung decided
    awaited: tuple[str, ...] = ()  # references in the text whose press is not known yet
    candidates: tuple[Candidate, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """All that a rung may look at."""

    reading: Reading
    payload: Reading
    issued: Mapping[str, tuple[Click, ...]]  # word → its presses
    visits: Mapping[str, Visit]
    referral: ReferralSource | None
    is_forwarded: bool
    now: datetime

    def known(self, words: Iterable[str]) -> list[str]:
        """Give those of the words that were issued."""
        return [word for word in words if word in self.issued]

    def clicks(self, words: Iterable[str]) -> list[Click]:
        return [click for word in words for click in self.issued.get(word, ())]

    def visitors(self, words: Iterable[str]) -> set[str]:
        return {self.visits[click.visit_id].visitor_id for click in self.clicks(words)}


def match(
    reading: Reading,
    *,
    clicks: Sequence[Click],
    visits: Mapping[str, Visit],
    now: datetime,
    referral: Mapping[str, object] | None = None,
    payload: Reading = NOTHING_READ,
    is_forwarded: bool = False,
) -> Match:
    """Join a message to a visit, or say why it cannot be; the same input gives the same answer.

    `now` is when the message was sent. `payload` is the reading of the chat link's hidden payload.
    """
    evidence = Evidence(
        reading=reading,
        payload=payload,
        issued=_by_reference(clicks, visits),
        visits=visits,
        referral=source_of_referral(referral or {}),
        is_forwarded=is_forwarded,
        now=now,
    )
    decided = next(found for rung in LADDER if (found := rung(evidence)))
    return replace(decided, referral=evidence.referral, awaited=_awaited(evidence, decided.how))


def by_hand(visit_id: str | None, *, click_id: str | None = None, reference: str = "") -> Match:
    """Make the match that an operator states; None: there is no visit behind this inquiry."""
    return Match(
        how=How.MANUAL,
        confidence=CONFIDENCE[How.MANUAL],
        because=Because(N_("Set by hand.")),
        visit_id=visit_id,
        click_id=click_id,
        reference=reference,
    )


def better(old: Match, new: Match) -> bool:
    """Tell whether a later message's match should replace the one that the inquiry has."""
    if new.how is How.MANUAL or old.how is How.MANUAL:
        return new.how is How.MANUAL
    return new.confidence > old.confidence


# --- the rungs, strongest first -------------------------------------------------------------------


def exact(evidence: Evidence) -> Match | None:
    """The reference stands in the text as the site wrote it."""
    return _settled(
        evidence,
        How.EXACT,
        evidence.reading.exact,
        Because(N_("The reference {reference} stands in the text exactly as the site wrote it.")),
    )


def folded(evidence: Evidence) -> Match | None:
    """The reference stands in the text in another case, script or grouping."""
    return _settled(
        evidence,
        How.FOLDED,
        evidence.reading.folded,
        Because(
            N_(
                "The reference {reference} stands in the text; only letter case, look-alike letters or the "
                "separator were changed."
            )
        ),
    )


def repaired(evidence: Evidence) -> Match | None:
    """One issued reference is a single mistake away from what the text holds."""
    near = [r for r in evidence.reading.repairs if r.word in evidence.issued]
    if len(near) != 1 or _issued_readable(evidence):
        return None
    return _decided(evidence, How.REPAIRED, evidence.issued[near[0].word], REPAIRED_BECAUSE[near[0].edit])


def start_payload(evidence: Evidence) -> Match | None:
    """The chat link carried the reference where the customer does not see it."""
    words = evidence.known((*evidence.payload.exact, *evidence.payload.folded))
    if len(evidence.visitors(words)) != 1:
        return None
    return _decided(
        evidence,
        How.START_PAYLOAD,
        evidence.clicks(words),
        Because(N_("The reference {reference} came hidden in the chat link.")),
    )


def referral(evidence: Evidence) -> Match | None:
    """The network itself names the ad that opened the chat."""
    if evidence.referral is None:
        return None
    because = Because(REFERRAL_BECAUSE[evidence.referral.is_ad])
    return Match(
        how=How.REFERRAL,
        confidence=CONFIDENCE[How.REFERRAL],
        because=because,
        candidates=_candidates(evidence),
    )


def nothing(evidence: Evidence) -> Match:
    """Nobody knows; say what was seen."""
    return Match(
        how=How.NONE,
        confidence=CONFIDENCE[How.NONE],
        because=_why_not(evidence),
        candidates=_candidates(evidence),
    )


LADDER: tuple[Callable[[Evidence], Match | None], ...] = (
    exact,
    folded,
    repaired,
    start_payload,
    referral,
    nothing,
)

REPAIRED_BECAUSE: Mapping[Edit, Because] = {
    Edit.SUBSTITUTED: Because(
        N_("One symbol of the reference {reference} was mistyped; no other issued reference fits.")
    ),
    Edit.INSERTED: Because(
        N_("The reference {reference} got one symbol too many; no other issued reference fits.")
    ),
    Edit.LOST: Because(N_("The reference {reference} lost one symbol; no other issued reference fits.")),
    Edit.SWAPPED: Because(
        N_("Two symbols of the reference {reference} changed places; no other issued reference fits.")
    ),
}
REFERRAL_BECAUSE: Mapping[bool, str] = {
    True: N_("The messenger names the ad that opened this chat."),
    False: N_("The messenger names the post that opened this chat."),
}
FORWARDED_BECAUSE = N_(
    "The reference {reference} stands in a forwarded message: the visit is of whoever pressed the link, "
    "perhaps not of the sender."
)


# --- what the rungs share -------------------------------------------------------------------------


def _settled(evidence: Evidence, how: How, words: Sequence[str], because: Because) -> Match | None:
    """Decide for the issued ones among `words`, unless the text speaks of several visitors."""
    known = evidence.known(words)
    if not known or len(evidence.visitors(_rivals(evidence))) != 1:
        return None
    return _decided(evidence, how, evidence.clicks(known), because)


def _rivals(evidence: Evidence) -> list[str]:
    """Give every issued word that the text may mean.

    A word glued to other letters may be an accident of a damaged one beside it, so repairs count then.
    """
    readable = _issued_readable(evidence)
    if any(word in evidence.reading.clear for word in readable):
        return readable
    return readable + evidence.known(repair.word for repair in evidence.reading.repairs)


def _issued_readable(evidence: Evidence) -> list[str]:
    return evidence.known((*evidence.reading.exact, *evidence.reading.folded))


def _decided(evidence: Evidence, how: How, clicks: Sequence[Click], because: Because) -> Match:
    click = _latest(clicks, evidence.now)
    template = FORWARDED_BECAUSE if evidence.is_forwarded else because.text
    return Match(
        how=how,
        confidence=FORWARDED_CONFIDENCE if evidence.is_forwarded else CONFIDENCE[how],
        because=Because(template, {"reference": printed(click.reference)}),
        visit_id=click.visit_id,
        click_id=click.click_id,
        reference=click.reference,
        candidates=_candidates(evidence),
    )


def _latest(clicks: Sequence[Click], now: datetime) -> Click:
    """Give the last press before the message; a wrong clock may put all of them after it."""
    before = [click for click in clicks if click.clicked_at <= now]
    return max(before or clicks, key=lambda click: (click.clicked_at, click.click_id))


def _by_reference(clicks: Sequence[Click], visits: Mapping[str, Visit]) -> dict[str, tuple[Click, ...]]:
    """Group the presses; one whose visit was erased proves nothing any more."""
    issued: dict[str, tuple[Click, ...]] = {}
    for click in clicks:
        if click.visit_id in visits:
            issued[click.reference] = (*issued.get(click.reference, ()), click)
    return issued


def _awaited(evidence: Evidence, how: How) -> tuple[str, ...]:
    """Give the references worth waiting for: their beacon may be slower than the message."""
    if how in (How.EXACT, How.FOLDED, How.START_PAYLOAD):
        return ()
    words = dict.fromkeys((*evidence.reading.clear, *evidence.payload.clear))
    return tuple(word for word in words if word not in evidence.issued)


def _candidates(evidence: Evidence) -> tuple[Candidate, ...]:
    ways = (
        (How.EXACT, evidence.reading.exact),
        (How.FOLDED, evidence.reading.folded),
        (How.REPAIRED, tuple(repair.word for repair in evidence.reading.repairs)),
        (How.START_PAYLOAD, (*evidence.payload.exact, *evidence.payload.folded)),
    )
    return tuple(
        Candidate(reference=word, click_id=click.click_id, visit_id=click.visit_id, how=how)
        for how, words in ways
        for word in words
        for click in evidence.issued.get(word, ())
    )


def _why_not(evidence: Evidence) -> Because:
    if _issued_readable(evidence) or evidence.known((*evidence.payload.exact, *evidence.payload.folded)):
        return Because(N_("The text holds references of different visitors; it cannot be told whose it is."))
    if evidence.known(repair.word for repair in evidence.reading.repairs):
        return Because(N_("The text holds a damaged reference that fits several issued ones."))
    if unknown := _awaited(evidence, How.NONE):
        return Because(
            N_("The reference {reference} is not known: no press on a link to this number brought it."),
            {"reference": printed(unknown[0])},
        )
    return Because(N_("The text holds no reference."))
