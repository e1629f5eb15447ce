"""One step of every assignment towards what is wanted: STARTING, RUNNING, PAUSED, STOPPING until nothing is left, STOPPED."""

from __future__ import annotations

from executor_agent.assignments import Assignments
from executor_agent.clocks import Clocks
from executor_agent.closing import Closer
from executor_agent.errors import SymbolUnknown, TerminalUnknown
from executor_agent.holdings import Holdings
from executor_agent.journal import AssignmentRow, Journal, PositionRow
from executor_agent.reconciling import Reconciler
from executor_agent.resolving import Resolver
from executor_agent.session import Session
from executor_agent.spool import Spool
from executor_agent.strategies import Strategies
from executor_agent.watch import Watch
from trading.errors import TradingError
from trading.model.orders import ExitReason
from trading.model.state import Desired, Observed
from trading.protocol import AssignmentStatus, MalformedMessage, PositionMessage

_STOP_AGAIN_S = 0.5
_WORDS = {
    "HALTED": "the account is halted: no entries",
    "HALT_EPOCH": "wanted before the last halt: no entries until it is wanted again",
    "DEAD_MAN": "everything was closed without the server: no entries before a clean reconcile",
    "NO_LEASE": "this agent holds no lease of the account: no entries",
    "VERSION_NOT_ACCEPTED": "the server does not accept this agent's version: no entries",
    "TAG_DOUBLED": "two positions carry one tag: no entries until one of them is gone",
    "NOT_SYNCHRONISED": "waiting for the server's desired set",
}


