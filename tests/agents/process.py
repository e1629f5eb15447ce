"""An agent as a process of its own beside a running simulator."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.agents.http_server import API_KEY, API_SECRET
from tests.simulation import PASSWORD, ROOT, SERVER, RunningSimulator


@dataclass
class AgentProcess:
    """`python -m executor_agent` with a configuration for that simulator and that server."""

    folder: Path
    simulator: RunningSimulator
    server_url: str
    transports: tuple[str, ...] = ("long_poll",)
    process: subprocess.Popen[bytes] = field(init=False)

    @property
    def log(self) -> str:
        return (self.folder / "agent.log").read_text() if (self.folder / "agent.log").exists() else ""

    def write_config(self) -> Path:
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / "agent.toml"
        path.write_text(
            f"""
            [server]
            url = "{self.server_url}"
            api_key = "{API_KEY}"
            api_secret = "{API_SECRET}"
            executor_id = "exr_1"
            transports = [{", ".join(f'"{name}"' for name in self.transports)}]
            [terminal]
            module = "simulator.mt5"
            path = "{self.simulator.address}"
            login = {self.simulator.login}
            password = "{PASSWORD}"
            server = "{SERVER}"
            [agent]
            data_dir = "data"
            log_file = "agent.log"
            """
        )
        return path

    def start(self) -> None:
        config = self.write_config()
        with (self.folder / "agent.stderr").open("ab") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "executor_agent", "--config", str(config)],
                cwd=ROOT,
                env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'platform'}"},
                stdout=subprocess.DEVNULL,
                stderr=errors,
                start_new_session=True,
            )

    def kill(self) -> None:
        """Kill it and its terminal's process as a power cut would."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)

    def stop(self) -> int:
        """End it in order and return its exit code."""
        self.process.terminate()
        return self.process.wait(30)


@contextmanager
def running_agent(
    folder: Path, simulator: RunningSimulator, server_url: str, transports: tuple[str, ...] = ("long_poll",)
) -> Iterator[AgentProcess]:
    """Run an agent until the block ends."""
    agent = AgentProcess(folder, simulator, server_url, transports)
    agent.start()
    try:
        yield agent
    finally:
        if agent.process.poll() is None:
            os.killpg(agent.process.pid, signal.SIGKILL)
            agent.process.wait(10)
