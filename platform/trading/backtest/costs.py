"""What trading costs in a backtest, in the words of a broker's contract specification."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, tzinfo
from decimal import Decimal

from trading.engine.charges import Charges
from trading.errors import InvalidValue
from trading.model.bars import Bars
from trading.model.instrument import CALC_CFD, CALC_CFD_INDEX, CALC_CFD_LEVERAGE, CALC_FOREX, Instrument

_BY_LEVERAGE = (CALC_FOREX, CALC_CFD_LEVERAGE)
# Beyond it a number is a slip of the pen, and sums of prices would no longer be exact.
_MOST = Decimal(1_000_000)
_BY_PRICE = (CALC_CFD, CALC_CFD_INDEX, CALC_CFD_LEVERAGE, 32)


SPREAD_IF_UNKNOWN_PIPS = Decimal(1)
"""What is taken where neither the person nor the bars say what the spread was: trading is never free."""
SPREAD_ASSUMED = f"The bars do not say what the spread was: {SPREAD_IF_UNKNOWN_PIPS} pip was taken."


@dataclass(frozen=True, slots=True)
class Costs:
    """
    What trading costs.

    ``spread_pips`` None takes each bar's own spread. Commission is per lot and side [account currency], charged with each deal.
    Slippage makes market and stop fills worse, never limits. Swaps are points per lot and night, negative where they cost: charged
    where a day of ``rollover_zone`` begins, three nights at the end of ``swap_triple_weekday`` (Sunday is 0, as in the terminal), none
    for the nights of Saturday and Sunday. ``leverage`` None asks for no margin; with it entries without free margin are not
    filled, and positions are closed, the biggest loser first, where equity falls to ``stop_out_fraction`` of the margin bound.

    :raises InvalidValue: where a number is none, has the wrong sign, or is beyond 1,000,000.
    """

    spread_pips: Decimal | None = Decimal(0)
    commission_per_lot: Decimal = Decimal(0)
    slippage_ticks: int = 0
    swap_long_points: Decimal = Decimal(0)
    swap_short_points: Decimal = Decimal(0)
    swap_triple_weekday: int = 3
    rollover_zone: tzinfo = UTC
    leverage: Decimal | None = None
    stop_out_fraction: Decimal = Decimal("0.5")
    margin_hedged_fraction: Decimal = Decimal(0)

    def __post_init__(self) -> None:
        numbers = [self.commission_per_lot, self.stop_out_fraction, self.margin_hedged_fraction]
        numbers += [number for number in (self.spread_pips, self.leverage) if number is not None]
        numbers.append(Decimal(self.slippage_ticks))
        if any(not number.is_finite() or not 0 <= number <= _MOST for number in numbers):
            raise InvalidValue("costs must be finite and not negative, at most 1,000,000", field="costs")
        swaps = (self.swap_long_points, self.swap_short_points)
        if any(not swap.is_finite() or abs(swap) > _MOST for swap in swaps):
            raise InvalidValue("swaps must be finite, at most 1,000,000 points either way", field="costs")
        if self.leverage == 0 or not 0 <= self.swap_triple_weekday <= 6:
            raise InvalidValue("leverage must be above 0, and a weekday 0 (Sunday) to 6", field="costs")

    def settle_spread(self, bars: Bars) -> tuple[Costs, str]:
        """
        Return the costs in force over bars, and a sentence where the spread had to be assumed, else an empty text.

        Every door settles costs so, before a run: what was asked for, else what the bars recorded, else `SPREAD_IF_UNKNOWN_PIPS`.
        """
        if self.spread_pips is not None or bool((bars.spread_points > 0).any()):
            return self, ""
        return replace(self, spread_pips=SPREAD_IF_UNKNOWN_PIPS), SPREAD_ASSUMED

    @property
    def has_swap(self) -> bool:
        """Whether nights cost or earn anything."""
        return bool(self.swap_long_points or self.swap_short_points)

    def charges(self, instrument: Instrument) -> Charges:
        """Return the numbers the engine works with on an instrument."""
        per_lot, by_price = self._find_margin(instrument)
        return Charges(
            slippage=float(self.slippage_ticks * instrument.tick_size),
            commission_per_lot=float(self.commission_per_lot),
            swap_long=float(self.swap_long_points * instrument.point),
            swap_short=float(self.swap_short_points * instrument.point),
            margin_per_lot=float(per_lot),
            margin_by_price=by_price,
            margin_hedged_fraction=float(self.margin_hedged_fraction),
            stop_out_level=float(self.stop_out_fraction) if self.leverage is not None else 0.0,
        )

    def _find_margin(self, instrument: Instrument) -> tuple[Decimal, bool]:
        if self.leverage is None:
            return Decimal(0), False
        per_lot = instrument.contract_size
        if instrument.calc_mode in _BY_LEVERAGE:
            per_lot /= self.leverage
        account, margin = instrument.account_currency, instrument.currency_margin
        if instrument.calc_mode in _BY_PRICE:
            # Money in the profit currency; what it is worth is known by the tick value where it is another one.
            rate = instrument.tick_value / instrument.tick_size / instrument.contract_size
            return per_lot * (Decimal(1) if instrument.is_quoted_in_account else rate), True
        if account is None or margin == account:
            return per_lot, False
        if margin == instrument.currency_base and instrument.is_quoted_in_account:
            return per_lot, True
        raise InvalidValue(
            f"the margin of {instrument.name} is in {margin}, and nothing tells its rate to {account}", field="costs"
        )
