"""The rig: a running platform, accounts of its own in the simulated terminal, and an agent for each behind its own line."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from simulator.control import Control, ControlError
from tests.faults.clocks import Clocks
from tests.faults.proxy import Line
from tests.faults.zones import Zones
from tests.journeys.running import ROOT, RULES_BUSY, Platform, wait_for

PASSWORD = "of-the-rig-only"
FIRST_LOGIN = 7_700_001
BALANCE = 100_000
NETTING, HEDGING = 0, 2
# Small enough that a day's risk is not used up by trading once a second.
RULES = {**RULES_BUSY, "risk": {**RULES_BUSY["risk"], "lotSize": 0.02}}


@dataclass
class Agent:
    """One agent process beside one account of the simulated terminal."""

    code: str
    login: int
    account_id: str
    executor_id: str
    folder: Path
    line: Line
    is_hedging: bool = True
    strategy: str = ""
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def journal(self) -> Path:
        return self.folder / "data"

    def start(self) -> None:
        environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'platform'}"}
        with (self.folder / "agent.stderr").open("ab") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "executor_agent", "--config", str(self.folder / "agent.toml")],
                cwd=ROOT,
                env=environment,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                start_new_session=True,
            )

    def kill(self) -> None:
        """End it and its terminal's process as a power cut would."""
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(10)

    def signal(self, number: int) -> None:
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, number)


