"""A web server of the tests' own: Daphne as a process, on the database of the test."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from django.conf import settings
from django.db import connection

ROOT = Path(__file__).resolve().parents[2]


class Server:
    """A server of its own on the test's database: plain Daphne with the application, or `command` with {port} in it."""

    def __init__(
        self, application: str, environment: dict[str, str] | None = None, *, command: list[str] | None = None
    ) -> None:
        self.port, self.command = _free_port(), command
        plain = [sys.executable, "-m", "daphne", "-b", "127.0.0.1", "-p", "{port}", "-v", "0", application]
        settings = connection.settings_dict
        url = "postgresql://{USER}:{PASSWORD}@{HOST}:{PORT}/{NAME}".format(**settings)
        self.process = subprocess.Popen(
            [word.replace("{port}", str(self.port)) for word in command or plain],
            cwd=ROOT,
            env={
                **os.environ,
                "DATABASE_URL": url,
                "PYTHONPATH": f"{ROOT}:{ROOT / 'platform'}",
                "LOG_LEVEL": "ERROR",
                **(environment or {}),
            },
        )
        self.url = f"http://127.0.0.1:{self.port}"
        self._wait()

    def _wait(self) -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and self.process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        raise RuntimeError("the server did not come up")

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(timeout=60)


def make_web_process(server: str) -> Server:
    """Return the platform's own web process, served by `daphne` or `uvicorn`."""
    command = [sys.executable, "-m", "config.launch.web", "127.0.0.1", "{port}", server]
    # Without a queue the process would start workers of its own: nobody listens at this address.
    pepper = settings.KEY_PEPPERS[settings.KEY_PEPPER_NUMBER]  # keys of the test are to open it
    given = {
        "API_SECRET_KEY": "k" * 50,
        "KEY_PEPPER": pepper,
        "REDIS_URL": settings.REDIS_URL.replace("memory://", "redis://127.0.0.1:1"),
    }
    return Server("", given, command=command)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
