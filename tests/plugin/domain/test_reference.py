from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plugin.domain.reference import (
    Edit,
    Repair,
    complete,
    is_valid,
    mint,
    printed,
    read,
    without_reference,
)
from plugin.domain.text import ALPHABET, LOOKALIKES, READ_CHARS, views
from tests.plugin.domain.factories import make_words

GOLDEN = json.loads((Path(__file__).parents[2] / "golden" / "reference.json").read_text(encoding="utf-8"))
WORD = "7KQ2M4CP"

no_deadline = settings(deadline=None, max_examples=300)
words = st.text(alphabet=ALPHABET, min_size=6, max_size=6).map(complete)
TWINS = {
    symbol: [
        symbol,
        symbol.lower(),
        *(chr(twin) for twin, latin in LOOKALIKES.items() if chr(latin) == symbol),
    ]
    for symbol in ALPHABET
}
SEPARATORS = ["", " ", "-", "–", "—", ".", "_", "\n", " - ", "*", "·", "\u00a0", "\u2011", "<i>", "&nbsp;"]
NOISE = ["\u00ad", "\u034f", "\u061c", "\u180e", "\u200b", "\u200c", "\u200d", "\u200e", "\u202a", "\u202e"]
NOISE += ["\u2060", "\u2064", "\u2066", "\u2069", "\ufeff", "\ufe00", "\ufe0f", "\u3164", "\u0301", "\x00"]


@st.composite
def damaged(draw: st.DrawFn, word: str) -> tuple[str, Edit]:
    """Make one mistake in a printed word: any kind, at any place, with any letter or digit."""
    edit = draw(st.sampled_from(list(Edit)))
    place = draw(st.integers(0, 7))
    other = draw(st.sampled_from([*(s for s in ALPHABET if s != word[place]), "0", "1", "I", "O", "Ж", "ы"]))
    swapped = word[:place] + word[place + 1 : place + 2] + word[place] + word[place + 2 :]
    text = {
        Edit.SUBSTITUTED: word[:place] + other + word[place + 1 :],
        Edit.INSERTED: word[:place] + other + word[place:],
        Edit.LOST: word[:place] + word[place + 1 :],
        Edit.SWAPPED: swapped,
    }[edit]
    middle = draw(st.sampled_from([4, len(text) - 4]))
    return text[:middle] + draw(st.sampled_from(["-", " ", "–", ""])) + text[middle:], edit


def distance(one: str, other: str) -> int:
    """Count the edits between two words: substituted, inserted, lost, swapped neighbours."""
    rows = [[i + j if 0 in (i, j) else 0 for j in range(len(other) + 1)] for i in range(len(one) + 1)]
    for i, a in enumerate(one, start=1):
        for j, b in enumerate(other, start=1):
            ways = [rows[i - 1][j] + 1, rows[i][j - 1] + 1, rows[i - 1][j - 1] + (a != b)]
            if i > 1 and j > 1 and a == other[j - 2] and one[i - 2] == b:
                ways.append(rows[i - 2][j - 2] + 1)
            rows[i][j] = min(ways)
    return rows[-1][-1]


class TestWords:
    @pytest.mark.parametrize("vector", GOLDEN, ids=lambda vector: vector["word"])
    def test_it_completes_the_golden_vectors(self, vector):
        assert complete(vector["data"]) == vector["word"]
        assert is_valid(vector["word"])

    def test_the_golden_vectors_are_twelve_at_least(self):
        assert len(GOLDEN) >= 12

    def test_both_sums_of_a_minted_word_are_zero(self):
        values = [ALPHABET.index(symbol) for symbol in mint()]
        assert sum(values) % 31 == 0
        assert sum(place * value for place, value in enumerate(values, start=1)) % 31 == 0

    def test_it_mints_from_the_given_source(self):
        symbols = iter("7KQ2M4")
        assert mint(lambda alphabet: next(symbols)) == WORD

    def test_minted_words_differ(self):
        assert len({mint() for _ in range(500)}) == 500

    def test_it_prints_two_groups(self):
        assert printed(WORD) == "7KQ2-M4CP"

    @pytest.mark.parametrize(
        "text", ["", "7KQ2M4C", "7KQ2M4CPP", "7KQ2-M4CP", "7kq2m4cp", "7KQ2M4CO", "7KQ2M4CQ"]
    )
    def test_it_refuses_what_is_no_word(self, text):
        assert not is_valid(text)

    @no_deadline
    @given(words, st.integers(0, 7), st.sampled_from(ALPHABET))
    def test_no_substitution_makes_another_word(self, word, place, symbol):
        changed = word[:place] + symbol + word[place + 1 :]
        assert is_valid(changed) == (changed == word)

    @no_deadline
    @given(words, st.integers(0, 6))
    def test_no_swap_makes_another_word(self, word, place):
        changed = word[:place] + word[place + 1] + word[place] + word[place + 2 :]
        assert is_valid(changed) == (changed == word)


