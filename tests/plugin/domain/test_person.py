from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plugin.domain.person import Handle, belongs_to, handles_of
from tests.plugin.domain.factories import make_message

BSUID = Handle("bsuid", "KZ.9001002003")
PHONE = Handle("phone", "77011234567")
PARENT = Handle("parent_bsuid", "KZ.ENT.555")


class TestHandles:
    def test_the_strongest_come_first(self):
        message = make_message(
            phone=PHONE.value,
            sender_key=BSUID.value,
            handles={"parent_bsuid": PARENT.value, "bsuid": BSUID.value},
        )
        assert handles_of(message) == (BSUID, PHONE, PARENT)

    def test_the_senders_key_counts_when_it_says_something_new(self):
        message = make_message(network="telegram", sender_key="42", phone="")
        assert handles_of(message) == (Handle("telegram", "42"),)

    def test_names_are_no_handles(self):
        message = make_message(name="Айгуль", username="aigul.k", phone=PHONE.value)
        assert handles_of(message) == (PHONE,)

    def test_nothing_known_gives_nothing(self):
        assert handles_of(make_message(sender_key="", handles={"bsuid": ""})) == ()


class TestBelonging:
    @pytest.mark.parametrize(
        ("known", "person_id", "conflicting"),
        [
            ({}, None, ()),
            ({BSUID: "p1"}, "p1", ()),
            ({PHONE: "p2"}, "p2", ()),
            ({BSUID: "p1", PHONE: "p1"}, "p1", ()),
            ({BSUID: "p1", PHONE: "p2"}, "p1", (PHONE,)),
            ({PARENT: "p3"}, None, ()),
            ({PARENT: "p3", PHONE: "p2"}, "p2", ()),
        ],
    )
    def test_the_strongest_known_handle_decides(self, known, person_id, conflicting):
        found = belongs_to((BSUID, PHONE, PARENT), known=known)
        assert (found.person_id, found.conflicting) == (person_id, conflicting)
        assert set(found.new) == {BSUID, PHONE, PARENT} - known.keys()

    @settings(deadline=None)
    @given(st.dictionaries(st.sampled_from([BSUID, PHONE, PARENT]), st.sampled_from(["p1", "p2", "p3"])))
    def test_the_person_is_one_whom_a_handle_names(self, known):
        found = belongs_to((BSUID, PHONE, PARENT), known=known)
        assert found.person_id in {None, *known.values()}
        assert not set(found.new) & set(known)
