"""One request before the judge: what several checks need is worked out once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import Final

from trading.risk.levels import Standing, stand
from trading.risk.limits import ENFORCE, Limits
from trading.risk.sizing import Sizing, SymbolTerms, size_position
from trading.risk.verdict import Asked, Denied, RiskState

LARGEST: Final = Decimal("1e9")
Figures = dict[str, object]


class Skipped(Exception):
    """Raised by a check that has nothing to judge by, and may say so."""


@dataclass(frozen=True)
class Case:
    """One request before the judge; what several checks need is worked out once."""

    asked: Asked
    state: RiskState
    limits: Limits
    at: datetime
    market_at: datetime

    @cached_property
    def terms(self) -> SymbolTerms:
        if self.state.terms is None:
            raise Denied("SYMBOL_UNKNOWN", f"The broker has not told what {self.asked.symbol} is.")
        return self.state.terms

    @cached_property
    def standing(self) -> Standing:
        state = self.state
        return stand(
            self.limits,
            initial_balance=state.initial_balance,
            day_balance=state.day_balance,
            day_equity=state.day_equity,
            peak=state.peak,
            equity=state.equity,
        )

    @cached_property
    def risk_base(self) -> Decimal:
        """What fractions per trade and day are of: the lower of balance and equity, as far as it may work."""
        return min(self.state.balance, self.state.equity) * self.limits.active_capital_ratio

    @cached_property
    def room_money(self) -> Decimal | None:
        if self.limits.room_share is None:
            return None
        return (self.standing.room - self.committed) * self.limits.room_share

    @cached_property
    def committed(self) -> Decimal:
        """What open positions, waiting orders and unresolved reservations may still lose."""
        return self.state.exposure.worst_loss + self.state.reserved

    @cached_property
    def sizing(self) -> Sizing:
        # With the limits off, or only watched, the request and the broker alone decide the size.
        enforced = self.limits.mode == ENFORCE
        money = self.limits.max_risk_per_trade_fraction * self.risk_base if enforced else LARGEST * LARGEST
        return size_position(
            terms=self.terms,
            side=self.asked.side,
            entry_price=self.asked.entry_price,
            stop_loss=self.asked.stop_loss,
            risk_money=money,
            room_money=self.room_money if enforced else None,
            requested_lots=self.asked.requested_lots,
            free_margin=self.state.free_margin,
            slippage=self.limits.slippage_points * self.terms.point,
        )
