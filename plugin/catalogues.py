"""The texts in other languages, for whoever speaks to people: screens, and notes written for salespeople."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations

FOLDER = Path(__file__).parent / "translations"


def compile_catalogues(folder: Path = FOLDER) -> None:
    """Write each .mo that is missing or older than its .po."""
    for source in folder.glob("*/LC_MESSAGES/*.po"):
        target = source.with_suffix(".mo")
        if target.exists() and target.stat().st_mtime >= source.stat().st_mtime:
            continue
        with source.open("rb") as file:
            catalogue = read_po(file, locale=source.parts[-3])
        # written aside and moved: another process may be reading, or writing the same
        draft = target.with_suffix(f".{id(catalogue):x}.tmp")
        with draft.open("wb") as out:
            write_mo(out, catalogue)
        draft.replace(target)


def said_in(language: str, said: Mapping[str, Any] | None) -> str:
    """Translate a stored {"text", "params"} for somebody who is not at a screen; gives "" for nothing."""
    if not said or not said.get("text"):
        return ""
    return filled(_catalogue(language).gettext(str(said["text"])), said.get("params") or {})


def filled(text: str, params: Mapping[str, Any]) -> str:
    """Put the parameters into a text; one that is missing is left as it stands, so old rows break nothing."""
    return text.format_map(_Left(params)) if params else text


class _Left(dict[str, Any]):
    def __missing__(self, name: str) -> str:
        return "{" + name + "}"


@cache
def _catalogue(language: str) -> NullTranslations:
    compile_catalogues()
    return Translations.load(str(FOLDER), [language])
