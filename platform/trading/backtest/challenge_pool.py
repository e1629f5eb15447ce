"""Days of a backtest as material for resampled challenges."""

from __future__ import annotations

from datetime import time
from decimal import Decimal
from typing import Final

import numpy as np
from numpy.typing import NDArray

from trading.backtest.account_days import AccountDays, group_by_day
from trading.backtest.challenge_day import Account
from trading.backtest.challenge_kernel import (
    BASE_BALANCE,
    BASE_EQUITY,
    BASE_HIGHER,
    FLOOR_CLOSED,
    FLOOR_EOD,
    FLOOR_INTRADAY,
    FLOOR_NONE,
    FLOOR_STATIC,
    PhaseRules,
    Pool,
)
from trading.backtest.track import Track
from trading.errors import InvalidValue
from trading.risk.limits import (
    BALANCE,
    EQUITY,
    HIGHER,
    REFERENCE,
    STATIC,
    TRAILING_CLOSED,
    TRAILING_EOD,
    TRAILING_INTRADAY,
)
from trading.risk.packs import Allowance, Phase, RulePack

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]

SYNTHETIC_DAYS: Final = 20_000
_CENT: Final = 0.005


def pool_of_days(track: Track, zone: str, resets: time, *, compounding: bool) -> Pool:
    """
    Return the backtest's days from that of its first entry on, whole: what happened together stays together.

    :param compounding: figures are fractions of the balance at the day's start; otherwise of the backtest's initial balance.
    :raises InvalidValue: where the backtest opened nothing.
    """
    days = group_by_day(track.closes_s, zone, resets)
    first = _first_day(track, days)
    firsts, lasts = days.first_bar[first:], days.last_bar[first:]
    equity0, balance0 = _before(track.equity, track, firsts), _before(track.balance, track, firsts)
    unit = _units(balance0, track, compounding=compounding)
    ends = _segment_ends(track, firsts, lasts)
    starts = np.append(firsts[0], ends[:-1] + 1)
    day = np.searchsorted(lasts, ends)
    part = slice(int(firsts[0]), None)
    base, offset = unit[day], equity0[day]
    from_ = starts - firsts[0]
    gaps = np.diff(days.ordinals[first:], prepend=days.ordinals[first] - 1)
    first_segment = np.searchsorted(ends, firsts)
    return Pool(
        first=first_segment.astype(np.int64),
        past=np.append(first_segment[1:], len(ends)).astype(np.int64),
        gap_days=gaps.astype(np.int64),
        start_floating=(equity0 - balance0) / unit,
        low=(np.minimum.reduceat(track.low[part], from_) - offset) / base,
        high=(np.maximum.reduceat(track.high[part], from_) - offset) / base,
        fall=_falls(track, starts, ends) / base,
        end=(track.equity[ends] - offset) / base,
        floating=(track.equity[ends] - track.balance[ends]) / base,
        entries=np.add.reduceat(track.entries[part], from_).astype(np.int64),
        is_flat=~track.is_open[ends],
    )


def pool_of_trades(
    track: Track,
    zone: str,
    resets: time,
    *,
    compounding: bool,
    seed: int,
    days: int = SYNTHETIC_DAYS,
    redraw: bool = False,
) -> Pool:
    """
    Return made-up days of single trades: each takes the number of closes of a random day, and that many random closes.

    A close brings what the balance gained by it, after the worst and best of equity since the close before. It is one segment of one
    day, however long it was held. Order and company of trades are lost; compare with `pool_of_days`.

    :param redraw: take another history of as many closes and days, drawn from this one with replacement.
    :raises InvalidValue: where the backtest closed nothing.
    """
    source = group_by_day(track.closes_s, zone, resets)
    first_day = _first_day(track, source)
    closes = _closes(track)
    if not len(closes):
        raise InvalidValue("the backtest closed no trade: there is nothing to resample", field="track")
    swings = np.array(_swings(track, closes, compounding=compounding))
    counts = np.bincount(np.searchsorted(source.last_bar, closes), minlength=len(source.last_bar))[first_day:]
    random = np.random.default_rng(seed)
    if redraw:
        swings = swings[:, random.integers(0, len(closes), len(closes))]
        counts = counts[random.integers(0, len(counts), len(counts))]
    gaps = np.diff(source.ordinals[first_day:], prepend=source.ordinals[first_day] - 1)
    wanted = counts[random.integers(0, len(counts), days)]
    picked = random.integers(0, len(closes), int(wanted.sum()))
    # A day without a trade is one segment in which nothing moves.
    sizes = np.maximum(wanted, 1)
    past = np.cumsum(sizes)
    is_trade = np.repeat(wanted > 0, sizes)
    columns = np.zeros((3, len(is_trade)))
    columns[:, is_trade] = swings[:, picked]
    before = _before_in_day(columns[2], past - sizes, sizes)
    return Pool(
        first=(past - sizes).astype(np.int64),
        past=past.astype(np.int64),
        gap_days=gaps[random.integers(0, len(gaps), days)].astype(np.int64),
        start_floating=np.zeros(days),
        low=before + columns[0],
        high=before + columns[1],
        fall=columns[1] - columns[0],
        end=before + columns[2],
        floating=np.zeros(len(is_trade)),
        entries=is_trade.astype(np.int64),
        is_flat=np.ones(len(is_trade), dtype=np.bool_),
    )


