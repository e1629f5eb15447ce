"""A running simulator for tests: started, awaited, ended."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from simulator.control import Control

ROOT = Path(__file__).resolve().parents[1]
PASSWORD = "simulated-secret"
SERVER = "Mikrobot-Demo"
_READY_WITHIN_S = 30


@dataclass
class RunningSimulator:
    """One simulator process and the door to it."""

    data_dir: Path
    options: list[str]
    login: int = 0
    """The account that was opened last."""
    process: subprocess.Popen[str] = field(init=False)
    ready: dict[str, Any] = field(init=False)
    control: Control = field(init=False)

    def start(self) -> "RunningSimulator":
        """Start the process and wait for its ready line."""
        self.data_dir.mkdir(parents=True, exist_ok=True)
        with (self.data_dir / "simulator.log").open("a") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "simulator", "--data-dir", str(self.data_dir), *self.options],
                cwd=ROOT,
                env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'platform'}"},
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError(f"the simulator did not start:\n{(self.data_dir / 'simulator.log').read_text()}")
        self.ready = json.loads(line)
        self.control = Control(self.data_dir)
        return self

    @property
    def address(self) -> str:
        """The path that `mt5.initialize` takes."""
        return str(self.ready["address"])

    def open_account(self, login: int = 1001, **terms: Any) -> int:
        """Open an account with the password `PASSWORD` and return its login."""
        self.control.open_account(login=login, password=PASSWORD, server=SERVER, **terms)
        self.login = login
        return login

    def kill(self) -> None:
        """Kill the process as a power cut would."""
        self.control.close()
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(_READY_WITHIN_S)

    def restart(self) -> "RunningSimulator":
        """Start again on the same data."""
        self._close_pipe()
        return self.start()

    def stop(self) -> int:
        """End the process in order and return its exit code."""
        if hasattr(self, "control"):
            self.control.close()
        self.process.terminate()
        code = self.process.wait(_READY_WITHIN_S)
        self._close_pipe()
        return code

    def _close_pipe(self) -> None:
        if self.process.stdout is not None:
            self.process.stdout.close()


@contextmanager
def running_simulator(tmp_path: Path, **options: Any) -> Iterator[RunningSimulator]:
    """
    Run a simulator in ``tmp_path/simulator``; options are those of the command line.

    ``running_simulator(tmp_path, seed=3, speed="max", server_zone="SERVER_NY+7", paused=True)``
    """
    words = ["--port", str(options.pop("port", 0))]
    for name, value in options.items():
        flag = f"--{name.replace('_', '-')}"
        if value is True:
            words.append(flag)
        elif value not in (None, False):
            words += [flag, str(value)]
    simulator = RunningSimulator(tmp_path / "simulator", words)
    simulator.start()
    try:
        yield simulator
    finally:
        if simulator.process.poll() is None:
            simulator.stop()
