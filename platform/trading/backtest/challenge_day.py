"""One day of a challenge: the account's equity in whole cents, its floors, and what is decided first."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from typing import Final

import numpy as np
from numpy.typing import NDArray

from trading.backtest.challenge_report import Reason
from trading.backtest.track import Track
from trading.errors import InvalidValue
from trading.risk.limits import TRAILING_CLOSED, TRAILING_EOD, TRAILING_INTRADAY
from trading.risk.packs import DailyLoss, Phase, RulePack

IntArray = NDArray[np.int64]

LARGEST_SIZE: Final = Decimal(10**9)
LARGEST_CENTS: Final = 10**18
_CENT: Final = Decimal("0.01")
_HALF_A_CENT: Final = 0.005


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """
    The account a backtest's trades are copied to.

    :param size: initial balance of every phase [account currency], up to a billion.
    :param risk_scale: multiplies every position, 0 or more; volume steps and minimum volumes are not rounded again.
    :param compounding: positions follow the balance (risk per trade in percent); otherwise they stay as large as at the start
        (fixed lots). Either way a source account of another size is scaled to this one.
    :param optional_rules: whether a daily limit the firm sells as an option was bought.
    :raises InvalidValue: where a figure is impossible.
    """

    size: Decimal
    risk_scale: float = 1.0
    compounding: bool = True
    optional_rules: bool = True

    def __post_init__(self) -> None:
        if not self.size.is_finite() or not 0 < self.size <= LARGEST_SIZE:
            raise InvalidValue(f"the account's size must be above 0 and at most {LARGEST_SIZE}", field="size")
        if not np.isfinite(self.risk_scale) or not 0 <= self.risk_scale <= 1000:
            raise InvalidValue("the risk scale must be a number from 0 to 1000", field="risk_scale")

    def daily_loss(self, pack: RulePack, phase: Phase) -> DailyLoss | None:
        """Return the daily rule that holds for this account in a phase."""
        rule = pack.daily_loss_in(phase)
        return None if rule and rule.optional and not self.optional_rules else rule


@dataclass(slots=True, kw_only=True)
class PhaseState:
    """Where an account stands in a phase, at the end of a day; money in whole cents."""

    track: Track
    pack: RulePack
    phase: Phase
    account: Account
    size: int
    equity: int
    balance: int
    peak: int
    target: int | None = None
    trading_days: int = 0
    profitable_days: int = 0
    best_day: int = 0
    ratio: float | None = None

    @classmethod
    def begin(cls, track: Track, pack: RulePack, phase: Phase, account: Account) -> PhaseState:
        """Return the state before the first day: a fresh account."""
        size = cents(account.size)
        target = None if phase.target is None else size + cents(phase.target.of(account.size, size=account.size))
        return cls(
            track=track, pack=pack, phase=phase, account=account, size=size, equity=size, balance=size, peak=size,
            target=target,
        )  # fmt: skip


class Day:
    """One day of the account in whole cents, from the bars of the backtest."""

    def __init__(self, state: PhaseState, first: int, last: int) -> None:
        self.state, self.first, track = state, first, state.track
        part = slice(first, last + 1)
        equity0 = float(track.equity[self.first - 1]) if self.first else track.initial
        balance0 = float(track.balance[self.first - 1]) if self.first else track.initial
        ratio = state.ratio = _scale(state, equity0, balance0)
        # What still floats in the backtest floats in the account, after a pause too.
        state.balance = state.equity - round((equity0 - balance0) * ratio * 100)
        self.equity = state.equity + _whole((track.equity[part] - equity0) * ratio)
        self.balance = self.equity - _whole((track.equity[part] - track.balance[part]) * ratio)
        self.low = np.minimum(self.equity, state.equity + _whole((track.low[part] - equity0) * ratio))
        self.high = np.maximum(self.equity, state.equity + _whole((track.high[part] - equity0) * ratio))
        self.entries = np.cumsum(track.entries[part])
        self.is_flat = ~track.is_open[part]
        self._set_floors()

    def _set_floors(self) -> None:
        state, size = self.state, self.state.account.size
        daily = state.account.daily_loss(state.pack, state.phase)
        self.pauses = daily is not None and not daily.is_hard
        self.daily_floor = None
        if daily:
            floor = daily.floor(initial=size, balance=money(state.balance), equity=money(state.equity))
            self.daily_floor = cents(floor)
        self.total_floor = self._total_floors()

    def _total_floors(self) -> IntArray | None:
        state, rule = self.state, self.state.pack.max_loss_in(self.state.phase)
        if rule is None:
            return None
        if rule.mode == TRAILING_EOD:
            state.peak = max(state.peak, state.balance)
        peaks = np.full(len(self.low), state.peak)
        if rule.mode == TRAILING_CLOSED:
            peaks[1:] = np.maximum(state.peak, np.maximum.accumulate(self.balance)[:-1])
        if rule.mode == TRAILING_INTRADAY:
            # Which came first inside a bar is unknown: the high raises the floor before the low is held against it.
            peaks = np.maximum(state.peak, np.maximum.accumulate(self.high))
        lowest = cents(rule.floor(initial=state.account.size, peak=state.account.size))
        if rule.is_static:
            return np.full(len(self.low), lowest)
        floors: IntArray = np.maximum(peaks, state.size) - (state.size - lowest)
        return np.minimum(floors, state.size) if rule.locks_at_initial else floors

    def peak_until(self, bar: int) -> int:
        """Return the highest balance or equity up to a bar, as the mode wants; 0 where only the reset counts."""
        rule = self.state.pack.max_loss_in(self.state.phase)
        if rule is None or rule.mode not in (TRAILING_CLOSED, TRAILING_INTRADAY):
            return 0
        source = self.balance if rule.mode == TRAILING_CLOSED else self.high
        return int(source[: bar + 1].max())

    def first_event(self) -> tuple[int, Reason | None]:
        """
        Return the first bar at which something is decided, and what; else the last bar and None.

        Inside a bar a falling equity meets the higher floor first, and a floor comes before the target.
        """
        breaks = np.less_equal if self.state.pack.breach_on_touch else np.less
        found: list[tuple[int, int, Reason]] = []
        for reason, floors in self.floors().items():
            broken = breaks(self.low, floors)
            if broken.any():
                bar = int(np.argmax(broken))
                found.append((bar, -int(floors[bar]), reason))
        passes = self._passes()
        if passes is not None and passes.any():
            found.append((int(np.argmax(passes)), LARGEST_CENTS, Reason.TARGET))
        if not found:
            return len(self.low) - 1, None
        bar, _, reason = min(found)
        return bar, reason

    def floors(self) -> dict[Reason, IntArray]:
        """Return the floors in force, at every bar."""
        found = {}
        if self.daily_floor is not None:
            found[Reason.DAILY_LOSS] = np.full(len(self.low), self.daily_floor)
        if self.total_floor is not None:
            found[Reason.MAX_LOSS] = self.total_floor
        return found

    def counts_as_profitable(self, profit: int) -> bool:
        """Say whether a day that closed with that profit is one of the profitable days a phase may ask for."""
        return profit > 0 and profit >= self.state.phase.profitable_day_fraction * self.state.size

    def _passes(self) -> NDArray[np.bool_] | None:
        state, phase = self.state, self.state.phase
        if state.target is None:
            return None
        profit = self.balance - state.balance
        passes = self.is_flat & (self.balance >= state.target)
        passes &= state.trading_days + (self.entries > 0) >= phase.min_trading_days
        if phase.min_profitable_days:
            # A day is profitable once it is over.
            today = self.counts_as_profitable(int(profit[-1]))
            passes[:-1] &= state.profitable_days >= phase.min_profitable_days
            passes[-1] &= state.profitable_days + today >= phase.min_profitable_days
        rule = state.pack.consistency_in(phase)
        if rule:
            best = np.maximum(state.best_day, profit)
            passes &= best <= float(rule.best_day_fraction) * (self.balance - state.size)
        return np.asarray(passes)


def _scale(state: PhaseState, equity0: float, balance0: float) -> float:
    """
    Return how the backtest's money becomes the account's.

    Positions that are open keep the size they were opened with: the scale follows the balance only while nothing is open.
    """
    account, size = state.account, float(state.account.size)
    if not account.compounding:
        return account.risk_scale * size / state.track.initial
    if state.ratio is None or abs(equity0 - balance0) < _HALF_A_CENT:
        return account.risk_scale * state.balance / 100 / balance0 if balance0 > 0 else 0.0
    return state.ratio


def _whole(amounts: NDArray[np.float64]) -> IntArray:
    whole: IntArray = np.rint(amounts * 100).astype(np.int64)
    return whole


def cents(amount: Decimal) -> int:
    """Return money as cents, rounded up: a floor between two cents is broken by the lower one."""
    return int((amount * 100).to_integral_value(ROUND_CEILING))


def money(whole: int) -> Decimal:
    """Return cents as money."""
    return (Decimal(whole) / 100).quantize(_CENT)
