"""
The agent: one loop, one thread that decides. Everything that waits (server, terminal) is elsewhere and has a deadline.

A step takes in what has arrived, looks, settles what is unclear, brings assignments towards what is wanted, feeds closed bars,
and tells. Each part may fail by itself without keeping the others from running; what fails is told, and nothing is opened meanwhile.
"""

from __future__ import annotations

import platform
import sys
import threading
from collections.abc import Callable
from functools import partial

from executor_agent import AGENT_VERSION
from executor_agent.assignments import Assignments
from executor_agent.budget import RequestBudget
from executor_agent.clocks import Clocks
from executor_agent.closing import Closer
from executor_agent.commands import Commands
from executor_agent.converging import Convergence
from executor_agent.deadman import DeadMan
from executor_agent.errors import TerminalUnknown
from executor_agent.feed import Feed
from executor_agent.health import count_threads, read_rss_bytes
from executor_agent.holdings import Holdings
from executor_agent.journal import Journal
from executor_agent.logs import RING, get_log
from executor_agent.oneshots import Closings, Sendings, Tellings
from executor_agent.opening import Opener
from executor_agent.pacing import Pacing
from executor_agent.preflight import Preflight
from executor_agent.reconciling import Reconciler
from executor_agent.resolving import Resolver
from executor_agent.server.ports import Answered, Courier, Door, Event, Failed
from executor_agent.session import Session
from executor_agent.spool import Spool
from executor_agent.stops import StopKeeper
from executor_agent.strategies import Strategies
from executor_agent.tail import LogTail
from executor_agent.terminal.ports import Terminal, TerminalIdentity
from executor_agent.watch import Watch
from trading.errors import TradingError
from trading.model.orders import ExitReason
from trading.protocol import (
    PROTOCOL_VERSION,
    AgentHealth,
    DesiredSet,
    Hello,
    ReportAnswers,
    Reports,
    SnapshotAnswer,
    Welcome,
)

_REST_S, _LOOK_EVERY_S = 0.25, 1.0
_HELLO_AGAIN_S, _CONNECT_AGAIN_S = 2.0, 2.0
_SNAPSHOT_AT_MOST_EVERY_S, _SNAPSHOT_WAIT_S, _SNAPSHOT_AGAIN_S = 0.2, 1.5, 1.0
_SPECS_EVERY_S = 60.0
_REPORT_AGAIN_S = 1.0


