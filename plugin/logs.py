"""Logs: an event's name and ids, in text or JSON. Never a phone, a name, a message or a token."""

from __future__ import annotations

import logging
import sys

import structlog

from plugin.settings import Settings


def configure_logs(settings: Settings) -> None:
    """Set up structlog and the standard library's logging alike."""
    level = getattr(logging, settings.log_level.upper())
    renderer = (
        structlog.processors.JSONRenderer()
        if settings.log_format == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=level, format="%(levelname)s %(name)s %(message)s", stream=sys.stderr)
    # these tell every request with its address, which may hold a secret
    for noisy in ("urllib3", "amocrm", "alembic", "werkzeug"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
