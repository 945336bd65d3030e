"""The catalogues are complete, and keep the parameters of what they translate."""

from __future__ import annotations

import re
from io import BytesIO
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po

from plugin.catalogues import FOLDER, compile_catalogues
from plugin.domain.channel import CHANNEL_NAMES_RU
from plugin.web import words
from plugin.web.i18n import sentence

ROOT = Path(__file__).parents[3]
KEYWORDS = {"_": None, "_l": None, "N_": None, "gettext": None, "ngettext": (1, 2)}
PARAMS = re.compile(r"%\(\w+\)[sd]|\{\w*\}")


@pytest.fixture(scope="module")
def texts() -> set[str]:
    """Give every msgid of plugin and adapters."""
    methods = [("**.py", "python"), ("**/templates/**.html", "jinja2")]
    options = {"**/templates/**.html": {"trimmed": "true"}}
    found = set()
    for folder in ("plugin", "adapters"):
        for _file, _line, message, _notes, _context in extract_from_dir(
            ROOT / folder, method_map=methods, options_map=options, keywords=KEYWORDS
        ):
            found.add(message[0] if isinstance(message, tuple) else message)
    return found


@pytest.fixture(scope="module")
def russian() -> Catalog:
    with (FOLDER / "ru" / "LC_MESSAGES" / "messages.po").open("rb") as file:
        return read_po(file, locale="ru")


def test_every_text_has_its_russian(texts, russian):
    def is_said(text: str) -> bool:
        found = russian.get(text)
        strings = (found.string if isinstance(found.string, tuple) else (found.string,)) if found else ()
        return bool(strings) and all(strings) and not found.fuzzy

    assert sorted(text for text in texts if not is_said(text)) == []


def test_no_russian_stands_for_a_text_that_is_gone(texts, russian):
    kept = {message.id[0] if isinstance(message.id, tuple) else message.id for message in russian}
    assert sorted(kept - texts - {""}) == []


def test_translations_keep_the_parameters(russian):
    for message in russian:
        if not message.id:
            continue
        ids = message.id if isinstance(message.id, tuple) else (message.id,)
        strings = message.string if isinstance(message.string, tuple) else (message.string,)
        for string in strings:
            assert sorted(PARAMS.findall(string)) == sorted(PARAMS.findall(ids[0])), ids[0]


def test_channels_have_the_same_russian_names_everywhere(russian):
    for name, expected in CHANNEL_NAMES_RU.items():
        assert russian.get(words.channel(name).text).string == expected, name


def test_a_missing_or_old_catalogue_is_compiled(tmp_path):
    source = tmp_path / "ru" / "LC_MESSAGES" / "messages.po"
    source.parent.mkdir(parents=True)
    source.write_text('msgid "a"\nmsgstr "б"\n', encoding="utf-8")
    compile_catalogues(tmp_path)
    compiled = source.with_suffix(".mo")
    assert read_mo(BytesIO(compiled.read_bytes())).get("a").string == "б"
    before = compiled.stat().st_mtime_ns
    compile_catalogues(tmp_path)
    assert compiled.stat().st_mtime_ns == before
    assert sorted(path.name for path in source.parent.iterdir()) == ["messages.mo", "messages.po"]


@pytest.mark.parametrize(
    ("said", "text"),
    [
        (None, ""),
        ({}, ""),
        ({"text": "{platform} cannot be reached.", "params": {"platform": "X"}}, "X cannot be reached."),
        ({"text": "No {braces} here"}, "No {braces} here"),
        ({"text": "{gone} and {here}", "params": {"here": "1"}}, "{gone} and 1"),
    ],
)
def test_a_stored_sentence_is_said_even_when_a_parameter_is_gone(app, said, text):
    with app.test_request_context(headers={"Accept-Language": "en"}):
        assert sentence(said) == text
