"""
An entry: own checks, approval, journal, order, outcome. At most one send per approval; what nobody knows is resolved by evidence.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from executor_agent.budget import RequestBudget
from executor_agent.clocks import Clocks
from executor_agent.errors import TerminalUnknown
from executor_agent.holdings import make_outcome, make_position_row
from executor_agent.journal import IntentRow, IntentState, Journal, Row
from executor_agent.levels import find_level_problem
from executor_agent.logs import get_log
from executor_agent.server.ports import Answered, Courier, Event
from executor_agent.session import Session
from executor_agent.spool import Spool
from executor_agent.terminal.ports import MarketOrder, OrderAnswer, Terminal
from executor_agent.terminal.requests import COMMENT_MAX
from executor_agent.terminal.retcodes import Verdict, is_trading_off, judge_answer
from executor_agent.watch import Watch
from trading.engine.runner import Intent
from trading.model.instrument import Instrument
from trading.model.orders import Side
from trading.protocol import ApprovalAnswer, ApprovalRequest, DesiredAssignment, PositionMessage, encode

APPROVAL_TIMEOUT_S = 1.5
_APPROVAL_TRIES = 2
_HOLD_S = 10.0
_REQUOTE_TRIES = 3
_RAW_MARGIN_MS = 120_000


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A wish to open, of one assignment at one closed bar. ``still_wanted`` says whether it is, at any later moment."""

    wanted: DesiredAssignment
    intent: Intent
    instrument: Instrument
    bar_opened_s: int
    forming_opened_at: datetime
    still_wanted: Callable[[], bool]

    @property
    def client_key(self) -> str:
        """The key of the approval: the same whenever the same bar of the same assignment is decided again."""
        return f"{self.wanted.assignment_id}:{self.bar_opened_s}:{self.intent.side}"


@dataclass(frozen=True)
class _Approved:
    answer: ApprovalAnswer
    tag: str
    lots: Decimal
    until_mono: float


