"""Mikrobot's own processes: what each is started with, and the order in which they end."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

from config.env import env_int
from config.launch.data_dir import DataDir
from config.launch.options import ROOT
from config.launch.processes import ProcessSpec
from config.launch.services import Services
from config.launch.supervisor import python, source_roots

# First those who trade, then those who serve, the database last: each still finds what it writes to.
STOP_ORDER = (("agent",), ("simulator", "web", "worker", "compute", "beat", "relay"), ("valkey",), ("postgres",))
THREADS = ("-P", "threads", "--without-gossip", "--without-mingle")


@dataclass(frozen=True)
class Fleet:
    """Makes the specifications of one run's processes."""

    data: DataDir
    services: Services
    host: str
    port: int

    @property
    def url(self) -> str:
        """Where the person finds the pages."""
        return f"http://localhost:{self.port}"

    @property
    def local_url(self) -> str:
        """Where this machine's programs find the server; no name has to be resolved."""
        return f"http://127.0.0.1:{self.port}"

    def environment(self) -> dict[str, str]:
        """Return what every process of ours is told; a secret that the person has set stays the person's."""
        kept = {"API_SECRET_KEY": "api_secret_key", "KEY_PEPPER": "key_pepper"}
        secrets = {
            name: self.data.secret(secret)
            for name, secret in kept.items()
            if not os.environ.get(name) and not os.environ.get(f"{name}_FILE")
        }
        return {
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "MIKROBOT_DATA_DIR": str(self.data.root),
            "MIKROBOT_URL": self.local_url,
            "PYTHONPATH": source_roots(ROOT),
            "PYTHONUNBUFFERED": "1",
            **secrets,
            **self.services.as_environment(),
        }

    def command(self, *words: str) -> ProcessSpec:
        """Return one run of `manage.py`."""
        return self._spec(words[0], "manage.py", *words)

    def web(self) -> ProcessSpec:
        """Return the web process: Daphne on loopback, with workers inside where there is no queue server."""
        (self.data.root / "staticfiles").mkdir(exist_ok=True)
        return self._spec("web", "-m", "config.launch.web", self.host, str(self.port))

    def needed(self) -> list[ProcessSpec]:
        """Return worker and relay, without which nothing moves; none where the web process holds them."""
        if self.services.in_memory:
            return []
        queues = (
            "-c",
            str(env_int("RISKMIND_WORKERS", 4, minimum=1, maximum=64)),
            "-Q",
            "default,schedule",
            "-n",
            "worker@%h",
        )
        return [self._celery("worker", "worker", *THREADS, *queues), self._spec("relay", "manage.py", "relay")]

    def later(self) -> list[ProcessSpec]:
        """Return what may come up after the first trade could be placed: the schedule and the compute worker."""
        if self.services.in_memory:
            return []
        return [
            self._celery("beat", "beat", "-s", str(self.data.root / "beat-schedule"), "--pidfile="),
            self._celery("compute", "worker", *THREADS, "-c", "1", "-Q", "compute", "-n", "compute@%h"),
        ]

    def program(self, name: str, *words: str) -> ProcessSpec:
        """Return one run of a program of ours that ends by itself."""
        return self._spec(name, *words)

    def simulator(self, port: int, speed: str | None, replay: Path | None) -> ProcessSpec:
        """Return the simulated terminal and its market."""
        home = self.data.root / "simulator"
        home.mkdir(exist_ok=True, mode=0o700)
        words = ["--data-dir", str(home), "--port", str(port)]
        if speed:
            words += ["--speed", speed]
        if replay:
            words += ["--replay", str(replay)]
        return replace(self._spec("simulator", "-m", "simulator", *words), logs_to_output=True)

    def agent(self, config: Path) -> ProcessSpec:
        """Return the executor agent beside the simulated terminal."""
        return self._spec("agent", "-m", "executor_agent", "--config", str(config))

    def _celery(self, name: str, *words: str) -> ProcessSpec:
        note = self.data.run / f"{name}.ready"
        return self._spec(name, "-m", "config.launch.celery_process", str(note), *words, ready_note=note)

    def _spec(self, name: str, *words: str, ready_note: Path | None = None) -> ProcessSpec:
        environment = self.environment() | {"LOG_FILE": str(self.data.log_of(name))}
        return ProcessSpec(name, python(*words), cwd=ROOT, env=environment, ready_note=ready_note)
