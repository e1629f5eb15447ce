"""Processes of the bench: servers that are waited for, and helpers that are spoken to over pipes."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from django.db import connection

ROOT = Path(__file__).resolve().parents[3]
UP_WITHIN_S = 60


class Program:
    """A process that ends with the bench; `port`: it is ready when that answers."""

    def __init__(self, words: list[str], environment: dict[str, str] | None = None, *, port: int | None = None) -> None:
        paths = {"PYTHONPATH": f"{ROOT}:{ROOT / 'platform'}", "LOG_LEVEL": "ERROR", "DATABASE_URL": database_url()}
        self.process = subprocess.Popen(
            words,
            cwd=ROOT,
            env={**os.environ, **paths, **(environment or {})},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        if port is not None:
            self._wait_for(port)

    def tell(self, value: Any) -> None:
        """Send one JSON line."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(value) + "\n")
        self.process.stdin.flush()

    def hear(self) -> str:
        """
        Return the next line it says.

        :raises RuntimeError: if it ended instead.
        """
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.process.args} ended with {self.process.wait()}")
        return line.strip()

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def _wait_for(self, port: int) -> None:
        deadline = time.monotonic() + UP_WITHIN_S
        while time.monotonic() < deadline and self.process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return
            time.sleep(0.05)
        raise RuntimeError(f"{self.process.args} did not come up")


def module(name: str, *words: str) -> list[str]:
    """Return the command that runs a module of ours."""
    return [sys.executable, "-m", name, *words]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def database_url() -> str:
    return "postgresql://{USER}:{PASSWORD}@{HOST}:{PORT}/{NAME}".format(**connection.settings_dict)
