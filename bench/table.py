"""The figures as one table: what was measured, the goal, how it stands."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.table import Table

from bench import fastpath, journey

RATIO_GOAL = 0.5
P95_GOAL_SECONDS = 1.0


@dataclass(slots=True)
class Report:
    """Everything one run found."""

    facts: dict[str, Any] = field(default_factory=dict)
    fastpath: list[fastpath.Figure] = field(default_factory=list)
    journey: list[journey.Figure] = field(default_factory=list)
    snippet: dict[str, Any] = field(default_factory=dict)


def show(report: Report, console: Console) -> None:
    """Print the report."""
    for name, value in report.facts.items():
        console.print(f"[dim]{name}: {value}")
    for title, columns, rows in (
        ("Kept before the answer, against a bare Flask no-op of the same run", FAST, _fast(report.fastpath)),
        (f"Message → lead in the CRM, {journey.PER_SECOND} messages a second", SLOW, _slow(report.journey)),
        ("Snippet", ("", "figure"), _snippet(report.snippet)),
    ):
        if rows:
            console.print(_table(title, columns, rows))


FAST = (
    "",
    "requests/s",
    "no-op/s",
    "ratio",
    f"goal ≥ {RATIO_GOAL}",
    "p50 ms",
    "p99 ms",
    "kept / answered",
    "bad",
)
SLOW = ("", "accepted / sent", "p50 s", "p95 s", f"goal ≤ {P95_GOAL_SECONDS:g}", "longest s")


def _fast(figures: Iterable[fastpath.Figure]) -> list[tuple[str, ...]]:
    return [
        (
            f"{one.kind}, {one.database}",
            f"{one.per_second:,.0f}",
            f"{one.bare:,.0f}",
            f"{one.ratio:.2f}",
            _verdict(one.ratio >= RATIO_GOAL),
            f"{one.p50_ms:.1f}",
            f"{one.p99_ms:.1f}",
            f"{one.kept:,} / {one.answered:,}",
            str(one.bad),
        )
        for one in figures
    ]


def _slow(figures: Iterable[journey.Figure]) -> list[tuple[str, ...]]:
    return [
        (
            one.database,
            f"{one.accepted} / {one.sent}",
            f"{one.p50:.2f}",
            f"{one.p95:.2f}",
            _verdict(one.p95 <= P95_GOAL_SECONDS and one.accepted == one.sent),
            f"{one.longest:.2f}",
        )
        for one in figures
    ]


def _snippet(figures: dict[str, Any], name: str = "") -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for key, value in figures.items():
        label = f"{name} {key}".strip().replace("_", " ")
        rows += _snippet(value, label) if isinstance(value, dict) else [(label, str(value))]
    return rows


def _verdict(is_met: bool) -> str:
    return "[green]met" if is_met else "[yellow]missed"


def _table(title: str, columns: Iterable[str], rows: Iterable[tuple[str, ...]]) -> Table:
    table = Table(title=title, title_justify="left")
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left")
    for row in rows:
        table.add_row(*row)
    return table
