"""The same trades by month, weekday, hour, symbol, side and reason."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trading.data.zones import offsets_at
from trading.metrics.columns import TradeColumns

IntArray = NDArray[np.int64]

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def group_trades(trades: TradeColumns, *, zone: str = "UTC") -> dict[str, list[dict[str, Any]]]:
    """
    Return rows ``{key, trades, net_profit, win_rate, profit_factor, expectancy, expectancy_r}`` for each way of grouping.

    Months are those of closing, weekdays and hours those of opening, all in ``zone``. Groups without a trade are left out.
    """
    if not len(trades):
        return {name: [] for name in ("month", "weekday", "hour", "symbol", "side", "reason")}
    opened = trades.opened_s + offsets_at(trades.opened_s, zone)
    closed = trades.closed_s + offsets_at(trades.closed_s, zone)
    month = closed.astype("datetime64[s]").astype("datetime64[M]").astype(np.int64)
    first = int(month.min())
    months = [str(np.datetime64(first + step, "M")) for step in range(int(month.max()) - first + 1)]
    sides = (trades.side < 0).astype(np.int64)
    return {
        "month": _rows(trades, month - first, months),
        "weekday": _rows(trades, (opened // 86_400 + 3) % 7, WEEKDAYS),
        "hour": _rows(trades, opened // 3600 % 24, [f"{hour:02d}" for hour in range(24)]),
        "symbol": _rows(trades, trades.symbol, trades.symbols) if trades.symbol is not None else [],
        "side": _rows(trades, sides, ("BUY", "SELL")),
        "reason": _rows(trades, trades.reason, trades.reasons) if trades.reason is not None else [],
    }


def _rows(trades: TradeColumns, key: IntArray, names: Sequence[str]) -> list[dict[str, Any]]:
    profit, size = trades.profit, len(names)

    def total(values: Any) -> Any:
        return np.bincount(key, weights=values, minlength=size)

    count, won = np.bincount(key, minlength=size), total((profit > 0).astype(float))
    gain, loss = total(np.maximum(profit, 0.0)), total(np.maximum(-profit, 0.0))
    known = (
        np.zeros(len(trades)) if trades.risk is None else (np.isfinite(trades.risk) & (trades.risk > 0)).astype(float)
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        multiple = np.where(known > 0, profit / trades.risk, 0.0) if trades.risk is not None else np.zeros(len(trades))
    r_sum, r_count = total(multiple), total(known)
    return [
        {
            "key": names[place],
            "trades": int(count[place]),
            "net_profit": round(float(gain[place] - loss[place]), 2),
            "win_rate": float(won[place] / count[place]),
            "profit_factor": float(gain[place] / loss[place]) if loss[place] else None,
            "expectancy": float((gain[place] - loss[place]) / count[place]),
            "expectancy_r": float(r_sum[place] / r_count[place]) if r_count[place] else None,
        }
        for place in np.flatnonzero(count).tolist()
    ]
