from __future__ import annotations

import re
import string
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plugin.domain.because import Because
from plugin.domain.matching import (
    CONFIDENCE,
    FORWARDED_CONFIDENCE,
    LADDER,
    How,
    Match,
    better,
    by_hand,
    match,
)
from plugin.domain.reference import NOTHING_READ, Edit, Reading, Repair, printed, read
from plugin.domain.referral import source_of_referral
from tests.plugin.domain.factories import (
    NOW,
    issued_to_visitors,
    make_click,
    make_visit,
    make_words,
    match_text,
)
from tests.plugin.domain.test_reference import damaged

WORD = "7KQ2M4CP"
OTHER = make_words(1)[0]
ISSUED = make_words(1000, seed=31)
CLICKS = issued_to_visitors(ISSUED)
AD = {
    "source_url": "https://fb.me/3xYzAbC",
    "source_type": "ad",
    "source_id": "120210000000001",
    "headline": "Диваны от фабрики",
    "ctwa_clid": " ARAkLk-x \n",
}

no_deadline = settings(deadline=None, max_examples=200)
prose = st.lists(
    st.text(
        alphabet=string.ascii_letters + string.digits + "абвгдеёзкмнорстухАВЕКМ-.", min_size=1, max_size=9
    ),
    max_size=6,
).map(" ".join)


class TestTheLadder:
    @pytest.mark.parametrize(
        ("text", "how"),
        [
            ("7KQ2-M4CP Здравствуйте!", How.EXACT),
            ("7kq2 m4cp здравствуйте", How.FOLDED),
            ("7KQ2-M4CX здравствуйте", How.REPAIRED),
            ("7KQ2-MCP здравствуйте", How.REPAIRED),
            ("здравствуйте", How.NONE),
        ],
    )
    def test_it_says_which_rung_decided(self, text, how):
        found = match_text(text, [make_click(WORD)])
        assert found.how is how
        assert found.confidence == CONFIDENCE[how]
        assert (found.visit_id, found.click_id, found.reference) == (
            ("v1", "press-v1", WORD) if how is not How.NONE else (None, None, "")
        )

    def test_it_explains_itself(self):
        found = match_text("7KQ2-M4CP", [make_click(WORD)])
        assert found.because.params == {"reference": "7KQ2-M4CP"}
        assert (
            str(found.because) == "The reference 7KQ2-M4CP stands in the text exactly as the site wrote it."
        )

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("7KQ2-M4CX", "mistyped"),
            ("7KQ2-M44CP", "too many"),
            ("7KQ2-MCP", "lost one"),
            ("K7Q2-M4CP", "changed places"),
        ],
    )
    def test_a_repair_says_what_was_wrong(self, text, words):
        assert words in str(match_text(text, [make_click(WORD)]).because)

    def test_rungs_are_ordered_by_confidence(self):
        by_rung = [CONFIDENCE[How(rung.__name__)] for rung in LADDER[:3]]
        assert by_rung == sorted(by_rung, reverse=True)

    def test_the_start_payload_is_a_reference_nobody_sees(self):
        found = match_text("/start", [make_click(WORD)], payload=read("7KQ2-M4CP"))
        assert (found.how, found.visit_id) == (How.START_PAYLOAD, "v1")

    def test_the_reference_in_the_text_comes_before_the_payload(self):
        found = match_text(
            printed(OTHER), [make_click(WORD, "v1"), make_click(OTHER, "v2")], payload=read(WORD)
        )
        assert (found.how, found.visit_id) == (How.EXACT, "v2")


class TestOnlyIssuedReferencesCount:
    def test_a_valid_reference_that_nobody_pressed_is_awaited(self):
        found = match_text("7KQ2-M4CP", [])
        assert (found.how, found.awaited) == (How.NONE, (WORD,))
        assert "7KQ2-M4CP" in str(found.because)

    def test_nothing_is_awaited_once_a_reference_decided(self):
        assert match_text(f"7KQ2-M4CP {printed(OTHER)}", [make_click(WORD)]).awaited == ()

    def test_a_payload_that_nobody_pressed_is_awaited(self):
        assert match_text("/start", [], payload=read("7KQ2-M4CP")).awaited == (WORD,)

    def test_letters_that_happen_to_be_a_word_are_not_awaited(self):
        assert match_text("дом7kq2m4cpдом", []).awaited == ()

    def test_a_press_whose_visit_was_erased_proves_nothing(self):
        found = match(read("7KQ2-M4CP"), clicks=[make_click(WORD)], visits={}, now=NOW)
        assert (found.how, found.visit_id) == (How.NONE, None)


