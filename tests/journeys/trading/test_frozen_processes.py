"""A process that is frozen and wakes again, and a second agent with the same key: neither trades on what it remembers."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journeys.running import ROOT, RULES_BUSY, Platform, wait_for
from tests.journeys.trading.test_broker_faults import list_own_positions
from tests.journeys.trading.test_kills import check_ledger_equals_terminal, pids_of

pytestmark = [pytest.mark.journey, pytest.mark.long]

FROZEN_S = {"agent": 20.0, "web": 6.0, "postgres": 6.0, "simulator": 4.0, "valkey": 6.0}


@contextlib.contextmanager
def frozen(pid: int) -> Iterator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def test_whoever_was_frozen_wakes_to_the_truth(platform: Platform) -> None:
    strategy = platform.create_strategy("Frozen", RULES_BUSY)
    platform.post(f"strategies/{strategy}/activate", {"executors": ["all"]})
    platform.wait_observed(strategy, "RUNNING")
    for name, seconds in FROZEN_S.items():
        wait_for("an open position", lambda: len(list_own_positions(platform, strategy)) == 1)
        before = len(platform.trades(strategy))

        with frozen(pids_of(platform)[name]):
            time.sleep(seconds)  # how long it is frozen is what is tested

        wait_for(f"trading to go on after {name} was frozen", lambda b=before: len(platform.trades(strategy)) > b, 120)
        assert len(list_own_positions(platform, strategy)) <= 1, f"doubled by freezing {name}"
    let_a_twin_try(platform, strategy)
    platform.post(f"strategies/{strategy}/stop")
    platform.wait_observed(strategy, "STOPPED", 120)

    check_ledger_equals_terminal(platform, strategy)


def let_a_twin_try(platform: Platform, strategy: str) -> None:
    """Start a second agent with the same keys and a journal of its own: it gets no lease, and the first trades on."""
    data = Path(platform.ready["data_dir"])
    config = data / "twin.toml"
    ours = (data / "agent.toml").read_text().replace(str(data / "agent"), str(data / "twin"))
    config.write_text(ours.replace("logs/agent.log", "twin/agent.log"))
    (data / "twin").mkdir(exist_ok=True)
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'platform'}"}
    with (data / "twin.out").open("wb") as out:
        twin = subprocess.Popen(
            [sys.executable, "-m", "executor_agent", "--config", str(config)], cwd=ROOT, env=environment, stdout=out,
            stderr=out,
        )  # fmt: skip
    try:
        before = len(platform.trades(strategy))
        wait_for("trading to go on beside a twin", lambda: len(platform.trades(strategy)) >= before + 3)
        assert len(list_own_positions(platform, strategy)) <= 1
        told = [json.loads(line) for line in (data / "twin" / "agent.log").read_text().splitlines()]
        assert {line["lease"] for line in told if line["event"] == "WELCOME"} == {False}
        assert "TRADE_EXECUTED" not in {line["event"] for line in told}
    finally:
        twin.terminate()
        twin.wait(10)