class TestReadingWhatIsUnchanged:
    @no_deadline
    @given(words, st.text(max_size=60), st.text(max_size=60))
    def test_it_reads_a_printed_reference_in_any_surroundings(self, word, before, after):
        assert word in read(before + printed(word) + after).exact

    @no_deadline
    @given(words, st.data())
    def test_it_reads_any_script_case_separator_and_noise(self, word, data):
        """Every symbol may come as its twin, with something to skip before it."""
        text = "".join(
            data.draw(st.sampled_from(SEPARATORS))
            + "".join(data.draw(st.lists(st.sampled_from(NOISE), max_size=3)))
            + data.draw(st.sampled_from(TWINS[symbol]))
            for symbol in word
        )
        before, after = data.draw(st.text(max_size=20)), data.draw(st.text(max_size=20))
        # Markup inside is read in the view without markup; stray brackets outside would be part of it.
        reading = read(before.replace("<", "").replace("&", "") + text + after)
        assert word in (*reading.exact, *reading.folded)

    @no_deadline
    @given(words, st.sampled_from(["\u0660", "\uff10", "\U0001d7ce", "\u0966"]))
    def test_it_reads_digits_of_other_scripts(self, word, zero):
        text = "".join(chr(ord(zero) + int(s)) if s.isdigit() else s for s in printed(word))
        assert word in read(text).words

    @pytest.mark.parametrize(
        ("text", "way"),
        [
            ("7KQ2-M4CP Здравствуйте!", "exact"),
            ("Здравствуйте!\n7KQ2-M4CP", "exact"),
            ("*7KQ2-M4CP*", "exact"),
            ("~_7KQ2-M4CP_~", "exact"),
            ("`7KQ2-M4CP`", "exact"),
            ("#7KQ2-M4CP", "exact"),
            ("(код 7KQ2-M4CP)", "exact"),
            ("дом7KQ2-M4CPдом", "exact"),
            ("HELLO7KQ2-M4CPHELLO", "exact"),
            ("https://shop.example/?text=7KQ2-M4CP%20hi", "exact"),
            ("<p>7KQ2-M4CP</p>", "exact"),
            ("<KKK 7KQ2-M4CP >", "exact"),
            ("7KQ2\u200b-\u200dM4CP", "exact"),
            ("\u20667KQ2-M4CP\u2069", "exact"),
            ("7\ufe0f\u20e3KQ2-M4CP", "exact"),
            ("７ＫＱ２-Ｍ４ＣＰ", "exact"),
            ("7kq2-m4cp", "folded"),
            ("7Kq2m4cP", "folded"),
            ("7KQ2M4CP", "folded"),
            ("7KQ2 M4CP", "folded"),
            ("7KQ2 — M4CP", "folded"),
            ("7KQ2\n\nM4CP", "folded"),
            ("7 K Q 2 M 4 C P", "folded"),
            ("7.K.Q.2_M_4_C_P", "folded"),
            ("*7KQ2*-M4CP", "folded"),
            ("7KQ2\\-M4CP", "folded"),
            ("<b>7KQ2</b>-<i class='x'>M4CP</i>", "folded"),
            ("7KQ2&#8209;M4CP&nbsp;", "folded"),
            ("7КQ2-М4СР", "folded"),  # К, М, С, Р are Cyrillic
            ("7кq2-м4ср", "folded"),
            ("7ΚQ2-Μ4CΡ", "folded"),  # Κ, Μ, Ρ are Greek
            ("𝟳𝗞𝗤𝟮‑𝗠𝟰𝗖𝗣", "folded"),
            ("٧KQ٢-M٤CP", "folded"),
        ],
    )
    def test_it_reads_hard_texts(self, text, way):
        reading = read(text)
        assert WORD in getattr(reading, way)
        assert WORD in reading.words

    @pytest.mark.parametrize("text", ["7KQ2-M4CP", "привет, 7kq2-m4cp", "7KQ2M4CP!", "x7KQ2-M4CPx"])
    def test_what_cannot_be_an_accident_is_clear(self, text):
        assert read(text).clear == (WORD,)

    @pytest.mark.parametrize("text", ["дом7kq2m4cpдом", "7 kq2 m4cp", "2222-222 2"])
    def test_what_may_be_an_accident_is_not_clear(self, text):
        assert read(text).folded
        assert read(text).clear == ()

    def test_it_reads_several_references_in_their_order(self):
        first, second = make_words(2)
        assert read(f"{printed(first)} или {printed(second)}").exact == (first, second)

    def test_a_reference_read_twice_counts_by_its_best_reading(self):
        reading = read("7kq2-m4cp = 7KQ2-M4CP")
        assert (reading.exact, reading.folded) == ((WORD,), ())

    @pytest.mark.parametrize("text", ["", " ", "Здравствуйте!", "How much is the sofa?", "+7 999 123-45-67"])
    def test_ordinary_texts_hold_nothing(self, text):
        assert read(text).words == ()


