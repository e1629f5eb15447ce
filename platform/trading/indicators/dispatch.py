"""One door to every indicator: state size and update by kind, for programs of rules and for the array forms."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from trading.indicators.averages import ema_update, sma_update, wma_update
from trading.indicators.channels import bollinger_update, donchian_update, keltner_update
from trading.indicators.days import pivot_update, vwap_update
from trading.indicators.directional import adx_update
from trading.indicators.momentum import cci_update, macd_update, stochastic_update, williams_update
from trading.indicators.oscillators import atr_update, rsi_update
from trading.indicators.swings import swing_update
from trading.jit import kernel

FloatArray = NDArray[np.float64]

SMA, EMA, RSI, ATR, WMA, MACD, BOLLINGER, ADX = 1, 2, 3, 4, 5, 6, 7, 8
STOCHASTIC, CCI, WILLIAMS, DONCHIAN, KELTNER, VWAP, PIVOT, SWING = 9, 10, 11, 12, 13, 14, 15, 16

# Where a bar's values stand in a state.
BAR_OPEN, BAR_HIGH, BAR_LOW, BAR_CLOSE, BAR_VOLUME, BAR_SPREAD, BAR_TIME, BAR_SIZE = 0, 1, 2, 3, 4, 5, 6, 7

# Which parameter of an indicator is the first, second and third whole one, and which the real one.
_PLACES: Mapping[str, tuple[str, str, str, str]] = {
    "MACD": ("fast", "slow", "signal", ""),
    "BOLLINGER": ("period", "", "", "deviations"),
    "STOCHASTIC": ("k", "smooth", "d", ""),
    "KELTNER": ("period", "atrPeriod", "", "multiple"),
    "VWAP": ("dayStartMinute", "", "", ""),
    "PIVOT": ("dayStartMinute", "", "", ""),
    "SWING": ("bars", "lookback", "", ""),
}


def arrange(name: str, values: Mapping[str, float]) -> tuple[int, int, int, float]:
    """
    Return the parameters of an indicator as `indicator_update` takes them: three whole numbers and a real one.

    >>> arrange("KELTNER", {"period": 20, "atrPeriod": 10, "multiple": 1.5})
    (20, 10, 0, 1.5)
    """
    first, second, third, real = _PLACES.get(name, ("period", "", "", ""))
    whole = (int(values[place]) if place else 0 for place in (first, second, third))
    return (*whole, float(values[real]) if real else 0.0)  # type: ignore[return-value]


def count_places(name: str, values: Mapping[str, float]) -> int:
    """Return how many places the state of an indicator takes, its lines not included."""
    first, second, third, _ = arrange(name, values)
    sizes = {
        "MACD": 6,
        "ADX": 8,
        "STOCHASTIC": 2 * (first + 2) + second + 2 + third + 2,
        "WILLIAMS": 2 * (first + 2),
        "DONCHIAN": 2 * (first + 2),
        "KELTNER": 5,
        "VWAP": 3,
        "PIVOT": 5,
        "SWING": 2 + 2 * (2 * first + 3),
    }
    if name in sizes:
        return sizes[name]
    return 4 if name in ("EMA", "RSI", "ATR") else first + 2


@kernel
def indicator_update(
    kind: int,
    state: FloatArray,
    at: int,
    out: int,
    bar: int,
    source: int,
    first: int,
    second: int,
    third: int,
    real: float,
) -> None:
    """
    Take the next bar, whose values begin at place ``bar``; write the lines of the indicator from place ``out`` on.

    :param at: where the indicator's own state begins.
    :param source: place of the price it is computed from, where it takes any.
    """
    if kind == EMA:
        state[out] = ema_update(state, at, first, state[source])
    elif kind == SMA:
        state[out] = sma_update(state, at, first, state[source])
    elif kind == RSI:
        state[out] = rsi_update(state, at, first, state[source])
    elif kind == ATR:
        state[out] = atr_update(state, at, first, state[bar + BAR_HIGH], state[bar + BAR_LOW], state[bar + BAR_CLOSE])
    elif kind == WMA:
        state[out] = wma_update(state, at, first, state[source])
    elif kind == MACD:
        macd_update(state, at, out, first, second, third, state[source])
    elif kind == BOLLINGER:
        bollinger_update(state, at, out, first, real, state[source])
    else:
        _update_of_bar(kind, state, at, out, bar, first, second, third, real)


@kernel
def _update_of_bar(
    kind: int, state: FloatArray, at: int, out: int, bar: int, first: int, second: int, third: int, real: float
) -> None:
    high, low, close = state[bar + BAR_HIGH], state[bar + BAR_LOW], state[bar + BAR_CLOSE]
    if kind == ADX:
        adx_update(state, at, out, first, high, low, close)
    elif kind == STOCHASTIC:
        stochastic_update(state, at, out, first, second, third, high, low, close)
    elif kind == CCI:
        state[out] = cci_update(state, at, first, high, low, close)
    elif kind == WILLIAMS:
        state[out] = williams_update(state, at, first, high, low, close)
    elif kind == DONCHIAN:
        donchian_update(state, at, out, first, high, low)
    elif kind == KELTNER:
        keltner_update(state, at, out, first, second, real, high, low, close)
    elif kind == VWAP:
        state[out] = vwap_update(state, at, first, state[bar + BAR_TIME], high, low, close, state[bar + BAR_VOLUME])
    elif kind == PIVOT:
        pivot_update(state, at, out, first, state[bar + BAR_TIME], high, low, close)
    else:
        swing_update(state, at, out, first, second, high, low)


@kernel
def fill_lines(
    kind: int,
    state: FloatArray,
    lines: int,
    columns: FloatArray,
    source: int,
    first: int,
    second: int,
    third: int,
    real: float,
    out: FloatArray,
) -> None:
    """
    Write the lines of an indicator at every bar into ``out`` (lines, bars).

    :param state: zeros: a bar's values, the price it is computed from, the lines, the indicator's own.
    :param columns: (8, bars): open, high, low, close, volume, spread, time, and the price it is computed from.
    """
    for index in range(columns.shape[1]):
        for place in range(8):
            state[place] = columns[place, index]
        indicator_update(kind, state, 8 + lines, 8, 0, source, first, second, third, real)
        for line in range(lines):
            out[line, index] = state[8 + line]
