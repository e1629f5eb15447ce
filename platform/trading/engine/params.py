"""The numbers `decide` works with, taken from rules and instrument once."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from trading.engine.prices import tick_ratio
from trading.model.instrument import Instrument
from trading.rules.tree import Distance, PartialExit, StrategyRules

FloatArray = NDArray[np.float64]


class Reach(NamedTuple):
    """A distance as a sum of what it may be made of: a price, a fraction of the entry price, multiples of the first stop's distance."""

    price: float = 0.0
    fraction: float = 0.0
    r: float = 0.0


NOWHERE = Reach()


class Params(NamedTuple):
    """Plain numbers of one strategy on one instrument; distances are prices, volumes whole steps, 0 means "none"."""

    buys: bool
    sells: bool
    exit_on_opposite: bool
    stop: Reach
    target: Reach
    trail: Reach
    trail_start: Reach
    trails_from_start: bool
    """Whether trailing begins at `trail_start`; else once it would bring the stop to the entry, as the terminal does."""
    break_even_at: Reach
    break_even_offset: Reach
    partials: FloatArray
    """A row per partial exit, the nearest first: the three numbers of its `Reach`, and the share of the first volume."""
    bars_max: int
    seconds_max: int
    is_managed: bool
    """Whether an open position has to be looked at on every bar, not on signals alone."""
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


def build_params(rules: StrategyRules, instrument: Instrument) -> Params:
    """Return the numbers of rules on an instrument. Distances that follow the market (ATR, swing points) come with each signal."""
    numerator, denominator = tick_ratio(instrument.tick_size)
    unit_profit, unit_loss = _units(instrument)
    exit_ = rules.exit
    return managed(
        Params(
            buys=rules.buys,
            sells=rules.sells,
            exit_on_opposite=exit_.on_opposite_signal,
            stop=_reach(exit_.stop, instrument),
            target=_reach(exit_.target, instrument),
            trail=_reach(exit_.trail, instrument),
            trail_start=_reach(exit_.trail_start, instrument),
            trails_from_start=exit_.trail_start is not None,
            break_even_at=_reach(exit_.break_even.at, instrument) if exit_.break_even else NOWHERE,
            break_even_offset=_reach(exit_.break_even.offset, instrument) if exit_.break_even else NOWHERE,
            partials=_partials(exit_.partials, instrument),
            bars_max=exit_.bars_max or 0,
            seconds_max=60 * (exit_.minutes_max or 0),
            is_managed=False,
            stops_level_ticks=_stops_level_ticks(instrument),
            tick_numerator=numerator,
            tick_denominator=denominator,
            open_positions_max=rules.risk.open_positions_max,
            daily_loss_fraction=_number(rules.risk.daily_loss_fraction),
            risk_fraction=_number(rules.risk.risk_fraction),
            cap_steps=_cap_steps(rules.risk.lots_cap, instrument),
            min_steps=-instrument.lots_to_steps(-instrument.volume_min),
            max_steps=_max_steps(instrument),
            lots_per_step=float(instrument.volume_step),
            unit_profit=unit_profit,
            unit_loss=unit_loss,
            contract_size=float(instrument.contract_size),
            converts_by_price=instrument.converts_by_price,
        )
    )


def managed(params: Params, *, trails: bool = False) -> Params:
    """Return ``params`` with `is_managed` as the rest says; ``trails``: the strategy itself asks for trailing stops."""
    rules = (params.trail != NOWHERE, params.break_even_at != NOWHERE, len(params.partials), params.bars_max)
    return params._replace(is_managed=trails or any(rules) or params.seconds_max > 0)


def _partials(partials: tuple[PartialExit, ...], instrument: Instrument) -> FloatArray:
    rows = [(*_reach(part.at, instrument), float(part.fraction)) for part in partials]
    return np.array(rows, dtype=np.float64).reshape(len(rows), 4)


def _reach(distance: Distance | None, instrument: Instrument) -> Reach:
    if distance is None or distance.unit in ("atr", "swing"):
        return NOWHERE
    if distance.unit == "percent":
        return Reach(fraction=float(distance.value / 100))
    if distance.unit == "r":
        return Reach(r=float(distance.value))
    size = instrument.pip_size if distance.unit == "pips" else instrument.point
    numerator, denominator = tick_ratio(instrument.tick_size)
    ticks = int(distance.value * size / instrument.tick_size)
    return Reach(ticks * numerator / denominator)


def _units(instrument: Instrument) -> tuple[float, float]:
    by_tick = instrument.tick_value_loss / instrument.tick_size
    if instrument.is_quoted_in_account:
        # Two ways to the same number; where a broker's tick value is off, the larger loss sizes the trade.
        return float(instrument.contract_size), float(max(by_tick, instrument.contract_size))
    return float(instrument.tick_value / instrument.tick_size), float(by_tick)


def _stops_level_ticks(instrument: Instrument) -> int:
    return math.ceil(instrument.stops_level_points * instrument.point / instrument.tick_size)


def _cap_steps(cap: Decimal | None, instrument: Instrument) -> int:
    if cap is None:
        return _max_steps(instrument)
    return min(instrument.lots_to_steps(cap), _max_steps(instrument))


def _max_steps(instrument: Instrument) -> int:
    limits = [instrument.volume_max, *([instrument.volume_limit] if instrument.volume_limit else [])]
    return instrument.lots_to_steps(min(limits))


def _number(value: Decimal | None) -> float:
    return float(value) if value is not None else 0.0