class Convergence:
    """Brings every assignment one step further and says what is true of it."""

    def __init__(
        self,
        clocks: Clocks,
        journal: Journal,
        session: Session,
        watch: Watch,
        spool: Spool,
        assignments: Assignments,
        strategies: Strategies,
        holdings: Holdings,
        resolver: Resolver,
        closer: Closer,
        reconciler: Reconciler,
    ) -> None:
        self._clocks, self._journal, self._session, self._watch, self._spool = clocks, journal, session, watch, spool
        self._assignments, self._strategies, self._holdings = assignments, strategies, holdings
        self._resolver, self._closer, self._reconciler = resolver, closer, reconciler
        self.is_netting = False
        self._stop_tried: dict[str, float] = {}

    def step(self, *, is_reconciled: bool) -> None:
        """Do one step of each."""
        for row in self._assignments.list_current():
            if row.desired == Desired.STOPPED:
                self._stop(row)
            else:
                self._run(row, is_reconciled=is_reconciled)

    def list_statuses(self) -> list[AssignmentStatus]:
        """Return what is true of every assignment now."""
        return [self._describe(row) for row in self._assignments.list_current()]

    def list_proofs(self) -> list[tuple[str, str, int, str]]:
        """Return what of it people wait for: a snapshot tells news of it at once."""
        return [
            (row.assignment_id, row.observed, row.generation, row.problem_code)
            for row in self._assignments.list_current()
        ]

    def _describe(self, row: AssignmentRow) -> AssignmentStatus:
        return AssignmentStatus(
            assignment_id=row.assignment_id,
            observed=row.observed,
            observed_generation=row.generation,
            facts_number=int(row.wanted["facts"]["number"]),
            open_positions=self._watch.count_open(row.magic),
            pending_orders=self._watch.count_pending(row.magic),
            last_bar_at=self._strategies.find_last_bar_at(row.assignment_id),
            problem_code=row.problem_code,
            problem=row.problem,
        )

    # --- running and paused -------------------------------------------------------------------------------------

    def _run(self, row: AssignmentRow, *, is_reconciled: bool) -> None:
        if taken := self._find_neighbour(row):
            message = (
                f"this account nets: {row.symbol} is {taken.assignment_id}'s already, and both would share one position"
            )
            self._strategies.drop(row.assignment_id)
            self._assignments.set_observed(row, Observed.FAILED, "NETTING_SYMBOL_TAKEN", message)
            return
        try:
            self._strategies.keep(row, self._assignments.read_wanted(row))
        except SymbolUnknown as error:
            self._strategies.drop(row.assignment_id)
            self._assignments.set_observed(row, Observed.FAILED, error.code, error.message)
            return
        except (TerminalUnknown, OSError) as unknown:
            problem = unknown.message if isinstance(unknown, TerminalUnknown) else str(unknown)
            self._assignments.set_observed(row, Observed.STARTING, "TERMINAL_UNKNOWN", problem)
            return
        except (TradingError, MalformedMessage) as error:
            self._strategies.drop(row.assignment_id)
            self._assignments.set_observed(row, Observed.FAILED, error.code, error.message)
            return
        refusal = self._session.find_refusal()
        if row.is_missing:
            self._assignments.set_observed(
                row, Observed.PAUSED, "ASSIGNMENT_UNKNOWN", "the server does not name it: no entries"
            )
        elif row.desired == Desired.PAUSED:
            self._assignments.set_observed(row, Observed.PAUSED)
        elif not is_reconciled or refusal == "NOT_SYNCHRONISED":
            self._assignments.set_observed(row, Observed.STARTING, "NOT_SYNCHRONISED", _WORDS["NOT_SYNCHRONISED"])
        elif refusal is not None:
            self._pause(row, refusal)
        elif row.halt_epoch < self._session.halt.epoch:
            self._pause(row, "HALT_EPOCH")
        elif row.assignment_id in self._reconciler.doubled:
            self._assignments.set_observed(row, Observed.PAUSED, "TAG_DOUBLED", _WORDS["TAG_DOUBLED"])
        else:
            self._assignments.set_observed(row, Observed.RUNNING)

    def _find_neighbour(self, row: AssignmentRow) -> AssignmentRow | None:
        """Return who trades the symbol on a netting account already: whoever came first, until it is stopped."""
        rows = self._journal.list_rows(AssignmentRow) if self.is_netting else []
        before = rows[: next((place for place, one in enumerate(rows) if one.key == row.key), 0)]
        return next((one for one in before if one.symbol == row.symbol and one.observed != Observed.STOPPED), None)

    def _pause(self, row: AssignmentRow, refusal: str) -> None:
        # Also cancels what waits at the broker: nothing may be filled that nobody approves any more.
        self._assignments.set_observed(row, Observed.PAUSED, refusal, _WORDS.get(refusal, refusal))
        self._cancel_pendings(row.magic)

    # --- stopping -----------------------------------------------------------------------------------------------

    def _stop(self, row: AssignmentRow) -> None:
        self._strategies.drop(row.assignment_id)
        if row.observed == Observed.STOPPED and not self._has_anything(row):
            return
        if row.observed != Observed.STOPPED:
            self._assignments.set_observed(row, Observed.STOPPING, row.problem_code, row.problem)
        if self._clocks.mono() - self._stop_tried.get(row.assignment_id, -1e9) < _STOP_AGAIN_S:
            return
        self._stop_tried[row.assignment_id] = self._clocks.mono()
        code, problem = self._flatten(row.magic, row.assignment_id)
        if code:
            observed = Observed.STOPPED if row.observed == Observed.STOPPED else Observed.STOPPING
            self._assignments.set_observed(row, observed, code, problem)
            return
        self._stop_tried.pop(row.assignment_id, None)
        self._assignments.set_observed(row, Observed.STOPPED)

    def _has_anything(self, row: AssignmentRow) -> bool:
        # A fill that came after all, or one that somebody else's hand made with our number.
        return bool(self._watch.own_positions(row.magic)) or self._watch.count_pending(row.magic) > 0

    def _flatten(self, magic: int, assignment_id: str) -> tuple[str, str]:
        """Look, cancel, close, look again; return why it is not over, or two empty texts."""
        self._watch.refresh()
        self._cancel_pendings(magic)
        for position in self._watch.own_positions(magic) or []:
            self._closer.close(position, ExitReason.STRATEGY_STOPPED)
        look = self._watch.refresh()
        if look is None or not look.is_complete:
            return "TERMINAL_UNKNOWN", "the terminal does not say whether positions are open"
        self._holdings.follow(look)
        left = self._watch.own_positions(magic) or []
        if left:
            why = next((why for position in left if (why := self._closer.explain_open(position))), "")
            return (
                "CLOSE_PENDING",
                f"{len(left)} position(s) are still open: {_list_tickets(left)}{why and f' ({why})'}",
            )
        if self._watch.count_pending(magic):
            return "CANCEL_PENDING", "pending orders are still there"
        if self._resolver.list_open(assignment_id):
            return "ORDER_UNRESOLVED", "an order was sent and nobody knows yet what became of it"
        if any(row.assignment_id == assignment_id for row in self._journal.list_rows(PositionRow)):
            return "DEALS_PENDING", "the closing deals are not in the history yet"
        return "", ""

    def _cancel_pendings(self, magic: int) -> None:
        look = self._watch.fresh
        for order in (look.orders or ()) if look else ():
            if order.magic == magic:
                self._closer.cancel(order.ticket)

    # --- the server is gone -------------------------------------------------------------------------------------

    def flatten_all(self, reason: ExitReason) -> bool:
        """Close whatever is ours and say whether nothing is left; for accounts whose rule is to be flat without a server."""
        for row in self._assignments.list_rows():
            self._cancel_pendings(row.magic)
            for position in self._watch.own_positions(row.magic) or []:
                self._closer.close(position, reason)
        look = self._watch.refresh()
        if look is None or not look.is_complete:
            return False
        self._holdings.follow(look)
        ours = {row.magic for row in self._assignments.list_rows()}
        return not self._holdings.doubted and not any(
            p.magic in ours for p in (look.positions or ()) + (look.orders or ())
        )

    def is_clean(self) -> bool:
        """Say whether nothing of ours is open, waiting, unclear or unreported."""
        look = self._watch.fresh
        if look is None or not look.is_complete or len(self._spool) or self._resolver.list_open():
            return False
        ours = {row.magic for row in self._assignments.list_rows()}
        return not self._holdings.doubted and not any(
            p.magic in ours for p in (look.positions or ()) + (look.orders or ())
        )


def _list_tickets(positions: list[PositionMessage]) -> str:
    return ", ".join(str(position.ticket) for position in positions[:5])
