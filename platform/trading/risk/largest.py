"""The largest lot that would be approved now: the judge asked backwards, so it can never say more than the judge allows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import ROUND_CEILING, Decimal
from typing import Final

from trading.risk.judge import judge
from trading.risk.limits import Limits
from trading.risk.sizing import BUY, SizingRefused, check_terms
from trading.risk.verdict import APPROVED, Asked, RiskState, Verdict

ZERO: Final = Decimal(0)
BAD_REQUEST: Final = "BAD_REQUEST"


@dataclass(frozen=True, slots=True, kw_only=True)
class LargestLot:
    """
    What may be opened at once: ``lots`` on the broker's step, 0 where not even its smallest would be approved.

    ``reason_code`` and ``message`` say what stops the next step up (or everything, where ``lots`` is 0); ``risk_amount`` is
    what the lots lose at the stop [account currency].
    """

    lots: Decimal
    risk_amount: Decimal
    entry_price: Decimal
    stop_loss: Decimal
    reason_code: str
    message: str


def find_largest_lot(
    state: RiskState,
    limits: Limits,
    *,
    side: str,
    stop_ticks: int,
    entry_price: Decimal,
    at: datetime,
    market_at: datetime,
) -> LargestLot:
    """
    Return the largest lot that the judge would approve whole.

    :param state: the account, with the terms of the symbol; its bot is one that nothing speaks against.
    :param stop_ticks: distance from entry to stop [ticks], at least 1.
    :param entry_price: where it would be opened [price].

    Mostly one verdict tells: asked for the broker's most, the judge shrinks to what the risk of one trade allows. Where that is
    denied (the room to a floor is less, for one), halving finds the edge: the checks allow less the more is asked for.
    """
    terms = state.terms
    if terms is None:
        return _nothing("SYMBOL_UNKNOWN", "The broker has not told what this symbol is.", entry_price)
    try:
        check_terms(terms)
    except SizingRefused as refused:
        return _nothing(refused.code, refused.message, entry_price)
    distance = stop_ticks * terms.tick_size
    stop_loss = entry_price - distance if side == BUY else entry_price + distance
    if stop_ticks < 1 or stop_loss <= 0:
        return _nothing(BAD_REQUEST, "The stop lies at least one tick away, and above zero.", entry_price)
    asked = Asked(
        symbol=terms.name,
        side=side,
        entry_price=entry_price,
        stop_loss=stop_loss,
        requested_lots=terms.volume_min,
    )
    # The judge answers multiples of the step, so that is the grid, whatever the broker's minimum is.
    least = (terms.volume_min / terms.volume_step).to_integral_value(ROUND_CEILING) * terms.volume_step
    return _search(_Door(asked, state, limits, at, market_at), least, terms.volume_max, terms.volume_step)


@dataclass(frozen=True, slots=True)
class _Door:
    asked: Asked
    state: RiskState
    limits: Limits
    at: datetime
    market_at: datetime

    def ask(self, lots: Decimal) -> Verdict:
        return judge(replace(self.asked, requested_lots=lots), self.state, self.limits, self.at, self.market_at)

    def allows(self, lots: Decimal) -> bool:
        verdict = self.ask(lots)
        return verdict.approved and verdict.lots == lots


def _search(door: _Door, least: Decimal, most: Decimal, step: Decimal) -> LargestLot:
    whole = door.ask(most)
    if whole.approved:
        return _answer(door, whole.lots, whole)
    first = door.ask(least)
    if not first.approved:
        return _answer(door, ZERO, first)
    top = int((most - least) / step)
    low, high = 0, top  # `low` is allowed; nothing above `high` can be
    while low < high:
        middle = (low + high + 1) // 2
        if door.allows(least + middle * step):
            low = middle
        else:
            high = middle - 1
    lots = least + low * step
    return _answer(door, lots, door.ask(lots + step) if low < top else whole)


def _answer(door: _Door, lots: Decimal, above: Verdict) -> LargestLot:
    asked, sizing = door.asked, door.ask(lots).risk_amount if lots else ZERO
    code, message = above.reason_code, above.message or ""
    if code == APPROVED:  # more was asked for, and shrunk to what is the largest
        capped = above.sizing.capped_by if above.sizing else ()
        code, message = "LOTS_ADJUSTED", f"capped by {', '.join(capped).replace('_', ' ') or 'the risk of one trade'}"
    return LargestLot(
        lots=lots,
        risk_amount=sizing,
        entry_price=asked.entry_price,
        stop_loss=asked.stop_loss,
        reason_code=code,
        message=message,
    )


def _nothing(code: str, message: str, price: Decimal) -> LargestLot:
    return LargestLot(lots=ZERO, risk_amount=ZERO, entry_price=price, stop_loss=ZERO, reason_code=code, message=message)
