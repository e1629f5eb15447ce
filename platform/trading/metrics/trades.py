"""What a list of closed trades says."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


def describe_trades(pnl: FloatArray) -> dict[str, Any]:
    """
    Return counts, sums and ratios of trades' profits [account currency]; a trade of exactly zero is neither won nor lost.

    ``win_rate`` is a fraction of all trades; ``profit_factor`` is won over lost money, None without a loss;
    ``expectancy`` is the mean profit per trade.

    >>> stats = describe_trades(np.array([10.0, -5.0, 20.0]))
    >>> stats["profit_factor"], round(stats["win_rate"], 3), round(stats["expectancy"], 3)
    (6.0, 0.667, 8.333)
    """
    won, lost = pnl[pnl > 0], pnl[pnl < 0]
    gross_profit, gross_loss = _sum(won), _sum(lost)
    count = len(pnl)
    return {
        "trades": count,
        "winning_trades": len(won),
        "losing_trades": len(lost),
        "net_profit": _sum(pnl),
        "gross_profit": gross_profit,
        "gross_loss": gross_loss,
        "win_rate": len(won) / count if count else None,
        "profit_factor": gross_profit / -gross_loss if gross_loss else None,
        "expectancy": _sum(pnl) / count if count else None,
        "average_win": gross_profit / len(won) if len(won) else None,
        "average_loss": gross_loss / len(lost) if len(lost) else None,
        "largest_win": float(won.max()) if len(won) else None,
        "largest_loss": float(lost.min()) if len(lost) else None,
        "max_consecutive_losses": longest_run(pnl < 0),
    }


def longest_run(mask: NDArray[np.bool_]) -> int:
    """
    Return the length of the longest run of true values.

    >>> longest_run(np.array([True, False, True, True]))
    2
    """
    edges = np.flatnonzero(np.diff(np.concatenate(([0], mask.astype(np.int8), [0]))))
    return int((edges[1::2] - edges[::2]).max()) if len(edges) else 0


def _sum(values: FloatArray) -> float:
    # Trades are whole cents; the sum of many floats is rounded back to them.
    return round(float(values.sum()), 2)
