"""
A bot's track record against the steps of its life, and against the signs of decline.

The steps and signs are upstream's (`docs/guides/bots.md` has the table). They advise: a person promotes, and a person or a
breaker takes out of service.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

import numpy as np

from trading.metrics.curves import sharpe_ratio

PERIODS_PER_YEAR: Final = 252
FEWEST_TO_JUDGE: Final = 20
"""Below this many closed trades a weak record is no sign of decline yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """
    What a bot has shown so far. Fractions are of 1; the drawdown is the deepest fall of its summed results over the capital.

    `days` are calendar days from its first closed trade; `losing_days` is how many days with trades in a row, the latest
    last, have lost. A figure without meaning is None.
    """

    trades: int
    win_rate: float | None
    sharpe: float | None
    days: int
    losing_days: int
    drawdown_fraction: float
    profit_factor: float | None
    critical_events: int


@dataclass(frozen=True, slots=True)
class Need:
    """One figure, what is asked of it, and whether it is met. A figure that is not known meets nothing."""

    name: str
    has: float | None
    needs: float
    at_most: bool = False

    @property
    def is_met(self) -> bool:
        if self.has is None:
            return False
        return self.has <= self.needs if self.at_most else self.has >= self.needs


@dataclass(frozen=True, slots=True)
class _Step:
    following: str
    trades: int
    win_rate: float
    days: int
    sharpe: float | None = None
    drawdown_fraction: float | None = None
    profit_factor: float | None = None
    critical_events: int | None = None


STEPS: Final = {
    "PRIMAL": _Step("PENDING", 20, 0.50, 7, critical_events=0),
    "PENDING": _Step("PERFECT", 50, 0.55, 30, sharpe=1.5, drawdown_fraction=0.15),
    "PERFECT": _Step("LIVE", 100, 0.58, 60, sharpe=2.0, drawdown_fraction=0.10, profit_factor=1.5),
}


def measure_track(
    results: Sequence[tuple[date, Decimal]], *, capital: Decimal, today: date, critical_events: int = 0
) -> Track:
    """
    Return a bot's record.

    :param results: day and money of each closed trade, in the order of closing.
    :param capital: what drawdown and daily returns are shares of; above 0.
    :param today: the account's market day.

    >>> track = measure_track([(date(2026, 3, 2), Decimal(30)), (date(2026, 3, 3), Decimal(-10))], capital=Decimal(1000),
    ...                       today=date(2026, 3, 9))
    >>> track.trades, track.win_rate, track.days, track.losing_days, track.drawdown_fraction, track.profit_factor
    (2, 0.5, 7, 1, 0.01, 3.0)
    """
    by_day: dict[date, float] = {}
    total = highest = fall = won = lost = 0.0
    wins = 0
    for day, pnl in results:
        money = float(pnl)
        by_day[day] = by_day.get(day, 0.0) + money
        total += money
        highest = max(highest, total)
        fall = max(fall, highest - total)
        wins += money > 0
        won, lost = won + max(money, 0.0), lost - min(money, 0.0)
    days = sorted(by_day)
    return Track(
        trades=len(results),
        win_rate=wins / len(results) if results else None,
        sharpe=_sharpe(by_day, float(capital)),
        days=(today - days[0]).days if days else 0,
        losing_days=_count_losing([by_day[day] for day in days]),
        drawdown_fraction=fall / float(capital),
        profit_factor=won / lost if lost else None,
        critical_events=critical_events,
    )


def check_promotion(stage: str, track: Track) -> tuple[str, list[Need]]:
    """
    Return the next stage and what it asks for; an empty name and nothing after the last one.

    A profit factor that does not exist because nothing was ever lost is met.
    """
    step = STEPS.get(stage)
    if step is None:
        return "", []
    factor = track.profit_factor if track.profit_factor is not None or not track.trades else float("inf")
    asked = [
        Need("trades", track.trades, step.trades),
        Need("win_rate", track.win_rate, step.win_rate),
        Need("days", track.days, step.days),
    ]
    if step.sharpe is not None:
        asked.append(Need("sharpe", track.sharpe, step.sharpe))
    if step.drawdown_fraction is not None:
        asked.append(Need("drawdown_fraction", track.drawdown_fraction, step.drawdown_fraction, at_most=True))
    if step.profit_factor is not None:
        asked.append(Need("profit_factor", factor, step.profit_factor))
    if step.critical_events is not None:
        asked.append(Need("critical_events", track.critical_events, step.critical_events, at_most=True))
    return step.following, asked


def find_decline(track: Track) -> list[Need]:
    """
    Return the signs of decline that a bot shows, each with what would be in order; none below 20 closed trades.

    Upstream quarantines a bot that shows one: won below 45 %, Sharpe ratio below 0.5, drawdown above 20 %, five losing days.
    """
    if track.trades < FEWEST_TO_JUDGE:
        return []
    signs = (
        Need("win_rate", track.win_rate, 0.45),
        Need("sharpe", track.sharpe, 0.5),
        Need("drawdown_fraction", track.drawdown_fraction, 0.20, at_most=True),
        Need("losing_days", track.losing_days, 4, at_most=True),
    )
    return [sign for sign in signs if sign.has is not None and not sign.is_met]


def _sharpe(by_day: dict[date, float], capital: float) -> float | None:
    """Return the yearly Sharpe ratio of daily results over the capital; weekdays without a trade count as 0."""
    if len(by_day) < 2:
        return None
    first, last = min(by_day), max(by_day)
    span = (first + timedelta(days=number) for number in range((last - first).days + 1))
    returns = [by_day.get(day, 0.0) / capital for day in span if day in by_day or day.weekday() < 5]
    return sharpe_ratio(np.array(returns), periods_per_year=PERIODS_PER_YEAR)


def _count_losing(results: Sequence[float]) -> int:
    count = 0
    for result in reversed(results):
        if result >= 0:
            break
        count += 1
    return count
