"""
The cliff at the reset: what the next day's floor will be, and what must be closed so that the day does not open below it.

A loss that floats over the reset lowers equity but not the balance, so where the day starts from the balance it counts whole
against the new day. Closing a losing position books its loss: the balance falls, and the floor with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from typing import Final

from trading.risk.exposure import Holding
from trading.risk.floors import total_floor_of
from trading.risk.levels import daily_limit, day_reference
from trading.risk.limits import TRAILING_CLOSED, TRAILING_EOD, Limits
from trading.risk.sizing import SymbolTerms

ZERO: Final = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """How a day would open; all money in the account's currency. ``headroom`` is below zero where it opens breached."""

    balance: Decimal
    equity: Decimal
    daily_reference: Decimal
    daily_floor: Decimal
    total_floor: Decimal

    @property
    def floor(self) -> Decimal:
        """Return the higher of both floors: the one that counts."""
        return max(self.daily_floor, self.total_floor)

    @property
    def headroom(self) -> Decimal:
        return self.equity - self.floor

    @property
    def is_breached(self) -> bool:
        return self.headroom < ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """What of one position must be closed; ``realises`` is the money that closing books, below zero."""

    position_id: int
    symbol: str
    side: str
    held_lots: Decimal
    close_lots: Decimal
    realises: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """
    The next day if nothing changes, and what would save it.

    ``worst_headroom`` is what is left once every stop is hit. ``cuts`` is empty where nothing need go; where even closing
    every losing position does not help, ``is_enough`` is False. ``after`` is the opening once the cuts are made.
    """

    opening: Opening
    at_risk: Decimal
    cuts: tuple[Cut, ...]
    after: Opening

    @property
    def worst_headroom(self) -> Decimal:
        return self.opening.headroom - self.at_risk

    @property
    def is_enough(self) -> bool:
        return not self.after.is_breached


def forecast_reset(
    limits: Limits,
    *,
    initial_balance: Decimal,
    balance: Decimal,
    equity: Decimal,
    peak: Decimal,
    holdings: Iterable[Holding] = (),
    terms: Mapping[str, SymbolTerms] | None = None,
    at_risk: Decimal = ZERO,
) -> Forecast:
    """
    Return how the next day opens if prices stand still, and the lots that must go before, the dearest per lot first.

    Lots are rounded up to the step, so they are enough; a rest below the broker's minimum goes too. Swap of the night is not
    in it: nobody knows it before the broker books it.

    :param peak: the high-water mark of the drawdown's mode.
    :param terms: what the broker says of each symbol; a position whose symbol it lacks goes whole or not at all.
    :param at_risk: what open positions and unresolved reservations may still lose.

    >>> from trading.risk.limits import default_limits
    >>> limits = default_limits(mode="PAPER", account_size=Decimal(100_000))       # 2.5 % of 100,000 a day, by balance
    >>> lost = Holding(symbol="EURUSD", side="BUY", volume_lots=Decimal(10), entry_price=Decimal("1.1"),
    ...                price=Decimal("1.097"), stop_loss=None, profit=Decimal(-3000), position_id=7)
    >>> found = forecast_reset(limits, initial_balance=Decimal(100_000), balance=Decimal(100_000),
    ...                        equity=Decimal(97_000), peak=Decimal(100_000), holdings=[lost])
    >>> found.opening.headroom, [(cut.position_id, cut.close_lots) for cut in found.cuts]
    (Decimal('-500.000'), [(7, Decimal('10'))])
    """
    reset = _Reset(limits, initial_balance, peak)
    opening = reset.open(balance, equity)
    cuts, after = _cut(reset, opening, list(holdings), terms or {}) if opening.is_breached else ((), opening)
    return Forecast(opening=opening, at_risk=at_risk, cuts=cuts, after=after)


@dataclass(frozen=True, slots=True)
class _Reset:
    limits: Limits
    initial: Decimal
    peak: Decimal

    def open(self, balance: Decimal, equity: Decimal) -> Opening:
        reference = day_reference(self.limits, balance=balance, equity=equity)
        return Opening(
            balance=balance,
            equity=equity,
            daily_reference=reference,
            daily_floor=reference - daily_limit(self.limits, reference=reference, initial_balance=self.initial),
            total_floor=self._total_floor(balance),
        )

    def _total_floor(self, balance: Decimal) -> Decimal:
        # The balance at a day's end raises the mark of these two modes; the highest equity was counted when it was seen.
        follows = self.limits.drawdown_mode in (TRAILING_EOD, TRAILING_CLOSED)
        return total_floor_of(
            self.limits.drawdown_mode,
            locks_at_initial=self.limits.drawdown_locks_at_initial,
            initial=self.initial,
            peak=max(self.peak, balance) if follows else self.peak,
            allowance=self.limits.total_drawdown_fraction * self.initial,
        )


def _cut(
    reset: _Reset, opening: Opening, holdings: list[Holding], terms: Mapping[str, SymbolTerms]
) -> tuple[tuple[Cut, ...], Opening]:
    losing = [one for one in holdings if one.profit is not None and one.profit < 0 and one.volume_lots > 0]
    cuts: list[Cut] = []
    for holding in sorted(losing, key=lambda one: ((one.profit or ZERO) / one.volume_lots, one.position_id)):
        if not opening.is_breached:
            break
        steps = _Steps(holding, terms.get(holding.symbol))
        lots = _fewest_lots(reset, opening, steps)
        after = steps.close(reset, opening, lots)
        if after.headroom <= opening.headroom:
            continue  # its loss is not what the floor hangs on
        opening = after
        cuts.append(steps.to_cut(lots))
    return tuple(cuts), opening


@dataclass(frozen=True, slots=True)
class _Steps:
    """One losing position and the volumes in which it can be closed."""

    holding: Holding
    terms: SymbolTerms | None

    @property
    def count(self) -> int:
        if self.terms is None:
            return 1
        return int((self.holding.volume_lots / self.terms.volume_step).to_integral_value(ROUND_CEILING))

    def lots(self, steps: int) -> Decimal:
        held = self.holding.volume_lots
        if self.terms is None or steps >= self.count:
            return held
        wanted = max(steps * self.terms.volume_step, self.terms.volume_min)
        return wanted if held - wanted >= self.terms.volume_min else held

    def close(self, reset: _Reset, opening: Opening, lots: Decimal) -> Opening:
        costs = lots * self.terms.commission_per_lot if self.terms else ZERO
        return reset.open(opening.balance + self._booked(lots) - costs, opening.equity - costs)

    def to_cut(self, lots: Decimal) -> Cut:
        one = self.holding
        return Cut(
            position_id=one.position_id,
            symbol=one.symbol,
            side=one.side,
            held_lots=one.volume_lots,
            close_lots=lots,
            realises=self._booked(lots),
        )

    def _booked(self, lots: Decimal) -> Decimal:
        return (self.holding.profit or ZERO) * lots / self.holding.volume_lots


def _fewest_lots(reset: _Reset, opening: Opening, steps: _Steps) -> Decimal:
    """Return the least volume after which the day does not open breached; all of it where no part is enough."""
    low, high = 1, steps.count
    while low < high:
        middle = (low + high) // 2
        if steps.close(reset, opening, steps.lots(middle)).is_breached:
            low = middle + 1
        else:
            high = middle
    return steps.lots(low)
