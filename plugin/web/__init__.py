"""The screens: one blueprint per audience, wired here."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

    from plugin.parts import Parts


def register_pages(app: Flask, parts: Parts) -> None:
    """Add the screens to the application, with sessions, forms, languages, errors and headers."""
    from flask_wtf import CSRFProtect

    from plugin.web import (
        auth,
        connections,
        correction,
        deliveries,
        errors,
        i18n,
        install,
        journal,
        oauth,
        pages,
        project,
        tags,
    )

    app.config.update(
        SESSION_COOKIE_NAME="whence",
        SESSION_COOKIE_SECURE=parts.settings.is_https,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        WTF_CSRF_TIME_LIMIT=None,  # as long as the session: a form may stay open over night
    )
    CSRFProtect(app)
    i18n.register(app)
    for module in (auth, journal, correction, deliveries, project, tags, connections, oauth, install):
        app.register_blueprint(module.blueprint)
    auth.register(app)
    errors.register(app)
    pages.register(app)
