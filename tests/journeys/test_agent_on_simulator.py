"""The agent as a process, beside the real simulator, before a hand-written server over real HTTP: kills, silences, faults."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from executor_agent.__main__ import main
from tests.agents.http_server import API_SECRET, serving
from tests.agents.process import AgentProcess, running_agent
from tests.agents.server import AgentServer
from tests.agents.waiting import wait_for
from tests.simulation import PASSWORD, ROOT, RunningSimulator, running_simulator
from tests.unit.trading.making import cross_rules, random_bars

pytestmark = pytest.mark.journey

LOGIN, MAGIC = 1001, 1_000_001
RULES = cross_rules("EMA_3", "EMA_8", exit={"stopLoss": 40, "takeProfit": 80})


FAULTS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("requote", {"count": 2}),
    ("partial_fill", {"share": 0.5, "on": "open", "count": 1}),
    ("positions_none", {"count": 5}),
    ("positions_empty", {"count": 1}),
    ("disconnect", {"seconds": 3}),
    ("reject", {"retcode": 10018, "on": "close", "count": 3}),
    ("slippage", {"points": 30, "count": 3}),
)


class Scene:
    """A simulator, a server and an agent, and what may be asked of them."""

    def __init__(self, simulator: RunningSimulator, server: AgentServer, agent: AgentProcess) -> None:
        self.simulator, self.server, self.agent = simulator, server, agent

    def run_strategy(self) -> None:
        self.server.want("RUNNING", RULES)
        self.wait_observed("RUNNING")

    def wait_observed(self, observed: str, timeout_s: float = 120) -> None:
        def is_there() -> bool:
            status = self.server.status()
            wanted = self.server.wanted["asg_1"].generation
            return status is not None and (status.observed, status.observed_generation) == (observed, wanted)

        wait_for(self.server, is_there, timeout_s)

    def wait_entries(self, count: int, timeout_s: float = 120) -> None:
        wait_for(self.server, lambda: len(self.outcomes("DONE")) >= count, timeout_s)

    def outcomes(self, outcome: str) -> list[dict[str, Any]]:
        return [body for body in self.server.list_reports("order_outcome") if body["outcome"] == outcome]

    def entries(self) -> list[dict[str, Any]]:
        """The broker's own truth: the deals that opened."""
        return [deal for deal in self.simulator.control.ledger(LOGIN)["deals"] if deal["symbol"] and deal["entry"] == 0]

    def check_no_entry_doubled(self) -> None:
        tags = [deal["comment"] for deal in self.entries()]
        approved = {answer.tag for answer in self.server.verdicts.values() if answer.approved}
        assert len(tags) == len(set(tags)), "an approval was used twice"
        assert set(tags) <= approved, "an order without an approval"

    def check_ledger_told(self) -> None:
        """Every closing deal of the broker was reported once."""
        closes = {
            deal["ticket"]
            for deal in self.simulator.control.ledger(LOGIN)["deals"]
            if deal["symbol"] and deal["entry"] == 1
        }

        def told() -> list[int]:
            return [body["deal_ticket"] for body in self.server.list_reports("trade_closed")]

        wait_for(self.server, lambda: set(told()) == closes)
        assert len(told()) == len(set(told()))

    def stop_and_check(self) -> None:
        self.server.want("STOPPED")
        self.wait_observed("STOPPED")
        assert self.simulator.control.ledger(LOGIN)["positions"] == []
        self.check_no_entry_doubled()
        self.check_ledger_told()


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    bars = random_bars(5, 12000, volatility_ticks=9)
    lines = (f"{bar.opened_at:%Y-%m-%d %H:%M},{bar.open},{bar.high},{bar.low},{bar.close},50" for bar in bars)
    (tmp_path / "EURUSD_M1.csv").write_text("\n".join(lines))
    server = AgentServer()
    with (
        running_simulator(tmp_path, replay=tmp_path / "EURUSD_M1.csv", speed=1200) as simulator,
        serving(server) as url,
    ):
        simulator.open_account(LOGIN, balance="10000")
        with running_agent(tmp_path / "agent", simulator, url) as agent:
            yield Scene(simulator, server, agent)


