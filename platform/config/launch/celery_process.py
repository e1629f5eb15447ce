"""A Celery worker or beat that leaves a note when it works: `python -m config.launch.celery_process NOTE WORDS...`."""

from __future__ import annotations

import sys
from pathlib import Path


def main(argv: list[str]) -> None:
    """Run Celery's own command line with our application."""
    from celery.signals import beat_init, worker_ready

    note = Path(argv[0])

    def leave_note(**_: object) -> None:
        note.touch()

    worker_ready.connect(leave_note, weak=False)
    beat_init.connect(leave_note, weak=False)

    from config.celery import app

    # Django's checks would load every page's view into a process that serves none; `go.py check` has made them.
    app.start(["--quiet", "--skip-checks", *argv[1:]])


if __name__ == "__main__":
    main(sys.argv[1:])
