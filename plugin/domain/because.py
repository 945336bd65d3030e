"""A reason that people read: a translatable template and its parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


def N_(text: str) -> str:
    """Mark `text` for translation where it is declared; the screens translate it when they show it."""
    return text


@dataclass(frozen=True, slots=True)
class Because:
    """Never holds personal data: it is shown, stored and sent on."""

    text: str = ""
    params: Mapping[str, str | int] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.text.format(**self.params)