def test_it_trades_stops_flat_and_ends_in_order_without_a_secret_in_its_logs(scene: Scene) -> None:
    scene.run_strategy()
    scene.wait_entries(3)
    scene.stop_and_check()

    assert scene.agent.stop() == 0
    written = scene.agent.log + (scene.agent.folder / "agent.stderr").read_text()
    assert "TRADE_EXECUTED" in written
    assert API_SECRET not in written
    assert PASSWORD not in written
    health = scene.server.snapshots[-1].health
    assert 0 < health.threads <= 12
    assert 0 < health.rss_bytes < 300_000_000


def test_killed_with_a_position_open_it_comes_back_and_goes_on(scene: Scene) -> None:
    scene.run_strategy()
    for entries in (1, 3, 5):
        scene.wait_entries(entries)
        scene.agent.kill()
        scene.agent.start()
    scene.wait_observed("RUNNING")
    scene.wait_entries(6)
    assert len(scene.simulator.control.ledger(LOGIN)["positions"]) <= 1
    scene.stop_and_check()


def test_the_simulator_is_killed_and_comes_back(scene: Scene) -> None:
    scene.run_strategy()
    scene.wait_entries(1)
    port = scene.simulator.ready["port"]
    scene.simulator.kill()
    wait_for(scene.server, lambda: not scene.server.snapshots[-1].complete)
    scene.simulator.options = ["--port", str(port), *scene.simulator.options[2:]]
    scene.simulator.restart()
    count = len(scene.outcomes("DONE"))
    wait_for(scene.server, lambda: len(scene.outcomes("DONE")) > count)
    scene.stop_and_check()


def test_an_order_filled_without_an_answer_is_found_not_sent_again(scene: Scene) -> None:
    scene.run_strategy()
    for reply in ("none", "drop", "hang"):
        count = len(scene.outcomes("UNRESOLVED"))
        scene.simulator.control.script_fault("timeout_filled", reply=reply, on="open", count=1)
        wait_for(scene.server, lambda count=count: len(scene.outcomes("UNRESOLVED")) > count)
        tag = scene.outcomes("UNRESOLVED")[-1]["tag"]

        wait_for(scene.server, lambda tag=tag: any(body["tag"] == tag for body in scene.outcomes("DONE")))
        assert sum(deal["comment"] == tag for deal in scene.entries()) == 1
    scene.stop_and_check()


def test_an_order_not_filled_and_without_an_answer_is_settled_by_absence(scene: Scene) -> None:
    scene.simulator.control.script_fault("timeout_unfilled", reply="none", on="open", count=1)
    scene.run_strategy()
    wait_for(scene.server, lambda: bool(scene.outcomes("NOT_SENT")))

    assert scene.outcomes("NOT_SENT")[0]["tag"] == scene.outcomes("UNRESOLVED")[0]["tag"]
    scene.stop_and_check()


def test_a_terminal_that_hangs_is_ended_and_started_anew(scene: Scene) -> None:
    scene.run_strategy()
    scene.wait_entries(1)
    scene.simulator.control.script_fault("hang", seconds=8)
    wait_for(scene.server, lambda: scene.server.snapshots[-1].health.terminal_restarts >= 1)

    scene.wait_observed("RUNNING")
    scene.stop_and_check()


def test_it_goes_on_after_every_fault(scene: Scene) -> None:
    scene.run_strategy()
    for fault, values in FAULTS:
        scene.simulator.control.script_fault(fault, **values)
        count = len(scene.outcomes("DONE"))
        wait_for(scene.server, lambda count=count: len(scene.outcomes("DONE")) >= count + 2)
        scene.check_no_entry_doubled()

    scene.stop_and_check()


def test_a_second_agent_on_the_same_data_is_refused_in_words(scene: Scene) -> None:
    wait_for(scene.server, lambda: bool(scene.server.hellos))
    second = subprocess.run(
        [sys.executable, "-m", "executor_agent", "--config", str(scene.agent.folder / "agent.toml")],
        cwd=ROOT,
        env={"PYTHONPATH": f"{ROOT}:{ROOT / 'platform'}", "PATH": ""},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert second.returncode == 2
    assert "already runs" in second.stderr


def test_check_says_what_it_found_and_trades_nothing(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    scene.agent.kill()
    assert main(["check", "--config", str(scene.agent.folder / "agent.toml")]) == 0
    assert f'"login": {LOGIN}' in capsys.readouterr().out
    assert main(["status", "--config", str(scene.agent.folder / "agent.toml")]) == 0
