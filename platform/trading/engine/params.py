"""The numbers `decide` works with, taken from rules and instrument once."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import NamedTuple

from trading.engine.prices import tick_ratio
from trading.rules.compile import CompiledRules


class Params(NamedTuple):
    """Plain numbers of one strategy on one instrument; distances are prices, volumes whole steps, 0 means "none"."""

    buys: bool
    sells: bool
    exit_on_opposite: bool
    stop_distance: float
    target_distance: float
    trail_distance: float
    stops_level_ticks: int
    tick_numerator: float
    tick_denominator: float
    open_positions_max: int
    daily_loss_fraction: float
    risk_fraction: float
    cap_steps: int
    min_steps: int
    max_steps: int
    lots_per_step: float
    unit_profit: float
    """What a move of 1.0 in price earns one lot [account currency]."""
    unit_loss: float
    """What a move of 1.0 in price costs one lot, on the losing side [account currency]."""
    contract_size: float
    converts_by_price: bool
    """Profit is in the quote currency and the account in the base currency: divide by the price."""


def build_params(compiled: CompiledRules) -> Params:
    """Return the numbers of compiled rules."""
    rules, instrument = compiled.rules, compiled.instrument
    numerator, denominator = tick_ratio(instrument.tick_size)
    unit_profit, unit_loss = _units(compiled)
    return Params(
        buys=rules.buys,
        sells=rules.sells,
        exit_on_opposite=rules.exit.on_opposite_signal,
        stop_distance=compiled.stop_ticks * numerator / denominator,
        target_distance=compiled.target_ticks * numerator / denominator,
        trail_distance=compiled.trail_ticks * numerator / denominator,
        stops_level_ticks=_stops_level_ticks(compiled),
        tick_numerator=numerator,
        tick_denominator=denominator,
        open_positions_max=rules.risk.open_positions_max,
        daily_loss_fraction=_number(rules.risk.daily_loss_fraction),
        risk_fraction=_number(rules.risk.risk_fraction),
        cap_steps=_cap_steps(compiled),
        min_steps=-instrument.lots_to_steps(-instrument.volume_min),
        max_steps=_max_steps(compiled),
        lots_per_step=float(instrument.volume_step),
        unit_profit=unit_profit,
        unit_loss=unit_loss,
        contract_size=float(instrument.contract_size),
        converts_by_price=instrument.converts_by_price,
    )


def _units(compiled: CompiledRules) -> tuple[float, float]:
    instrument = compiled.instrument
    by_tick = instrument.tick_value_loss / instrument.tick_size
    if instrument.is_quoted_in_account:
        # Two ways to the same number; where a broker's tick value is off, the larger loss sizes the trade.
        return float(instrument.contract_size), float(max(by_tick, instrument.contract_size))
    return float(instrument.tick_value / instrument.tick_size), float(by_tick)


def _stops_level_ticks(compiled: CompiledRules) -> int:
    instrument = compiled.instrument
    return math.ceil(instrument.stops_level_points * instrument.point / instrument.tick_size)


def _cap_steps(compiled: CompiledRules) -> int:
    cap = compiled.rules.risk.lots_cap
    if cap is None:
        return _max_steps(compiled)
    return min(compiled.instrument.lots_to_steps(cap), _max_steps(compiled))


def _max_steps(compiled: CompiledRules) -> int:
    instrument = compiled.instrument
    limits = [instrument.volume_max, *([instrument.volume_limit] if instrument.volume_limit else [])]
    return instrument.lots_to_steps(min(limits))


def _number(value: Decimal | None) -> float:
    return float(value) if value is not None else 0.0
