"""Our positions from their opening to the last closing deal: whose they are, whether their stop stands, why they ended."""

from __future__ import annotations

from decimal import Decimal

from executor_agent.assignments import find_owners
from executor_agent.clocks import Clocks
from executor_agent.closing import Closer
from executor_agent.errors import TerminalUnknown
from executor_agent.journal import AssignmentRow, IntentRow, IntentState, Journal, PositionRow, ReportRow
from executor_agent.logs import get_log
from executor_agent.spool import Spool
from executor_agent.stops import StopKeeper
from executor_agent.terminal.ports import Look, Terminal
from trading.model.orders import ExitReason
from trading.protocol import DealMessage, PositionMessage

_ENTRY_IN = 0
_DEAL_REASONS = {5: ExitReason.TAKE_PROFIT, 6: ExitReason.STOP_OUT}
_BY_EXPERT, _BY_STOP = 3, 4
_BY_PEOPLE = frozenset({0, 1, 2})
_LONG_GONE_S = 60.0


class Holdings:
    """Follows every position that carries one of our magics."""

    def __init__(
        self, clocks: Clocks, terminal: Terminal, journal: Journal, spool: Spool, closer: Closer, stops: StopKeeper
    ) -> None:
        self._clocks = clocks
        self._terminal, self._journal, self._spool = terminal, journal, spool
        self._closer, self._stops = closer, stops
        self._followed: Look | None = None
        self._vanished_mono: dict[int, float] = {}
        self._volumes: dict[int, Decimal] = {}
        self.doubted: set[str] = set()
        """Assignments with a position that the terminal neither shows open nor has closed in its history."""

    def follow(self, look: Look) -> None:
        """Take one look: adopt what is new, hold every stop, close what is to be closed, report what has closed. Nothing where positions are unknown."""
        if look.positions is None:
            return
        # A look is judged once: what we have changed since it was taken is not in it.
        is_new, self._followed = look is not self._followed, look
        owners = find_owners(self._journal)
        for position in look.positions:
            owner = owners.get(position.magic)
            if owner is not None:
                row = self._adopt(position, owner)
                if row.is_closing:
                    self._closer.close_again(position, row)
                elif is_new:
                    self._stops.hold(row, position)
        self._report_closings({position.position_id: position for position in look.positions})

    # --- adopting -----------------------------------------------------------------------------------------------

    def _adopt(self, position: PositionMessage, owner: AssignmentRow) -> PositionRow:
        row = self._journal.find(PositionRow, position.position_id)
        if row is None:
            return self._adopt_new(position, owner)
        has_grown = row.first_lots is not None and position.volume_lots > row.first_lots
        if has_grown or row.ticket != position.ticket:
            # The rest of an order that was filled in parts; or the broker gave the position another number.
            row.first_lots = position.volume_lots if has_grown else row.first_lots
            row.ticket = position.ticket
            self._journal.put(row, durable=False)
        return row

    def _adopt_new(self, position: PositionMessage, owner: AssignmentRow) -> PositionRow:
        intent = self._find_intent(position)
        row = make_position_row(
            position.position_id, position.ticket, owner.assignment_id, intent, position.volume_lots
        )
        if intent is None:
            row.first_stop = row.last_stop = position.stop_loss
            row.target = position.take_profit
            get_log().warning("POSITION_ADOPTED", ticket=position.ticket, magic=position.magic, tag=position.comment)
            note = self._spool.make(
                "agent_event",
                owner.assignment_id,
                event="POSITION_ADOPTED",
                severity="WARNING",
                message=f"position {position.ticket} carries our magic but is in no journal",
            )
            self._journal.put(row, note)
            return row
        if intent.state in (IntentState.DONE, IntentState.PARTIAL):
            self._journal.put(row)
            return row
        self._journal.put(row, *settle_intent(self._spool, intent, position))
        get_log().warning("ORDER_RESOLVED", tag=intent.tag, ticket=position.ticket, outcome=intent.state)
        return row

    def _find_intent(self, position: PositionMessage) -> IntentRow | None:
        for intent in self._journal.list_rows(IntentRow):
            if intent.magic != position.magic or intent.tag is None:
                continue
            if intent.tag == position.comment or intent.order_ticket == position.ticket:
                return intent
        return None

    # --- closings -----------------------------------------------------------------------------------------------

    def _report_closings(self, positions: dict[int, PositionMessage]) -> None:
        self.doubted.clear()
        for row in self._journal.list_rows(PositionRow):
            position = positions.get(row.position_id)
            volume = Decimal(0) if position is None else position.volume_lots
            if position is not None and self._volumes.get(row.position_id, volume) <= volume:
                self._volumes[row.position_id] = volume
                self._vanished_mono.pop(row.position_id, None)
                continue
            try:
                deals = self._terminal.list_deals_of(row.position_id)
            except TerminalUnknown:
                self.doubted.add(row.assignment_id)
                continue
            self._report_deals(row, deals)
            self._volumes[row.position_id] = volume
            if position is None and not _is_flat(deals):
                self.doubted.add(row.assignment_id)
            if position is None and (_is_flat(deals) or self._is_long_gone(row)):
                self._journal.drop(row)
                self._stops.forget(row.position_id)
                self._closer.forget(row.position_id)
                self._volumes.pop(row.position_id, None)
                self._vanished_mono.pop(row.position_id, None)

    def _is_long_gone(self, row: PositionRow) -> bool:
        # Neither open nor in the history for a minute: the number we knew it by is none of the broker's.
        first = self._vanished_mono.setdefault(row.position_id, self._clocks.mono())
        if self._clocks.mono() - first < _LONG_GONE_S:
            return False
        message = f"position {row.position_id} is neither open nor in the history"
        self._spool.add("agent_event", row.assignment_id, event="POSITION_LOST", severity="CRITICAL", message=message)
        return True

    def _report_deals(self, row: PositionRow, deals: tuple[DealMessage, ...]) -> None:
        for deal in deals:
            if deal.entry == _ENTRY_IN or deal.ticket in row.reported_deals:
                continue
            reason = find_exit_reason(row, deal)
            row.reported_deals = [*row.reported_deals, deal.ticket]
            report = self._spool.make(
                "trade_closed",
                row.assignment_id,
                position_id=row.position_id,
                exit_reason=str(reason),
                deal_ticket=deal.ticket,
                price=deal.price,
                closed_lots=deal.volume_lots,
                signal_id=row.signal_id,
                approval_id=row.approval_id,
            )
            self._journal.put(row, report)
            get_log().info(
                "POSITION_CLOSED",
                position=row.position_id,
                reason=str(reason),
                lots=str(deal.volume_lots),
                price=str(deal.price),
            )


