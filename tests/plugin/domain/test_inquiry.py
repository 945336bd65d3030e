from __future__ import annotations

import time
from datetime import timedelta
from fnmatch import fnmatchcase

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plugin.domain.inquiry import (
    MAX_PATTERN_CHARS,
    Standing,
    TagField,
    TagOp,
    TagRule,
    is_shared,
    opens_inquiry,
    read_rule,
    standing,
    tags_for,
)
from tests.plugin.domain.factories import NOW

no_deadline = settings(deadline=None, max_examples=300)


class TestOpening:
    @pytest.mark.parametrize(
        ("silence", "opens"),
        [
            (None, True),
            (timedelta(seconds=1), False),
            (timedelta(hours=24), False),
            (timedelta(hours=24, seconds=1), True),
            (timedelta(days=400), True),
            (timedelta(), False),
            (timedelta(hours=-1), False),
            (timedelta(days=-30), False),
        ],
    )
    def test_silence_decides(self, silence, opens):
        last = None if silence is None else NOW - silence
        assert opens_inquiry(last, NOW) is opens

    def test_the_project_sets_the_gap(self):
        assert opens_inquiry(NOW - timedelta(hours=3), NOW, gap=timedelta(hours=2))

    @no_deadline
    @given(st.lists(st.integers(-500, 500), min_size=1, max_size=8))
    def test_late_messages_never_open_more_than_the_same_in_order(self, hours):
        """Whatever the order of arrival, a message of the past opens nothing."""

        def openings(order):
            last, count = None, 0
            for at in (NOW + timedelta(hours=hour) for hour in order):
                count += opens_inquiry(last, at)
                last = at if last is None else max(last, at)
            return count

        assert 1 <= openings(hours) <= openings(sorted(hours))


class TestStanding:
    @pytest.mark.parametrize(
        ("days_before", "expected"),
        [
            ((), Standing.NEW),
            ((1,), Standing.REPEAT),
            ((90,), Standing.REPEAT),
            ((91,), Standing.NEW),
            ((400, 91, 30), Standing.REPEAT),
            ((0,), Standing.NEW),  # the inquiry itself
            ((-2,), Standing.NEW),  # opened later, told earlier
        ],
    )
    def test_an_inquiry_within_the_depth_makes_a_repeat(self, days_before, expected):
        previous = [NOW - timedelta(days=days) for days in days_before]
        assert standing(previous, NOW, depth_days=90) is expected


class TestSharing:
    @pytest.mark.parametrize(
        ("used_by", "shared"), [([], False), (["p1"], False), (["p2"], True), (["p1", "p2"], True)]
    )
    def test_another_person_makes_a_reference_shared(self, used_by, shared):
        assert is_shared("p1", used_by=used_by) is shared


def make_rule(**overrides):
    facts = {"tag": "delivery", "field": "text", "op": "contains", "value": "доставка"}
    return read_rule(facts | overrides)


class TestTags:
    @pytest.mark.parametrize(
        ("op", "value", "text", "fits"),
        [
            ("contains", "доставка", "Есть ДОСТАВКА в Омск?", True),
            ("contains", "доставка в", "доставка\n  в Омск", True),
            ("contains", "доставка", "достав", False),
            ("equals", "Да", " да ", True),
            ("equals", "да", "да да", False),
            ("glob", "*/sofa*", "https://shop.example/sofa?x=1", True),
            ("glob", "https://shop.example/*", "https://shop.example/", True),
            ("glob", "*/sofa", "https://shop.example/sofas", False),
            ("glob", "a*b*c", "a--b--c", True),
            ("glob", "a*b*c", "a--c--b", False),
            ("glob", "ab*ba", "aba", False),
            ("glob", "sofa", "sofa", True),
            ("glob", "sofa", "sofas", False),
            ("glob", "*", "", True),
            ("glob", "[a-z]", "b", False),
        ],
    )
    def test_it_compares(self, op, value, text, fits):
        found = tags_for([make_rule(op=op, value=value)], {TagField.TEXT: text})
        assert found == (("delivery",) if fits else ())

    @pytest.mark.parametrize("field", list(TagField))
    def test_it_looks_at_the_named_field_alone(self, field):
        facts = {other: "доставка" for other in TagField if other is not field}
        rule = make_rule(field=field)
        assert tags_for([rule], facts) == ()
        assert tags_for([rule], {field: "доставка"}) == ("delivery",)

    def test_each_tag_comes_once_in_the_rules_order(self):
        rules = [make_rule(tag="b"), make_rule(tag="a"), make_rule(tag="b", value="омск")]
        assert tags_for(rules, {TagField.TEXT: "доставка в Омск"}) == ("b", "a")

    @no_deadline
    @given(st.text("ab*", max_size=8), st.text("ab", max_size=12))
    def test_a_glob_means_what_the_shell_means(self, pattern, text):
        rule = TagRule(tag="t", field=TagField.TEXT, op=TagOp.GLOB, value=pattern)
        assert rule.fits({TagField.TEXT: text}) is fnmatchcase(text, pattern)

    def test_no_pattern_runs_away(self):
        rule = make_rule(op="glob", value="*a" * (MAX_PATTERN_CHARS // 2))
        started = time.process_time()
        rule.fits({TagField.TEXT: "a" * 60 + "b" * 60_000})
        assert time.process_time() - started < 0.2

    @pytest.mark.parametrize(
        "raw",
        [
            {"tag": " "},
            {"value": ""},
            {"value": "x" * 201},
            {"field": "name"},
            {"op": "regex"},
            {"tag": None},
        ],
    )
    def test_a_bad_rule_is_refused_in_words(self, raw):
        with pytest.raises(ValueError, match=r"^(A rule|The text) .*\.$"):
            make_rule(**raw)

    def test_a_rule_is_read_back_as_it_was_stored(self):
        assert make_rule(tag=" vip ") == TagRule(
            tag="vip", field=TagField.TEXT, op=TagOp.CONTAINS, value="доставка"
        )