class Opener:
    """Opens positions, one at a time."""

    def __init__(
        self,
        clocks: Clocks,
        terminal: Terminal,
        courier: Courier,
        journal: Journal,
        session: Session,
        watch: Watch,
        spool: Spool,
        budget: RequestBudget,
        *,
        tell_changes: Callable[[], None],
        absorb: Callable[[], None],
    ) -> None:
        self._clocks, self._terminal, self._courier, self._journal = clocks, terminal, courier, journal
        self._session, self._watch, self._spool, self._budget = session, watch, spool, budget
        self._tell_changes, self._absorb = tell_changes, absorb
        self._sent_in_this_life: set[str] = set()

    def open(self, entry: Entry) -> None:
        """Open a position if every check on the way says yes. A market that can wait waits meanwhile."""
        known = self._journal.find(IntentRow, entry.client_key)
        if known is not None and known.state != IntentState.ASKED:
            return
        refusal = self._find_refusal(entry)
        if refusal is not None:
            self._deny(entry, refusal, "refused by the agent's own checks")
            return
        self._pause_market(True)
        try:
            self._open(entry, known)
        finally:
            self._pause_market(False)

    def _open(self, entry: Entry, known: IntentRow | None) -> None:
        # What we have just closed must not count against what we ask for.
        self._tell_changes()
        row = known or self._make_intent(entry)
        self._journal.put(row)
        approved = self._ask(entry, row)
        if approved is not None and self._is_still_right(entry, row, approved):
            self._send(entry, row, approved)

    # --- own checks ---------------------------------------------------------------------------------------------

    def _find_refusal(self, entry: Entry) -> str | None:
        refusal = self._session.find_refusal()
        if refusal is not None:
            return refusal
        if not self._budget.may_open():
            return "REQUEST_BUDGET"
        look = self._watch.fresh
        if look is None or not look.is_complete:
            return "TERMINAL_UNKNOWN"
        if not look.trade_allowed:
            return "TRADING_DISABLED"
        intent = entry.intent
        if intent.stop_price is None or intent.entry_price is None:
            return "NO_STOP_LOSS"
        quote = look.quotes.get(entry.wanted.symbol)
        if quote is None or quote.market_at < entry.forming_opened_at:
            return "QUOTE_STALE"
        return find_level_problem(intent.side, quote, intent.stop_price, intent.target_price, entry.instrument)

    def _is_still_right(self, entry: Entry, row: IntentRow, approved: _Approved) -> bool:
        # STOP, PAUSE or a halt may have come in while we asked.
        self._absorb()
        problem = self._session.find_refusal()
        if problem is None and not entry.still_wanted():
            problem = "NO_LONGER_WANTED"
        if problem is None and approved.lots < entry.instrument.volume_min:
            problem = "BELOW_MINIMUM_VOLUME"
        if problem is None and not self._is_first_use(row, approved.tag):
            problem = "TAG_ALREADY_USED"
        # Last, because what stands before may take its time.
        if problem is None and self._clocks.mono() >= approved.until_mono:
            problem = "APPROVAL_EXPIRED"
        if problem is not None:
            self._give_up(row, problem)
        return problem is None

    def _give_up(self, row: IntentRow, problem: str) -> None:
        row.state = IntentState.NOT_SENT
        self._journal.put(row, make_outcome(self._spool, row, Decimal(0), None, comment=problem))
        get_log().info("ORDER_NOT_SENT", tag=row.tag, reason=problem)

    def _is_first_use(self, row: IntentRow, tag: str) -> bool:
        """Whether nothing at the broker carries the tag: what a lost journal cannot tell, the terminal can."""
        if row.assignment_id in self._sent_in_this_life:
            return True
        try:
            return self._terminal.find_by_tag(tag, row.magic, self._watch.raw_ms() - _RAW_MARGIN_MS).is_empty
        except TerminalUnknown:
            return False

    # --- approval -----------------------------------------------------------------------------------------------

    def _make_intent(self, entry: Entry) -> IntentRow:
        intent, wanted = entry.intent, entry.wanted
        assert intent.entry_price is not None
        assert intent.stop_price is not None
        look = self._watch.seen
        quote = look.look.quotes.get(wanted.symbol) if look else None
        request = ApprovalRequest(
            bot_id=wanted.bot_id,
            symbol=wanted.symbol,
            direction=str(intent.side),
            entry_price=intent.entry_price,
            stop_loss=intent.stop_price,
            take_profit=intent.target_price,
            requested_lots=intent.volume_lots,
            metadata={"signal_id": intent.signal_id, "reason": intent.reason},
            client_request_id=entry.client_key,
            assignment_id=wanted.assignment_id,
            generation=wanted.generation,
            fence=self._session.fence,
            halt_epoch=self._session.halt.epoch,
            market_at=self._watch.market_at(),
            bid=quote.bid if quote else None,
            ask=quote.ask if quote else None,
        )
        return IntentRow(
            client_key=entry.client_key,
            assignment_id=wanted.assignment_id,
            signal_id=intent.signal_id,
            symbol=wanted.symbol,
            side=str(intent.side),
            magic=wanted.magic,
            asked_lots=intent.volume_lots,
            entry_price=intent.entry_price,
            stop_loss=intent.stop_price,
            take_profit=intent.target_price,
            request=encode(request).decode(),
            state=IntentState.ASKED,
            trail_distance=intent.trail_distance,
        )

    def _ask(self, entry: Entry, row: IntentRow) -> _Approved | None:
        first_mono = self._clocks.mono()
        event: Event | None = None
        for _ in range(_APPROVAL_TRIES):
            event = self._courier.approve(row.request.encode(), row.client_key, APPROVAL_TIMEOUT_S)
            if isinstance(event, Answered) or (event.status is not None and event.status < 500):
                break
        if not isinstance(event, Answered):
            problem = event.problem if event else ""
            self._drop(row, IntentState.DENIED, (event and event.code) or "NO_VERDICT", problem)
            return None
        answer: ApprovalAnswer = event.message
        row.approval_id, row.tag = answer.approval_id, answer.tag
        if answer.approved is not True:
            self._drop(row, IntentState.DENIED, answer.reason_code, answer.rejection_reason or "")
            return None
        problem = self._find_flaw(answer)
        if problem:
            self._drop(row, IntentState.NOT_SENT, "VERDICT_UNUSABLE", problem)
            return None
        assert answer.tag is not None
        row.trail_fraction = answer.trailing_stop_fraction
        lots = entry.instrument.floor_lots(min(answer.adjusted_lots, row.asked_lots))
        return _Approved(answer, answer.tag, lots, first_mono + answer.valid_for_ms / 1000)

    def _find_flaw(self, answer: ApprovalAnswer) -> str:
        if not answer.approval_id or not answer.tag:
            return "an approval without id or tag"
        if len(answer.tag) > COMMENT_MAX or not answer.tag.isascii():
            return "a tag no terminal takes"
        if answer.adjusted_lots <= 0:
            return "approved for no lots"
        trail = answer.trailing_stop_fraction
        if trail is not None and not 0 < trail <= 1:
            return "a trailing stop that cannot be"
        # A verdict that is repeated to us carries its first validity.
        if answer.valid_until is not None and answer.valid_until <= self._session.server_time():
            return "the approval is over"
        return ""

    def _drop(self, row: IntentRow, state: IntentState, code: str, problem: str) -> None:
        row.state = state
        reports: list[Row] = [
            self._spool.make(
                "entry_denied", row.assignment_id, signal_id=row.signal_id, reason_code=code, message=problem
            )
        ]
        if state is IntentState.NOT_SENT:
            reports.append(make_outcome(self._spool, row, Decimal(0), None, comment=problem))
        self._journal.put(row, *reports)
        get_log().info("APPROVAL_DENIED", symbol=row.symbol, side=row.side, reason_code=code, problem=problem)

    def _deny(self, entry: Entry, code: str, message: str) -> None:
        assignment = entry.wanted.assignment_id
        self._spool.add("entry_denied", assignment, signal_id=entry.intent.signal_id, reason_code=code, message=message)
        get_log().info("ENTRY_REFUSED", symbol=entry.wanted.symbol, side=str(entry.intent.side), reason_code=code)

    # --- the order ----------------------------------------------------------------------------------------------

    def _send(self, entry: Entry, row: IntentRow, approved: _Approved) -> None:
        row.state, row.lots, row.sent_raw_ms = IntentState.SENDING, approved.lots, self._watch.raw_ms()
        self._journal.put(row)
        self._sent_in_this_life.add(row.assignment_id)
        if self._clocks.mono() >= approved.until_mono or self._session.find_refusal() is not None:
            # A slow disk, or a process that was put to sleep: nothing has left yet.
            self._give_up(row, "APPROVAL_EXPIRED")
            return
        price = row.entry_price
        for _ in range(_REQUOTE_TRIES):
            answer = self._send_once(row, approved, price)
            verdict = Verdict.UNRESOLVED if answer is None else judge_answer(answer)
            if verdict is not Verdict.REQUOTED:
                break
            fresh_price = self._find_better_price(entry, row, approved)
            if fresh_price is None:
                verdict = Verdict.REJECTED
                break
            price = fresh_price
        else:
            verdict = Verdict.REJECTED
        self._settle(row, verdict, answer)

    def _send_once(self, row: IntentRow, approved: _Approved, price: Decimal) -> OrderAnswer | None:
        order = MarketOrder(
            symbol=row.symbol,
            side=Side(row.side),
            volume_lots=approved.lots,
            price=price,
            stop_loss=row.stop_loss,
            take_profit=row.take_profit,
            magic=row.magic,
            comment=approved.tag,
        )
        self._budget.count()
        try:
            return self._terminal.send_order(order)
        except TerminalUnknown as unknown:
            get_log().warning("ORDER_UNRESOLVED", tag=approved.tag, problem=unknown.message)
            return None

    def _find_better_price(self, entry: Entry, row: IntentRow, approved: _Approved) -> Decimal | None:
        """Return a fresh price at which the stop is no further away than what was approved, while the approval lasts."""
        if self._clocks.mono() >= approved.until_mono or self._session.find_refusal() is not None:
            return None
        look = self._watch.refresh()
        quote = look.quotes.get(row.symbol) if look else None
        if quote is None or not entry.still_wanted():
            return None
        price = quote.ask if row.side == Side.BUY else quote.bid
        return price if abs(price - row.stop_loss) <= abs(row.entry_price - row.stop_loss) else None

    def _settle(self, row: IntentRow, verdict: Verdict, answer: OrderAnswer | None) -> None:
        row.retcode = answer.retcode if answer else None
        if verdict in (Verdict.DONE, Verdict.PARTIAL) and answer is not None:
            self._settle_filled(row, verdict, answer)
            return
        row.state = IntentState.UNRESOLVED if verdict is Verdict.UNRESOLVED else IntentState.REJECTED
        comment = answer.comment if answer else "no answer"
        self._journal.put(row, make_outcome(self._spool, row, Decimal(0), None, comment=comment))
        get_log().warning(f"ORDER_{row.state}", tag=row.tag, symbol=row.symbol, retcode=row.retcode, comment=comment)
        if answer is not None and is_trading_off(answer):
            message = f"the terminal does not trade: {comment}"
            self._spool.add(
                "agent_event", row.assignment_id, event="TRADING_DISABLED", severity="CRITICAL", message=message
            )

    def _settle_filled(self, row: IntentRow, verdict: Verdict, answer: OrderAnswer) -> None:
        row.state = IntentState.DONE if verdict is Verdict.DONE else IntentState.PARTIAL
        row.order_ticket = answer.order_ticket
        position = self._find_position(row)
        # On a hedging account a position carries the number of the order that opened it.
        row.position_id = position.position_id if position else row.order_ticket
        changes: list[Row] = [
            row,
            make_outcome(self._spool, row, answer.filled_lots, answer.price, position, answer.comment),
        ]
        if row.position_id is not None:
            ticket = position.ticket if position else row.position_id
            lots = position.volume_lots if position else answer.filled_lots
            changes.append(make_position_row(row.position_id, ticket, row.assignment_id, row, lots))
        self._journal.put(*changes)
        get_log().info(
            "TRADE_EXECUTED", tag=row.tag, symbol=row.symbol, side=row.side, lots=str(answer.filled_lots), price=str(answer.price),
            ticket=row.order_ticket, outcome=str(row.state),
        )  # fmt: skip

    def _find_position(self, row: IntentRow) -> PositionMessage | None:
        look = self._watch.refresh()
        positions = [p for p in (look.positions or ()) if p.magic == row.magic] if look else []
        by_tag = [p for p in positions if p.comment == row.tag or p.ticket == row.order_ticket]
        return by_tag[0] if by_tag else None

    # --- small --------------------------------------------------------------------------------------------------

    def _pause_market(self, pause: bool) -> None:
        try:
            if pause:
                self._terminal.hold(_HOLD_S)
            else:
                self._terminal.release()
        except TerminalUnknown:
            return
