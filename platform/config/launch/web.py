"""
The web process: `python -m config.launch.web HOST PORT [daphne|uvicorn]`.

Daphne serves the embedded platform, with the workers inside it where there is no queue; uvicorn serves production: it needs
a third of the time for a burst of small requests (docs/decisions/0068).
"""

from __future__ import annotations

import gc
import logging
import os
import sys
import threading
import time

APPLICATION = "config.asgi:application"
FINISH_S = 1.5
KEEP_ALIVE_S = 75
MOST_SOCKET_BYTES = 1024 * 1024
SWITCH_S = 0.0005
YOUNG_OBJECTS = 10_000


def main(argv: list[str]) -> None:
    """Serve until SIGTERM or Ctrl-C."""
    host, port, server = [*argv, "daphne"][:3]
    if os.environ.get("REDIS_URL", "").startswith("memory:"):
        from config.launch.in_process import start_background

        start_background()
    settle()
    SERVERS[server](host, port)
    finish()


def settle() -> None:
    """
    Load the application, and take what stays for ever out of the collector's sight: else each full collection walks all that
    libraries hold, 100 ms in which nobody is answered. And let a thread that comes back from the database have the
    interpreter after half a millisecond, not five: an approval comes back from it some twenty times.
    """
    from config import asgi

    assert asgi.application
    from django.urls import get_resolver

    get_resolver().reverse_dict  # noqa: B018 - reading it loads every view
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, 20, 20)
    sys.setswitchinterval(SWITCH_S)


def serve_by_daphne(host: str, port: str) -> None:
    """Serve by Daphne, with bodies of bounded size."""
    from daphne.cli import CommandLineInterface

    from config.launch import bounded_daphne, direct_daphne

    bounded_daphne.install()
    direct_daphne.install()
    words = ["-b", host, "-p", port, "--verbosity", "0", "--application-close-timeout", "2"]
    CommandLineInterface().run([*words, APPLICATION])


def serve_by_uvicorn(host: str, port: str) -> None:
    """Serve by uvicorn: HTTP by httptools, no log of its own, connections kept longer than a bot's pause between two bars."""
    import uvicorn

    from config.launch.direct_uvicorn import DirectSocket

    uvicorn.run(
        APPLICATION,
        host=host,
        port=int(port),
        http="httptools",
        loop="auto",  # uvloop, but on Windows: it writes to many sockets without giving the interpreter away at each
        ws=DirectSocket,
        ws_max_size=MOST_SOCKET_BYTES,
        ws_per_message_deflate=False,  # it would press each message for each socket, in the process that judges
        lifespan="off",
        proxy_headers=False,  # `BEHIND_PROXY` decides, for every server alike
        server_header=False,
        access_log=False,
        log_config=None,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=2,
    )


SERVERS = {"daphne": serve_by_daphne, "uvicorn": serve_by_uvicorn}


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
