"""One request before the judge: what several checks need is worked out once."""

from __future__ import annotations

from dataclasses import dataclass, field
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
    notes: list[str] = field(default_factory=list)

    def note(self, warning: str) -> None:
        """Remember what the answer shall warn of, should it approve."""
        self.notes.append(warning)

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
        # A limit that is off, or only watches, does not shrink: the request and the broker decide then.
        limits, unlimited = self.limits, LARGEST * LARGEST
        per_trade = limits.mode_of("per_trade") == ENFORCE
        return size_position(
            terms=self.terms,
            side=self.asked.side,
            entry_price=self.asked.entry_price,
            stop_loss=self.asked.stop_loss,
            risk_money=limits.max_risk_per_trade_fraction * self.risk_base if per_trade else unlimited,
            room_money=self.room_money if limits.mode_of("daily_loss") == ENFORCE else None,
            requested_lots=self.asked.requested_lots,
            free_margin=self.state.free_margin,
            position_margin=self.position_margin if limits.mode_of("position_size") == ENFORCE else None,
            slippage=limits.slippage_points * self.terms.point,
        )

    @cached_property
    def position_margin(self) -> Decimal | None:
        """What one position may bind."""
        most = self.limits.max_position_fraction
        return None if most is None else most * self.risk_base
