"""What several specifications share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from trading.strategies.parameters import Parameter
from trading.strategies.spec import Parameters

GUIDE = "GeneBot user guide, Available Strategies; ranges and logic after GeneBot 1.1.35, defects mended"


def confidence(default: float, minimum: float = 0.0) -> Parameter:
    """Return the parameter below which a signal is dropped."""
    return Parameter("float", default, minimum, 1.0, help="signals of less confidence (0 to 1) are dropped")


def exits(stop_pips: float, target_pips: float, *, opposite: bool = True) -> dict[str, Any]:
    """Return an exit block: a stop, a target, and the opposite signal where asked."""
    kind = "opposite_signal" if opposite else "stop_target"
    return {"type": kind, "stopLoss": stop_pips, "takeProfit": target_pips}


def careful_risk(percent: float = 1.0) -> dict[str, Any]:
    """Return a risk block: so much of the balance per trade, one position at a time, 5 % a day."""
    return {"maxRisk": percent, "maxDailyLoss": 5, "maxOpenTrades": 1}


def scaled(shape: tuple[int, ...], reference: int) -> Callable[[Any], list[int]]:
    """Return the conversion of one period into a list with the proportions of ``shape``."""

    def convert(value: Any) -> list[int]:
        if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value) or value < 2:
            raise ValueError("must be a whole number of at least 2")
        return [max(1, round(value * part / reference)) for part in shape]

    return convert


def percent_points(value: Any) -> float:
    """
    Return percentage points of a fraction.

    >>> percent_points(0.02)
    2.0
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1:
        raise ValueError("must be a fraction between 0 and 1, such as 0.02 for two percentage points")
    return round(value * 100, 9)


def each_above(name: str, least: int, most: int) -> Callable[[Parameters], tuple[str, str] | None]:
    """Return the cross check that a list is neither empty nor longer than ``most``."""

    def rule(given: Parameters) -> tuple[str, str] | None:
        if least <= len(given[name]) <= most:
            return None
        return name, f"must have {least} to {most} entries, not {len(given[name])}"

    return rule