def rules_of(pack: RulePack, phase: Phase, account: Account) -> PhaseRules:
    """
    Return a phase's rules as numbers of an account.

    :raises IncompletePack: if the pack does not say, or not for an account of that size.
    """
    pack.require_complete()
    daily, total = account.daily_loss(pack, phase), pack.max_loss_in(phase)
    consistency = pack.consistency_in(phase)
    limits = [days for days in (phase.time_limit_days, pack.time_limit_days) if days is not None]
    return PhaseRules(
        daily_fraction=_fraction(daily.allowance, account.size) if daily else 0.0,
        daily_of_reference=bool(daily and daily.fraction_of == REFERENCE and daily.allowance.fraction is not None),
        daily_base=_BASES[daily.base] if daily else BASE_BALANCE,
        daily_pauses=bool(daily and not daily.is_hard),
        total_mode=_MODES[total.mode] if total else FLOOR_NONE,
        total_fraction=_fraction(total.allowance, account.size) if total else 0.0,
        locks=bool(total and total.locks_at_initial),
        target=_fraction(phase.target, account.size) if phase.target else 0.0,
        min_trading_days=phase.min_trading_days,
        min_profitable_days=phase.min_profitable_days,
        profitable_fraction=float(phase.profitable_day_fraction),
        time_limit_days=min(limits, default=0),
        inactivity_days=pack.inactivity_days or 0,
        best_day_fraction=float(consistency.best_day_fraction) if consistency else 0.0,
        on_touch=pack.breach_on_touch,
    )


def _fraction(allowance: Allowance, size: Decimal) -> float:
    return float(allowance.of(size, size=size) / size)


def _first_day(track: Track, days: AccountDays) -> int:
    bars = np.flatnonzero(track.entries)
    if not len(bars):
        raise InvalidValue("the backtest opened no trade: there is nothing to resample", field="track")
    return int(np.searchsorted(days.last_bar, bars[0]))


def _before(values: FloatArray, track: Track, bars: IntArray) -> FloatArray:
    return np.where(bars > 0, values[bars - 1], track.initial)


def _closes(track: Track) -> IntArray:
    before = np.concatenate(([track.initial], track.balance[:-1]))
    return np.flatnonzero(np.abs(track.balance - before) > _CENT).astype(np.int64)


def _segment_ends(track: Track, firsts: IntArray, lasts: IntArray) -> IntArray:
    closed = _closes(track)
    return np.unique(np.concatenate((closed[closed >= firsts[0]], lasts))).astype(np.int64)


def _swings(track: Track, closes: IntArray, *, compounding: bool) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return worst, best and gain of every close."""
    starts = np.append(0, closes[:-1] + 1)
    balance = np.concatenate(([track.initial], track.balance[closes[:-1]]))
    unit = _units(balance, track, compounding=compounding)
    part = slice(0, int(closes[-1]) + 1)
    low = (np.minimum.reduceat(track.low[part], starts) - balance) / unit
    high = (np.maximum.reduceat(track.high[part], starts) - balance) / unit
    return np.minimum(low, 0.0), np.maximum(high, 0.0), (track.balance[closes] - balance) / unit


def _units(balance: FloatArray, track: Track, *, compounding: bool) -> FloatArray:
    """Return what figures are fractions of."""
    if not compounding:
        return np.full(len(balance), track.initial)
    if (balance <= 0).any():
        raise InvalidValue("the backtest lost its whole balance: what came after has no scale", field="track")
    return balance


def _falls(track: Track, starts: IntArray, ends: IntArray) -> FloatArray:
    """Return the deepest fall from a high inside each segment; the high of a bar counts before its low."""
    return np.array(
        [
            float((np.maximum.accumulate(track.high[start : end + 1]) - track.low[start : end + 1]).max())
            for start, end in zip(starts.tolist(), ends.tolist(), strict=True)
        ]
    )


def _before_in_day(steps: FloatArray, first: IntArray, sizes: IntArray) -> FloatArray:
    """Return the sum of the steps before each one in its own day."""
    total = np.concatenate(([0.0], np.cumsum(steps)))[:-1]
    before: FloatArray = total - np.repeat(total[first], sizes)
    return before


_BASES: Final = {BALANCE: BASE_BALANCE, EQUITY: BASE_EQUITY, HIGHER: BASE_HIGHER}
_MODES: Final = {
    STATIC: FLOOR_STATIC,
    TRAILING_EOD: FLOOR_EOD,
    TRAILING_CLOSED: FLOOR_CLOSED,
    TRAILING_INTRADAY: FLOOR_INTRADAY,
}
