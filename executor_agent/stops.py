"""
Stop and target of every position of ours, as they are to stand: what the broker lost or another hand moved is set again, or accepted.

A stop that is gone or further away risks more than was approved: it is set again, and where the broker takes none the position is closed.
A stop that is nearer risks less: it is accepted. Each of it is told.
"""

from __future__ import annotations

from decimal import Decimal

from executor_agent.closing import Closer
from executor_agent.journal import Journal, PositionRow
from executor_agent.logs import get_log
from executor_agent.spool import Spool
from executor_agent.terminal.retcodes import Verdict
from trading.model.orders import ExitReason, Side
from trading.protocol import PositionMessage

_TRIES = 2
_ROUNDING_FRACTION = Decimal("0.01")


class StopKeeper:
    """Holds what each look shows against the journal."""

    def __init__(self, journal: Journal, spool: Spool, closer: Closer) -> None:
        self._journal, self._spool, self._closer = journal, spool, closer
        self._tries: dict[int, int] = {}

    def hold(self, row: PositionRow, position: PositionMessage) -> None:
        """See that stop and target of one position stand."""
        if (row.last_stop is None and position.stop_loss is not None) or self._is_arrived(row, position):
            self._accept(row, position)
        elif row.last_stop is not None and position.stop_loss is None:
            self._set_again(row, position, "had no stop")
        elif row.last_stop is not None and not is_same_level(row.last_stop, position.stop_loss, position):
            self._judge_change(row, position)
        elif row.target is not None and not is_same_level(row.target, position.take_profit, position):
            self._judge_target(row, position)
        else:
            self._tries.pop(position.position_id, None)

    def forget(self, position_id: int) -> None:
        """Forget a position that is gone."""
        self._tries.pop(position_id, None)

    def _is_arrived(self, row: PositionRow, position: PositionMessage) -> bool:
        return row.moving_stop is not None and is_same_level(row.moving_stop, position.stop_loss, position)

    def _accept(self, row: PositionRow, position: PositionMessage) -> None:
        row.last_stop, row.target = position.stop_loss, position.take_profit
        row.moving_stop = row.moving_target = None
        self._tries.pop(position.position_id, None)
        self._journal.try_put(row)

    def _judge_change(self, row: PositionRow, position: PositionMessage) -> None:
        assert row.last_stop is not None
        assert position.stop_loss is not None
        nearer = (position.stop_loss - row.last_stop) * Side(position.side).sign > 0
        if nearer:
            self._tell(
                row,
                "STOP_CHANGED",
                "WARNING",
                f"{_name(position)}: another hand moved its stop nearer, to {position.stop_loss}",
            )
            self._accept(row, position)
        else:
            self._set_again(row, position, f"had its stop moved away to {position.stop_loss}")

    def _set_again(self, row: PositionRow, position: PositionMessage, what: str) -> None:
        target = row.target if row.target is not None else position.take_profit
        verdict = self._closer.set_stops(position, row.last_stop, target)
        if verdict is None:
            return
        tries = self._tries[position.position_id] = self._tries.get(position.position_id, 0) + 1
        if verdict is Verdict.DONE:
            if tries == 1:
                self._tell(
                    row, "STOP_RESTORED", "CRITICAL", f"{_name(position)} {what}: it is set to {row.last_stop} again"
                )
            elif position.stop_loss is not None:
                self._accept(row, position)  # the broker says that it stands, and shows another one: its rounding
            return
        get_log().error("STOP_MISSING", ticket=position.ticket, tries=tries, stop=str(row.last_stop))
        if tries >= _TRIES:
            self._tell(row, "STOP_MISSING", "CRITICAL", f"{_name(position)} {what} and took none: it is closed")
            self._closer.close(position, ExitReason.UNKNOWN)

    def _judge_target(self, row: PositionRow, position: PositionMessage) -> None:
        if position.take_profit is not None:
            self._tell(
                row,
                "TARGET_CHANGED",
                "WARNING",
                f"{_name(position)}: another hand moved its target to {position.take_profit}",
            )
            self._accept(row, position)
            return
        verdict = self._closer.set_stops(position, row.last_stop, row.target)
        if verdict is None:
            return
        tries = self._tries[position.position_id] = self._tries.get(position.position_id, 0) + 1
        if verdict is Verdict.DONE:
            self._tell(
                row, "TARGET_RESTORED", "WARNING", f"{_name(position)} had no target: it is set to {row.target} again"
            )
        elif tries >= _TRIES:
            # A target risks nothing: without it the strategy still has its exits.
            self._tell(
                row,
                "TARGET_MISSING",
                "WARNING",
                f"{_name(position)} takes no target at {row.target}: it goes on without",
            )
            row.target = None
            self._journal.try_put(row)

    def _tell(self, row: PositionRow, event: str, severity: str, message: str) -> None:
        get_log().warning(event, position=row.position_id, problem=message)
        note = self._spool.make("agent_event", row.assignment_id, event=event, severity=severity, message=message)
        self._journal.try_put(note, durable=True)


def is_same_level(wanted: Decimal, shown: Decimal | None, position: PositionMessage) -> bool:
    """Say whether a level stands as wanted; a hundredth of its distance from the entry is the broker's rounding."""
    return shown is not None and abs(shown - wanted) <= abs(position.entry_price - wanted) * _ROUNDING_FRACTION


def _name(position: PositionMessage) -> str:
    return f"position {position.ticket}"
