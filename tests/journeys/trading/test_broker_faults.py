"""Whatever the broker or the terminal does wrong once: no order twice, no exit lost, ledger equal to terminal, trading goes on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from simulator.control import Control
from tests.journeys.running import RULES_BUSY, Platform, wait_for
from tests.journeys.trading.test_kills import check_ledger_equals_terminal, ledger_of

# The rig's short campaign (test_faults.py) injects these too, in every run.
pytestmark = [pytest.mark.journey, pytest.mark.long]

ONE_OF_EACH_FAMILY: list[tuple[str, dict[str, Any]]] = [
    ("requote", {"on": "open", "count": 2}),
    ("reject", {"on": "close", "count": 2}),
    ("timeout_unfilled", {"on": "close"}),
    ("timeout_filled", {"on": "close", "reply": "none"}),
    ("timeout_filled", {"on": "open", "reply": "drop"}),
    ("partial_fill", {"on": "open", "share": "0.5"}),
    ("partial_fill", {"on": "close", "share": "0.5"}),
    ("positions_none", {"count": 3}),
    ("positions_empty", {"count": 4}),
    ("disconnect", {"seconds": 2.0}),
    ("server_down", {"seconds": 3.0}),
    ("hang", {"seconds": 6.0}),
]
THEIR_SIBLINGS: list[tuple[str, dict[str, Any]]] = [
    ("requote", {"on": "close", "count": 4}),
    ("timeout_filled", {"on": "open", "reply": "none"}),
    ("timeout_filled", {"on": "open", "reply": "hang"}),
    ("positions_empty", {"count": 1}),
]


@pytest.mark.parametrize(
    "faults",
    [
        pytest.param(ONE_OF_EACH_FAMILY, id="one of each family"),
        pytest.param(THEIR_SIBLINGS, id="their siblings", marks=pytest.mark.long),
    ],
)
def test_trading_survives_every_fault_of_broker_and_terminal(
    platform: Platform, faults: list[tuple[str, dict[str, Any]]]
) -> None:
    strategy = platform.create_strategy("Busy", RULES_BUSY)
    platform.post(f"strategies/{strategy}/activate", {"executors": ["all"]})
    platform.wait_observed(strategy, "RUNNING", 120)
    for kind, values in faults:
        survive(platform, strategy, kind, values)
    platform.post(f"strategies/{strategy}/stop")
    platform.wait_observed(strategy, "STOPPED", 120)

    check_ledger_equals_terminal(platform, strategy)
    approvals = [trade["approval"] and trade["approval"]["id"] for trade in platform.trades(strategy)]
    assert None not in approvals
    assert len(approvals) == len(set(approvals)), "an approval stands behind two trades"


def survive(platform: Platform, strategy: str, kind: str, values: dict[str, Any]) -> None:
    what = f"{kind} {values}"
    wait_for(f"an open position before {what}", lambda: len(list_own_positions(platform, strategy)) == 1, 120, 0.1)
    before = len(platform.trades(strategy))
    with Control(Path(platform.ready["data_dir"]) / "simulator") as control:
        control.script_fault(kind, login=platform.ready["simulator"]["login"], **values)

    def look() -> bool:
        positions = list_own_positions(platform, strategy)
        assert len(positions) <= 1, f"doubled by {what}: {positions}"
        return len(platform.trades(strategy)) >= before + 1

    wait_for(f"trading to go on after {what}", look, 120)


def list_own_positions(platform: Platform, strategy: str) -> list[dict[str, Any]]:
    magics = {row["magic_number"] for row in platform.assignments(strategy)}
    return [position for position in ledger_of(platform)["positions"] if position["magic"] in magics]
