"""The demo: a team with a paper account on the simulated terminal, and the agent beside it."""

from __future__ import annotations

import json
import re
import socket
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from config.launch import market
from config.launch.data_dir import DataDir, write_private
from config.launch.doors import fetch
from config.launch.errors import LaunchError
from config.launch.fleet import Fleet
from config.launch.options import RunOptions
from config.launch.processes import Errand, run_to_end
from config.launch.supervisor import Supervisor

# What the seed books for the paper account on the server's side: a hedging account, money as text.
# Swap-free until the backtest charges swap too: the same rules on the same bars must give the same money.
PAPER_TERMS = {"currency": "USD", "balance": "100000", "leverage": 100, "margin_mode": 2, "swap_free": True}


@dataclass(frozen=True)
class Demo:
    """Who may sign in and what was made; all None where there is no demo."""

    email: str | None = None
    password: str | None = None
    api_key: str | None = None
    account_id: str | None = None
    executor_id: str | None = None
    simulator: dict[str, Any] | None = None  # where the paper account lives: port, login, server; never its password


def seed(options: RunOptions, data: DataDir, fleet: Fleet) -> Errand:
    """
    Begin to make the demo's rows, or to find them. It needs the tables only, so it runs while the pages come up.

    :raises LaunchError: if the data directory belongs to another market than the one asked for.
    """
    # Idempotent, so it runs at every start: what somebody deleted from the demo is there again.
    # A person's own bars may hold other symbols, and are for the person's own strategies.
    words = () if market.recording(options.replay, data) else ("--strategy",)
    return Errand(fleet.command("seed_demo", "--data-dir", str(data.root), "--json", *words))


def start(options: RunOptions, data: DataDir, fleet: Fleet, supervisor: Supervisor, seeding: Errand) -> Demo:
    """
    Open the seeded account in the simulated terminal and start the agent beside it.

    :raises LaunchError: if one of these fails.
    """
    port = data.port("simulator")
    terminal = supervisor.start(fleet.simulator(port, options.speed, market.recording(options.replay, data)))
    seeded = _read_seeded(seeding.finish())
    supervisor.wait_until(lambda: _listens(port), of=terminal)
    _open_account(data, fleet, seeded)
    config = Path(seeded["agent_config"])
    point_agent(
        config,
        server_url=fleet.local_url,
        terminal_path=f"sim://127.0.0.1:{port}",
        log_file=data.log_of("agent"),
    )
    supervisor.start(fleet.agent(config))
    return Demo(
        **{name: seeded[name] for name in ("email", "password", "api_key", "account_id", "executor_id")},
        simulator={"port": port, "login": seeded["simulator_login"], "server": seeded["simulator_server"]},
    )


def wait_for_agent(shown: Demo, fleet: Fleet, supervisor: Supervisor) -> None:
    """
    Wait until the server itself says that the agent is online.

    :raises LaunchError: if that takes longer than a minute and a half.
    """
    door = f"{fleet.local_url}/api/v1/executors/{shown.executor_id}"
    began_s = time.monotonic()

    def is_online() -> bool:
        found = fetch(door, shown.api_key or "")
        # Just after a restart the server may still count the agent of the run before as online.
        age_s = found.get("age_s")
        return found.get("state") == "ONLINE" and age_s is not None and float(age_s) <= time.monotonic() - began_s

    try:
        supervisor.wait_until(is_online, timeout_s=90, every_s=0.15)
    except LaunchError as problem:
        log = fleet.data.log_of("agent")
        raise LaunchError(f"The agent was not seen online: {problem}. Its log is {log}.") from problem


def point_agent(config: Path, *, server_url: str, terminal_path: str, log_file: Path) -> None:
    """
    Write this start's addresses into an agent's configuration; the ports may have changed since the last one.

    :raises LaunchError: if one of the lines is missing.
    """
    text = config.read_text("utf-8")
    wanted = _with_value(text, "server", "url", server_url)
    wanted = _with_value(wanted, "terminal", "path", terminal_path)
    wanted = _with_value(wanted, "agent", "log_file", str(log_file))
    if wanted != text:
        write_private(config, wanted)


def _with_value(text: str, table: str, key: str, value: str) -> str:
    pattern = rf"(?ms)^(\[{table}\]$(?:(?!^\[).)*?^{key}\s*=\s*)\"[^\"\n]*\""
    changed, count = re.subn(pattern, lambda found: f"{found[1]}{json.dumps(value)}", text, count=1)
    if count != 1:
        raise LaunchError(f"The agent's configuration has no [{table}] {key}.")
    return changed


def _read_seeded(said: str) -> dict[str, Any]:
    try:
        return dict(json.loads(said.strip().splitlines()[-1]))
    except (ValueError, IndexError) as problem:
        raise LaunchError(f"seed_demo did not say what it made: {said[-500:]!r}") from problem


def _open_account(data: DataDir, fleet: Fleet, seeded: dict[str, Any]) -> None:
    # Idempotent as well. The password goes by the environment: command lines are open to everybody on the machine.
    terms = PAPER_TERMS | {"server": seeded["simulator_server"]}
    spec = fleet.program(
        "open-account",
        *("-m", "simulator.control", "--data-dir", str(data.root / "simulator"), "open-account"),
        *("--login", str(seeded["simulator_login"]), "--json", json.dumps(terms)),
    )
    password = {"MIKROBOT_SIMULATOR_PASSWORD": str(seeded["simulator_password"])}
    run_to_end(replace(spec, env={**spec.env, **password}), timeout_s=60)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0
