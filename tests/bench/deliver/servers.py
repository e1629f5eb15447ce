"""The web processes that are measured: the platform's own (Daphne), and one beside it as production serves (uvicorn)."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.bench.approve.programs import ROOT, free_port, module
from tests.journeys.running import Platform, wait_for

SERVERS = ("uvicorn", "daphne")


@dataclass(frozen=True)
class Served:
    """A web process, where it is reached, and its id."""

    name: str
    url: str
    pid: int


@contextlib.contextmanager
def serving(platform: Platform, name: str, folder: Path) -> Iterator[Served]:
    """Give a web process of the platform for the length of a `with` block."""
    own = int(platform.ready["pids"]["web"])
    if name == "daphne":
        yield Served(name, platform.ready["url"].rstrip("/").replace("localhost", "127.0.0.1"), own)
        return
    port = free_port()
    environment = psutil.Process(own).environ() | {"LOG_FILE": str(folder / f"{name}.log")}
    words = module("config.launch.web", "127.0.0.1", str(port), name)
    process = subprocess.Popen(words, cwd=ROOT, env=environment)
    try:
        wait_for(f"{name} to serve", lambda: platform.client.get(f"http://127.0.0.1:{port}/api/v1/executors"), 60)
        yield Served(name, f"http://127.0.0.1:{port}", process.pid)
    finally:
        process.terminate()
        process.wait(20)
