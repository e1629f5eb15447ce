"""Reading results for doors and pages: trades by page, curves and candles thinned to what a screen can show."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from apps.backtests.models import Run
from apps.backtests.storage import load_arrays
from apps.common.errors import Conflict, Unavailable
from trading.metrics.curves import drawdown
from trading.metrics.shapes import thin
from trading.model.bars import Bars
from trading.model.timeframe import Timeframe

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

MOST_POINTS = 2000
MOST_CANDLES = 1500
MARK_COLUMNS = ("opened_s", "closed_s", "side", "entry_price", "exit_price", "pnl")
TRADE_COLUMNS = (
    *MARK_COLUMNS, "lots", "commission", "swap", "r_multiple", "mae", "mfe", "reason",
)  # fmt: skip


def load_result(run: Run, *columns: str) -> dict[str, NDArray[Any]]:
    """
    Return columns of a finished backtest's result.

    :raises Conflict: NOT_DONE where there is none yet.
    :raises Unavailable: DATA_FILE_LOST where the storage no longer has the file.
    """
    if not run.columns_file:
        raise Conflict("NOT_DONE", f"This backtest is {run.status}: it has no result.", "status")
    try:
        return load_arrays(run.columns_file, *columns)
    except FileNotFoundError:
        message = "The file with this result is not in the storage any more; ask for the backtest again."
        raise Unavailable("DATA_FILE_LOST", message) from None


def read_trades(run: Run, first: int, count: int, *, newest_first: bool = False) -> tuple[list[dict[str, Any]], int]:
    """Return trades from the place `first` on, in order of closing (or against it), and how many there are."""
    columns = load_result(run, *TRADE_COLUMNS)
    total = len(columns["pnl"])
    places = range(total - 1, -1, -1) if newest_first else range(total)
    return [_to_trade(columns, place) for place in places[first : first + count]], total


def read_equity(run: Run, most: int = MOST_POINTS) -> dict[str, Any]:
    """Return `[at_s, equity]` at bar closes, at most about `most` of them: the highest and the lowest of each stretch stay."""
    columns = load_result(run, "equity_s", "equity")
    times, equity = columns["equity_s"], columns["equity"]
    kept = np.union1d(thin(times, equity, most_points=most), [0, len(equity) - 1])
    fall = drawdown(np.append(float(run.balance), equity))[1:]
    return {
        "currency": run.currency,
        "balance": float(run.balance),
        "bars": len(equity),
        "points": [
            [int(times[place]), round(float(equity[place]), 2), round(float(fall[place]), 6)] for place in kept.tolist()
        ],
    }


def read_candles(run: Run, bars: Bars, *, around_s: int | None = None, most: int = MOST_CANDLES) -> dict[str, Any]:
    """
    Return candles of the strategy's timeframe with the trades that touch them: around a moment, else the last ones.

    Bars are never added up beyond the strategy's own timeframe: a trade must be seen on the bar it was decided on.
    """
    own = bars.resample(Timeframe(run.timeframe))
    end = len(own)
    if around_s is not None:
        end = min(len(own), int(np.searchsorted(own.time, around_s)) + most // 2)
    shown = own.part(max(0, end - most), end)
    columns = load_result(run, *MARK_COLUMNS)
    first_s, last_s = (int(shown.time[0]), int(shown.time[-1]) + own.timeframe.seconds) if len(shown) else (0, 0)
    touching = np.flatnonzero((columns["closed_s"] >= first_s) & (columns["opened_s"] < last_s))
    return {
        "symbol": run.symbol,
        "timeframe": run.timeframe,
        "first": int(own.time[0]) if len(own) else None,
        "last": int(own.time[-1]) if len(own) else None,
        "total": len(own),
        "bars": [[bar.time, bar.open, bar.high, bar.low, bar.close] for bar in shown],
        "trades": [_to_mark(columns, place) for place in touching.tolist()[:MOST_CANDLES]],
    }


def _to_trade(columns: dict[str, NDArray[Any]], place: int) -> dict[str, Any]:
    return {
        "number": place + 1,
        "opened_at": _moment(columns["opened_s"][place]),
        "closed_at": _moment(columns["closed_s"][place]),
        "side": "BUY" if columns["side"][place] > 0 else "SELL",
        "volume_lots": _number(columns, "lots", place),
        "entry_price": _number(columns, "entry_price", place),
        "exit_price": _number(columns, "exit_price", place),
        "pnl": _number(columns, "pnl", place),
        "commission": _number(columns, "commission", place),
        "swap": _number(columns, "swap", place),
        "r_multiple": _number(columns, "r_multiple", place),
        "mae": _number(columns, "mae", place),
        "mfe": _number(columns, "mfe", place),
        "exit_reason": str(columns["reason"][place]),
    }


def _to_mark(columns: dict[str, NDArray[Any]], place: int) -> dict[str, Any]:
    return {
        "opened_at": int(columns["opened_s"][place]),
        "closed_at": int(columns["closed_s"][place]),
        "side": "BUY" if columns["side"][place] > 0 else "SELL",
        "pnl": round(float(columns["pnl"][place]), 2),
        "entry": float(columns["entry_price"][place]),
        "exit": float(columns["exit_price"][place]),
    }


def _number(columns: dict[str, NDArray[Any]], name: str, place: int) -> float | None:
    """Return a number of a trade, None where there is none (R without a stop)."""
    value = float(columns[name][place])
    return round(value, 8) if np.isfinite(value) else None


def _moment(at_s: Any) -> datetime:
    return datetime.fromtimestamp(int(at_s), UTC)
