"""Stand-in for amoCRM: accounts with leads, contacts, notes and fields, strict about every request."""

from __future__ import annotations

from flask import Blueprint

from sandbox.amocrm import api, oauth, pages
from sandbox.amocrm.accounts import configure, expire_tokens, issue_code, rename
from sandbox.amocrm.pages import received
from sandbox.shelf import Shelf

__all__ = ["blueprint", "configure", "expire_tokens", "issue_code", "received", "rename"]


def blueprint(shelf: Shelf) -> Blueprint:
    """Make the stand-in: API and token endpoint of every account, and the pages people look at."""
    made = Blueprint("amocrm", __name__)
    oauth.add_routes(made, shelf)
    api.add_routes(made, shelf)
    pages.add_routes(made, shelf)
    return made