class TestAmbiguity:
    def test_references_of_different_visitors_are_not_decided(self):
        found = match_text(f"7KQ2-M4CP {printed(OTHER)}", [make_click(WORD, "v1"), make_click(OTHER, "v2")])
        assert (found.how, found.visit_id) == (How.NONE, None)
        assert {candidate.visit_id for candidate in found.candidates} == {"v1", "v2"}
        assert "different visitors" in str(found.because)

    def test_reading_quality_does_not_break_the_tie(self):
        found = match_text(
            f"7KQ2-M4CP {printed(OTHER).lower()}", [make_click(WORD, "v1"), make_click(OTHER, "v2")]
        )
        assert found.how is How.NONE

    def test_of_one_visitors_references_the_latest_press_counts(self):
        one, two = make_visit("v1", visitor_id="a"), make_visit("v2", visitor_id="a")
        clicks = [
            make_click(WORD, "v1", clicked_at=NOW - timedelta(minutes=2)),
            make_click(OTHER, "v2", clicked_at=NOW - timedelta(days=1)),
        ]
        assert match_text(f"{printed(OTHER)} 7KQ2-M4CP", clicks, one, two).visit_id == "v1"

    def test_one_reference_brought_by_different_visitors_is_not_decided(self):
        assert match_text("7KQ2-M4CP", [make_click(WORD, "v1"), make_click(WORD, "v2")]).how is How.NONE

    @pytest.mark.parametrize(("minutes", "click_id"), [((-9, -5, 3), "-5"), ((3, 4), "4"), ((-2,), "-2")])
    def test_the_last_press_before_the_message_counts(self, minutes, click_id):
        clicks = [make_click(WORD, click_id=str(m), clicked_at=NOW + timedelta(minutes=m)) for m in minutes]
        assert match_text("7KQ2-M4CP", clicks).click_id == click_id

    def test_a_damaged_reference_that_fits_two_is_refused(self):
        near = (Repair(WORD, Edit.LOST), Repair(OTHER, Edit.SWAPPED))
        found = self._match(Reading(repairs=near), [make_click(WORD, "v1"), make_click(OTHER, "v2")])
        assert found.how is How.NONE
        assert "fits several" in str(found.because)

    def test_a_damaged_reference_does_not_disturb_a_clear_one(self):
        damaged_other = OTHER[:7] + ("2" if OTHER[7] != "2" else "3")
        found = match_text(
            f"7KQ2-M4CP {printed(damaged_other)}", [make_click(WORD, "v1"), make_click(OTHER, "v2")]
        )
        assert (found.how, found.visit_id) == (How.EXACT, "v1")

    def test_a_glued_word_beside_a_damaged_one_is_not_decided(self):
        reading = Reading(folded=(WORD,), repairs=(Repair(OTHER, Edit.INSERTED),))
        clicks = [make_click(WORD, "v1"), make_click(OTHER, "v2")]
        assert self._match(reading, clicks).how is How.NONE
        assert self._match(reading, clicks[:1]).visit_id == "v1"

    def _match(self, reading, clicks):
        visits = {click.visit_id: make_visit(click.visit_id) for click in clicks}
        return match(reading, clicks=clicks, visits=visits, now=NOW)


class TestForwarding:
    def test_a_forwarded_reference_is_trusted_less_and_says_why(self):
        found = match_text("7KQ2-M4CP", [make_click(WORD)], is_forwarded=True)
        assert (found.how, found.visit_id) == (How.EXACT, "v1")
        assert found.confidence == FORWARDED_CONFIDENCE
        assert "forwarded" in str(found.because)

    def test_a_forwarded_text_without_a_reference_is_like_any_other(self):
        assert match_text("привет", [], is_forwarded=True) == match_text("привет", [])


class TestReferral:
    def test_an_ad_gives_a_source_without_a_visit(self):
        found = match_text("Здравствуйте", [], referral=AD)
        assert (found.how, found.visit_id) == (How.REFERRAL, None)
        assert (found.referral.source, found.referral.medium) == ("facebook", "paid_social")
        assert found.referral.ad_id == "120210000000001"
        assert found.referral.ctwa_clid == "ARAkLk-x"

    def test_an_issued_reference_beats_it_and_it_is_kept(self):
        found = match_text("7KQ2-M4CP", [make_click(WORD)], referral=AD)
        assert (found.how, found.visit_id) == (How.EXACT, "v1")
        assert found.referral.headline == "Диваны от фабрики"

    def test_a_reference_not_known_yet_is_still_awaited(self):
        found = match_text("7KQ2-M4CP", [], referral=AD)
        assert (found.how, found.awaited) == (How.REFERRAL, (WORD,))

    @pytest.mark.parametrize(
        ("referral", "source", "medium"),
        [
            (
                {"source_url": "https://www.instagram.com/p/x", "source_type": "ad"},
                "instagram",
                "paid_social",
            ),
            ({"source_url": "https://instagram.com/p/x", "source_type": "post"}, "instagram", "social"),
            ({"source_url": "https://m.facebook.com/1", "source_type": "AD"}, "facebook", "paid_social"),
            ({"source_url": "fb.me/abc", "source_type": "ad"}, "facebook", "paid_social"),
            ({"source_url": "https://notinstagram.com/", "source_type": "ad"}, "facebook", "paid_social"),
            ({"source_url": "http://[broken", "source_type": "ad"}, "facebook", "paid_social"),
            ({"source_id": 120210000000001, "source_type": "ad"}, "facebook", "paid_social"),
            ({"ctwa_clid": "x"}, "facebook", "paid_social"),
            ({"source_url": "https://facebook.com/1"}, "facebook", "social"),
        ],
    )
    def test_it_reads_what_the_network_sends(self, referral, source, medium):
        found = source_of_referral(referral)
        assert (found.source, found.medium) == (source, medium)

    @pytest.mark.parametrize(
        "referral", [{}, {"headline": "x"}, {"source_url": "  "}, {"source_id": None}, {"source_url": ["x"]}]
    )
    def test_a_referral_that_names_nothing_is_none(self, referral):
        assert source_of_referral(referral) is None
        assert match_text("привет", [], referral=referral).how is How.NONE


