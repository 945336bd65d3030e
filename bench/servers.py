"""Servers to measure, each a process tree of its own as `whence serve` makes it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import requests

from plugin.settings import PREFIX

START_SECONDS = 30
STOP_SECONDS = 20


def free_port() -> int:
    """Give a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def serving(app: str, *, environment: Mapping[str, str], log: Path) -> Iterator[int]:
    """Run `app` (module:factory) under Whence's own granian settings; give its port."""
    port = free_port()
    ours = {PREFIX + name: value for name, value in {**environment, "PORT": str(port)}.items()}
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    with log.open("ab") as out:
        process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", "bench.servers", app],
            env={**inherited, **ours},
            stdout=out,
            stderr=out,
        )
    try:
        _wait_until_ready(process, port, log)
        yield port
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()


def _wait_until_ready(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    patience = time.monotonic() + START_SECONDS
    while time.monotonic() < patience and process.poll() is None:
        try:
            requests.get(f"http://127.0.0.1:{port}/healthz", timeout=2)
        except requests.RequestException:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError(f"the server did not start:\n{log.read_text(errors='replace')[-2000:]}")


def main() -> None:
    """Serve the application named on the command line, with the settings of the environment."""
    from plugin.serving import serve
    from plugin.settings import load_settings

    serve(load_settings(), app=sys.argv[1])


if __name__ == "__main__":
    main()