class Agent:
    """One executor agent over a terminal, a courier and a journal."""

    def __init__(self, clocks: Clocks, terminal: Terminal, courier: Courier, journal: Journal) -> None:
        self._clocks, self._terminal, self._courier, self._journal = clocks, terminal, courier, journal
        self._session = Session(clocks, journal)
        self._watch = Watch(clocks, terminal, journal, self._session)
        self._spool = Spool(clocks, journal, self._watch.market_at)
        self._budget = RequestBudget(journal, self._session, self._watch, self._spool)
        pacing = Pacing(clocks, self._spool)
        self._closer = Closer(clocks, terminal, journal, self._watch, pacing, self._budget)
        stops = StopKeeper(journal, self._spool, self._closer)
        self._holdings = Holdings(clocks, terminal, journal, self._spool, self._closer, stops)
        self._resolver = Resolver(clocks, terminal, journal, self._spool)
        self._reconciler = Reconciler(clocks, terminal, journal, self._spool, self._resolver)
        self._assignments = Assignments(journal, self._spool)
        self._feed = Feed(clocks, courier)
        opener = Opener(
            clocks, terminal, courier, journal, self._session, self._watch, self._spool, self._budget,
            tell_changes=self._tell_changes, absorb=self._absorb,
        )  # fmt: skip
        self._strategies = Strategies(
            clocks, terminal, journal, self._session, self._watch, self._holdings, self._resolver, self._closer, opener,
            self._feed, self._reconciler, self._budget, is_reconciled=lambda: self._is_reconciled and not self._stopping.is_set(),
        )  # fmt: skip
        self._convergence = Convergence(
            clocks, journal, self._session, self._watch, self._spool, self._assignments, self._strategies, self._holdings,
            self._resolver, self._closer, self._reconciler,
        )  # fmt: skip
        self._preflight = Preflight(clocks, terminal, self._session, self._watch, self._feed, journal)
        self._feed.on_change = self._preflight.ask
        self._dead_man = DeadMan(
            clocks, journal, self._session, self._watch, self._spool,
            flatten=lambda: self._convergence.flatten_all(ExitReason.KILL_SWITCH), is_clean=self._convergence.is_clean,
        )  # fmt: skip
        sendings = Sendings(clocks, terminal, courier, journal, self._session, self._watch)
        self._commands = Commands(
            journal, self._spool, self._watch, self._closer,
            Closings(clocks, terminal, journal, self._watch, self._closer, self._budget),
            Tellings(terminal, self._watch, self._want_snapshot, lambda: self._identity, self._preflight.ask),
            sendings, self._want_snapshot,
        )  # fmt: skip
        self._tail = LogTail(courier, self._session, RING)
        self._takers = dict.fromkeys((Door.SYMBOLS, Door.BARS), self._feed.take) | {Door.LOG: self._tail.take_event}
        self._takers |= dict.fromkeys((Door.HISTORY, Door.FILES), sendings.take_event)
        courier.introduce(self._session.instance_id)
        self._identity: TerminalIdentity | None = None
        self._life = -1
        self._is_reconciled = False
        self._started_mono = clocks.mono()
        self._next: dict[str, float] = {}
        self._snapshot_reason = "START"
        self._was_snapshot_complete = False
        self._told_proofs: list[tuple[str, str, int, str]] = []
        self._stopping = threading.Event()
        self._report_damage()

    # --- the loop -----------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Step until `stop`; then tell once more and leave positions and stops as they are."""
        get_log().info("AGENT_STARTED", version=AGENT_VERSION, instance=self._session.instance_id)
        while not self._stopping.is_set():
            self.step(_REST_S)
        self._absorb()
        self._terminal.close()
        self._courier.close()
        self._journal.close()
        get_log().info("AGENT_STOPPED", spool=len(self._spool))

    def stop(self) -> None:
        """Ask the loop to end after the step it is in. Safe to call from a signal handler."""
        self._stopping.set()

    def step(self, rest_s: float = 0.0) -> None:
        """Do one round; rest up to ``rest_s`` where there is nothing to do."""
        self._attempt("absorb", self._absorb)
        if not self._is_connected():
            self._attempt("connect", self._connect)
        if self._identity is not None:
            self._attempt("look", self._look)
            self._attempt("resolve", self._resolver.resolve)
            self._attempt("converge", self._converge)
            self._attempt("dead man", self._dead_man.step)
            self._attempt("command", self._commands.work)
            self._attempt("preflight", partial(self._preflight.step, self._identity, self._strategies.list_needs()))
        self._attempt("tell", self._tell)
        has_rested = (
            self._attempt("feed", lambda: self._strategies.feed(rest_s)) if self._identity is not None else False
        )
        if rest_s and not has_rested and not self._stopping.is_set():
            self._courier.wait(rest_s)

    def _attempt(self, name: str, work: Callable[[], object]) -> object:
        try:
            return work()
        except TerminalUnknown as unknown:
            self._note(name, unknown.message)
        except (TradingError, OSError) as error:
            self._note(name, f"{type(error).__name__}: {error}")
        except Exception as error:
            # A fault of ours in one part must not keep the other parts from closing and telling.
            problem = f"{type(error).__name__}: {error}"
            if self._watch.last_error != problem:
                get_log().exception("STEP_FAILED", part=name)
            self._watch.last_error = problem
        return False

    def _note(self, part: str, problem: str) -> None:
        if self._watch.last_error != problem:
            get_log().warning("PART_FAILED", part=part, problem=problem)
        self._watch.last_error = problem

    def _is_time(self, name: str, every_s: float) -> bool:
        mono = self._clocks.mono()
        if mono < self._next.get(name, -1e9):
            return False
        self._next[name] = mono + every_s
        return True

    # --- the terminal -------------------------------------------------------------------------------------------

    def _is_connected(self) -> bool:
        return self._identity is not None and self._life == self._terminal.life

    def _connect(self) -> None:
        if not self._is_time("connect", _CONNECT_AGAIN_S):
            return
        self._is_reconciled = False
        was_connected = self._identity is not None
        identity = self._terminal.connect()
        self._life, self._identity = self._terminal.life, identity
        self._strategies.currency = identity.currency
        self._convergence.is_netting = identity.margin_mode == "NETTING"
        self._strategies.forget_subscriptions()
        if was_connected:
            message = "the terminal's process was started again"
            self._spool.add("agent_event", None, event="TERMINAL_RESTARTED", severity="WARNING", message=message)
        get_log().info(
            "TERMINAL_CONNECTED", login=identity.login, broker=identity.server, margin_mode=identity.margin_mode
        )

    def _look(self) -> None:
        self._watch.refresh_if_older(0.0 if not self._is_reconciled else _LOOK_EVERY_S)
        look = self._watch.fresh
        if look is None:
            return
        self._holdings.follow(look)
        # Reconciled once everything could be read: positions are adopted, closings reported, unclear entries being resolved.
        self._is_reconciled = self._is_reconciled or look.is_complete
        if look.is_complete:
            self._reconciler.step(look, self._watch.raw_ms())

    def _converge(self) -> None:
        self._convergence.step(is_reconciled=self._is_reconciled)
        if self._convergence.list_proofs() != self._told_proofs:
            self._snapshot_reason = self._snapshot_reason or "CHANGE"
        if self._is_time("specs", _SPECS_EVERY_S):
            for symbol in sorted(self._watch.symbols):
                # One that cannot be read must not hide a change of the others.
                self._attempt("specs", partial(self._note_symbol, symbol))

    def _note_symbol(self, symbol: str) -> None:
        self._strategies.note_symbol(self._terminal.read_symbol(symbol))

    # --- taking in ----------------------------------------------------------------------------------------------

    def _absorb(self) -> None:
        for event in self._courier.take():
            # One that cannot be taken in (a full disk) must not take those behind it along.
            self._attempt("absorb", lambda event=event: self._take(event))  # type: ignore[misc]

    def _take(self, event: Event) -> None:
        if isinstance(event, Answered):
            self._dead_man.hear()
        if (take := self._takers.get(event.door)) is not None:
            take(event)
        if isinstance(event, Failed):
            self._take_failure(event)
        elif isinstance(event.message, Welcome):
            self._take_welcome(event.message, event.sent_mono)
        elif isinstance(event.message, DesiredSet):
            self._take_set(event.message, event.sent_mono)
        elif isinstance(event.message, SnapshotAnswer):
            self._take_snapshot_answer(event.message, event.sent_mono)
        elif isinstance(event.message, ReportAnswers):
            for answer in self._spool.settle(event.message):
                self._commands.take_action(answer.action, answer.ticket, answer.lots, answer.code)

    def _take_failure(self, event: Failed) -> None:
        get_log().warning(
            "SERVER_SAID_NO", door=str(event.door), status=event.status, code=event.code, problem=event.problem
        )
        if event.code == "FENCED" or (event.door is Door.SNAPSHOT and event.status == 409):
            self._session.lose_lease()
        if event.door is Door.SNAPSHOT:
            # What it told is not known yet; a server in trouble is not asked five times a second, though.
            self._watch.is_changed = True
            self._next["snapshot_pause"] = self._clocks.mono() + _SNAPSHOT_AGAIN_S
        if event.door is Door.REPORTS:
            self._next["reports"] = self._clocks.mono() + _REPORT_AGAIN_S

    def _take_welcome(self, welcome: Welcome, sent_mono: float) -> None:
        self._session.take_welcome(welcome, sent_mono)
        get_log().info("WELCOME", fence=self._session.fence, lease=welcome.lease is not None, reason=welcome.reason)
        if not self._session.is_set_pulled:
            self._courier.watch_desired(0)
        self._preflight.ask()
        self._want_snapshot()

    def _take_set(self, desired: DesiredSet, sent_mono: float) -> None:
        if self._session.accept_set(desired, sent_mono):
            self._assignments.apply(desired)
            self._courier.watch_desired(desired.desired_version)
        else:
            get_log().warning("OLD_SET_IGNORED", version=desired.desired_version, fleet_epoch=desired.fleet_epoch)
        if desired.fleet_epoch >= self._session.fleet_epoch and self._commands.take(desired.commands):
            self._courier.look_now()  # leased once, so also with a set that was overtaken; one answer carries only so many

    def _take_snapshot_answer(self, answer: SnapshotAnswer, sent_mono: float) -> None:
        is_halt_news = answer.halt.epoch > self._session.halt.epoch
        self._session.take_snapshot_answer(answer, sent_mono)
        self._tail.is_wanted = answer.log_wanted
        self._dead_man.note_snapshot(is_complete=self._was_snapshot_complete)
        for action in answer.actions:
            ticket, lots = action.get("ticket"), action.get("lots")
            self._commands.take_action(str(action.get("action")), ticket, lots, str(action.get("reason", "")))
        if answer.desired_version != self._session.desired_version or is_halt_news:
            self._courier.look_now()

    # --- telling ------------------------------------------------------------------------------------------------

    def _tell(self) -> None:
        self._say_hello()
        if self._session.welcome is None:
            return
        interval_s = self._session.welcome.snapshot_interval_ms / 1000
        is_due = self._clocks.mono() >= self._next.get("snapshot", -1e9)
        if self._session.has_lease and (is_due or self._watch.is_changed or self._snapshot_reason):
            self._post_snapshot(interval_s)
        if self._may_report() and self._is_time("reports", 0.05):
            reports = Reports(
                instance_id=self._session.instance_id, fence=self._session.fence, reports=self._spool.list_next()
            )
            self._courier.ask(Door.REPORTS, reports)
        # A process that is not let at the account (a clone) has nothing to tell of its market.
        if self._session.has_lease and (self._feed.has_new_symbols or self._is_time("feed", 1.0)):
            self._feed.push()
        if self._is_time("tail", 1.0):
            self._tail.push()

    def _may_report(self) -> bool:
        # Without the lease the server refuses every report; they stay in the spool until it is had again.
        return self._session.has_lease and len(self._spool) > 0 and self._courier.is_free(Door.REPORTS)

    def _say_hello(self) -> None:
        if self._identity is None or self._session.has_lease or not self._courier.is_free(Door.HELLO):
            return
        if self._is_time("hello", _HELLO_AGAIN_S):
            self._courier.ask(Door.HELLO, self._make_hello(self._identity))

    def _make_hello(self, identity: TerminalIdentity) -> Hello:
        return Hello(
            protocol_version=PROTOCOL_VERSION,
            agent_version=AGENT_VERSION,
            core_version=AGENT_VERSION,
            instance_id=self._session.instance_id,
            host=platform.node()[:100],
            login=identity.login,
            broker_server=identity.server,
            currency=identity.currency,
            leverage=identity.leverage,
            margin_mode=identity.margin_mode,
            trade_mode=identity.trade_mode,
            trade_allowed=identity.trade_allowed,
            at=self._clocks.at(),
            terminal={**identity.terminal, "python": sys.version.split()[0], "system": platform.system()},
        )

    def _want_snapshot(self) -> None:
        self._snapshot_reason = self._snapshot_reason or "COMMAND"

    def _post_snapshot(self, interval_s: float) -> bool:
        if not self._courier.is_free(Door.SNAPSHOT) or not self._is_time("snapshot_pause", _SNAPSHOT_AT_MOST_EVERY_S):
            return False
        reason = self._snapshot_reason or ("CHANGE" if self._watch.is_changed else "INTERVAL")
        if self._watch.seen is not None:
            # The last look may be one that nobody has held against the journal yet.
            self._holdings.follow(self._watch.seen.look)
        snapshot = self._watch.build_snapshot(
            reason, self._convergence.list_statuses(), self._read_health(), has_doubts=bool(self._holdings.doubted)
        )
        if snapshot is None:
            return False
        self._snapshot_reason = ""
        self._was_snapshot_complete = snapshot.complete
        self._told_proofs = self._convergence.list_proofs()
        self._next["snapshot"] = self._clocks.mono() + interval_s
        self._courier.ask(Door.SNAPSHOT, snapshot)
        return True

    def _tell_changes(self) -> None:
        """Let the server see what has changed before it judges; it is asked anyway when it does not answer in time."""
        if not self._watch.is_changed or not self._session.has_lease:
            return
        until = self._clocks.mono() + _SNAPSHOT_WAIT_S
        self._next.pop("snapshot_pause", None)
        is_sent = False
        while self._clocks.mono() < until:
            is_sent = is_sent or self._post_snapshot(_SNAPSHOT_WAIT_S)
            if is_sent and self._courier.is_free(Door.SNAPSHOT):
                return
            self._next.pop("snapshot_pause", None)
            self._courier.wait(0.05)
            self._absorb()

    def _read_health(self) -> AgentHealth:
        return AgentHealth(
            rss_bytes=read_rss_bytes(),
            threads=count_threads(),
            spool_reports=len(self._spool),
            journal_bytes=self._journal.size_bytes,
            uptime_s=round(self._clocks.mono() - self._started_mono, 1),
            terminal_restarts=self._terminal.restarts,
            last_error=self._watch.last_error[:300],
            requests_today=self._budget.used,
            request_budget=self._budget.limit,
        )

    def _report_damage(self) -> None:
        damage = self._journal.damage
        if damage is not None:
            get_log().error("JOURNAL_DAMAGED", kind=damage.kind, detail=damage.detail)
            message = (
                f"the journal cannot be believed ({damage.kind}: {damage.detail}): read anew from terminal and server"
            )
            self._spool.add("agent_event", None, event="JOURNAL_DAMAGED", severity="CRITICAL", message=message)
