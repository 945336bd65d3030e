"""Which person a message belongs to: by handles that cannot be borrowed, never by a name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from plugin.domain.message import Message

PARENT_BSUID = "parent_bsuid"
PHONE = "phone"
# Strongest first. A user id scoped to the business is one customer for as long as it exists; a phone may
# get another owner; the sender's key in a network stands last, for it often repeats one of these.
STRONG_KINDS = ("bsuid", PHONE)
# Linked companies share a parent id, so it is kept for reading and never decides alone.
WITNESSES = frozenset({PARENT_BSUID})


class Handle(NamedTuple):
    kind: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Belonging:
    """`person_id` is None when nobody is known by these handles."""

    person_id: str | None
    new: tuple[Handle, ...]  # to be kept for the person
    conflicting: tuple[Handle, ...]  # weaker handles that are another person's, and stay so


def handles_of(message: Message) -> tuple[Handle, ...]:
    """Give the handles of a message's sender, strongest first; name and username are none."""
    values = {**message.handles, PHONE: message.phone or message.handles.get(PHONE, "")}
    kinds = sorted(values, key=_strength)
    found = [Handle(kind, values[kind]) for kind in kinds if values[kind]]
    if message.sender_key and message.sender_key not in values.values():
        found.append(Handle(message.network, message.sender_key))
    return tuple(found)


def belongs_to(handles: Sequence[Handle], *, known: Mapping[Handle, str]) -> Belonging:
    """Choose the person whom the strongest known handle names; persons are never merged here."""
    deciding = [handle for handle in handles if handle in known and handle.kind not in WITNESSES]
    person_id = known[deciding[0]] if deciding else None
    return Belonging(
        person_id=person_id,
        new=tuple(handle for handle in handles if handle not in known),
        conflicting=tuple(handle for handle in deciding if known[handle] != person_id),
    )


def _strength(kind: str) -> tuple[int, str]:
    return (STRONG_KINDS.index(kind) if kind in STRONG_KINDS else len(STRONG_KINDS), kind)