class TestBetter:
    def _of(self, how):
        return Match(how=how, confidence=CONFIDENCE[how], because=Because("Some reason."))

    @pytest.mark.parametrize(
        ("old", "new", "is_better"),
        [
            (How.NONE, How.EXACT, True),
            (How.NONE, How.REFERRAL, True),
            (How.REFERRAL, How.REPAIRED, True),
            (How.REPAIRED, How.EXACT, True),
            (How.EXACT, How.EXACT, False),
            (How.EXACT, How.REPAIRED, False),
            (How.REPAIRED, How.REFERRAL, False),
            (How.NONE, How.NONE, False),
            (How.MANUAL, How.EXACT, False),
            (How.EXACT, How.MANUAL, True),
            (How.MANUAL, How.MANUAL, True),
        ],
    )
    def test_only_stronger_proof_replaces_a_match(self, old, new, is_better):
        assert better(self._of(old), self._of(new)) is is_better

    def test_the_senders_own_reference_replaces_a_forwarded_one(self):
        forwarded = match_text("7KQ2-M4CP", [make_click(WORD)], is_forwarded=True)
        own = match_text(printed(OTHER), [make_click(OTHER, "v2")])
        assert better(forwarded, own)
        assert not better(own, forwarded)

    def test_a_hand_may_say_that_there_is_no_visit(self):
        assert by_hand(None).visit_id is None
        assert better(match_text("7KQ2-M4CP", [make_click(WORD)]), by_hand(None))


class TestAgainstManyIssuedReferences:
    @no_deadline
    @given(st.sampled_from(ISSUED), prose, prose)
    def test_an_unchanged_reference_finds_its_visit(self, word, before, after):
        assert match_text(f"{before} {printed(word)} {after}", CLICKS).visit_id == word

    @no_deadline
    @given(st.data(), st.sampled_from(ISSUED))
    def test_one_mistake_leads_to_the_right_visit_or_to_none(self, data, word):
        text, _ = data.draw(damaged(word))
        found = match_text(f"Добрый день, {text}, сколько стоит?", CLICKS)
        assert found.visit_id in (word, None)
        if 1 < sum(symbol.isdigit() for symbol in word) < 7:
            assert found.visit_id == word

    @no_deadline
    @given(st.one_of(prose, st.text(max_size=300)))
    def test_random_text_matches_nothing(self, text):
        assert match_text(text, CLICKS).visit_id is None

    @no_deadline
    @given(st.lists(st.sampled_from(ISSUED[:8]), max_size=3), prose, st.booleans())
    def test_a_visit_is_one_of_those_read_and_the_answer_is_steady(self, words, text, is_forwarded):
        text = f"{text} {' '.join(map(printed, words))}"
        found = match_text(text, CLICKS, is_forwarded=is_forwarded)
        assert found.visit_id in {None, *words}
        assert (found.visit_id is None) == (len(set(words)) != 1)
        assert found == match_text(text, CLICKS, is_forwarded=is_forwarded)
        assert 0 <= found.confidence <= 1

    @no_deadline
    @given(st.lists(st.sampled_from(ISSUED[:4]), min_size=1, max_size=4), st.randoms())
    def test_the_order_of_the_presses_does_not_matter(self, words, random):
        clicks = [make_click(word, word, click_id=str(i)) for i, word in enumerate(words)]
        shuffled = random.sample(clicks, len(clicks))
        text = printed(words[0])
        assert match_text(text, clicks).click_id == match_text(text, shuffled).click_id

    def test_nothing_read_matches_nothing(self):
        assert match_text("", CLICKS, payload=NOTHING_READ).how is How.NONE


class TestDocumentation:
    PAGE = (Path(__file__).parents[3] / "docs" / "matching.md").read_text(encoding="utf-8")

    @pytest.mark.parametrize(("text", "how"), re.findall(r"^\| `(.+)` \| (\w+) \|$", PAGE, re.MULTILINE))
    def test_its_examples_are_true(self, text, how):
        assert match_text(text, [make_click(WORD)]).how == how

    @pytest.mark.parametrize(("how", "confidence"), CONFIDENCE.items())
    def test_its_table_names_every_way_with_its_confidence(self, how, confidence):
        assert re.search(rf"^\| `{how}` \| .* \| {confidence:.2f} \|$", self.PAGE, re.MULTILINE)
