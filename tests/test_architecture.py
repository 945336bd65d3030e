"""The arrows between the rooms of the house, and the habits of its code, read from the source itself."""

from __future__ import annotations

import ast
import re
import statistics
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("plugin", "adapters", "sandbox")
OURS = (*ROOMS, "tests", "bench")
SKIPPED_FOLDERS = {".git", ".venv", "node_modules", "var", "vendor", "dist", "__pycache__"}

# room → what of ours it may import; the most particular room that holds a module decides
ARROWS = {
    "plugin.domain": ("plugin.domain",),
    "plugin.store": ("plugin.store", "plugin.domain"),
    "plugin.settings": (),
    "plugin.device": (),
    "plugin.kept": (),
    "plugin.catalogues": (),
    "plugin.phones": ("plugin.domain.because",),
    "plugin.logs": ("plugin.settings",),
    "plugin.flow": ("plugin.domain", "plugin.store", "plugin.facts"),
    "plugin.facts": ("plugin.domain", "plugin.store.projects"),
    "plugin.event": ("adapters.base", "plugin.catalogues", "plugin.domain", "plugin.store"),
    "plugin.parts": ("adapters", "plugin.settings", "plugin.store"),
    "plugin.delivery": ("adapters.base", "plugin.event", "plugin.kept", "plugin.parts", "plugin.store"),
    "plugin.intake": ("adapters.base", "plugin.domain", "plugin.flow", "plugin.parts", "plugin.store"),
    "plugin.worker": ("plugin.delivery", "plugin.intake", "plugin.parts", "plugin.store"),
    "plugin.serving": ("plugin", "plugin.logs", "plugin.parts", "plugin.settings", "plugin.worker"),
    "plugin.setup": (
        *("adapters.base", "plugin.parts", "plugin.phones", "plugin.settings", "plugin.store", "plugin.web"),
    ),
    "plugin.manifest": ("adapters", "plugin", "plugin.web"),
    "plugin.web": (
        *("adapters.base", "adapters.registry", "plugin.domain", "plugin.store", "plugin.flow"),
        *("plugin.delivery", "plugin.intake", "plugin.kept", "plugin.parts"),
        *("plugin.settings", "plugin.device", "plugin.phones", "plugin.catalogues", "plugin.web"),
    ),
    "plugin.cli": (
        *("plugin", "plugin.settings", "plugin.setup", "plugin.serving", "plugin.logs", "plugin.parts"),
        *("plugin.manifest", "plugin.store", "sandbox.demo"),
    ),
    "plugin": ("plugin.parts", "plugin.settings", "plugin.web"),  # the composition root alone
    "adapters.base": (),
    "adapters.http": ("adapters.base",),
    "adapters.registry": ("adapters.base",),
    "adapters": ("adapters.base", "adapters.http"),  # a platform; its own folder is added below
    "sandbox.demo": ("plugin.*", "sandbox"),
    "sandbox": ("sandbox",),
}
# room → the only foreign packages it may import
FOREIGN = {
    "plugin.domain": (),
    "plugin.flow": ("sqlalchemy",),
    "plugin.facts": (),
    "plugin.event": (),
    "plugin.store": ("sqlalchemy", "alembic", "cryptography"),
    "plugin.settings": ("pydantic",),
    "adapters.base": (),
    "adapters.http": ("requests", "urllib3"),
}
# what no adapter may know, whatever its platform
NOT_IN_ADAPTERS = {"flask", "werkzeug", "sqlalchemy", "alembic", "structlog"}
MAX_LINES = 400
LONG_MODULES: dict[str, tuple[int, str]] = {}  # file → (its own limit, why it is not split)
MAX_FUNCTION_LINES = 60
LONG_FUNCTIONS: dict[str, str] = {}
MAX_DEPTH = 3
DEEP_FOLDERS = {"plugin/store/migrations/versions": "Alembic's own layout"}
NAMELESS = {
    "util",
    "utils",
    "helper",
    "helpers",
    "common",
    "manager",
    "managers",
    "service",
    "services",
    "misc",
}


@dataclass(frozen=True, slots=True)
class Import:
    module: str  # who imports, dotted
    target: str  # what, dotted
    names: tuple[str, ...]
    is_for_types: bool  # inside `if TYPE_CHECKING`
    is_lazy: bool  # inside a function


# --- reading the source ---------------------------------------------------------------------------


def _python_files(*rooms: str) -> Iterator[Path]:
    for room in rooms:
        for path in sorted((ROOT / room).rglob("*.py")):
            if not SKIPPED_FOLDERS & set(path.relative_to(ROOT).parts):
                yield path


def _dotted(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _nodes(
    node: ast.AST, *, for_types: bool = False, lazy: bool = False
) -> Iterator[tuple[ast.AST, bool, bool]]:
    for child in ast.iter_child_nodes(node):
        types = for_types or (isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test))
        inside = lazy or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef)
        yield child, types, inside
        yield from _nodes(child, for_types=types, lazy=inside)


def _is_module(dotted: str) -> bool:
    path = ROOT.joinpath(*dotted.split("."))
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()


