"""Answers remembered for a few seconds: settings that are asked for all the time and change seldom."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

KEPT_SECONDS = 5.0
KEPT_KEYS = 10_000

Key = TypeVar("Key", bound=Hashable)
T = TypeVar("T")


class Kept(Generic[Key, T]):
    """Remember answers, found or not; safe to ask from several threads."""

    def __init__(self, load: Callable[[Key], T], *, seconds: float = KEPT_SECONDS) -> None:
        self._load = load
        self._seconds = seconds
        self._values: dict[Key, tuple[float, T]] = {}

    def get(self, key: Key) -> T:
        """Give the value, loading it anew when it is old."""
        kept = self._values.get(key)
        now = time.monotonic()
        if kept is not None and kept[0] > now:
            return kept[1]
        value = self._load(key)
        if len(self._values) >= KEPT_KEYS:  # made-up keys must not fill the memory
            self._values.clear()
        self._values[key] = (now + self._seconds, value)
        return value
