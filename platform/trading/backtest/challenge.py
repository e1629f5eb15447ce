"""
A backtest against a firm's rule pack, day by day by the exact rules.

The account is judged in whole cents: equity is rounded to the cent, floors are rounded up, so ``equity < floor`` means the same as on
the firm's screen. In a bar that reaches both a floor and a target the floor comes first. What a simulation cannot know it says
(`ChallengeReport.not_judged`, ``measured``).
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import numpy as np

from trading.backtest.account_days import AccountDays, group_by_day
from trading.backtest.challenge_day import Account, Day, PhaseState, money
from trading.backtest.challenge_report import (
    Approach,
    Breach,
    ChallengeReport,
    DayRow,
    PhaseOutcome,
    Reason,
    Status,
)
from trading.backtest.track import Track
from trading.risk.packs import Phase, RulePack


def simulate(track: Track, pack: RulePack, account: Account) -> ChallengeReport:
    """
    Return how an account would have fared that took every trade of a backtest.

    The first phase begins on the day of the first entry, each further one on the day after the last was passed (once no position
    is open). A pause closes everything at the floor, or at the bar's close where that is lower; a position the backtest still holds
    at the next reset counts again from there.

    :raises IncompletePack: if the pack leaves figures open, or knows no account of that size.
    """
    pack.require_complete()
    days = group_by_day(track.closes_s, pack.zone, pack.resets)
    outcomes: list[PhaseOutcome] = []
    number = _first_day(track, days)
    for phase in pack.phases:
        number = _next_flat(track, days, number)
        walk = _Walk(track, days, pack, phase, account)
        outcomes.append(walk.outcome(number))
        if outcomes[-1].status is not Status.PASSED:
            break
        number = walk.number + 1
    return ChallengeReport(
        pack_id=pack.pack_id,
        pack_hash=pack.content_hash,
        size=account.size,
        risk_scale=account.risk_scale,
        measured=track.measured,
        phases=tuple(outcomes),
        target_phases=sum(phase.target is not None for phase in pack.phases),
        not_judged=not_judged(pack),
    )


def not_judged(pack: RulePack) -> tuple[str, ...]:
    """Return the rules of a pack that no backtest can be judged by."""
    found = []
    if any(pack.news_in(phase) for phase in pack.phases):
        found.append("news: a backtest has no calendar of releases")
    if pack.flat_by:
        found.append(f"everything is closed by {pack.flat_by.time:%H:%M} {pack.flat_by.zone} every day")
    if pack.per_trade:
        found.append("rules for single trades: risk per trade and required stops")
    return tuple(found)


def _first_day(track: Track, days: AccountDays) -> int:
    bars = np.flatnonzero(track.entries)
    return int(np.searchsorted(days.last_bar, bars[0])) if len(bars) else 0


def _next_flat(track: Track, days: AccountDays, number: int) -> int:
    while number < len(days.ordinals) and days.first_bar[number] and track.is_open[days.first_bar[number] - 1]:
        number += 1
    return number


class _Walk:
    """One phase, walked day by day."""

    def __init__(self, track: Track, days: AccountDays, pack: RulePack, phase: Phase, account: Account) -> None:
        self.track, self.days, self.pack = track, days, pack
        self.state = PhaseState.begin(track, pack, phase, account)
        self.number = self.start = self.last_entry = self.paused_days = self.weekends_held = 0
        self.rows: list[DayRow] = []
        self.approaches: dict[Reason, Approach] = {}

    def outcome(self, start: int) -> PhaseOutcome:
        """Walk from day number ``start`` until the phase is decided or the data ends."""
        self.start = start
        for number in range(start, len(self.days.ordinals)):
            self.number = number
            ordinal = int(self.days.ordinals[number])
            self.last_entry = self.last_entry or ordinal
            late = self._late(ordinal)
            if late:
                return self._end(Status.FAILED, late.rule, late)
            done = self._day()
            if done:
                return done
        return self._end(Status.UNFINISHED, Reason.END_OF_DATA)

    def _late(self, ordinal: int) -> Breach | None:
        limits = [days for days in (self.state.phase.time_limit_days, self.pack.time_limit_days) if days is not None]
        first_bar = int(self.days.first_bar[self.number])
        elapsed = ordinal - int(self.days.ordinals[self.start]) + 1
        if limits and self.state.target is not None and elapsed > min(limits):
            return self._breach(Reason.TIME_LIMIT, first_bar, Decimal(elapsed), Decimal(min(limits)))
        idle, allowed = ordinal - self.last_entry, self.pack.inactivity_days
        if allowed is not None and idle > allowed:
            return self._breach(Reason.INACTIVITY, first_bar, Decimal(idle), Decimal(allowed))
        return None

    def _breach(self, rule: Reason, bar: int, figure: Decimal, limit: Decimal) -> Breach:
        day, at = self.days.date(self.number), _moment(self.track, bar)
        return Breach(rule=rule, day=day, at=at, figure=figure, limit=limit)

    def _day(self) -> PhaseOutcome | None:
        day = Day(self.state, int(self.days.first_bar[self.number]), int(self.days.last_bar[self.number]))
        bar, event = day.first_event()
        paused = event is Reason.DAILY_LOSS and day.pauses
        self._close(day, bar, paused=paused)
        if event is None or paused:
            return None
        if event is Reason.TARGET:
            return self._end(Status.PASSED, event)
        figure, floor = money(int(day.low[bar])), money(int(day.floors()[event][bar]))
        return self._end(Status.FAILED, event, self._breach(event, day.first + bar, figure, floor))

    def _close(self, day: Day, bar: int, *, paused: bool) -> None:
        """Take the day into the account up to and including ``bar``."""
        state, entered = self.state, int(day.entries[bar])
        end_equity, end_balance = int(day.equity[bar]), int(day.balance[bar])
        if paused and day.daily_floor is not None:
            end_equity = end_balance = min(end_equity, day.daily_floor)
        self._note(day, bar, end_equity, end_balance, paused=paused)
        profit = end_balance - state.balance
        state.peak = max(state.peak, day.peak_until(bar))
        state.trading_days += entered > 0
        state.profitable_days += day.counts_as_profitable(profit)
        state.best_day = max(state.best_day, profit)
        state.equity, state.balance = end_equity, end_balance
        self.paused_days += paused
        self.weekends_held += not paused and self._holds_weekend(day.first + bar)
        self.last_entry = int(self.days.ordinals[self.number]) if entered else self.last_entry

    def _note(self, day: Day, bar: int, end_equity: int, end_balance: int, *, paused: bool) -> None:
        """Keep the day's row, and the nearest approach to each floor."""
        date_ = self.days.date(self.number)
        for rule, floors in day.floors().items():
            nearest = int(np.argmin(day.low[: bar + 1] - floors[: bar + 1]))
            found = Approach(
                rule=rule,
                day=date_,
                at=_moment(self.track, day.first + nearest),
                equity=money(int(day.low[nearest])),
                floor=money(int(floors[nearest])),
            )
            if rule not in self.approaches or found.room < self.approaches[rule].room:
                self.approaches[rule] = found
        self.rows.append(
            DayRow(
                day=date_,
                start_balance=money(self.state.balance),
                profit=money(end_balance - self.state.balance),
                end_equity=money(end_equity),
                lowest_equity=money(int(day.low[: bar + 1].min())),
                daily_floor=None if day.daily_floor is None else money(day.daily_floor),
                total_floor=None if day.total_floor is None else money(int(day.total_floor[0])),
                entries=int(day.entries[bar]),
                is_paused=paused,
            )
        )

    def _holds_weekend(self, bar: int) -> bool:
        following = self.number + 1
        if self.pack.weekend.may_hold(self.state.phase.stage) is not False or following >= len(self.days.ordinals):
            return False
        gap = range(int(self.days.ordinals[self.number]) + 1, int(self.days.ordinals[following]))
        has_weekend = any(date.fromordinal(day).weekday() >= 5 for day in gap)
        return has_weekend and bar == self.days.last_bar[self.number] and bool(self.track.is_open[bar])

    def _end(self, status: Status, reason: Reason, breach: Breach | None = None) -> PhaseOutcome:
        state = self.state
        return PhaseOutcome(
            phase=state.phase.name,
            status=status,
            reason=reason,
            breach=breach,
            started_on=self.rows[0].day if self.rows else None,
            ended_on=self.rows[-1].day if self.rows else None,
            days=(self.rows[-1].day - self.rows[0].day).days + 1 if self.rows else 0,
            trading_days=state.trading_days,
            paused_days=self.paused_days,
            start_balance=money(state.size),
            end_balance=money(state.balance),
            best_day=money(state.best_day),
            rows=tuple(self.rows),
            approaches=tuple(self.approaches.values()),
            waits_for=_waits_for(state) if status is Status.UNFINISHED else (),
            weekends_held=self.weekends_held,
        )


def _waits_for(state: PhaseState) -> tuple[str, ...]:
    """Say in words what a phase still lacks."""
    found, phase, profit = [], state.phase, state.balance - state.size
    if state.target is not None and state.balance < state.target:
        found.append(f"profit: {money(profit)} of {money(state.target - state.size)}")
    if state.trading_days < phase.min_trading_days:
        found.append(f"trading days: {state.trading_days} of {phase.min_trading_days}")
    if state.profitable_days < phase.min_profitable_days:
        found.append(f"profitable days: {state.profitable_days} of {phase.min_profitable_days}")
    rule = state.pack.consistency_in(phase)
    if rule and state.best_day > 0 and state.best_day > rule.limit(Decimal(profit)):
        found.append(f"consistency: the best day brought {money(state.best_day)} of {money(profit)}")
    return tuple(found)


def _moment(track: Track, bar: int) -> datetime:
    return datetime.fromtimestamp(int(track.closes_s[bar]), UTC)
