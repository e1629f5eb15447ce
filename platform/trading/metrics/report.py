"""All that a trader expects to know of a result, from arrays. docs/guides/results.md gives every formula and its source."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from trading.errors import InvalidValue
from trading.metrics.columns import TradeColumns
from trading.metrics.drawdowns import describe_drawdowns
from trading.metrics.groups import group_trades
from trading.metrics.intervals import expectancy_interval, profit_factor_interval, sharpe_interval, wilson_interval
from trading.metrics.returns import count_periods_per_year, describe_returns, returns_by_day
from trading.metrics.trades import describe_trades, longest_run

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

LEVEL = 0.95
FEW_TRADES = 30


def describe(
    times_s: IntArray,
    equity: FloatArray,
    trades: TradeColumns,
    *,
    initial_balance: float,
    zone: str = "UTC",
    periods_per_year: int | None = None,
    with_intervals: bool = True,
) -> dict[str, Any]:
    """
    Return the report of a result as JSON values: ``period, returns, drawdown, trades, excursions, by, intervals, notes``.

    Numbers that do not exist are None; there is no NaN and no infinity.

    :param times_s: when each bar closed [epoch seconds, UTC, rising].
    :param equity: equity at those moments [account currency].
    :param zone: whose months, weekdays and hours the trades are grouped by.
    :param periods_per_year: days with bars in a year, for the ratios; by default found from ``times_s`` (252, 365 or 52).
    :param with_intervals: whether to resample (a tenth of a second for a hundred thousand trades).
    :raises InvalidValue: where the arrays do not fit, or the balance is not above zero.

    >>> from trading.metrics.columns import TradeColumns
    >>> trade = TradeColumns(np.array([0]), np.array([60]), np.array([1]), np.array([5.0]))
    >>> report = describe(np.array([60, 120]), np.array([105.0, 105.0]), trade, initial_balance=100.0)
    >>> report["returns"]["return_fraction"], report["trades"]["profit_factor"], report["drawdown"]["max_fraction"]
    (0.050000000000000044, None, 0.0)
    """
    _refuse_unfit(times_s, equity, initial_balance)
    falls = describe_drawdowns(times_s, equity, initial_balance)
    returns = describe_returns(
        times_s, equity, initial_balance, falls["max_fraction"], periods_per_year=periods_per_year
    )
    return {
        "period": {
            "first_s": int(times_s[0]) if len(times_s) else None,
            "last_s": int(times_s[-1]) if len(times_s) else None,
            "bars": len(times_s),
            "days": returns["days"],
        },
        "returns": returns,
        "drawdown": falls,
        "trades": {**describe_trades(trades.profit), **_describe_more(times_s, trades)},
        "excursions": _describe_excursions(trades),
        "by": group_trades(trades, zone=zone),
        "intervals": _intervals(times_s, equity, trades, initial_balance, periods_per_year) if with_intervals else {},
        "notes": _notes(trades, returns),
    }


def _describe_more(times_s: IntArray, trades: TradeColumns) -> dict[str, Any]:
    profit, holding_s, multiples = trades.profit, trades.holding_s, trades.r_multiples
    won, lost = profit[profit > 0], profit[profit < 0]
    deviation = float(np.std(profit, ddof=1)) if len(profit) > 1 else 0.0
    return {
        "payoff": float(won.mean() / -lost.mean()) if len(won) and len(lost) else None,
        "expectancy_r": float(multiples.mean()) if len(multiples) else None,
        "sum_r": float(multiples.sum()) if len(multiples) else None,
        "sqn": float(profit.mean() / deviation * np.sqrt(len(profit))) if deviation > 1e-12 else None,
        "max_consecutive_wins": longest_run(profit > 0),
        "average_holding_s": float(holding_s.mean()) if len(trades) else None,
        "longest_holding_s": int(holding_s.max()) if len(trades) else None,
        "exposure_fraction": find_exposure(times_s, trades),
        "costs": round(float(trades.costs.sum()), 2) if trades.costs is not None else None,
    }


def find_exposure(times_s: IntArray, trades: TradeColumns) -> float | None:
    """Return the share of bars in which at least one trade was open [fraction]; None without bars."""
    if not len(times_s):
        return None
    order = np.argsort(trades.opened_s, kind="stable")
    first = np.searchsorted(times_s, trades.opened_s[order], side="right")
    last = np.searchsorted(times_s, trades.closed_s[order], side="right")
    held = np.zeros(len(times_s) + 1, dtype=np.int64)
    np.add.at(held, first, 1)
    # A trade that closed within the bar it opened in was open in that bar.
    np.add.at(held, np.minimum(np.maximum(last, first + 1), len(times_s)), -1)
    return float(np.count_nonzero(np.cumsum(held[:-1]) > 0) / len(times_s))


def _describe_excursions(trades: TradeColumns) -> dict[str, Any] | None:
    if trades.mae is None or trades.mfe is None or not len(trades):
        return None
    won, mae, mfe = trades.profit > 0, trades.mae, trades.mfe
    captured = trades.profit[won].sum() / mfe[won].sum() if won.any() and mfe[won].sum() > 0 else None
    return {
        "mae_average": float(mae.mean()),
        "mfe_average": float(mfe.mean()),
        "mae_of_winners": float(mae[won].mean()) if won.any() else None,
        "mfe_of_losers": float(mfe[~won].mean()) if (~won).any() else None,
        "captured_fraction": float(captured) if captured is not None else None,
        "edge_ratio": float(mfe.mean() / mae.mean()) if mae.mean() > 0 else None,
    }


def _intervals(
    times_s: IntArray, equity: FloatArray, trades: TradeColumns, initial: float, periods_per_year: int | None
) -> dict[str, Any]:
    returns = returns_by_day(times_s, equity, initial)
    periods = periods_per_year or count_periods_per_year(times_s)
    found = {
        "win_rate": wilson_interval(int((trades.profit > 0).sum()), len(trades), level=LEVEL),
        "expectancy": expectancy_interval(trades.profit, level=LEVEL),
        "expectancy_r": expectancy_interval(trades.r_multiples, level=LEVEL),
        "profit_factor": profit_factor_interval(trades.profit, level=LEVEL),
        "sharpe": sharpe_interval(returns, periods_per_year=periods, level=LEVEL),
    }
    return {"level": LEVEL, **{name: list(pair) if pair else None for name, pair in found.items()}}


def _notes(trades: TradeColumns, returns: dict[str, Any]) -> list[str]:
    notes = []
    if len(trades) < FEW_TRADES:
        notes.append(f"{len(trades)} trades are few: below {FEW_TRADES} hardly any of these numbers says much.")
    if returns["days"] < 60:
        notes.append(f"{returns['days']} days are few: yearly numbers are stretched far beyond what was seen.")
    if len(trades) >= 4:
        best = float(np.sort(trades.profit)[-max(len(trades) // 20, 1) :].sum())
        total = float(trades.profit.sum())
        if 0 < total < best:
            notes.append("Without the best twentieth of its trades it would have lost.")
    return notes


def _refuse_unfit(times_s: IntArray, equity: FloatArray, initial_balance: float) -> None:
    if times_s.ndim != 1 or times_s.shape != equity.shape:
        raise InvalidValue("times and equity must be one-dimensional and of one length")
    if not np.isfinite(initial_balance) or initial_balance <= 0:
        raise InvalidValue("the first balance must be a number above 0", field="initial_balance")
    if not bool(np.isfinite(equity).all()):
        raise InvalidValue("equity must be finite", field="equity")
    if bool((np.diff(times_s) < 0).any()):
        raise InvalidValue("times must rise", field="times_s")
