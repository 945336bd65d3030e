"""One process tree: granian's web processes and the worker beside them."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from multiprocessing.connection import wait
from typing import Any

import structlog
from granian import Granian
from granian.constants import Interfaces
from granian.log import LogLevels

from plugin.logs import configure_logs
from plugin.settings import Settings, load_settings

RESPAWN_SECONDS = 1.0
ORPHAN_SECONDS = 5.0  # what is being answered may end

log = structlog.get_logger(__name__)


def make_app() -> Any:
    """Make the WSGI application of one web process; granian calls this after its fork."""
    from plugin import create_app

    settings = load_settings()
    configure_logs(settings)
    _end_with_parent()
    return create_app(settings)


def _end_with_parent() -> None:
    """Let this process end when the one that started it was killed: an orphan would keep the address."""
    parent = multiprocessing.parent_process()
    if parent is None:  # a server of another kind, which looks after its processes itself
        return

    def watch() -> None:
        wait([parent.sentinel])
        log.warning("parent_gone")
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(ORPHAN_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()


def run_worker(parent: int | None = None) -> None:
    """Run the worker in this process until it is told to stop."""
    from plugin.parts import make_parts
    from plugin.worker import Worker

    settings = load_settings()
    configure_logs(settings)
    worker = Worker(make_parts(settings))
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: worker.stop())
    worker.run(parent=parent)


def serve(settings: Settings, *, app: str = "plugin.serving:make_app") -> None:
    """Serve until told to stop; a web process or a worker that dies is started anew."""
    stopping = threading.Event()
    keeper = None
    if settings.run_worker:
        keeper = threading.Thread(target=_keep_worker, args=(stopping,), daemon=True)
        keeper.start()
    try:
        _granian(settings, app).serve()
    finally:
        stopping.set()
        if keeper is not None:
            keeper.join(timeout=15)


def _granian(settings: Settings, app: str) -> Granian:
    return Granian(
        app,
        factory=True,
        address=settings.host,
        port=settings.port,
        interface=Interfaces.WSGI,
        workers=settings.web_processes,
        blocking_threads=settings.web_threads,
        backpressure=settings.web_threads * 8,
        respawn_failed_workers=True,
        log_level=LogLevels.error,
        websockets=False,
    )


def _keep_worker(stopping: threading.Event) -> None:
    spawn = multiprocessing.get_context("spawn")
    while not stopping.is_set():
        process = spawn.Process(target=run_worker, args=(os.getpid(),), name="whence-worker")
        process.start()
        log.info("worker_spawned", pid=process.pid)
        while process.is_alive() and not stopping.wait(0.2):
            pass
        if process.is_alive():
            process.terminate()
            process.join(timeout=10)
        elif not stopping.is_set():
            log.warning("worker_died", pid=process.pid, exit_code=process.exitcode)
            stopping.wait(RESPAWN_SECONDS)
