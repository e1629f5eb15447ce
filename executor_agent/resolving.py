"""
Entries nobody knows the end of: settled by evidence, never by sending again.

Evidence of a fill (a position, a deal or an order with magic and tag) settles at once. Absence settles only after the terminal
said "none" twice, and not before `ABSENT_AFTER_S` have passed since we sent; should the fill turn up even later, `Holdings` adopts it.
"""

from __future__ import annotations

from decimal import Decimal

from executor_agent.clocks import Clocks
from executor_agent.errors import TerminalUnknown
from executor_agent.holdings import make_outcome, make_position_row
from executor_agent.journal import IntentRow, IntentState, Journal, Row
from executor_agent.journal.rows import OPEN_STATES
from executor_agent.logs import get_log
from executor_agent.spool import Spool
from executor_agent.terminal.ports import Evidence, Terminal

ABSENT_AFTER_S = 12.0
_LOOK_EVERY_S = 1.0
_RAW_MARGIN_MS = 120_000
_KEPT_INTENTS = 1000


class Resolver:
    """Looks for evidence about every entry that was sent, or about to be, when we last knew."""

    def __init__(self, clocks: Clocks, terminal: Terminal, journal: Journal, spool: Spool) -> None:
        self._clocks, self._terminal, self._journal, self._spool = clocks, terminal, journal, spool
        self._first_looks: dict[str, float] = {}
        self._absences: dict[str, int] = {}
        self._looked_mono = -1e9

    def list_open(self, assignment_id: str | None = None) -> list[IntentRow]:
        """Return the entries that are not settled, of one assignment or of all."""
        rows = self._journal.list_rows(IntentRow)
        return [row for row in rows if row.state in OPEN_STATES and assignment_id in (None, row.assignment_id)]

    def resolve(self) -> None:
        """Look once for each of them, at most once a second."""
        if self._clocks.mono() - self._looked_mono < _LOOK_EVERY_S:
            return
        self._looked_mono = self._clocks.mono()
        for row in self.list_open():
            self._first_looks.setdefault(row.client_key, self._clocks.mono())
            try:
                evidence = self._terminal.find_by_tag(row.tag or "", row.magic, row.sent_raw_ms - _RAW_MARGIN_MS)
            except TerminalUnknown:
                # Absence counts only while the terminal could have shown it.
                self._first_looks.pop(row.client_key, None)
                self._absences.pop(row.client_key, None)
                continue
            self._weigh(row, evidence)
        self._forget_old()

    def _weigh(self, row: IntentRow, evidence: Evidence) -> None:
        if evidence.positions or evidence.deals:
            self.settle(row, evidence)
        elif evidence.orders:
            self._absences.pop(row.client_key, None)
        else:
            self._note_absence(row)

    def settle(self, row: IntentRow, evidence: Evidence) -> None:
        """Take an entry as filled: the evidence shows a position or deals of it."""
        position = evidence.positions[0] if evidence.positions else None
        filled = sum((deal.volume_lots for deal in evidence.deals), Decimal(0)) or (
            position.volume_lots if position else Decimal(0)
        )
        price = evidence.deals[0].price if evidence.deals else position.entry_price if position else None
        row.position_id = position.position_id if position else evidence.deals[0].position_id
        row.order_ticket = evidence.deals[0].order_ticket if evidence.deals else row.order_ticket
        row.state = IntentState.DONE if row.lots is None or filled >= row.lots else IntentState.PARTIAL
        ticket = position.ticket if position else row.position_id
        changes: list[Row] = [row, make_outcome(self._spool, row, filled, price, position, "found by its tag")]
        changes.append(make_position_row(row.position_id, ticket, row.assignment_id, row, filled))
        self._journal.put(*changes)
        get_log().warning("ORDER_RESOLVED", tag=row.tag, outcome=str(row.state), position=row.position_id)

    def _note_absence(self, row: IntentRow) -> None:
        absences = self._absences.get(row.client_key, 0) + 1
        self._absences[row.client_key] = absences
        waited_s = self._clocks.mono() - self._first_looks[row.client_key]
        if absences < 2 or waited_s < ABSENT_AFTER_S:
            return
        row.state = IntentState.NOT_SENT
        self._journal.put(
            row, make_outcome(self._spool, row, Decimal(0), None, comment="nothing at the broker carries its tag")
        )
        get_log().warning("ORDER_RESOLVED", tag=row.tag, outcome=str(row.state))

    def _forget_old(self) -> None:
        settled = [row for row in self._journal.list_rows(IntentRow) if row.state not in OPEN_STATES]
        excess = len(settled) - _KEPT_INTENTS
        if excess > _KEPT_INTENTS // 10:
            self._journal.drop(*settled[:excess])
