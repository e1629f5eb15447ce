"""Closing part of a position: the only closing that a repeat could do twice, so it is done down to a volume, never by an amount."""

from __future__ import annotations

from decimal import ROUND_DOWN, Decimal
from typing import Any

from executor_agent.budget import RequestBudget
from executor_agent.clocks import Clocks
from executor_agent.errors import TerminalUnknown
from executor_agent.journal import CommandRow, Journal, PositionRow
from executor_agent.logs import get_log
from executor_agent.oneshots.outcome import Done, executed, failed, unresolved
from executor_agent.terminal.ports import Look, MarketOrder, OrderAnswer, Terminal
from executor_agent.terminal.requests import COMMENT_MAX
from executor_agent.terminal.retcodes import Verdict, judge_answer
from executor_agent.watch import Watch
from trading.model.orders import ExitReason, Side
from trading.protocol import PositionMessage

_TRIES, _UNCLEAR_S = 3, 20.0


class PartCloser:
    """
    Brings a position down to what is to be left of it.

    The wish (before, target) and every sending are on disk before they happen. After an answer that says nothing, nothing is
    sent again: the position's volume is watched for a while, and then nobody knows.
    """

    def __init__(
        self, clocks: Clocks, terminal: Terminal, journal: Journal, watch: Watch, budget: RequestBudget
    ) -> None:
        self._clocks, self._terminal, self._journal, self._watch = clocks, terminal, journal, watch
        self._budget = budget
        self._unclear_since: dict[str, float] = {}

    def close(
        self, row: CommandRow, position: PositionMessage | None, asked: Decimal, look: Look | None
    ) -> Done | None:
        """Do one step; ``position`` None where a complete look shows it no more (or where there was no complete look)."""
        if look is None:
            return None
        if position is not None and "target" not in row.progress:
            refusal = self._plan(row, position, asked)
            if refusal is not None:
                return refusal
        before, target = Decimal(row.progress["before"]), Decimal(row.progress["target"])
        left = position.volume_lots if position is not None else Decimal(0)
        if position is None and not self._is_closed(row):
            return None
        if position is None or left <= target:
            return executed(closed_lots=str(before - left), left_lots=str(left))
        if left > before:
            return self._changed(row, left)
        if row.progress.get("sent"):
            return self._await_evidence(row, left)
        return self._send(row, position, left - target)

    def _plan(self, row: CommandRow, position: PositionMessage, asked: Decimal) -> Done | None:
        spec = self._terminal.read_symbol(position.symbol).spec
        lots = (asked / spec.volume_step).to_integral_value(ROUND_DOWN) * spec.volume_step
        left = position.volume_lots - lots
        if left > 0 and (lots < spec.volume_min or left < spec.volume_min):
            bounds = f"at least {spec.volume_min} closed and {spec.volume_min} left, in steps of {spec.volume_step}"
            return failed("VOLUME_INVALID", f"{asked} of {position.volume_lots} lots cannot be closed: {bounds}")
        self._remember(
            row, position_id=position.position_id, before=str(position.volume_lots), target=str(max(left, Decimal(0))),
            tries=0, sent=False,
        )  # fmt: skip
        return None

    def _send(self, row: CommandRow, position: PositionMessage, lots: Decimal) -> Done | None:
        if row.progress["tries"] >= _TRIES:
            message = f"the broker did not close it: {row.progress.get('comment', '')}"
            return failed("BROKER_REFUSED", message, left_lots=str(position.volume_lots))
        self._remember(row, tries=row.progress["tries"] + 1, sent=True)
        self._name_reason(position)
        answer = self._ask(position, lots)
        verdict = judge_answer(answer)
        get_log().info("PART_CLOSE_" + verdict, ticket=position.ticket, lots=str(lots), retcode=answer.retcode)
        if verdict in (Verdict.REJECTED, Verdict.REQUOTED):
            # A definite no: it may be sent again. Anything else is settled by what the position shows.
            self._remember(row, sent=False, comment=f"{answer.retcode} {answer.comment}"[:200])
        self._watch.refresh()
        return None

    def _ask(self, position: PositionMessage, lots: Decimal) -> OrderAnswer:
        look = self._watch.fresh
        quote = look.quotes.get(position.symbol) if look else None
        is_buy = position.side == Side.BUY
        price = position.current_price if quote is None else quote.bid if is_buy else quote.ask
        comment = position.comment if position.comment.isascii() and len(position.comment) <= COMMENT_MAX else ""
        order = MarketOrder(
            symbol=position.symbol, side=Side(position.side).opposite, volume_lots=lots, price=price,
            magic=position.magic, comment=comment, position=position.ticket,
        )  # fmt: skip
        self._budget.count()
        try:
            return self._terminal.send_order(order)
        except TerminalUnknown as unknown:
            return OrderAnswer(retcode=None, comment=unknown.message)

    def _await_evidence(self, row: CommandRow, left: Decimal) -> Done | None:
        since = self._unclear_since.setdefault(row.command_id, self._clocks.mono())
        if self._clocks.mono() - since < _UNCLEAR_S:
            return None
        return unresolved("sent, and the position does not show whether it was filled; look at it", left_lots=str(left))

    def _is_closed(self, row: CommandRow) -> bool:
        deals = self._terminal.list_deals_of(row.progress["position_id"])
        volumes = [deal.volume_lots if deal.entry == 0 else -deal.volume_lots for deal in deals]
        return sum(volumes, Decimal(0)) <= 0

    def _changed(self, row: CommandRow, left: Decimal) -> Done:
        message = f"the position grew to {left} lots meanwhile; ask again for what is meant now"
        if row.progress.get("sent"):
            return unresolved(message, left_lots=str(left))
        return failed("POSITION_CHANGED", message, left_lots=str(left))

    def _name_reason(self, position: PositionMessage) -> None:
        held = self._journal.find(PositionRow, position.position_id)
        if held is not None and not held.is_closing:
            held.exit_reason = str(ExitReason.MANUAL)
            self._journal.put(held)

    def _remember(self, row: CommandRow, **progress: Any) -> None:
        row.progress = {**row.progress, **progress}
        self._journal.put(row)