def make_position_row(
    position_id: int, ticket: int, assignment_id: str, intent: IntentRow | None, lots: Decimal
) -> PositionRow:
    """Return the row of a position of so many lots that came from an intent, or from nowhere we know."""
    stop = intent.stop_loss if intent else None
    return PositionRow(
        position_id=position_id,
        ticket=ticket,
        assignment_id=assignment_id,
        signal_id=intent.signal_id if intent else "",
        approval_id=intent.approval_id if intent else None,
        first_stop=stop,
        last_stop=stop,
        target=intent.take_profit if intent else None,
        first_lots=lots,
        trail_distance=intent.trail_distance if intent else None,
        trail_fraction=intent.trail_fraction if intent else None,
    )


def settle_intent(spool: Spool, intent: IntentRow, position: PositionMessage) -> tuple[IntentRow, ReportRow]:
    """Return the intent as filled by that position, and the report of it."""
    is_whole = intent.lots is None or position.volume_lots >= intent.lots
    intent.state = IntentState.DONE if is_whole else IntentState.PARTIAL
    intent.order_ticket, intent.position_id = position.ticket, position.position_id
    return intent, make_outcome(spool, intent, position.volume_lots, position.entry_price, position)


def make_outcome(
    spool: Spool,
    intent: IntentRow,
    filled_lots: Decimal,
    price: Decimal | None,
    position: PositionMessage | None = None,
    comment: str = "",
) -> ReportRow:
    """Return the report of what became of an order."""
    return spool.make(
        "order_outcome",
        intent.assignment_id,
        approval_id=intent.approval_id,
        tag=intent.tag,
        outcome=str(intent.state),
        retcode=intent.retcode,
        order_ticket=intent.order_ticket,
        position_id=intent.position_id,
        filled_lots=filled_lots,
        price=price,
        stop_loss=position.stop_loss if position else intent.stop_loss,
        take_profit=position.take_profit if position else intent.take_profit,
        comment=comment,
        signal_id=intent.signal_id,
    )


def find_exit_reason(row: PositionRow, deal: DealMessage) -> ExitReason:
    """
    Return why a deal closed: the broker's reason where it acted by itself, our own where we asked.

    A stop the strategy had moved is a trailing stop, whatever the broker calls it.
    """
    if deal.reason == _BY_STOP:
        return ExitReason.TRAILING_STOP if row.is_stop_moved else ExitReason.STOP_LOSS
    if deal.reason in _DEAL_REASONS:
        return _DEAL_REASONS[deal.reason]
    if deal.reason == _BY_EXPERT and row.exit_reason:
        return ExitReason(row.exit_reason)
    return ExitReason.MANUAL if deal.reason in _BY_PEOPLE else ExitReason.UNKNOWN


def _is_flat(deals: tuple[DealMessage, ...]) -> bool:
    opened = sum((deal.volume_lots for deal in deals if deal.entry == _ENTRY_IN), Decimal(0))
    closed = sum((deal.volume_lots for deal in deals if deal.entry != _ENTRY_IN), Decimal(0))
    return closed > 0 and closed >= opened
