"""Real servers and process trees for tests: started, waited for, killed, started anew."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import requests
from werkzeug.serving import WSGIRequestHandler, make_server

ROOT = Path(__file__).parents[1]
LOOK_SECONDS = 0.05
T = TypeVar("T")


def until(ask: Callable[[], T], what: str, *, seconds: float = 30) -> T:
    """Ask until the answer is true and give it; fail when that takes too long."""
    patience = time.monotonic() + seconds
    while not (found := ask()):
        if time.monotonic() > patience:
            raise AssertionError(f"waited {seconds:g} s in vain for {what}")
        time.sleep(LOOK_SECONDS)
    return found


def free_port() -> int:
    """Give a port on which nobody listens, below those that outgoing connections are given."""
    while True:
        port = random.randrange(15_000, 32_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def answers(url: str) -> bool:
    """Tell whether something well answers there."""
    try:
        return requests.get(url, timeout=2).ok
    except requests.RequestException:
        return False


class Quiet(WSGIRequestHandler):
    """Logs nothing: a stand-in that cuts a connection on purpose is no news."""

    def log(self, type: str, message: str, *args: Any) -> None:
        pass


@contextmanager
def served(make: Callable[[str], Any]) -> Iterator[str]:
    """Serve the application that `make` makes for its address, in threads of this process."""
    server = make_server("127.0.0.1", 0, lambda *_: [], threaded=True, request_handler=Quiet)
    base = f"http://127.0.0.1:{server.server_port}"
    server.app = make(base)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield base
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Tree:
    """A process with all its children. One that dies is started anew, as a service manager does it."""

    def __init__(self, *module: str, environment: Mapping[str, str], log: Path) -> None:
        self.starts = 0
        self._command: Sequence[str] = (sys.executable, "-m", *module)
        own = {name: value for name, value in os.environ.items() if not name.startswith("WHENCE_")}
        self._environment = {**own, **environment}
        self._log = log
        self._wanted = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._keeper: threading.Thread | None = None

    def start(self) -> None:
        """Start the tree and keep it running."""
        self._wanted.set()
        self._spawn()
        self._keeper = threading.Thread(target=self._keep, daemon=True)
        self._keeper.start()

    def kill(self) -> None:
        """Take the tree down at once, as a power cut does, and leave it down."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Ask the tree to end, and wait for it."""
        self._end(signal.SIGTERM)

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def written(self) -> str:
        """Give what the processes wrote, for the text of a failure."""
        return self._log.read_text("utf-8", "replace")[-4000:] if self._log.exists() else ""

    def _spawn(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                cwd=ROOT,
                env=self._environment,
                stdin=subprocess.PIPE,  # its end tells the tree that the test is gone
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.starts += 1

    def _keep(self) -> None:
        while self._wanted.is_set():
            process = self._process
            if process is None:
                return
            process.wait()
            if self._wanted.is_set():
                self._spawn()

    def _end(self, how: signal.Signals) -> None:
        self._wanted.clear()
        process = self._process
        if process is None:
            return
        if how is signal.SIGTERM and process.poll() is None:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=20)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # whoever is left
        process.wait()
        if process.stdin:
            process.stdin.close()
        if self._keeper:
            self._keeper.join()
        self._process = None


def end_with_the_test() -> None:
    """End this process and its group when the test that started it is gone, however it went."""

    def watch() -> None:
        # not through sys.stdin: a forked child closes that, and would wait for its lock for ever
        while os.read(0, 1):
            pass
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()