class TestReadingWhatIsDamaged:
    @no_deadline
    @given(words, st.data())
    def test_every_single_edit_of_a_word_that_stands_apart_leads_back_to_it(self, word, data):
        text, _ = data.draw(damaged(word))
        digits = sum(symbol.isdigit() for symbol in word)
        reading = read(f"Здравствуйте, {text}. Сколько?")
        # A mistake may take the only digit or letter: then it looks like prose or a number, and is refused.
        assert word in reading.words or digits <= 1 or digits >= 7

    @pytest.mark.parametrize(
        "word", [word for word in make_words(60) if any(s.isdigit() for s in word[2:6])][:4]
    )
    def test_each_place_and_symbol_is_tried(self, word):
        for place in range(8):
            for symbol in (*ALPHABET, "0", "O", "Ю"):
                for changed in (
                    word[:place] + symbol + word[place + 1 :],
                    word[:place] + symbol + word[place:],
                ):
                    assert word in read(f"{changed[:4]}-{changed[4:]}").words

    @no_deadline
    @given(words, st.data())
    def test_every_repair_is_one_edit_away(self, word, data):
        text, _ = data.draw(damaged(word))
        symbols = "".join(char for char in text if char.isalnum())
        for repair in read(text).repairs:
            assert distance(repair.word, symbols) == 1
            assert is_valid(repair.word)

    @pytest.mark.parametrize(
        ("text", "edit"),
        [
            ("7KQ2-M4CX", Edit.SUBSTITUTED),
            ("7KQ2-M4C0", Edit.SUBSTITUTED),
            ("7KЩ2-M4CP", Edit.SUBSTITUTED),
            ("7kq2-m4cx", Edit.SUBSTITUTED),
            ("7KQ2-M44CP", Edit.INSERTED),
            ("7KQQ2 M4CP", Edit.INSERTED),
            ("7KQ2OM4CP", Edit.INSERTED),
            ("7KQ2-MCP", Edit.LOST),
            ("KQ2-M4CP", Edit.LOST),
            ("7KQ2M4C", Edit.LOST),
            ("7KQM-24CP", Edit.SWAPPED),
            ("K7Q2-M4CP", Edit.SWAPPED),
            ("7KQ2-M4PC", Edit.SWAPPED),
        ],
    )
    def test_it_names_the_edit(self, text, edit):
        assert Repair(WORD, edit) in read(f"код: {text}!").repairs

    @pytest.mark.parametrize("text", ["7KQ2-M4XX", "дом7KQ2-M4CXдом", "7KQ2-M4", "7K 2 M4CX", "7KQ2-M4CPPP"])
    def test_it_does_not_repair_two_edits_nor_what_is_glued(self, text):
        assert WORD not in [repair.word for repair in read(text).repairs]

    @pytest.mark.parametrize(
        "text",
        [
            "кое-какой",
            "завтра утром",
            "whatever",
            "some text",
            "2345-6789",
            "89991234567",
            "23.11.2026",
            "that-were",
        ],
    )
    def test_prose_numbers_and_dates_are_not_repaired(self, text):
        assert read(text).repairs == ()


