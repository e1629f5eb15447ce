"""
Worker, schedule and relay as threads of the web process, for machines without a queue server (Windows).

The `memory://` broker and the in-memory channel layer live in one process only, so everything that talks through them
must live there too. The compute queue is served as well, which means that numba may be loaded here; only here.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import structlog

RESTART_AFTER_S = 1.0


def start_background() -> list[threading.Thread]:
    """Start the threads. They are daemons: the process ends without waiting for them, as rows are the truth."""
    import django

    django.setup()
    jobs: dict[str, Callable[[], None]] = {"worker": _work, "beat": _schedule, "relay": _relay}
    threads = [threading.Thread(target=_keep_up, args=item, name=item[0], daemon=True) for item in jobs.items()]
    for thread in threads:
        thread.start()
    return threads


def _keep_up(name: str, job: Callable[[], None]) -> None:
    log = structlog.get_logger("config.launch.in_process")
    while True:
        try:
            job()
        except Exception:
            log.exception("BACKGROUND_THREAD_DIED", thread=name)
        threading.Event().wait(RESTART_AFTER_S)


def _work() -> None:
    from config.celery import app

    # `solo` would take the signals of the main thread; threads leave them alone.
    worker = app.Worker(
        pool="threads",
        concurrency=4,
        queues=["default", "schedule", "compute"],
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
    )
    worker.start()


def _schedule() -> None:
    from django.conf import settings

    from config.celery import app

    beat = app.Beat(schedule=str(Path(settings.DATA_DIR) / "beat-schedule"), working_directory=None)
    beat.install_sync_handler = lambda service: None  # its handler is for a main thread
    beat.start_scheduler()


def _relay() -> None:
    from django.core.management import call_command

    call_command("relay")
