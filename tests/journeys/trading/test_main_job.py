"""
The main job, end to end: one command; a strategy created and activated through the API trades on an executor; every
trade was cleared first; stopped means flat.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.journeys.running import RULES_LONG, SHARED_DATA, Platform, free_port, running, wait_for

pytestmark = pytest.mark.journey


def do_the_main_job(platform: Platform, averages: list[str], closed_trades: int = 5) -> None:
    rules = {**RULES_LONG, "entry": {**RULES_LONG["entry"], "indicators": averages}}
    strategy = platform.create_strategy("EMA Crossover", rules)

    activated = platform.post(f"strategies/{strategy}/activate", {"executors": ["all"]})
    assert [row["desired"] for row in activated["results"]] == ["RUNNING"]
    platform.wait_observed(strategy, "RUNNING", 120)

    def enough() -> list[dict[str, object]] | None:
        # A snapshot's deals may close a trade a moment before the agent's report says why.
        closed = [trade for trade in platform.trades(strategy) if trade["closed_at"] and trade["exit_reason"]]
        return closed if len(closed) >= closed_trades else None

    closed = wait_for(f"{closed_trades} closed trades", enough, 180)
    assert all(trade["side"] == "BUY" for trade in closed), "direction above trades long only"
    assert {trade["exit_reason"] for trade in closed} <= {"OPPOSITE_SIGNAL", "STOP_LOSS", "TAKE_PROFIT"}

    platform.post(f"strategies/{strategy}/stop")
    stopped = platform.wait_observed(strategy, "STOPPED", 120)
    assert [(row["open_positions"], row["pending_orders"]) for row in stopped] == [(0, 0)]

    wait_for("a reason for every close", lambda: all(trade["exit_reason"] for trade in platform.trades(strategy)))
    trades = platform.trades(strategy)
    assert all(trade["closed_at"] for trade in trades), "stopped means flat"
    assert {trade["approval"]["reason_code"] for trade in trades} == {"APPROVED"}, "no trade without an approval"
    assert len({trade["approval"]["id"] for trade in trades}) == len(trades), "one approval, one position"
    state = platform.get(f"accounts/{platform.ready['account_id']}/state")
    results = platform.get(f"strategies/{strategy}/results")
    assert results["trades"] == len(trades)
    assert state["trading_allowed"] is True


def test_a_strategy_trades_and_stops_flat_on_swinging_bars(platform: Platform) -> None:
    do_the_main_job(platform, ["EMA_3", "EMA_9"])


@pytest.mark.shared_data
@pytest.mark.skipif(
    not (SHARED_DATA / "EURUSD_M1_2020Q3.csv").exists(), reason="../shared/data is not here: real bars not run"
)
def test_a_strategy_trades_and_stops_flat_on_real_bars(tmp_path: Path) -> None:
    replay = SHARED_DATA / "EURUSD_M1_2020Q3.csv"
    with running(tmp_path / "data", "--replay", str(replay), "--speed", "max", "--port", str(free_port())) as platform:
        do_the_main_job(platform, ["EMA_20", "EMA_50"])
