"""
Walk-forward: choose on one stretch of history, trade the next with the choice, go on; only what was traded unseen counts.

A window's test runs over its training bars too, as history for the indicators, but opens nothing before the test begins. A gap
(purge) between both keeps a position that was judged in training from reaching into the test.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from statistics import fmean, pstdev
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from trading.backtest.run import run
from trading.backtest.search import Objective, Setting, Summary, run_points
from trading.backtest.search_space import Space, Value
from trading.errors import InvalidValue
from trading.metrics.curves import daily_returns, drawdown, sharpe_ratio
from trading.model.bars import Bars

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

MOST_WINDOWS: Final = 500
_DAY_S: Final = 86_400
_YEAR_S: Final = 365.25 * _DAY_S
_NO_GROWTH: Final = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class WalkPlan:
    """
    How the history is cut, in calendar days.

    :param train_days: of the first training (anchored), or of every one (rolling).
    :param test_days: of every test but perhaps the last.
    :param step_days: from one test's beginning to the next; by default ``test_days``, so tests join without gap or overlap. Not less.
    :param purge_days: left out between training and test; at least as long as a position may be held.
    :param anchored: whether every training begins with the history.
    :raises InvalidValue: where a stretch is not above 0, or tests would overlap.
    """

    train_days: float
    test_days: float
    step_days: float | None = None
    purge_days: float = 0.0
    anchored: bool = False

    def __post_init__(self) -> None:
        for name in ("train_days", "test_days"):
            if not 0 < getattr(self, name) < 36_500:
                raise InvalidValue(f"{name} must be above 0 and at most a century", field=name)
        if not 0 <= self.purge_days < 36_500:
            raise InvalidValue("purge_days must not be negative", field="purge_days")
        if self.step_days is not None and not self.test_days <= self.step_days < 36_500:
            raise InvalidValue("step_days must be at least test_days: a day is tested once", field="step_days")


@dataclass(frozen=True, slots=True)
class Window:
    """One training and its test, as half-open spans of bar opening times [epoch seconds]."""

    number: int
    train_from_s: int
    train_to_s: int
    test_from_s: int
    test_to_s: int

    def train(self, bars: Bars) -> Bars:
        """Return the training bars."""
        return bars.between(self.train_from_s, self.train_to_s)

    def test(self, bars: Bars) -> Bars:
        """Return the test's bars with the training and the gap before them, as history."""
        return bars.between(self.train_from_s, self.test_to_s)


