"""
The executor as the guide writes it::

    from executor import WindowsExecutor

    executor = WindowsExecutor(api_url=…, api_key=…, api_secret=…, pusher_key=…, pusher_cluster=…, executor_id=…)
    executor.start()

A door to `executor_agent`, which is the executor. The guide's six arguments do not say which terminal and which account; those come
from a configuration file or the environment:

- ``MIKROBOT_AGENT_CONFIG``: an `agent.toml`; its tables [terminal], [symbols] and [agent] are used.
- without one: ``MT5_LOGIN``, ``MT5_PASSWORD``, ``MT5_SERVER`` (needed), ``MT5_PATH``, ``MT5_MODULE`` (default `MetaTrader5`),
  ``MIKROBOT_AGENT_DATA_DIR`` (default `~/.mikrobot/executor-<executor id>`).
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any

from executor_agent.config import AgentConfig, build_config


class WindowsExecutor:
    """
    An executor agent, given as the guide gives it.

    ``pusher_key`` and ``pusher_cluster`` (both may be empty) let nudges come by Pusher too. Every nudge may be lost: the agent polls.
    Where the platform is its own push service, ``[server.pusher]`` of ``MIKROBOT_AGENT_CONFIG`` names its host and port.

    :raises executor_agent.errors.ConfigError: where no terminal is configured, or a value is impossible.
    """

    def __init__(
        self, api_url: str, api_key: str, api_secret: str, pusher_key: str, pusher_cluster: str, executor_id: str
    ) -> None:
        tables, base = _read_tables(executor_id)
        server = {"url": api_url, "api_key": api_key, "api_secret": api_secret, "executor_id": executor_id}
        if pusher_key:
            place = tables.get("server", {}).get("pusher", {})
            server["pusher"] = {**place, "key": pusher_key, "cluster": pusher_cluster}
        tables["server"] = server
        self.config: AgentConfig = build_config(tables, base=base)

    def start(self) -> None:
        """
        Run until SIGTERM or Ctrl-C. The calling thread is the agent's.

        :raises executor_agent.errors.AlreadyRunning: if an agent runs on the same data directory.
        """
        from executor_agent.__main__ import run_agent

        run_agent(self.config)


def _read_tables(executor_id: str) -> tuple[dict[str, Any], Path]:
    file = os.environ.get("MIKROBOT_AGENT_CONFIG")
    if file:
        path = Path(file).resolve()
        return tomllib.loads(path.read_text("utf-8")), path.parent
    login = os.environ.get("MT5_LOGIN", "")
    data_dir = os.environ.get("MIKROBOT_AGENT_DATA_DIR") or str(Path.home() / ".mikrobot" / f"executor-{executor_id}")
    terminal = {
        "module": os.environ.get("MT5_MODULE", "MetaTrader5"),
        "path": os.environ.get("MT5_PATH", ""),
        "login": int(login) if login.isdigit() else None,
        "password": os.environ.get("MT5_PASSWORD", ""),
        "server": os.environ.get("MT5_SERVER", ""),
    }
    agent = {"data_dir": data_dir, "log_file": str(Path(data_dir) / "agent.log")}
    return {"terminal": terminal, "agent": agent}, Path.cwd()
