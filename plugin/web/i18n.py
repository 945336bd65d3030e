"""The languages of the screens: catalogues, whose language it is, and texts with parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Flask, g, request
from flask_babel import Babel, gettext, ngettext
from flask_login import current_user

from plugin.catalogues import FOLDER, compile_catalogues, filled

LANGUAGES = {"ru": "Русский", "en": "English"}
DEFAULT_LANGUAGE = "en"
LANGUAGE_COOKIE = "whence_language"


def register(app: Flask) -> None:
    """Add translation to the application; compiles catalogues that are new."""
    compile_catalogues()
    app.config["BABEL_DEFAULT_LOCALE"] = DEFAULT_LANGUAGE
    Babel(
        app,
        default_translation_directories=str(FOLDER),
        locale_selector=chosen_language,
        timezone_selector=lambda: g.project.time_zone if "project" in g else "UTC",
    )
    # Jinja's own would take every translated text for markup; these are escaped like any other text
    app.jinja_env.globals.update({"_": gettext, "gettext": gettext, "ngettext": ngettext})


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


def sentence(said: Mapping[str, Any] | None) -> str:
    """Translate a stored {"text", "params"}; gives "" for nothing."""
    if not said or not said.get("text"):
        return ""
    return filled(gettext(str(said["text"])), said.get("params") or {})
