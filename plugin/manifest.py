"""The plugin's manifest: facts about it, generated from the declarations and checked by a test."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from adapters.base import Adapter
from adapters.registry import all_adapters
from plugin import VERSION
from plugin.web.snippet import built

FILE = Path(__file__).parents[1] / "manifest.json"


def make_manifest() -> dict[str, Any]:
    """Give the manifest as it should stand in manifest.json."""
    snippet = built()
    return {
        "name": "whence",
        "version": VERSION,
        "description": "Tells whence each messenger inquiry came: in the CRM, in analytics, in ROMI reports.",
        "locales": ["en", "ru"],
        "license": "MIT",
        "endpoints": {
            "collect": "/collect",
            "snippet": "/w/{file}",
            "webhook": "/hooks/{platform}/{key}",
            "health": "/healthz",
        },
        "snippet": {
            "file": "snippet/dist/whence.js",
            "served_as": snippet.hashed_name,
            "bytes": len(snippet.code),
            "integrity": snippet.integrity,
        },
        "adapters": [_adapter(cls) for cls in all_adapters()],
    }


def _adapter(cls: type[Adapter]) -> dict[str, Any]:
    return {
        "slug": cls.slug,
        "label": cls.label,
        "kind": str(cls.kind),
        "docs": f"docs/platforms/{cls.slug}.md",
        "events": sorted(str(name) for name in getattr(cls, "handles", ())),
        "settings": [
            {
                "name": setting.name,
                "label": setting.label,
                "secret": setting.secret,
                "required": setting.required,
                **({"default": setting.default} if setting.default else {}),
                **({"choices": [value for value, _ in setting.choices]} if setting.choices else {}),
            }
            for setting in cls.settings
        ],
    }
