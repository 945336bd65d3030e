"""The languages of the screens: catalogues, whose language it is, and texts with parameters."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from flask import Flask, g, request
from flask_babel import Babel, gettext, ngettext
from flask_login import current_user

LANGUAGES = {"ru": "Русский", "en": "English"}
DEFAULT_LANGUAGE = "en"
LANGUAGE_COOKIE = "whence_language"
CATALOGUES = Path(__file__).parents[1] / "translations"


def register(app: Flask) -> None:
    """Add translation to the application; compiles catalogues that are new."""
    compile_catalogues()
    app.config["BABEL_DEFAULT_LOCALE"] = DEFAULT_LANGUAGE
    Babel(
        app,
        default_translation_directories=str(CATALOGUES),
        locale_selector=chosen_language,
        timezone_selector=lambda: g.project.time_zone if "project" in g else "UTC",
    )
    # Jinja's own would take every translated text for markup; these are escaped like any other text
    app.jinja_env.globals.update({"_": gettext, "gettext": gettext, "ngettext": ngettext})


def compile_catalogues(folder: Path = CATALOGUES) -> None:
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


def chosen_language() -> str:
    """Give the user's language, else the one chosen on this browser, else the browser's own."""
    if "language" not in g:
        g.language = _user_language() or _browser_language()
    return g.language


def _user_language() -> str:
    user = getattr(current_user, "user", None)
    return user.language if user and user.language in LANGUAGES else ""


def _browser_language() -> str:
    kept = request.cookies.get(LANGUAGE_COOKIE, "")
    if kept in LANGUAGES:
        return kept
    return request.accept_languages.best_match(LANGUAGES, DEFAULT_LANGUAGE) or DEFAULT_LANGUAGE


class _Left(dict[str, Any]):
    """Leave a parameter that is not there as it stands: an old row must not break a page."""

    def __missing__(self, name: str) -> str:
        return "{" + name + "}"


def sentence(said: Mapping[str, Any] | None) -> str:
    """Translate a stored {"text", "params"}; gives "" for nothing."""
    if not said or not said.get("text"):
        return ""
    text = gettext(str(said["text"]))
    params = said.get("params") or {}
    return text.format_map(_Left(params)) if params else text
