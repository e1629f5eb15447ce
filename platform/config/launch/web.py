"""The web process: `python -m config.launch.web HOST PORT`. Daphne, and the workers inside it where there is no queue."""

from __future__ import annotations

import logging
import os
import sys
import threading
import time

FINISH_S = 1.5


def main(argv: list[str]) -> None:
    """Serve until SIGTERM or Ctrl-C."""
    from daphne.cli import CommandLineInterface

    if os.environ.get("REDIS_URL", "").startswith("memory:"):
        from config.launch.in_process import start_background

        start_background()
    from config.launch import bounded_daphne

    bounded_daphne.install()
    words = ["-b", argv[0], "-p", argv[1], "--verbosity", "0", "--application-close-timeout", "2"]
    CommandLineInterface().run([*words, "config.asgi:application"])
    finish()


def finish() -> None:
    """
    Give requests in other threads a moment, then end.

    A request that waits (a long poll below synchronous middleware) waits for a loop that has stopped; Python's own exit
    would join its thread for ever. Cutting it off is safe: what was not committed did not happen.
    """
    until_s = time.monotonic() + FINISH_S
    for thread in threading.enumerate():
        if thread is not threading.main_thread() and not thread.daemon:
            thread.join(max(0.0, until_s - time.monotonic()))
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1:])
