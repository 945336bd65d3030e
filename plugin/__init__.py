"""Whence: tells a business whence each messenger inquiry came.

`create_app` is the composition root: it wires and computes nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

    from plugin.settings import Settings

VERSION = "0.1.0"


def create_app(settings: Settings | None = None) -> Flask:
    """Make the web application: the screens, with the fast endpoints in front of them.

    Without `settings` they are read from the environment; raises SettingsError that lists every problem.
    """
    from plugin.parts import make_parts
    from plugin.settings import load_settings
    from plugin.web.application import create_web

    return create_web(make_parts(settings or load_settings()))
