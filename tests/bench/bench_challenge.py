"""
How long the laboratory takes: ten thousand resampled challenges of 250 days, the curve over risk, a Monte Carlo of trades.

Run with ``python3 go.py bench challenge``.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np

from tests.unit.trading.backtest.tracks import draw
from trading.backtest.challenge import simulate
from trading.backtest.challenge_day import Account
from trading.backtest.challenge_odds import BY_DAY, BY_TRADE, Plan, Sampler
from trading.backtest.challenge_risk import find_best_risk
from trading.backtest.challenge_starts import begin_every_day
from trading.backtest.monte_carlo import BLOCKS, Draw, resample
from trading.backtest.track import Track
from trading.risk.presets import preset

DAYS = 2_500
ACCOUNT = Account(size=Decimal(100_000), compounding=False)


def main() -> None:
    """Print a table of seconds, each the best of three after a first call that loads compiled code."""
    track, pack = _history(), preset("ftmo_2step")
    print(f"history: {DAYS} trading days, {int(track.entries.sum())} trades, {len(track)} bars")
    for by in (BY_DAY, BY_TRADE):
        plan = Plan(by=by, paths=10_000, days=250)
        _show(
            f"draw 10,000 paths x 250 days x 3 phases, by {by}", lambda plan=plan: Sampler(track, pack, ACCOUNT, plan)
        )
        sampler = Sampler(track, pack, ACCOUNT, plan)
        odds = sampler.odds(histories=0)
        _show(f"walk them, by {by}", lambda sampler=sampler: sampler.odds(histories=0))
        _show(f"the same with 40 histories drawn again, by {by}", sampler.odds)
        _show(f"curve over risk, by {by}", lambda sampler=sampler: find_best_risk(sampler))
        print(f"    pass {odds.passed.share:.1%} ({odds.passed.low:.1%} to {odds.passed.high:.1%})")
    _show("day by day, exactly", lambda: simulate(track, pack, ACCOUNT))
    _show("begun on every day", lambda: begin_every_day(track, pack, ACCOUNT))
    steps = np.diff(track.equity[3::4], prepend=100_000.0)
    _show("Monte Carlo: 10,000 paths x 2,500 steps", lambda: resample(steps, 1e5, Draw(method=BLOCKS, paths=10_000)))


def _history() -> Track:
    random = np.random.default_rng(1)
    steps = random.normal(15, 300, 4 * DAYS)
    equity = 100_000 + np.cumsum(steps)
    return draw(*({"equity": value, "low": value - 150} for value in equity.tolist()))


def _show(name: str, call: Callable[[], Any]) -> None:
    call()
    seconds = []
    for _ in range(3):
        begun = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - begun)
    print(f"{name:<60} {min(seconds):8.3f} s")


if __name__ == "__main__":
    main()