class Rig:
    """What the injections and the checks work on."""

    def __init__(
        self, platform: Platform, folder: Path, *, agents: int, seed: int, clocks: Clocks | None = None,
        zones: Zones | None = None, every_second_nets: bool = True,
    ) -> None:  # fmt: skip
        self.platform, self.folder, self.random = platform, folder, random.Random(seed)
        self.clocks, self.zones, self._every_second_nets = clocks, zones, every_second_nets
        self.data = Path(platform.ready["data_dir"])
        self.agents: list[Agent] = []
        for number in range(agents):
            self.agents.append(self._make_agent(number, seed))

    def start(self) -> None:
        """Start the agents, and a busy strategy on each."""
        self.start_agents()
        for agent in self.agents:
            agent.strategy = self.platform.create_strategy(f"Busy {agent.code}", RULES)
            self.command(agent, "activate", {"executors": [agent.executor_id]})
        for agent in self.agents:
            self.platform.wait_observed(agent.strategy, "RUNNING")

    def start_agents(self) -> None:
        """Start the agents and wait until the server calls each online."""
        for agent in self.agents:
            agent.start()
        for agent in self.agents:
            wait_for(f"{agent.code} online", lambda a=agent: self.state_of(a) == "ONLINE")

    def close(self) -> None:
        """
        End the agents and retire their executors: whoever says "all" next does not mean them.

        :raises AssertionError: where one is not retired.
        """
        for agent in self.agents:
            agent.kill()
            agent.line.close()
        kept = [text for agent in self.agents if (text := self._retire(agent))]
        assert not kept, f"executors that were not retired: {kept}"

    def _retire(self, agent: Agent) -> str:
        """Return why the executor is not retired, or nothing."""
        answer = wait_for(
            f"{agent.code} to be retired or refused",
            lambda: (a := self.platform.client.delete(f"executors/{agent.executor_id}")).status_code < 500 and (a,),
        )[0]
        return "" if answer.is_success else f"{agent.code}: {answer.status_code} {answer.text[:200]}"

    def command(self, agent: Agent, verb: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """Give a wish, again with the same key while the platform does not answer, as a careful client does."""
        key = {"Idempotency-Key": f"rig-{agent.code}-{verb}-{self.random.getrandbits(64):x}"}

        said: list[str] = []

        def ask() -> dict[str, Any] | None:
            answer = self.platform.client.post(f"strategies/{agent.strategy}/{verb}", json=body or {}, headers=key)
            if answer.status_code >= 500 or answer.status_code in (409, 429):
                said.append(answer.text)
                return None
            answer.raise_for_status()
            return dict(answer.json())

        try:
            return dict(wait_for(f"{verb} of {agent.code} to be taken", ask, 60))
        except AssertionError as error:
            raise AssertionError(f"{error}; refused with {said[-1:]}") from None

    def stop(self, agent: Agent) -> None:
        """Give the wish and wait until it is proven."""
        self.command(agent, "stop")
        self.platform.wait_observed(agent.strategy, "STOPPED")

    def activate(self, agent: Agent) -> None:
        """Give the wish and wait until it is proven."""
        self.command(agent, "activate", {"executors": [agent.executor_id]})
        self.platform.wait_observed(agent.strategy, "RUNNING")

    def state_of(self, agent: Agent) -> str:
        return str(self.platform.get(f"executors/{agent.executor_id}")["state"])

    def assignment(self, agent: Agent) -> dict[str, Any]:
        """Return the agent's live assignment (each has one strategy)."""
        (row,) = self.platform.assignments(agent.strategy)
        return dict(row)

    def heal(self) -> None:
        """Let the broker and the lines be fair again, whatever was left: one fault that fell is not the next one's."""
        for agent in self.agents:
            agent.line.clear()
            agent.signal(signal.SIGCONT)
        with contextlib.suppress(ControlError):
            self.control("clear_faults")

    def ledger(self, agent: Agent) -> dict[str, Any]:
        """Return the broker's own truth, waiting where the simulator is away."""

        def read() -> dict[str, Any] | None:
            try:
                with Control(self.data / "simulator") as control:
                    return dict(control.ledger(agent.login))
            except ControlError:
                return None

        return dict(wait_for("the simulator's ledger", read, 60))

    def script(self, kind: str, agent: Agent, **values: Any) -> None:
        with Control(self.data / "simulator") as control:
            control.script_fault(kind, login=agent.login, **values)

    def control(self, name: str, **values: Any) -> Any:
        """Carry out a command at the simulator's control door."""
        with Control(self.data / "simulator") as control:
            return control.call(name, **values)

    def advance_market(self, *, hours: float) -> None:
        """Let the market go on at once, whoever has not acknowledged."""
        self.control("advance", seconds=hours * 3600)

    def held(self, agent: Agent) -> list[dict[str, Any]]:
        """Return what the broker holds open for the agent's bots."""
        return [one for one in self.ledger(agent)["positions"] if one["magic"]]

    def pid_of(self, name: str) -> int:
        return int(json.loads((self.data / "run" / "pids.json").read_text())[name])

    def kill_process(self, name: str) -> None:
        """Kill one of the platform's processes and wait until the launcher has started another."""
        old = self.pid_of(name)
        with contextlib.suppress(ProcessLookupError):
            os.kill(old, signal.SIGKILL)
        wait_for(f"{name} to come back", lambda: self.pid_of(name) != old, 60)

    @contextlib.contextmanager
    def frozen(self, name: str) -> Iterator[None]:
        pid = self.pid_of(name)
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    def entries(self, agent: Agent) -> list[dict[str, Any]]:
        """Return the opening deals of bots; what a person opens by hand has no magic."""
        return [deal for deal in self.ledger(agent)["deals"] if deal["symbol"] and deal["entry"] == 0 and deal["magic"]]

    def wait_trading(self, agents: list[Agent] | None = None, timeout_s: float = 120.0) -> float:
        """Return after how many seconds each of the agents has opened once more."""
        began_s = time.monotonic()
        before = {agent.code: len(self.entries(agent)) for agent in agents or self.agents}
        for agent in agents or self.agents:
            wait_for(
                f"{agent.code} to trade again", lambda a=agent: len(self.entries(a)) > before[a.code], timeout_s, 0.2
            )
        return time.monotonic() - began_s

    def _make_agent(self, number: int, seed: int) -> Agent:
        code, login = f"rig-{seed}-{number}", FIRST_LOGIN + number
        server = self.platform.ready["simulator"]["server"]
        with Control(self.data / "simulator") as control:
            is_hedging = number % 2 == 0 or not self._every_second_nets
            terms = {"balance": str(BALANCE), "margin_mode": HEDGING if is_hedging else NETTING}
            control.open_account(login=login, password=PASSWORD, server=server, **terms)
            address = control.address
        about = {"mode": "PAPER", "server": server, "login": login, "initial_balance": BALANCE} | {
            "margin_mode": "HEDGING" if is_hedging else "NETTING"
        }
        account = self.platform.post("accounts", {"code": code, "name": code, **about})
        executor = self.platform.post("executors", {"code": code, "name": code, "account_id": account["id"]})
        line = Line(int(self.platform.ready["url"].rstrip("/").rsplit(":", 1)[1]), seed + number)
        agent = Agent(code, login, account["id"], executor["id"], self.folder / code, line, is_hedging)
        agent.folder.mkdir(parents=True)
        tables: dict[str, dict[str, Any]] = {
            "server": {
                "url": line.url,
                "api_key": executor["api_key"],
                "api_secret": executor["api_secret"],
                "executor_id": executor["id"],
            },
            "terminal": {
                "module": "simulator.mt5",
                "path": address,
                "login": login,
                "password": PASSWORD,
                "server": server,
            },
            "agent": {"data_dir": "data", "log_file": "agent.log"},
        }
        lines = []
        for table, values in tables.items():
            lines += [f"[{table}]", *(f"{name} = {json.dumps(value)}" for name, value in values.items()), ""]
        (agent.folder / "agent.toml").write_text("\n".join(lines), "utf-8")
        return agent

    @contextlib.contextmanager
    def signed_in(self) -> Iterator[Person]:
        """A person at the API with a session, for what no key may do."""
        with httpx.Client(base_url=self.platform.ready["url"].rstrip("/"), timeout=30, follow_redirects=True) as client:
            client.get("/accounts/login/").raise_for_status()
            form = {"login": self.platform.ready["email"], "password": self.platform.ready["password"]}
            token = {"csrfmiddlewaretoken": client.cookies["csrftoken"]}
            client.post("/accounts/login/", data={**form, **token}, headers={"Referer": str(client.base_url)})
            yield Person(client)


class Person:
    """A signed-in browser that speaks JSON."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def send(self, method: str, path: str, body: dict[str, Any]) -> None:
        """:raises AssertionError: where it is refused."""
        headers = {"X-CSRFToken": self._client.cookies["csrftoken"], "Referer": str(self._client.base_url)}
        answer = self._client.request(method, path, json=body, headers=headers)
        assert answer.is_success, f"{path}: {answer.status_code} {answer.text}"
