"""The strategies at work: built when wanted, fed every closed bar once, their intents carried out in order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from executor_agent.budget import RequestBudget
from executor_agent.clocks import Clocks
from executor_agent.closing import Closer
from executor_agent.errors import SymbolUnknown, TerminalUnknown
from executor_agent.feed import Feed
from executor_agent.holdings import Holdings
from executor_agent.journal import AssignmentRow, BarMark, Journal, PositionRow
from executor_agent.levels import is_frozen
from executor_agent.logs import get_log
from executor_agent.opening import Entry, Opener
from executor_agent.reconciling import Reconciler
from executor_agent.resolving import Resolver
from executor_agent.running import RunningStrategy, make_facts
from executor_agent.session import Session
from executor_agent.terminal.ports import BarTuple, ClosedBars, Look, SymbolFacts, Terminal
from executor_agent.watch import Watch
from trading.engine.runner import Intent
from trading.errors import TradingError
from trading.model.moments import moment_at
from trading.model.orders import ExitReason, IntentKind
from trading.model.state import Desired
from trading.model.timeframe import Timeframe
from trading.protocol import DesiredAssignment, PositionMessage

Group = tuple[str, str]
_OPTIONAL = frozenset({IntentKind.MOVE_STOP, IntentKind.PARTIAL})

_RECENT_BARS, _SPARE_BARS, _MOST_BARS = 3, 50, 20_000
_BUILD_AGAIN_S, _FAILED_AGAIN_S, _FEED_AGAIN_S = 1.0, 60.0, 0.2
_OTHERS_WAIT_S = 3.0


@dataclass(frozen=True)
class _Failure:
    wanted: DesiredAssignment
    error: TradingError
    again_mono: float


class Strategies:
    """Holds a `RunningStrategy` for every assignment that is RUNNING or PAUSED."""

    def __init__(
        self,
        clocks: Clocks,
        terminal: Terminal,
        journal: Journal,
        session: Session,
        watch: Watch,
        holdings: Holdings,
        resolver: Resolver,
        closer: Closer,
        opener: Opener,
        feed: Feed,
        reconciler: Reconciler,
        budget: RequestBudget,
        *,
        is_reconciled: Callable[[], bool],
    ) -> None:
        self._clocks, self._terminal, self._journal, self._session = clocks, terminal, journal, session
        self._watch, self._holdings, self._resolver = watch, holdings, resolver
        self._closer, self._opener, self._feed, self._is_reconciled = closer, opener, feed, is_reconciled
        self._reconciler, self._budget = reconciler, budget
        self.currency: str | None = None
        self._running: dict[str, RunningStrategy] = {}
        self._subscribed: set[Group] = set()
        self._failures: dict[str, _Failure] = {}
        self._forming: dict[Group, int] = {}
        self._fed_mono: dict[Group, float] = {}

    def find_last_bar_at(self, assignment_id: str) -> datetime | None:
        """Return when the last bar handled opened; None before the first."""
        mark = self._journal.find(BarMark, assignment_id)
        return None if mark is None else moment_at(mark.opened_s)

    # --- building -----------------------------------------------------------------------------------------------

    def keep(self, row: AssignmentRow, wanted: DesiredAssignment) -> None:
        """
        See that the wanted version is at work; a new version takes over between two bars, open positions keep their stops.

        :raises TradingError: where it cannot run; `TerminalUnknown` where it cannot run yet.
        """
        running = self._running.get(row.assignment_id)
        if running is not None and _is_same_work(running.wanted, wanted):
            running.wanted = wanted
            return
        self._running[row.assignment_id] = self._try_to_build(row, wanted)
        self._watch.symbols.add(wanted.symbol)
        self._leave_unused_groups()
        get_log().info(
            "STRATEGY_READY", assignment=row.assignment_id, strategy=wanted.strategy_name, version=wanted.version_number,
            symbol=wanted.symbol, timeframe=wanted.timeframe,
        )  # fmt: skip

    def drop(self, assignment_id: str) -> None:
        """Take a strategy off the market."""
        if self._running.pop(assignment_id, None) is not None:
            self._leave_unused_groups()

    def forget_subscriptions(self) -> None:
        """Know that the terminal's process began anew: every strategy is built again from bars."""
        self._subscribed.clear()
        self._running.clear()
        self._forming.clear()

    def list_needs(self) -> dict[str, dict[str, int]]:
        """Return how many bars the strategies at work fold before they speak, by symbol and timeframe."""
        needs: dict[str, dict[str, int]] = {}
        for running in self._running.values():
            symbol, frame = running.group
            frames = needs.setdefault(symbol, {})
            frames[frame] = max(frames.get(frame, 1), running.runner.warmup_bars)
        return needs

    def note_symbol(self, facts: SymbolFacts) -> None:
        """Take a specification read anew: told where it changed, and what is sized by it is built again where that matters."""
        self._feed.add_symbol(facts)
        for assignment_id, running in list(self._running.items()):
            if running.symbol == facts.spec.name and running.is_outdated_by(facts):
                get_log().warning("SYMBOL_CHANGED", symbol=running.symbol, assignment=assignment_id)
                self._running.pop(assignment_id)

    def _try_to_build(self, row: AssignmentRow, wanted: DesiredAssignment) -> RunningStrategy:
        failure = self._failures.get(row.assignment_id)
        if failure is not None and _is_same_work(failure.wanted, wanted) and self._clocks.mono() < failure.again_mono:
            raise failure.error
        try:
            Timeframe.parse(wanted.timeframe)
            running = self._build(row, wanted)
        except TradingError as error:
            # Rules stay wrong until they are changed, but what the broker says of a symbol may change.
            is_passing = isinstance(error, TerminalUnknown) and not isinstance(error, SymbolUnknown)
            pause_s = _BUILD_AGAIN_S if is_passing else _FAILED_AGAIN_S
            self._failures[row.assignment_id] = _Failure(wanted, error, self._clocks.mono() + pause_s)
            raise
        self._failures.pop(row.assignment_id, None)
        return running

    def _build(self, row: AssignmentRow, wanted: DesiredAssignment) -> RunningStrategy:
        facts = self._terminal.read_symbol(wanted.symbol)
        running = RunningStrategy(wanted, facts, self.currency)
        for symbol in running.other_symbols:
            # Selected in the terminal, or refused here: a strategy that lacks a symbol would wait for ever.
            self._terminal.read_symbol(symbol)
        # Subscribed first: what closes from here on is pending, not lost.
        self._subscribe(running.group)
        mark = self._find_mark(row.assignment_id, running.group)
        count = running.runner.warmup_bars + _SPARE_BARS
        closed = self._terminal.read_closed_bars(wanted.symbol, wanted.timeframe, count)
        if mark is not None and closed.rows and closed.rows[0][0] > mark - count * running.timeframe.seconds:
            # The bars missed since the last one handled are fed, not folded: their exits still count.
            missed = sum(row_[0] > mark for row_ in closed.rows)
            extended = min(count + missed, _MOST_BARS)
            closed = self._terminal.read_closed_bars(wanted.symbol, wanted.timeframe, extended) if missed else closed
        self._feed.add_symbol(facts)
        self._feed.add_bars(wanted.symbol, wanted.timeframe, closed.rows)
        is_continuing = mark is not None and bool(closed.rows) and closed.rows[0][0] <= mark
        others = self._read_others([running], running.group, len(closed.rows))
        running.warm_up(closed, mark if is_continuing else None, others)
        if not is_continuing and closed.rows:
            self._put_mark(row.assignment_id, running.group, closed.rows[-1][0])
        return running

    def _find_mark(self, assignment_id: str, group: Group) -> int | None:
        mark = self._journal.find(BarMark, assignment_id)
        return mark.opened_s if mark is not None and mark.group == "/".join(group) else None

    def _put_mark(self, assignment_id: str, group: Group, opened_s: int) -> None:
        self._journal.put(BarMark(assignment_id=assignment_id, group="/".join(group), opened_s=opened_s), durable=False)

    def _subscribe(self, group: Group) -> None:
        if group not in self._subscribed:
            self._terminal.subscribe(*group)
            self._subscribed.add(group)

    def _leave_unused_groups(self) -> None:
        for group in self._subscribed - {running.group for running in self._running.values()}:
            self._subscribed.discard(group)
            self._forming.pop(group, None)
            try:
                self._terminal.unsubscribe(*group)
            except TerminalUnknown:
                continue

    # --- feeding ------------------------------------------------------------------------------------------------

    def feed(self, wait_s: float) -> bool:
        """
        Feed what has closed. Returns whether the loop may go on without a rest: a market that tells was waited for, up to
        ``wait_s``, and everything it told was fed.
        """
        if not self._subscribed:
            return False
        if self._terminal.market_waits:
            are_fed = [self._feed_group(group) for group in self._terminal.wait_for_bar(wait_s)]
            return all(are_fed)
        for group in [group for group in self._subscribed if self._is_due(group)]:
            self._feed_group(group)
        return False

    def _is_due(self, group: Group) -> bool:
        forming = self._forming.get(group)
        if self._clocks.mono() - self._fed_mono.get(group, -1e9) < _FEED_AGAIN_S:
            return False
        return forming is None or self._watch.market_at().timestamp() >= Timeframe(group[1]).close_time(forming)

    def _feed_group(self, group: Group) -> bool:
        self._fed_mono[group] = self._clocks.mono()
        members = {key: running for key, running in sorted(self._running.items()) if running.group == group}
        closed = self._read_news(group, members)
        if closed is None:
            return False
        others = self._read_others(list(members.values()), group, len(closed.rows))
        if not self._are_ready(closed, others):
            return False
        # Without news nothing is looked at: on a closed market a bar stays due for days.
        is_whole = not self._has_news(group, members, closed) or self._feed_members(members, closed, others)
        if is_whole:
            # Else the bar is asked for again, and a market that waits goes on waiting for as long as it does.
            self._forming[group] = closed.forming_opened_s or self._forming.get(group, 0)
            self._terminal.acknowledge(*group, closed.rows[-1][0])
        return is_whole

    def _has_news(self, group: Group, members: dict[str, RunningStrategy], closed: ClosedBars) -> bool:
        newest = closed.rows[-1][0]
        return any((self._find_mark(assignment_id, group) or -1) < newest for assignment_id in members)

    def _read_others(self, members: list[RunningStrategy], group: Group, count: int) -> dict[str, ClosedBars]:
        """Return the bars of the same timeframe of every other symbol that members look at."""
        symbols = {symbol for running in members for symbol in running.other_symbols}
        return {
            symbol: self._terminal.read_closed_bars(symbol, group[1], count + _SPARE_BARS) for symbol in sorted(symbols)
        }

    def _are_ready(self, closed: ClosedBars, others: dict[str, ClosedBars]) -> bool:
        """Say whether the other symbols' bars have closed too: a terminal ends a bar at its next tick, which may come a little later."""
        newest = closed.rows[-1][0]
        if closed.forming_opened_s is None or all(o.rows and o.rows[-1][0] >= newest for o in others.values()):
            return True
        return self._watch.market_at().timestamp() - closed.forming_opened_s > _OTHERS_WAIT_S

    def _feed_members(
        self, members: dict[str, RunningStrategy], closed: ClosedBars, others: dict[str, ClosedBars]
    ) -> bool:
        look = self._look()
        if look is None or not look.is_complete:
            return False
        is_whole = True
        for assignment_id, running in members.items():
            row = self._journal.find(AssignmentRow, assignment_id)
            if row is not None:
                beside = {symbol: others[symbol] for symbol in running.other_symbols}
                look, is_fed = self._feed_one(row, running, closed, beside, look)
                is_whole = is_whole and is_fed
            self._feed.add_bars(*running.group, closed.rows)
        return is_whole

    def _read_news(self, group: Group, members: dict[str, RunningStrategy]) -> ClosedBars | None:
        marks = [self._find_mark(assignment_id, group) for assignment_id in members]
        oldest = min((mark for mark in marks if mark is not None), default=None)
        count = _RECENT_BARS
        while True:
            closed = self._terminal.read_closed_bars(*group, count)
            is_whole = oldest is None or not closed.rows or closed.rows[0][0] <= oldest or len(closed.rows) < count
            if is_whole or count >= _MOST_BARS:
                return closed if closed.rows else None
            count = min(count * 8, _MOST_BARS)

    def _look(self) -> Look | None:
        look = self._watch.refresh()
        if look is not None:
            self._holdings.follow(look)
        return look

    def _feed_one(
        self,
        row: AssignmentRow,
        running: RunningStrategy,
        closed: ClosedBars,
        others: dict[str, ClosedBars],
        look: Look,
    ) -> tuple[Look, bool]:
        mark = self._find_mark(row.assignment_id, running.group)
        beside = {symbol: {bar[0]: bar for bar in series.rows} for symbol, series in others.items()}
        for bar in [bar for bar in closed.rows if mark is None or bar[0] > mark]:
            if row.assignment_id in self._holdings.doubted:
                return look, False
            is_last = bar is closed.rows[-1]
            is_allowed = is_last and self._may_enter(row) and running.is_fresh(closed, look)
            facts = make_facts(running.wanted.facts, self._session.halt, entries_allowed=is_allowed)
            try:
                same = {symbol: bars[bar[0]] for symbol, bars in beside.items() if bar[0] in bars}
                intents = running.decide(bar, look, self._watch, facts, self._remember_positions(), same)
            except TradingError as error:
                get_log().warning("BAR_NOT_FED", assignment=row.assignment_id, problem=error.message)
                return look, False
            if not is_last:
                intents = running.find_stale_closes(intents, look.positions or (), bar)
            if intents:
                look = self._carry_out(row, running, intents, bar, closed, look)
            self._put_mark(row.assignment_id, running.group, bar[0])
        return look, True

    def _remember_positions(self) -> dict[int, PositionRow]:
        return {row.position_id: row for row in self._journal.list_rows(PositionRow)}

    def _may_enter(self, row: AssignmentRow) -> bool:
        unclear = self._holdings.doubted | self._reconciler.doubled
        is_clear = row.assignment_id not in unclear and not self._resolver.list_open(row.assignment_id)
        return is_clear and self._is_wanted(row)

    def _is_wanted(self, row: AssignmentRow) -> bool:
        if row.desired != Desired.RUNNING or row.is_missing or row.halt_epoch < self._session.halt.epoch:
            return False
        return self._is_reconciled() and self._session.find_refusal() is None

    # --- carrying out -------------------------------------------------------------------------------------------

    def _carry_out(
        self,
        row: AssignmentRow,
        running: RunningStrategy,
        intents: list[Intent],
        bar: BarTuple,
        closed: ClosedBars,
        look: Look,
    ) -> Look:
        positions = {position.ticket: position for position in look.positions or ()}
        is_clean = True
        for intent in intents:
            if intent.kind is IntentKind.OPEN:
                if is_clean:
                    self._open(row, running, intent, bar, closed)
                continue
            position = positions.get(intent.ticket or 0)
            if position is not None:
                is_clean = self._reduce(running, intent, position) and is_clean
        return self._look() or look

    def _reduce(self, running: RunningStrategy, intent: Intent, position: PositionMessage) -> bool:
        quote = self._watch.fresh.quotes.get(position.symbol) if self._watch.fresh else None
        if intent.kind is IntentKind.MOVE_STOP and quote and is_frozen(position, quote, running.instrument):
            return True  # decided again at the next bar
        if intent.kind in _OPTIONAL and not self._budget.may_move():
            return True  # decided again at the next bar
        if intent.kind is IntentKind.MOVE_STOP:
            assert intent.stop_price is not None
            return self._closer.move_stop(position, intent.stop_price, intent.target_price)
        lots = intent.volume_lots if intent.kind is IntentKind.PARTIAL else None
        return self._closer.close(position, ExitReason(intent.reason), lots)

    def _open(
        self, row: AssignmentRow, running: RunningStrategy, intent: Intent, bar: BarTuple, closed: ClosedBars
    ) -> None:
        self._look()
        entry = Entry(
            wanted=running.wanted,
            intent=intent,
            instrument=running.instrument,
            bar_opened_s=bar[0],
            forming_opened_at=moment_at(closed.forming_opened_s or bar[0]),
            still_wanted=lambda: self._is_wanted(row),
        )
        try:
            self._opener.open(entry)
        except OSError as error:
            # A disk that keeps no journal: nothing is opened, everything else goes on.
            get_log().error("JOURNAL_REFUSED", problem=str(error))


def _is_same_work(first: DesiredAssignment, second: DesiredAssignment) -> bool:
    names = ("version_id", "symbol", "timeframe", "rules", "settings", "magic")
    return all(getattr(first, name) == getattr(second, name) for name in names)
