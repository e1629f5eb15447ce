"""From the engine's result to columns: what is kept in the file, and what statistics are counted from."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from trading.backtest.result import REASONS, Result, TradeColumns
from trading.metrics import columns as metrics
from trading.model.bars import Bars
from trading.model.instrument import Instrument

FloatArray = NDArray[np.float64]


def to_arrays(result: Result, bars: Bars, instrument: Instrument) -> dict[str, NDArray[Any]]:
    """
    Return trades and equity as arrays to keep; money in the account's currency.

    ``risk`` is what the first stop would have lost, NaN without one; ``mae`` and ``mfe`` are how far a trade went against and for
    its holder by the bars' extremes.
    """
    trades = result.trades.columns()
    value = _money_per_price(instrument, trades.entry_price) * trades.lots
    risk = np.where(trades.stop_price > 0, np.abs(trades.entry_price - trades.stop_price) * value, np.nan)
    against, along = metrics.find_excursions(
        trades.opened_bar, trades.closed_bar, trades.side, trades.entry_price, bars.high, bars.low
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        multiple = np.where(risk > 0, trades.pnl / risk, np.nan)
    return {
        "opened_s": trades.opened_s,
        "closed_s": trades.closed_s,
        "side": trades.side.astype(np.int8),
        "lots": trades.lots,
        "entry_price": trades.entry_price,
        "exit_price": trades.exit_price,
        "stop_price": trades.stop_price,
        "pnl": np.round(trades.pnl, 2),
        "commission": np.round(-trades.commission, 2),
        "swap": np.round(trades.swap, 2),
        "risk": risk,
        "r_multiple": multiple,
        "mae": np.round(against * value, 2),
        "mfe": np.round(along * value, 2),
        "position": trades.position,
        "reason": _reason_names(trades),
        "equity_s": np.asarray(result.closes_s, dtype=np.int64),
        "equity": np.asarray(result.equity, dtype=np.float64),
    }


def to_metrics(arrays: dict[str, NDArray[Any]], symbol: str) -> metrics.TradeColumns:
    """Return kept arrays as the columns that statistics are counted from."""
    names, reason = np.unique(arrays["reason"], return_inverse=True)
    return metrics.TradeColumns(
        arrays["opened_s"],
        np.maximum(arrays["closed_s"], arrays["opened_s"]),
        arrays["side"].astype(np.int64),
        arrays["pnl"],
        risk=arrays["risk"],
        costs=-(arrays["commission"] + arrays["swap"]),
        reason=reason.astype(np.int64),
        symbol=np.zeros(len(reason), dtype=np.int64),
        mae=arrays["mae"],
        mfe=arrays["mfe"],
        reasons=tuple(names.tolist()),
        symbols=(symbol,),
    )


def _reason_names(trades: TradeColumns) -> NDArray[Any]:
    names = np.array([str(REASONS.get(code, "UNKNOWN")) for code in range(max(REASONS, default=0) + 1)])
    found: NDArray[Any] = names[trades.reason] if len(trades.reason) else np.zeros(0, dtype="U1")
    return found


def _money_per_price(instrument: Instrument, prices: FloatArray) -> FloatArray:
    """Return what a move of 1.0 in price earns one lot, at each of the prices (`Instrument.money_per_price` of arrays)."""
    if instrument.converts_by_price:
        return float(instrument.contract_size) / prices
    one = instrument.contract_size if instrument.is_quoted_in_account else instrument.tick_value / instrument.tick_size
    return np.full(len(prices), float(one))
