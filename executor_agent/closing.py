"""What reduces risk: closing positions, moving stops, cancelling pending orders. Needs no lease and no approval."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from executor_agent.budget import RequestBudget
from executor_agent.clocks import Clocks
from executor_agent.errors import TerminalUnknown
from executor_agent.journal import Journal, PositionRow
from executor_agent.logs import get_log
from executor_agent.pacing import Pacing
from executor_agent.terminal.ports import MarketOrder, OrderAnswer, Terminal
from executor_agent.terminal.requests import COMMENT_MAX
from executor_agent.terminal.retcodes import DONE, INVALID_STOPS, LATER, NO_CHANGES, Verdict, judge_answer
from executor_agent.watch import Watch
from trading.model.orders import ExitReason, Side
from trading.protocol import PositionMessage

_REQUOTE_TRIES = 3
_AGAIN_S = 1.0
_CLOSE, _STOPS = "closing", "setting its stop"


class Closer:
    """Sends closing requests. A failed disk does not keep it from closing; it keeps the agent from opening."""

    def __init__(
        self, clocks: Clocks, terminal: Terminal, journal: Journal, watch: Watch, pacing: Pacing, budget: RequestBudget
    ) -> None:
        self._clocks, self._terminal, self._journal, self._watch = clocks, terminal, journal, watch
        self._pacing, self._budget = pacing, budget
        self._tried_mono: dict[int, float] = {}

    def close(self, position: PositionMessage, reason: ExitReason, lots: Decimal | None = None) -> bool:
        """
        Close a position, or ``lots`` of it, at the market. True only where the broker said "done".

        Whatever else it said, the position is read again before anything is sent again: on a netting account a close sent twice
        could open the other way. After a refusal nothing is sent before `Pacing` lets it.
        """
        self._remember_wish(position, reason, is_whole=lots is None)
        if not self._pacing.is_due(_CLOSE, position.position_id, self._find_quoted_at(position)):
            return False
        self._tried_mono[position.position_id] = self._clocks.mono()
        side = Side(position.side).opposite
        for _ in range(_REQUOTE_TRIES):
            self._budget.count()
            try:
                answer = self._terminal.send_order(
                    MarketOrder(
                        symbol=position.symbol,
                        side=side,
                        volume_lots=min(lots or position.volume_lots, position.volume_lots),
                        price=self._find_price(position),
                        magic=position.magic,
                        comment=_clean(position.comment),
                        position=position.ticket,
                    )
                )
            except TerminalUnknown as unknown:
                get_log().warning(
                    "CLOSE_UNRESOLVED", ticket=position.ticket, reason=str(reason), problem=unknown.message
                )
                self._note(_CLOSE, position, Verdict.UNRESOLVED, OrderAnswer(retcode=None, comment=unknown.message))
                return False
            verdict = judge_answer(answer)
            if verdict is not Verdict.REQUOTED:
                break
            self._watch.refresh()  # the next one is asked at the price of now
        self._log_close(position, reason, verdict, answer)
        self._note(_CLOSE, position, verdict, answer)
        return verdict is Verdict.DONE

    def close_again(self, position: PositionMessage, row: PositionRow) -> None:
        """Try once more to close what was to be closed and is still there, at most once a second; the wish outlives the process."""
        if self._clocks.mono() - self._tried_mono.get(position.position_id, -1e9) >= _AGAIN_S:
            self.close(position, ExitReason(row.exit_reason))

    def explain_open(self, position: PositionMessage) -> str:
        """Return why a position that is to be closed is still open, as far as the broker said; else an empty text."""
        refusal = self._pacing.find(_CLOSE, position.position_id)
        if refusal is None or refusal.retcode is None:
            return ""
        return (
            "the market is closed" if refusal.is_market_closed else refusal.comment or f"return code {refusal.retcode}"
        )

    def set_stops(
        self, position: PositionMessage, stop_loss: Decimal | None, take_profit: Decimal | None
    ) -> Verdict | None:
        """Replace stop and target; DONE where they stand now, None where it is not the moment to ask (again)."""
        if not self._pacing.is_due(_STOPS, position.position_id, self._find_quoted_at(position)):
            return None
        refusal = self._set_stops(position, stop_loss, take_profit)
        answer = refusal or OrderAnswer(retcode=DONE)
        verdict = judge_answer(answer)
        self._note(_STOPS, position, verdict, answer)
        return None if answer.retcode in LATER or verdict is Verdict.UNRESOLVED else verdict

    def move_stop(self, position: PositionMessage, stop_loss: Decimal, take_profit: Decimal | None) -> bool:
        """Move a stop; where the market has passed the new one already, close at the market: it would have filled."""
        row = self._journal.find(PositionRow, position.position_id)
        if row is not None:
            row.moving_stop, row.moving_target = stop_loss, take_profit
            self._journal.try_put(row)
        refusal = self._set_stops(position, stop_loss, take_profit)
        if refusal is None:
            get_log().info("STOP_MOVED", ticket=position.ticket, stop=str(stop_loss))
            if row is not None:
                row.last_stop, row.target, row.moving_stop, row.moving_target = stop_loss, take_profit, None, None
                self._journal.try_put(row)
            return True
        if row is not None and judge_answer(refusal) is Verdict.REJECTED:
            row.moving_stop = row.moving_target = None  # nothing is on its way
            self._journal.try_put(row)
        if refusal.retcode == INVALID_STOPS and self._is_passed(position, stop_loss):
            self.close(position, ExitReason.TRAILING_STOP)
        return False

    def cancel(self, ticket: int) -> bool:
        """Remove a waiting order."""
        self._budget.count()
        try:
            return judge_answer(self._terminal.cancel_order(ticket)) is Verdict.DONE
        except TerminalUnknown:
            return False

    def _set_stops(
        self, position: PositionMessage, stop_loss: Decimal | None, take_profit: Decimal | None
    ) -> OrderAnswer | None:
        self._budget.count()
        try:
            answer = self._terminal.set_stops(position, stop_loss, take_profit)
        except TerminalUnknown as unknown:
            answer = OrderAnswer(retcode=None, comment=unknown.message)
        if judge_answer(answer) is Verdict.DONE or answer.retcode == NO_CHANGES:
            return None
        get_log().warning("STOP_NOT_SET", ticket=position.ticket, retcode=answer.retcode, comment=answer.comment)
        return answer

    def forget(self, position_id: int) -> None:
        """Forget a position that is gone."""
        self._pacing.forget(position_id)
        self._tried_mono.pop(position_id, None)

    def _note(self, purpose: str, position: PositionMessage, verdict: Verdict, answer: OrderAnswer) -> None:
        if verdict is Verdict.DONE:
            self._pacing.forget(position.position_id)
            return
        quoted_at = self._find_quoted_at(position)
        try:
            self._pacing.note(purpose, position.position_id, verdict, answer.retcode, answer.comment, quoted_at)
        except OSError as error:
            get_log().error("JOURNAL_REFUSED", problem=str(error))

    def _find_quoted_at(self, position: PositionMessage) -> datetime | None:
        look = self._watch.fresh
        quote = look.quotes.get(position.symbol) if look else None
        return None if quote is None else quote.market_at

    def _is_passed(self, position: PositionMessage, stop: Decimal) -> bool:
        look = self._watch.refresh()
        quote = look.quotes.get(position.symbol) if look else None
        if quote is None:
            return False
        return quote.bid <= stop if position.side == Side.BUY else quote.ask >= stop

    def _find_price(self, position: PositionMessage) -> Decimal:
        look = self._watch.fresh
        quote = look.quotes.get(position.symbol) if look else None
        if quote is None:
            return position.current_price
        return quote.bid if position.side == Side.BUY else quote.ask

    def _remember_wish(self, position: PositionMessage, reason: ExitReason, *, is_whole: bool) -> None:
        row = self._journal.find(PositionRow, position.position_id)
        if row is None or (row.exit_reason, row.is_closing) == (reason, row.is_closing or is_whole):
            return
        row.exit_reason, row.is_closing = str(reason), row.is_closing or is_whole
        self._journal.try_put(row, durable=True)

    def _log_close(self, position: PositionMessage, reason: ExitReason, verdict: Verdict, answer: OrderAnswer) -> None:
        event = "CLOSE_SENT" if verdict is Verdict.DONE else f"CLOSE_{verdict}"
        get_log().info(
            event,
            ticket=position.ticket,
            reason=str(reason),
            retcode=answer.retcode,
            price=str(answer.price),
            comment=answer.comment,
        )


def _clean(comment: str) -> str:
    # Positions of other hands carry what they like.
    return comment if comment.isascii() and len(comment) <= COMMENT_MAX else ""