def _imports_of(path: Path) -> Iterator[Import]:
    module = _dotted(path)
    for node, for_types, lazy in _nodes(_tree(path)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(module, alias.name, (), for_types, lazy)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{module}: imports are absolute"
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                target = whole if _is_module(whole) else str(node.module)
                yield Import(module, target, (alias.name,), for_types, lazy)


@cache
def _imports() -> tuple[Import, ...]:
    return tuple(found for path in _python_files(*ROOMS) for found in _imports_of(path))


def _is_in(module: str, room: str) -> bool:
    if room == "plugin":  # the composition root alone; "plugin.*" is all that lies below it
        return module == room
    room = room.removesuffix(".*")
    return module == room or module.startswith(room + ".")


def _room(module: str, rooms: dict[str, tuple[str, ...]]) -> str | None:
    return max((room for room in rooms if _is_in(module, room)), key=len, default=None)


def _own_folder(module: str) -> tuple[str, ...]:
    parts = module.split(".")
    return (".".join(parts[:3]),) if parts[0] == "adapters" and len(parts) >= 3 else ()


def _points_wrong(found: Import) -> bool:
    if _top(found.target) not in OURS or found.is_for_types:
        return False
    may = (*ARROWS[_room(found.module, ARROWS) or ""], *_own_folder(found.module))
    return not any(_is_in(found.target, room) for room in may)


def _top(target: str) -> str:
    return target.partition(".")[0]


# --- arrows ---------------------------------------------------------------------------------------


def test_every_module_stands_in_a_room() -> None:
    homeless = [_dotted(path) for path in _python_files(*ROOMS) if _room(_dotted(path), ARROWS) is None]
    assert not homeless, "give these a line in ARROWS and in CONTRIBUTING.md"


def test_no_arrow_points_the_wrong_way() -> None:
    assert not [f"{found.module} imports {found.target}" for found in _imports() if _points_wrong(found)]


def test_rooms_import_only_the_packages_they_are_made_of() -> None:
    wrong = [
        f"{found.module} imports {found.target}"
        for found in _imports()
        if (room := _room(found.module, FOREIGN)) is not None
        and _top(found.target) not in (*OURS, *sys.stdlib_module_names, *FOREIGN[room])
    ]
    assert not wrong


def test_adapters_know_nothing_of_the_service() -> None:
    wrong = [
        f"{found.module} imports {found.target}"
        for found in _imports()
        if found.module.startswith("adapters.")
        and (_top(found.target) in NOT_IN_ADAPTERS or _top(found.target) in ("plugin", "sandbox", "tests"))
    ]
    assert not wrong


def test_types_alone_do_not_lead_out_of_the_contract_or_the_domain() -> None:
    wrong = [
        f"{found.module} imports {found.target}"
        for found in _imports()
        if found.is_for_types
        and _top(found.target) in OURS
        and found.module.startswith(("plugin.domain", "plugin.store", "adapters."))
        and (found.module, found.target) != ("adapters.base", "adapters.http")
    ]
    assert not wrong


def test_the_journey_knows_of_the_database_only_that_it_is_connected() -> None:
    names = {
        name
        for found in _imports()
        if found.module == "plugin.flow" and _top(found.target) == "sqlalchemy"
        for name in found.names
    }
    assert names <= {"Connection"}


def test_the_product_reaches_for_the_demo_only_when_asked_to() -> None:
    found = [i for i in _imports() if _top(i.module) == "plugin" and _top(i.target) == "sandbox"]
    assert {(i.module, i.target) for i in found} == {("plugin.cli", "sandbox.demo")}
    assert all(i.is_lazy for i in found)


def test_nothing_imports_the_tests() -> None:
    assert not [f"{i.module} imports {i.target}" for i in _imports() if _top(i.target) == "tests"]


@pytest.mark.parametrize(
    ("module", "target"),
    [
        ("plugin.domain.visit", "plugin.store.visits"),
        ("plugin.store.visits", "plugin.flow"),
        ("plugin.flow", "adapters.base"),
        ("plugin.delivery", "adapters.crm.amocrm"),
        ("plugin.web.journal", "adapters.crm.amocrm"),
        ("plugin.parts", "plugin.web.auth"),
        ("plugin.worker", "sandbox.demo"),
        ("adapters.base", "adapters.http"),
        ("adapters.crm.amocrm.fields", "adapters.crm.bitrix24"),
        ("adapters.crm.amocrm", "adapters.registry"),
        ("adapters.analytics.ga4.destination", "plugin.settings"),
        ("sandbox.amocrm", "plugin.domain.reference"),
    ],
)
def test_a_wrong_arrow_is_seen(module: str, target: str) -> None:
    assert _points_wrong(Import(module, target, (), False, False))


@pytest.mark.parametrize(
    ("module", "target"),
    [
        ("adapters.crm.amocrm.fields", "adapters.crm.amocrm.client"),
        ("plugin.web.journal", "plugin.store.projects"),
        ("sandbox.demo", "plugin.parts"),
        ("plugin.domain.visit", "datetime"),
    ],
)
def test_a_right_arrow_is_left_alone(module: str, target: str) -> None:
    assert not _points_wrong(Import(module, target, (), False, False))


# --- sizes and names ------------------------------------------------------------------------------


def test_modules_are_short() -> None:
    long = {}
    for path in [*_python_files(*ROOMS, "bench"), *(ROOT / "snippet/src").glob("*.ts")]:
        name = path.relative_to(ROOT).as_posix()
        lines = len(path.read_text(encoding="utf-8").splitlines())
        limit, _reason = LONG_MODULES.get(name, (MAX_LINES, ""))
        if lines > limit:
            long[name] = lines
    assert not long


def test_no_exception_outlives_its_reason() -> None:
    short = [
        name
        for name in LONG_MODULES
        if len((ROOT / name).read_text(encoding="utf-8").splitlines()) <= MAX_LINES
    ]
    assert not short, "these are short again: take them off the list"
    assert all((ROOT / folder).is_dir() for folder in DEEP_FOLDERS)


def test_functions_are_short() -> None:
    lengths = {
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}": (node.end_lineno or 0) - node.lineno + 1
        for path in _python_files(*ROOMS)
        if "migrations" not in path.parts
        for node in ast.walk(_tree(path))
        if isinstance(node, ast.FunctionDef)
    }
    long = [name for name, n in lengths.items() if n > MAX_FUNCTION_LINES and name not in LONG_FUNCTIONS]
    assert not long
    assert statistics.median(lengths.values()) <= 10


