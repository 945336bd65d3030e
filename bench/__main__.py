"""`make bench`: measure the busy endpoints, the way of a message to the CRM, and the snippet."""

from __future__ import annotations

import json
import os
import platform
import sys
from contextlib import ExitStack
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import click
from rich.console import Console

from bench import fastpath, journey, snippet
from bench.databases import fresh, postgres
from bench.load import CONNECTIONS, find_wrk
from bench.table import Report, show

WIDTH = 110
PARTS = ("fastpath", "journey", "snippet")
DATABASES = ("sqlite", "sqlite-full", "postgres")


@click.command(help="Show Whence's figures beside bare baselines of the same run. Nothing is asserted.")
@click.option("--only", multiple=True, type=click.Choice(PARTS), help="Part to measure; all by default.")
@click.option("--database", "chosen", multiple=True, type=click.Choice(DATABASES), default=DATABASES)
@click.option("--rounds", default=3, show_default=True, help="Rounds of each kind of request.")
@click.option("--seconds", default=4, show_default=True, help="Seconds of each round.")
@click.option("--messages-seconds", default=20.0, show_default=True, help="Seconds of the steady messages.")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON instead.")
def main(
    only: tuple[str, ...],
    chosen: tuple[str, ...],
    rounds: int,
    seconds: int,
    messages_seconds: int,
    as_json: bool,
) -> None:
    """Measure and print."""
    wanted = only or PARTS
    progress = Console(stderr=True)
    wrk = find_wrk()
    report = Report(facts=_facts(wrk, rounds=rounds, seconds=seconds))
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="whence-bench-")))
        server = stack.enter_context(postgres(folder)) if "postgres" in chosen else ""
        if "fastpath" in wanted:
            progress.print("Beacons and webhooks …")
            settings = {name: _settings(name, "busy", folder=folder, server=server) for name in chosen}
            report.fastpath = fastpath.measure(
                settings, folder=folder, seconds=seconds, rounds=rounds, wrk=wrk
            )
        for name in chosen:
            if "journey" in wanted and name != "sqlite-full":
                progress.print(f"Messages to the CRM, {name} …")
                own = _settings(name, "steady", folder=folder, server=server)
                report.journey.append(journey.measure(name, own, folder=folder, seconds=messages_seconds))
    if "snippet" in wanted:
        progress.print("Snippet …")
        report.snippet = snippet.measure()
    if as_json:
        click.echo(json.dumps(asdict(report), ensure_ascii=False, indent=2))
    else:
        show(report, Console(width=None if sys.stdout.isatty() else WIDTH))


def _settings(name: str, purpose: str, *, folder: Path, server: str) -> dict[str, str]:
    """Give the settings of an empty database: what one part leaves behind must not slow the next."""
    if name == "postgres":
        return {"DATABASE_URL": fresh(server, purpose)}
    synchronous = "FULL" if name == "sqlite-full" else "NORMAL"
    return {"DATABASE_URL": f"sqlite:///{folder}/{name}-{purpose}.db", "SQLITE_SYNCHRONOUS": synchronous}


def _facts(wrk: str | None, *, rounds: int, seconds: int) -> dict[str, str]:
    return {
        "at": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "machine": f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} before it, "
        f"Python {platform.python_version()}",
        "load": f"{'wrk' if wrk else 'Python (wrk is not here)'}, {CONNECTIONS} connections, "
        f"{rounds} interleaved rounds of {seconds} s, medians; no worker beside the web processes",
        "messages": "real web processes and worker, amoCRM's stand-in apart with its rate limit off",
    }


if __name__ == "__main__":
    main()
