"""The array forms: the loop over the recurrence, nothing else. Compiled where numba is present and the caller asks for it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from trading.errors import InvalidValue
from trading.indicators.averages import ema_update, sma_update
from trading.indicators.oscillators import atr_update, rsi_update
from trading.jit import kernel

FloatArray = NDArray[np.float64]

SMA, EMA, RSI, ATR = 1, 2, 3, 4
KINDS = {"SMA": SMA, "EMA": EMA, "RSI": RSI, "ATR": ATR}


def state_size(kind: int, period: int) -> int:
    """Return how many float64 the state of an indicator takes; all zeros is its beginning."""
    return period + 2 if kind == SMA else 4


@kernel
def update(kind: int, state: FloatArray, at: int, period: int, high: float, low: float, close: float) -> float:
    """Take the next bar; return the value of the indicator ``kind`` whose state begins at place ``at``, NaN while it has none."""
    if kind == SMA:
        return sma_update(state, at, period, close)
    if kind == EMA:
        return ema_update(state, at, period, close)
    if kind == RSI:
        return rsi_update(state, at, period, close)
    return atr_update(state, at, period, high, low, close)


@kernel
def fill(
    kind: int, state: FloatArray, period: int, high: FloatArray, low: FloatArray, close: FloatArray, out: FloatArray
) -> None:
    """Write the value of the indicator at every bar into ``out``."""
    for index in range(close.shape[0]):
        out[index] = update(kind, state, 0, period, high[index], low[index], close[index])


def _run(kind: int, period: int, high: FloatArray, low: FloatArray, close: FloatArray) -> FloatArray:
    if period < 1 or close.ndim != 1 or high.shape != close.shape or low.shape != close.shape:
        raise InvalidValue("an indicator needs a period of at least 1 and one-dimensional arrays of one length")
    out = np.empty(close.shape[0])
    fill(kind, np.zeros(state_size(kind, period)), period, high, low, close, out)
    return out


def sma(close: FloatArray, period: int) -> FloatArray:
    """
    Return the simple moving average [price]; NaN for the first ``period - 1`` bars.

    >>> sma(np.array([1.0, 2.0, 3.0, 5.0]), 2).tolist()
    [nan, 1.5, 2.5, 4.0]
    """
    return _run(SMA, period, close, close, close)


def ema(close: FloatArray, period: int) -> FloatArray:
    """
    Return the exponential moving average [price], seeded with the mean of the first ``period`` closes; NaN before.

    >>> ema(np.array([1.0, 2.0, 3.0, 5.0]), 3).tolist()      # (1+2+3)/3 = 2, then 2 + (5-2)/2
    [nan, nan, 2.0, 3.5]
    """
    return _run(EMA, period, close, close, close)


def rsi(close: FloatArray, period: int) -> FloatArray:
    """
    Return Wilder's relative strength index [0 .. 100]; NaN for the first ``period`` bars; 50 where nothing moved.

    >>> rsi(np.array([1.0, 1.0, 1.0, 1.0]), 2).tolist()
    [nan, nan, 50.0, 50.0]
    """
    return _run(RSI, period, close, close, close)


def atr(high: FloatArray, low: FloatArray, close: FloatArray, period: int) -> FloatArray:
    """Return Wilder's average true range [price]; NaN for the first ``period - 1`` bars."""
    return _run(ATR, period, high, low, close)
