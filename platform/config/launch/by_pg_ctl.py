"""
Serve a cluster through `pg_ctl`: `python -m config.launch.by_pg_ctl PG_CTL CLUSTER PORT OPTIONS...`.

For Windows, where `postgres.exe` refuses an administrator and `pg_ctl` starts it with a restricted token. This process
lives as long as the server does, so the supervisor can watch it like any other child.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType

import psutil

LOOK_EVERY_S = 0.2


def main(argv: list[str]) -> int:
    """Start the server, wait for its end, and end it in order when asked to stop; 1 when it did not start or died."""
    pg_ctl, cluster, port, *options = argv
    stopping = False

    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal stopping
        stopping = True

    for name in ("SIGINT", "SIGTERM", "SIGBREAK"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), stop)
    words = " ".join(_quoted(word) for word in ("-p", port, *options))
    # No pipe to the server: it would keep our supervisor's log open after us.
    started = subprocess.run([pg_ctl, "-D", cluster, "-w", "-t", "300", "-o", words, "-l", os.devnull, "start"])
    if started.returncode:
        return 1
    server = psutil.Process(int((Path(cluster) / "postmaster.pid").read_text().split()[0]))
    while not stopping:
        if not server.is_running() or server.status() == psutil.STATUS_ZOMBIE:
            return 1
        time.sleep(LOOK_EVERY_S)
    return subprocess.run([pg_ctl, "-D", cluster, "-m", "fast", "-w", "-t", "10", "stop"]).returncode


def _quoted(word: str) -> str:
    # pg_ctl hands the options to a shell; names and values of ours hold neither quotes nor backslashes.
    return f'"{word}"'


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