def plan_windows(bars: Bars, plan: WalkPlan) -> list[Window]:
    """
    Return the windows of a history, oldest first. The last test may be shorter; one without bars is left out.

    :raises InvalidValue: where the history is too short for one window, or makes more than 500.
    """
    begin, end = (int(bars.time[0]), int(bars.time[-1]) + bars.timeframe.seconds) if len(bars) else (0, 0)
    train, test, purge = (round(days * _DAY_S) for days in (plan.train_days, plan.test_days, plan.purge_days))
    step = round((plan.step_days or plan.test_days) * _DAY_S)
    count = max(0, -(-(end - begin - train - purge) // step))
    if not count or count > MOST_WINDOWS:
        raise InvalidValue(
            f"{(end - begin) / _DAY_S:.0f} days of history make {count} windows; 1 to {MOST_WINDOWS} are allowed",
            field="train_days",
            extra={"windows": count, "allowed": MOST_WINDOWS, "days": round((end - begin) / _DAY_S, 2)},
        )
    windows = []
    for number in range(count):
        trained = begin + train + number * step
        tested = trained + purge
        start = begin if plan.anchored else trained - train
        windows.append(Window(number, start, trained, tested, min(tested + test, end)))
    return [w for w in windows if len(w.train(bars)) and len(bars.between(w.test_from_s, w.test_to_s))]


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowResult:
    """
    What was chosen in a window and how it did unseen; ``chosen`` is None where no point counted, and nothing was traded then.

    ``closes_s`` and ``equity`` are of the test only, the latter from ``balance``.
    """

    window: Window
    chosen: int | None
    values: dict[str, Value]
    train_score: float | None
    test_score: float | None
    train_return: float
    test_return: float
    test_statistics: dict[str, Any] | None
    balance: float
    closes_s: IntArray
    equity: FloatArray


def choose(summaries: Sequence[Summary], objective: Objective) -> Summary | None:
    """Return the best point of a training; None where none counts."""
    return next(iter(objective.rank(summaries)), None)


def trade_choice(
    window: Window,
    chosen: Summary | None,
    base: Mapping[str, Any],
    space: Space,
    setting: Setting,
    objective: Objective,
) -> WindowResult:
    """
    Trade a window's test with what its training chose. What is still open at its end is closed there.

    :param setting: on the whole history; the window takes its part of the bars.
    """
    tested = setting.bars.between(window.test_from_s, window.test_to_s)
    closes_s, balance = tested.time + tested.timeframe.seconds, float(setting.balance)
    if chosen is None or chosen.statistics is None:
        return WindowResult(
            window=window, chosen=None, values={}, train_score=None, test_score=None, train_return=0.0, test_return=0.0,
            test_statistics=None, balance=balance, closes_s=closes_s, equity=np.full(len(tested), balance),
        )  # fmt: skip
    result = run(
        window.test(setting.bars),
        space.document(base, chosen.number),
        setting.instrument,
        setting.costs,
        setting.balance,
        timeframe=setting.timeframe,
        **{**(setting.options or {}), "trade_from": datetime.fromtimestamp(window.test_from_s, UTC)},
    )
    equity = result.equity_fine[-len(tested) :]
    # Days before the test are history, not days without profit.
    sharpe = sharpe_ratio(daily_returns(tested.time, equity))
    statistics = {**result.statistics, "bars": len(tested), "sharpe_ratio": sharpe}
    return WindowResult(
        window=window,
        chosen=chosen.number,
        values=chosen.values,
        train_score=objective.score(chosen.statistics),
        test_score=objective.value(statistics),
        train_return=float(chosen.statistics["return_fraction"]),
        test_return=result.final_balance / balance - 1,
        test_statistics=statistics,
        balance=balance,
        closes_s=closes_s,
        equity=equity,
    )


def walk_forward(
    base: Mapping[str, Any],
    space: Space,
    numbers: Sequence[int],
    setting: Setting,
    plan: WalkPlan,
    objective: Objective,
) -> list[WindowResult]:
    """Run every window here, one after another. Workers call `run_points`, `choose` and `trade_choice` for one window each."""
    found = []
    for window in plan_windows(setting.bars, plan):
        trained = run_points(base, space, numbers, replace(setting, bars=window.train(setting.bars)))
        found.append(trade_choice(window, choose(trained, objective), base, space, setting, objective))
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Stability:
    """How much a parameter's choice moves from window to window: the share of its commonest value, and its spread."""

    path: str
    values: tuple[Value, ...]
    commonest: Value
    commonest_share: float
    relative_spread: float | None
    """Standard deviation over mean; None for texts and flags, and where the mean is 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WalkReport:
    """
    All tests joined to one unseen history, from the setting's balance; each test goes on with what the one before left.

    ``efficiency``: growth per year unseen over growth per year in training, None where training did not grow. Half of it or more is
    often taken as a sign of something real; below, the choice was mostly fitted. ``profitable_share`` is of the windows traded.
    """

    closes_s: IntArray
    equity: FloatArray
    return_fraction: float
    max_drawdown_fraction: float
    sharpe_ratio: float | None
    efficiency: float | None
    profitable_share: float
    windows: int
    idle_windows: int
    stability: tuple[Stability, ...]


def stitch(results: Sequence[WindowResult]) -> WalkReport:
    """
    Return the report of the windows, oldest first.

    :raises InvalidValue: where there is no window.
    """
    if not results:
        raise InvalidValue("there are no windows to join", field="results")
    ordered = sorted(results, key=lambda result: result.window.number)
    balance, parts = ordered[0].balance, []
    for result in ordered:
        parts.append(result.equity * (balance / result.balance))
        balance = float(parts[-1][-1])
    closes_s, equity = np.concatenate([result.closes_s for result in ordered]), np.concatenate(parts)
    curve = np.concatenate(([ordered[0].balance], equity))
    traded = [result for result in ordered if result.chosen is not None]
    return WalkReport(
        closes_s=closes_s,
        equity=equity,
        return_fraction=float(equity[-1] / ordered[0].balance - 1),
        max_drawdown_fraction=float(drawdown(curve).max()),
        sharpe_ratio=sharpe_ratio(daily_returns(closes_s - 1, equity)),
        efficiency=_efficiency(traded),
        profitable_share=fmean(result.test_return > 0 for result in traded) if traded else 0.0,
        windows=len(ordered),
        idle_windows=len(ordered) - len(traded),
        stability=tuple(_stability(path, traded) for path in (traded[0].values if traded else ())),
    )


def _efficiency(traded: Sequence[WindowResult]) -> float | None:
    """Return growth unseen over growth in training, both as logarithms per year."""
    if not traded or any(min(result.test_return, result.train_return) <= -1 for result in traded):
        return None
    spans = [(w.train_to_s - w.train_from_s, w.test_to_s - w.test_from_s) for w in (r.window for r in traded)]
    trained = sum(float(np.log1p(result.train_return)) for result in traded) / sum(span for span, _ in spans)
    tested = sum(float(np.log1p(result.test_return)) for result in traded) / sum(span for _, span in spans)
    return tested / trained if trained * _YEAR_S > _NO_GROWTH else None


def _stability(path: str, traded: Sequence[WindowResult]) -> Stability:
    values = tuple(result.values[path] for result in traded)
    commonest = max(sorted(set(values), key=str), key=values.count)
    numbers = [float(value) for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    mean = fmean(numbers) if len(numbers) == len(values) else 0.0
    return Stability(
        path=path,
        values=values,
        commonest=commonest,
        commonest_share=values.count(commonest) / len(values),
        relative_spread=pstdev(numbers) / abs(mean) if mean else None,
    )
