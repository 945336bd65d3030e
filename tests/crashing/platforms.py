"""Serve stand-ins in a process of their own, which no crash touches.

The first part of the path names the folder whose stand-ins are meant, so one process serves many tests.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from werkzeug.serving import make_server

from sandbox import create_sandbox
from tests.processes import Quiet, Tree, answers, end_with_the_test, free_port, until


class Platforms:
    """Makes the stand-ins of a folder when they are first asked for."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._made: dict[str, Any] = {}
        self._lock = threading.Lock()

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        name, _, rest = environ["PATH_INFO"].removeprefix("/").partition("/")
        if not name:
            start_response("204 No Content", [])
            return []
        environ |= {"SCRIPT_NAME": f"/{name}", "PATH_INFO": f"/{rest}"}
        with self._lock:
            if name not in self._made:
                self._made[name] = create_sandbox(shelf_path=self._root / name / "sandbox.db")
        answer: Iterable[bytes] = self._made[name](environ, start_response)
        return answer


@pytest.fixture(scope="module")
def platforms(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """The stand-ins in a process of their own: their folder and their address."""
    root = tmp_path_factory.mktemp("platforms")
    url = f"http://127.0.0.1:{(port := free_port())}"
    process = Tree("tests.crashing.platforms", str(root), str(port), environment={}, log=root / "log")
    process.start()
    until(lambda: answers(f"{url}/"), "the stand-ins to start")
    yield root, url
    process.kill()


def main() -> None:
    """Serve the folder and the port given on the command line."""
    end_with_the_test()
    root, port = sys.argv[1:]
    app = Platforms(Path(root))
    make_server("127.0.0.1", int(port), app, threaded=True, request_handler=Quiet).serve_forever()


if __name__ == "__main__":
    main()