def test_folders_are_shallow() -> None:
    deep = {
        folder
        for path in _python_files(*ROOMS)
        if (folder := path.parent.relative_to(ROOT).as_posix()).count("/") >= MAX_DEPTH
    }
    assert deep <= set(DEEP_FOLDERS)


def test_modules_are_named_for_what_they_hold() -> None:
    named = {_dotted(path) for path in _python_files(*ROOMS, "bench")}
    assert not [name for name in named if NAMELESS & set(name.split("."))]


def test_every_folder_of_tests_is_a_package() -> None:
    folders = {path.parent for path in _python_files("tests")}
    assert not [str(folder) for folder in folders if not (folder / "__init__.py").is_file()]


def test_the_product_does_not_print() -> None:
    prints = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in _python_files("plugin", "adapters")
        for node in ast.walk(_tree(path))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert not prints


def test_public_functions_say_what_they_promise() -> None:
    # two or three lines speak for themselves
    silent = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
        for path in _python_files("plugin", "adapters")
        if "migrations" not in path.parts
        for node in _tree(path).body
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_") and not ast.get_docstring(node)
        if (node.end_lineno or 0) - node.lineno > 2
    ]
    assert not silent


# --- what no file of the project says -------------------------------------------------------------

CODE = (".py", ".ts", ".sh", ".mjs", ".js", ".html", ".css")
# pattern → (kinds of files, why); written so that this file does not hold what it looks for
UNWANTED = {
    "type-ignore": (r"#\s*type:\s*ignore(?!\[)", (".py",)),
    "unfinished": (r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X)\b", CODE),
    "registry": (
        r"(py"
        + r"pi\.org|python"
        + r"hosted\.org|npm"
        + r"js\.(org|com)|yarn"
        + r"pkg\.com|npm"
        + r"mirror)",
        (),
    ),
    "machine": (r"(?<![\w.~}])/(wo" + r"rk|ro" + r"ot|tm" + r"p|ho" + r"me)/", ()),
}
BINARY = (".png", ".jpg", ".ico", ".woff2", ".mo", ".db", ".gz", ".zip")


@cache
def _project_files() -> tuple[Path, ...]:
    """Give the files of the project: those that git holds, else all that are not made."""
    try:
        listed = subprocess.run(
            ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True
        ).stdout.split("\0")
        found = [ROOT / name for name in listed if name]
    except (OSError, subprocess.CalledProcessError):
        found = [path for path in ROOT.rglob("*") if not SKIPPED_FOLDERS & set(path.parts)]
    return tuple(path for path in found if path.is_file() and path.suffix not in BINARY)


@pytest.mark.parametrize("what", UNWANTED)
def test_no_file_holds(what: str) -> None:
    pattern, kinds = UNWANTED[what]
    found = []
    for path in _project_files():
        parts = set(path.relative_to(ROOT).parts)
        if (kinds and path.suffix not in kinds) or {"vendor", "dist"} & parts:
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if re.search(pattern, line):
                found.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()[:120]}")
    assert not found


def test_locked_requirements_are_pinned_by_hash() -> None:
    for path in sorted((ROOT / "requirements").glob("*.txt")):
        text = path.read_text(encoding="utf-8")
        pins = re.findall(r"^[a-zA-Z0-9_.\-\[\]]+==", text, re.MULTILINE)
        assert pins
        assert "://" not in text
        assert len(re.findall(r"--hash=sha256:", text)) >= len(pins)


@pytest.mark.parametrize("lock", sorted(ROOT.glob("*/package-lock.json")), ids=lambda path: path.parent.name)
def test_locked_node_packages_are_pinned_without_addresses(lock: Path) -> None:
    text = lock.read_text(encoding="utf-8")
    assert '"resolved"' not in text
    assert '"integrity"' in text
