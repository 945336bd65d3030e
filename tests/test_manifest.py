"""manifest.json tells the truth about the plugin."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from adapters.registry import PLATFORMS, all_adapters
from plugin import VERSION
from plugin.cli import main
from plugin.manifest import FILE, make_manifest
from plugin.web.edge import create_edge

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def manifest() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return found


def test_it_is_what_the_declarations_make(manifest) -> None:
    assert manifest == make_manifest(), "run: ./whence manifest --write"


def test_it_is_written_as_the_command_writes_it() -> None:
    printed = CliRunner().invoke(main, ["manifest"])
    assert printed.exit_code == 0
    assert printed.output == FILE.read_text(encoding="utf-8")


def test_there_is_one_version(manifest) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    snippet = json.loads((ROOT / "snippet/package.json").read_text(encoding="utf-8"))
    told = CliRunner().invoke(main, ["--version"]).output.split()[-1]
    assert {manifest["version"], project["version"], snippet["version"], told} == {VERSION}


def test_the_snippet_is_the_built_file(manifest) -> None:
    described = manifest["snippet"]
    code = (ROOT / described["file"]).read_bytes()
    assert described["bytes"] == len(code)
    assert described["served_as"] == f"whence.{hashlib.sha256(code).hexdigest()[:12]}.js"
    assert described["integrity"] == "sha384-" + base64.b64encode(hashlib.sha384(code).digest()).decode()


def test_its_endpoints_are_served(manifest, sqlite_parts) -> None:
    rules = [re.sub(r"<[^>]+>", "{}", rule.rule) for rule in create_edge(sqlite_parts).url_map.iter_rules()]
    told = [re.sub(r"{\w+}", "{}", path) for path in manifest["endpoints"].values()]
    assert set(told) <= set(rules)


def test_its_languages_are_those_of_the_screens(manifest) -> None:
    from plugin.web.i18n import LANGUAGES

    assert sorted(manifest["locales"]) == sorted(LANGUAGES)


def test_it_lists_every_platform_in_the_order_of_the_screens(manifest) -> None:
    assert [adapter["slug"] for adapter in manifest["adapters"]] == list(PLATFORMS)


@pytest.mark.parametrize("cls", all_adapters(), ids=lambda cls: cls.slug)
def test_a_secret_has_no_default(cls) -> None:
    assert not [setting.name for setting in cls.settings if setting.secret and setting.default]