class TestBoundedWork:
    HOSTILE = (
        "A2" * 40_000,
        "AB2C-" * 20_000,
        "<a " * 30_000,
        " " * 70_000,
        "&a" * 40_000,
        "\u200b" * 70_000,
    )

    @pytest.mark.parametrize("text", HOSTILE, ids=lambda text: repr(text[:4]))
    def test_a_hostile_text_costs_little(self, text):
        spent = []
        for _ in range(3):
            started = time.process_time()
            reading = read(text)
            spent.append(time.process_time() - started)
        assert min(spent) < 0.2
        assert len(reading.words) < 1000

    def test_it_reads_up_to_the_limit(self):
        text = "ж" * (READ_CHARS - 9) + "7KQ2-M4CP"
        assert read(text).exact == (WORD,)
        assert read("ж" + text).exact == ()

    @no_deadline
    @given(st.text(max_size=200))
    def test_views_keep_the_places(self, text):
        for view in views(text):
            assert len(view.plain) == len(view.shape) == len(view.origin)
            assert list(view.origin) == sorted(view.origin)

    @no_deadline
    @given(st.text(max_size=300))
    def test_the_same_text_reads_the_same(self, text):
        assert read(text) == read(text)


class TestRemoving:
    @pytest.mark.parametrize(
        ("text", "rest"),
        [
            ("7KQ2-M4CP Здравствуйте!", "Здравствуйте!"),
            ("7KQ2-M4CP, здравствуйте!", "здравствуйте!"),
            ("Здравствуйте! 7KQ2-M4CP", "Здравствуйте!"),
            ("Добрый день\n7KQ2-M4CP\nСколько?", "Добрый день\nСколько?"),
            ("мне 7KQ2-M4CP диван", "мне диван"),
            ("мне *7KQ2-M4CP* диван", "мне диван"),
            ("мне (#7KQ2-M4CP) диван", "мне диван"),
            ("<p><b>7KQ2-M4CP</b> диван</p>", "<p> диван</p>"),
            ("<b>7KQ2</b>-M4CP диван", "диван"),
            ("7kq2 m4cp и ещё 7KQ2-M4CP", "и ещё"),
            ("7KQ2-M4CX диван", "диван"),
            ("7KQ2-MCP, диван", "диван"),
            ("7KQ2\u200b-M4CP\u200b диван", "диван"),
            ("❤️ 7KQ2-M4CP 👨‍👩‍👧", "❤️ 👨‍👩‍👧"),
            ("дом7KQ2-M4CPкот", "домкот"),
            ("7KQ2-M4CP", ""),
            ("просто диван", "просто диван"),
        ],
    )
    def test_it_leaves_what_the_customer_wrote(self, text, rest):
        assert without_reference(text, WORD) == rest

    def test_it_leaves_other_references(self):
        other = make_words(1)[0]
        assert without_reference(f"7KQ2-M4CP {printed(other)}", WORD) == printed(other)

    def test_it_removes_several(self):
        other = make_words(1)[0]
        assert without_reference(f"7KQ2-M4CP {printed(other)} да", WORD, other) == "да"

    @no_deadline
    @given(words, st.text(max_size=80))
    def test_a_text_without_the_reference_stays_as_it_is(self, word, text):
        assert word in read(text).words or without_reference(text, word) == text

    @no_deadline
    @given(words, st.text(alphabet="абвгд ёжз,!?\n", max_size=40))
    def test_nothing_of_it_is_left(self, word, text):
        assert word not in read(without_reference(f"{printed(word)} {text}", word)).exact
