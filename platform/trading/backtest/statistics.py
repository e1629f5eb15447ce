"""The statistics a run comes with."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from trading.engine import book
from trading.engine.decide import SKIP_NAMES
from trading.metrics.curves import daily_returns, find_falls, sharpe_ratio
from trading.metrics.trades import describe_trades
from trading.model.bars import Bars

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


def count_statistics(
    bars: Bars,
    own_bars: int,
    balance: float,
    equity: FloatArray,
    ints: IntArray,
    floats: FloatArray,
    skipped: IntArray,
    final: float,
) -> dict[str, Any]:
    """Return counts, sums and ratios of a run by name; ``ints`` and ``floats`` are the tables of its trades."""
    curve = np.concatenate(([balance], equity))
    falls, fallen = find_falls(curve)
    pnl = floats[:, book.V_PROFIT] - floats[:, book.V_COMMISSION] + floats[:, book.V_SWAP]
    return {
        "bars": own_bars,
        "initial_balance": balance,
        "final_balance": final,
        "return_fraction": final / balance - 1,
        "max_drawdown_fraction": float(falls.max()),
        "max_drawdown": float(fallen.max()),
        "sharpe_ratio": sharpe_ratio(daily_returns(bars.time, equity)),
        **describe_trades(pnl),
        "commission": round(float(floats[:, book.V_COMMISSION].sum()), 2),
        "swap": round(float(floats[:, book.V_SWAP].sum()), 2),
        "skipped_signals": {name: int(skipped[code]) for code, name in SKIP_NAMES.items() if skipped[code]},
    }
