"""The documents keep up with the code: a test fails when something lacks its entry."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from click import Parameter
from pydantic_core import PydanticUndefined
from sqlalchemy import Integer, String, Table, insert, select, text

from adapters import base
from adapters.registry import PLATFORMS, adapter_class
from plugin import delivery, worker
from plugin.cli import main
from plugin.domain.matching import How
from plugin.settings import PREFIX, Settings, load_settings, new_secret
from plugin.store import outbox
from plugin.store.tables import Moment, metadata
from plugin.web.application import create_web
from plugin.web.collect import Drop
from plugin.web.pages import ROLES
from tests.factories import NOW, make_project

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
SKIPPED = {".git", ".venv", "node_modules", "var", "vendor", ".pytest_cache"}
PAGES = sorted(path for path in ROOT.rglob("*.md") if not SKIPPED & set(path.relative_to(ROOT).parts))
HEADINGS = [
    "What it does",
    "Set up",
    "Settings",
    "Fields we send",
    "Limits and quirks",
    "Errors",
    "Erasure",
]
MESSAGING_HEADINGS = ["What we read" if name == "Fields we send" else name for name in HEADINGS]
# names that begin like settings and are none
NOT_SETTINGS = {"WHENCE_SETTINGS", "WHENCE_TEST_POSTGRES", "WHENCE_WRITE_GOLDEN"}


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def headings(page: str, level: int = 2) -> list[str]:
    bare = re.sub(r"^```.*?^```", "", page, flags=re.MULTILINE | re.DOTALL)
    return [found.strip() for found in re.findall(rf"^{'#' * level} (.+)$", bare, re.MULTILINE)]


# --- settings and commands ------------------------------------------------------------------------


def rows_of_settings() -> dict[str, list[str]]:
    lines = [line for line in read("docs/settings.md").splitlines() if line.startswith(f"| `{PREFIX}")]
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    return {row[0].strip("`"): row for row in cells}


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_has_its_row(name: str) -> None:
    row = rows_of_settings()[PREFIX + name.upper()]
    assert len(row) == 4, "name, default, meaning, example"
    assert all(row)


@pytest.mark.parametrize("name", Settings.model_fields)
def test_a_settings_default_is_the_one_in_the_code(name: str) -> None:
    default = Settings.model_fields[name].default
    told = rows_of_settings()[PREFIX + name.upper()][1]
    words = {PydanticUndefined: "none, required", None: "as the public address", "": "empty"}
    expected = words.get(default, f"`{str(default).lower() if isinstance(default, bool) else default}`")
    assert told == expected


def test_no_page_names_a_setting_that_is_not_there() -> None:
    known = {PREFIX + name.upper() for name in Settings.model_fields} | NOT_SETTINGS
    for page in PAGES:
        if page.parent.name == "platforms":
            continue  # fields in a CRM begin like settings
        named = set(re.findall(r"\bWHENCE_[A-Z_]+[A-Z]\b", page.read_text(encoding="utf-8")))
        assert {name.removesuffix("_FILE") for name in named} <= known, page.name


@pytest.mark.parametrize("command", main.commands)
def test_every_command_is_told(command: str) -> None:
    assert f"whence {command}" in read("docs/install.md") + read("README.md")


OPTIONS = [(name, param) for name, command in main.commands.items() for param in command.params]


@pytest.mark.parametrize(("command", "option"), OPTIONS, ids=[f"{c} {o.opts[0]}" for c, o in OPTIONS])
def test_every_option_is_told(command: str, option: Parameter) -> None:
    rows = [line for line in read("docs/install.md").splitlines() if line.startswith("|")]
    mine = rows if command == "init" else [row for row in rows if f"`./whence {command}`" in row]
    assert any(f"`{name}`" in row for name in (*option.opts, *option.secondary_opts) for row in mine)


def test_the_example_of_a_settings_file_is_read(tmp_path: Path) -> None:
    example = re.search(r"```\n(WHENCE_.*?)```", read("docs/settings.md"), re.DOTALL)
    assert example
    secrets = f"WHENCE_SECRET_KEY={new_secret()}\nWHENCE_ENCRYPTION_KEYS={new_secret()},{new_secret()}\n"
    (tmp_path / "whence.env").write_text(example[1] + secrets, encoding="utf-8")
    assert load_settings({}, file=tmp_path / "whence.env").is_https


def test_every_make_target_is_told() -> None:
    targets = re.findall(r"^\.PHONY:(.+)$", read("Makefile"), re.MULTILINE)[0].split()
    shown = [name for name in targets if re.search(rf"^{name}:.*##", read("Makefile"), re.MULTILINE)]
    assert shown
    told = read("CONTRIBUTING.md") + read("README.md")
    assert not [name for name in shown if f"make {name}" not in told]


# --- platforms ------------------------------------------------------------------------------------


@pytest.mark.parametrize("slug", PLATFORMS)
def test_every_platform_has_its_page(slug: str) -> None:
    wanted = MESSAGING_HEADINGS if adapter_class(slug).kind is base.Kind.MESSAGING else HEADINGS
    assert headings(read(f"docs/platforms/{slug}.md")) == wanted


@pytest.mark.parametrize("slug", PLATFORMS)
def test_a_platforms_page_names_its_settings(slug: str) -> None:
    page = read(f"docs/platforms/{slug}.md")
    assert not [setting.label for setting in adapter_class(slug).settings if setting.label not in page]


@pytest.mark.parametrize("slug", PLATFORMS)
def test_every_platform_is_in_the_overview(slug: str) -> None:
    for page in ("README.md", "README.ru.md"):
        assert f"docs/platforms/{slug}.md" in read(page)


def test_no_page_stands_for_a_platform_that_is_not_there() -> None:
    assert {path.stem for path in (DOCS / "platforms").glob("*.md")} <= set(PLATFORMS)


# --- screens --------------------------------------------------------------------------------------

# parts of pages that are fetched by themselves, and switches
FRAGMENTS = {
    *("journal.older", "journal.newer", "journal.progress", "deliveries.older", "install.heard"),
    *("auth.language", "oauth.ask", "oauth.take", "static"),
}


def test_every_screen_is_told(sqlite_parts) -> None:
    app = create_web(sqlite_parts)
    shown = [
        re.sub(r"<(?:\w+:)?(\w+?)(?:_id)?>", r"<\1>", rule.rule)
        for rule in app.url_map.iter_rules()
        if "GET" in (rule.methods or ()) and rule.endpoint not in FRAGMENTS
    ]
    assert not [address for address in shown if f"| `{address}` |" not in read("docs/screens.md")]


@pytest.mark.parametrize("role", ROLES)
def test_every_role_is_told(role: str) -> None:
    assert f"| {role} |" in read("docs/screens.md")


# --- words of the journey -------------------------------------------------------------------------

STATES = (*outbox.OPEN_STATES, "delivered", *outbox.STOPPED_STATES)
ERRORS = [
    name for name, cls in vars(base).items() if isinstance(cls, type) and issubclass(cls, base.AdapterError)
]


@pytest.mark.parametrize("word", [*STATES, *base.EventName, *sorted(set(ERRORS) - {"AdapterError"}), "Bug"])
def test_delivery_explains(word: str) -> None:
    assert f"`{word}`" in read("docs/delivery.md")


def told_time(seconds: float) -> str:
    """Give a time as the pages write it."""
    for unit, size in (("h", 3600), ("min", 60)):
        if seconds >= size and seconds % size == 0:
            return f"{int(seconds // size)} {unit}"
    return f"{int(seconds)} s"


def test_delivery_tells_the_figures_of_the_code() -> None:
    page = " ".join(read("docs/delivery.md").split())
    waits = ", ".join(told_time(seconds) for seconds in delivery.WAITS_SECONDS)
    for told in (
        f"waits {waits}, and then",
        f"{delivery.JITTER:.0%} shorter or longer".replace("%", " %"),
        f"After {delivery.GIVE_UP_AFTER.days} days it is",
        f"claims rows for {delivery.LEASE_SECONDS} s",
        f"After {delivery.BREAKER_AFTER} temporary errors in a row",
        f"rest for {delivery.BREAKER_SECONDS} s",
        f"tried {delivery.BUG_TRIES} times",
    ):
        assert told in page


@pytest.mark.parametrize("reason", Drop)
def test_every_reason_to_drop_a_beacon_is_explained(reason: Drop) -> None:
    assert f"| `{reason}` |" in read("docs/install.md")


@pytest.mark.parametrize("how", How)
def test_every_way_of_matching_is_explained(how: How) -> None:
    assert f"`{how}`" in read("docs/matching.md")


# --- privacy --------------------------------------------------------------------------------------


@pytest.mark.parametrize("table", sorted(set(metadata.tables) - {"projects", "numbers", "phrases"}))
def test_privacy_says_how_long_each_table_is_kept(table: str) -> None:
    assert f"`{table}`" in read("docs/privacy.md")


def test_privacy_tells_the_days_of_the_code() -> None:
    page = read("docs/privacy.md")
    assert f"| Raw webhooks | `webhooks` | {worker.WEBHOOK_DAYS} days once read" in page
    assert f"`attempts` | {Settings.model_fields['attempt_days'].default} days" in page


def statements_of_erasure() -> Iterator[str]:
    block = re.search(r"```sql\n(.*?)```", read("docs/privacy.md"), re.DOTALL)
    assert block
    return (part.strip() for part in block[1].split(";") if part.strip())


OF_A_PERSON = (
    *("persons", "handles", "messages", "visits", "clicks", "inquiries", "deliveries", "attempts"),
)


def row_of(table: Table, *, project_id: str, who: str) -> dict[str, object]:
    """Make a row whose every text ends in `who`, so that rows of one person belong together."""
    row: dict[str, object] = {}
    for column in table.columns:
        if isinstance(column.type, Moment):
            row[column.name] = NOW
        elif isinstance(column.type, String):
            row[column.name] = f"{column.name}-{who}"
        elif isinstance(column.type, Integer):
            row[column.name] = 1
    return {**row, "project_id": project_id}


def test_the_statements_of_erasure_erase_one_person(database) -> None:
    project_id = make_project(database).project_id
    with database.write() as connection:
        for name in OF_A_PERSON:
            for who in ("anna", "boris"):
                table = metadata.tables[name]
                connection.execute(insert(table), row_of(table, project_id=project_id, who=who))
        for statement in statements_of_erasure():
            asked = {"project": project_id, "person": "person_id-anna"}
            wanted = {name: value for name, value in asked.items() if f":{name}" in statement}
            connection.execute(text(statement), wanted)
    with database.read() as connection:
        left = {name: connection.execute(select(metadata.tables[name])).all() for name in OF_A_PERSON}
    assert {name: len(rows) for name, rows in left.items()} == dict.fromkeys(OF_A_PERSON, 1)
    assert "anna" not in str(left)


# --- all pages ------------------------------------------------------------------------------------


def anchor(heading: str) -> str:
    """Give the name by which a heading can be linked to."""
    return re.sub(r"[^\w\- ]", "", heading.replace("`", "").lower()).replace(" ", "-")


def anchors_of(page: Path) -> set[str]:
    whole = page.read_text(encoding="utf-8")
    return {anchor(found) for level in (1, 2, 3, 4) for found in headings(whole, level)}


def links_of(page: Path) -> Iterator[str]:
    bare = re.sub(
        r"^```.*?^```|`[^`\n]*`", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL
    )
    for target in re.findall(r"\]\(([^()\s]+(?:\([^()\s]*\))?)\)|<img[^>]*src=\"([^\"]+)\"", bare):
        yield target[0] or target[1]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    broken = []
    for link in links_of(page):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, fragment = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        is_there = target.exists() and target.is_relative_to(ROOT)
        if not is_there or (fragment and fragment not in anchors_of(target)):
            broken.append(link)
    assert not broken


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_files_that_a_page_names_are_there(page: Path) -> None:
    named = re.findall(
        r"`((?:plugin|adapters|sandbox|snippet|tests|docs|scripts|bench|requirements)/[\w./-]+\.\w+)`",
        page.read_text(encoding="utf-8"),
    )
    assert not [name for name in named if not (ROOT / name).is_file()]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_the_rows_of_a_table_are_equally_wide(page: Path) -> None:
    whole = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    uneven = []
    for table in re.findall(r"(?:^\|.*\|\n)+", whole, re.MULTILINE):
        widths = {len(re.findall(r"(?<!\\)\|", row)) for row in table.splitlines()}
        uneven += [table.splitlines()[0]] if len(widths) > 1 else []
    assert not uneven


@pytest.mark.parametrize("room", ["plugin", "plugin/domain", "plugin/store", "plugin/web", "adapters"])
def test_the_map_shows_every_module(room: str) -> None:
    named = set(re.findall(r"[\w-]+\.py\b", read("CONTRIBUTING.md").split("### Arrows")[0]))
    there = {path.name for path in (ROOT / room).glob("*.py")} - {"__init__.py"}
    assert there <= named


def test_both_readmes_tell_the_same() -> None:
    english, russian = read("README.md"), read("README.ru.md")
    assert len(headings(english)) == len(headings(russian))
    assert sorted(links_of(ROOT / "README.md")) == sorted(
        link.replace(".ru.png", ".png").replace("README.md", "README.ru.md")
        for link in links_of(ROOT / "README.ru.md")
    )
    for readme in (english, russian):
        assert "make run" in readme
        assert "make test" in readme


def test_the_changelog_begins_with_what_is_not_released() -> None:
    page = read("CHANGELOG.md")
    assert headings(page)[0] == "Unreleased"
    unreleased = page.split("\n## ")[1]
    assert headings(unreleased, 3) == ["Breaking", "Features", "Fixes"]
    assert not [slug for slug in PLATFORMS if f"**{adapter_class(slug).label}:**" not in page]
