"""Kill -9 of any process while a position is open: after its restart nothing is doubled, nothing lost, states are true."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from simulator.control import Control
from tests.journeys.running import RULES_BUSY, Platform, wait_for

# The rig's short campaign (test_faults.py) kills each of them too, in every run.
pytestmark = [pytest.mark.journey, pytest.mark.long]

VICTIMS = ["agent", "simulator", "web", "worker", "relay", "valkey", "postgres"]


def ledger_of(platform: Platform) -> dict[str, Any]:
    """The broker's own truth, read from the simulator's control door."""
    with Control(Path(platform.ready["data_dir"]) / "simulator") as control:
        return dict(control.ledger(platform.ready["simulator"]["login"]))


def pids_of(platform: Platform) -> dict[str, int]:
    return dict(json.loads((Path(platform.ready["data_dir"]) / "run" / "pids.json").read_text()))


def open_positions(platform: Platform, strategy: str) -> int:
    return sum(row["open_positions"] for row in platform.assignments(strategy))


def test_each_process_may_die_while_a_position_is_open(platform: Platform) -> None:
    strategy = platform.create_strategy("Always in", RULES_BUSY)
    platform.post(f"strategies/{strategy}/activate", {"executors": ["all"]})
    platform.wait_observed(strategy, "RUNNING")
    for victim in VICTIMS:
        wait_for("an open position", lambda: open_positions(platform, strategy) == 1, every_s=0.1)
        before = len(platform.trades(strategy))
        old = pids_of(platform)[victim]

        os.kill(old, signal.SIGKILL)

        wait_for(f"{victim} to come back", lambda v=victim, o=old: pids_of(platform)[v] != o, every_s=0.1)
        wait_for(f"trading to go on after {victim}", lambda b=before: len(platform.trades(strategy)) > b, 180)
        rows = platform.assignments(strategy)
        assert [row["desired"] for row in rows] == ["RUNNING"]
        assert open_positions(platform, strategy) <= 1, f"doubled after {victim}"
    platform.post(f"strategies/{strategy}/stop")
    platform.wait_observed(strategy, "STOPPED", 120)

    check_ledger_equals_terminal(platform, strategy)


def check_ledger_equals_terminal(platform: Platform, strategy: str) -> None:
    ours = {row["magic_number"] for row in platform.assignments(strategy)}
    deals = [deal for deal in ledger_of(platform)["deals"] if deal["magic"] in ours]
    entries = [deal for deal in deals if deal["entry"] == 0]
    tags = [deal["comment"] for deal in entries]
    assert len(tags) == len(set(tags)), "an approval was used twice"
    trades = platform.trades(strategy)
    assert {trade["position_id"] for trade in trades} == {deal["position_id"] for deal in entries}, (
        "ledger differs from terminal"
    )
    booked = sum(sum(float(deal[part]) for part in ("profit", "commission", "swap", "fee")) for deal in deals)
    assert round(sum(trade["pnl"] for trade in trades), 2) == round(booked, 2), "ledger differs from terminal in money"
