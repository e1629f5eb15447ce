"""What of a symbol's specification has changed against what a person has accepted."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final

MOVING: Final = ("tick_value", "tick_value_profit", "tick_value_loss")
"""These follow the exchange rate, unless profit is paid in the account's own currency."""
_IGNORED: Final = frozenset(
    # Works itself out from the rates; trade_mode changes with the session, and every approval reads it anyway.
    {"margin_per_lot", "loss_per_lot_check", "trade_mode", "name"}
)
OWN_TOLERANCE, RATE_TOLERANCE = Decimal("0.001"), Decimal("0.10")


def find_drift(
    accepted: Mapping[str, Any], told: Mapping[str, Any], account_currency: str, *, may_jump: bool = False
) -> dict[str, list[Any]]:
    """
    Return what differs, as name -> [accepted, told]. Numbers may come as text.

    Tick values may move by a tenth with the exchange rate; where profit is in the account's own currency they may not move.

    :param may_jump: whether rates may go any way between two looks: a simulated market plays months in a minute.

    >>> find_drift({"volume_step": "0.01", "tick_value": "1"}, {"volume_step": "0.10", "tick_value": "1.0"}, "USD")
    {'volume_step': ['0.01', '0.10']}
    >>> find_drift({"tick_value": "0.67", "currency_profit": "JPY"}, {"tick_value": "0.69", "currency_profit": "JPY"}, "USD")
    {}
    """
    is_own = told.get("currency_profit") == account_currency
    tolerance = OWN_TOLERANCE if is_own else RATE_TOLERANCE
    ignored = _IGNORED | set(MOVING) if may_jump and not is_own else _IGNORED
    found = {}
    for name in sorted(set(told) - ignored):
        before, now = accepted.get(name), told[name]
        if name in accepted and not _is_same(before, now, tolerance if name in MOVING else Decimal(0)):
            found[name] = [before, now]
    return found


def _is_same(before: Any, now: Any, tolerance: Decimal) -> bool:
    if before == now:
        return True
    try:
        first, second = Decimal(str(before)), Decimal(str(now))
    except InvalidOperation:
        return False
    return abs(second - first) <= abs(first) * tolerance
