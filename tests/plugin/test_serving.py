"""The real process tree: it starts, renews a killed worker, ends on request and leaves nobody behind."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from plugin.settings import PREFIX, new_secret

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="reads processes from /proc"),
]
ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 30


class Tree:
    """`whence serve` in a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.log = folder / "log"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.base = f"http://127.0.0.1:{port}"
        ours = {
            "DATABASE_URL": f"sqlite:///{folder}/whence.db",
            "SECRET_KEY": new_secret(),
            "ENCRYPTION_KEYS": new_secret(),
            "SETTINGS": str(folder / "none.env"),
            "PORT": str(port),
            "WEB_PROCESSES": "1",
            "WEB_THREADS": "2",
            "LOG_FORMAT": "json",
        }
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
        with self.log.open("wb") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "plugin.cli", "serve"],
                cwd=ROOT,
                env={**inherited, **{PREFIX + name: value for name, value in ours.items()}},
                stdout=out,
                stderr=out,
            )
        self.seen: set[int] = set()

    def is_up(self) -> bool:
        try:
            return requests.get(f"{self.base}/healthz", timeout=2).ok
        except requests.RequestException:
            return False

    def logged(self, event: str) -> list[dict[str, Any]]:
        lines = (line for line in self.log.read_text().splitlines() if line.startswith("{"))
        return [entry for entry in map(json.loads, lines) if entry.get("event") == event]

    def worker_pids(self) -> list[int]:
        return [entry["pid"] for entry in self.logged("worker_spawned")]

    def family(self) -> set[int]:
        """Give the living processes that this tree ever had."""
        self.seen |= _descendants(self.process.pid)
        return {pid for pid in self.seen if _is_alive(pid)}

    def until(self, ask: Callable[[], object]) -> None:
        patience = time.monotonic() + PATIENCE_SECONDS
        while not ask():
            assert time.monotonic() < patience, self.log.read_text()[-3000:]
            time.sleep(0.1)

    def end(self) -> None:
        for pid in self.family() | {self.process.pid}:
            if _is_alive(pid):
                os.kill(pid, signal.SIGKILL)
        self.process.wait(10)


def _descendants(pid: int) -> set[int]:
    # a process is listed at the thread that started it
    try:
        told = [path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/children")]
    except OSError:
        return set()
    found = {int(child) for child in " ".join(told).split()}
    return found.union(*map(_descendants, found))


def _is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[Tree]:
    found = Tree(tmp_path)
    try:
        found.until(lambda: found.is_up() and found.logged("worker_started"))
        found.family()
        yield found
    finally:
        found.end()


def test_a_killed_worker_is_started_anew_and_everything_ends_when_told(tree: Tree):
    (first,) = tree.worker_pids()
    os.kill(first, signal.SIGKILL)
    tree.until(lambda: len(tree.logged("worker_started")) == 2)
    assert tree.is_up()
    second = tree.worker_pids()[-1]
    assert second != first
    assert second in tree.family()
    tree.process.send_signal(signal.SIGTERM)
    tree.until(lambda: tree.process.poll() is not None and not tree.family())
    assert tree.process.returncode == 0
    assert tree.logged("worker_stopped"), "the worker ends its step before it goes"


def test_when_the_main_process_was_killed_nobody_stays_behind(tree: Tree):
    assert set(tree.worker_pids()) < tree.family(), "the worker and a web process at least"
    tree.process.kill()
    tree.process.wait(10)
    tree.until(lambda: not tree.family())
    assert not tree.is_up()
    assert len(tree.logged("parent_gone")) == 2
