"""One-shot commands and what the server asks for in its answers: close this, reduce that. Only ever reduces risk."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any

from executor_agent.closing import Closer
from executor_agent.journal import CommandRow, Journal
from executor_agent.logs import get_log
from executor_agent.spool import Spool
from executor_agent.watch import Watch
from trading.model.orders import ExitReason
from trading.model.state import CommandState
from trading.protocol import OneShot, PositionMessage

_KEPT = 500
_FINAL = frozenset({CommandState.EXECUTED, CommandState.FAILED})


class Commands:
    """Works commands until they are done; a repeat is answered from the journal."""

    def __init__(
        self, journal: Journal, spool: Spool, watch: Watch, closer: Closer, snapshot_now: Callable[[], None]
    ) -> None:
        self._journal, self._spool, self._watch, self._closer = journal, spool, watch, closer
        self._snapshot_now = snapshot_now
        self._number = max((row.number for row in journal.list_rows(CommandRow)), default=0)
        self._actions: dict[tuple[int, str], dict[str, Any]] = {}

    def take(self, commands: list[OneShot]) -> None:
        """Take leased commands: new ones into the journal, known ones answered again under their new lease."""
        for command in commands:
            row = self._journal.find(CommandRow, command.command_id)
            if row is None:
                self._number += 1
                row = CommandRow(
                    command_id=command.command_id,
                    number=self._number,
                    kind=command.kind,
                    payload=command.payload,
                    lease_token=command.lease_token,
                    state=CommandState.ACKNOWLEDGED,
                )
            elif row.lease_token == command.lease_token:
                continue
            row.lease_token = command.lease_token
            self._journal.put(row, self._report(row))
        self._forget_old()

    def take_action(self, action: str, ticket: int | None, lots: float | Decimal | None, reason: str) -> None:
        """Take an action the server asked for with an answer: ``close`` or ``reduce`` a position."""
        if action not in ("close", "reduce") or not isinstance(ticket, int):
            get_log().warning("ACTION_NOT_UNDERSTOOD", action=action, ticket=ticket)
            return
        if (ticket, action) not in self._actions:
            get_log().warning("ACTION_TAKEN", action=action, ticket=ticket, reason=reason)
            self._actions[ticket, action] = {"lots": lots, "reason": reason, "tries": 0}

    def work(self) -> None:
        """Do what is not done yet."""
        for row in self._journal.list_rows(CommandRow):
            if row.state not in _FINAL:
                self._work(row)
        for (ticket, action), wish in list(self._actions.items()):
            self._act(ticket, action, wish)

    def _work(self, row: CommandRow) -> None:
        if row.kind == "SNAPSHOT":
            self._snapshot_now()
            self._finish(row, CommandState.EXECUTED, {})
        elif row.kind == "CLOSE_POSITION":
            self._work_close(row)
        else:
            self._finish(
                row, CommandState.FAILED, {"code": "UNSUPPORTED", "message": f"this agent knows no {row.kind}"}
            )

    def _work_close(self, row: CommandRow) -> None:
        ticket = row.payload.get("ticket") or row.payload.get("position_id")
        if isinstance(ticket, str) and ticket.isdigit():
            ticket = int(ticket)
        if not isinstance(ticket, int):
            self._finish(
                row, CommandState.FAILED, {"code": "TICKET_REQUIRED", "message": "the payload names no ticket"}
            )
            return
        position = self._find(ticket)
        if position is None:
            if self._is_known():
                self._finish(row, CommandState.EXECUTED, {"ticket": ticket})
            return
        if not _is_whole(row.payload.get("volume_lots"), position):
            told = {"code": "UNSUPPORTED", "message": "this agent closes whole positions only; nothing was closed"}
            self._finish(row, CommandState.FAILED, told)
            return
        self._closer.close(position, ExitReason.MANUAL)
        self._watch.refresh()

    def _act(self, ticket: int, action: str, wish: dict[str, Any]) -> None:
        position = self._find(ticket)
        if position is None:
            if self._is_known():
                self._actions.pop((ticket, action))
            return
        lots = _read_lots(wish["lots"]) if action == "reduce" else None
        if action == "reduce" and lots is None:
            get_log().error("ACTION_NOT_UNDERSTOOD", action=action, ticket=ticket, lots=wish["lots"])
            self._actions.pop((ticket, action))
            return
        why = ExitReason.UNAPPROVED if wish["reason"] == ExitReason.UNAPPROVED else ExitReason.SLIPPAGE
        is_done = self._closer.close(position, why, lots)
        if is_done and action == "reduce":
            self._actions.pop((ticket, action))
        self._watch.refresh()

    def _find(self, ticket: int) -> PositionMessage | None:
        look = self._watch.fresh
        return next((p for p in (look.positions or ()) if ticket in (p.ticket, p.position_id)), None) if look else None

    def _is_known(self) -> bool:
        look = self._watch.fresh
        return look is not None and look.positions is not None

    def _finish(self, row: CommandRow, state: CommandState, result: dict[str, Any]) -> None:
        row.state, row.result = str(state), result
        self._journal.put(row, self._report(row))
        get_log().info("COMMAND_" + state, command=row.command_id, kind=row.kind)

    def _report(self, row: CommandRow) -> Any:
        return self._spool.make(
            "command_result",
            None,
            command_id=row.command_id,
            lease_token=row.lease_token,
            state=str(row.state),
            result=row.result,
        )

    def _forget_old(self) -> None:
        done = sorted(
            (row for row in self._journal.list_rows(CommandRow) if row.state in _FINAL), key=lambda row: row.number
        )
        self._journal.drop(*done[:-_KEPT])


def _is_whole(lots: Any, position: PositionMessage) -> bool:
    """Say whether the lots asked are the whole position; none asked is all of it."""
    if lots is None:
        return True
    asked = _read_lots(lots)
    return asked is not None and asked >= position.volume_lots


def _read_lots(lots: Any) -> Decimal | None:
    try:
        value = Decimal(str(lots))
    except InvalidOperation:
        return None
    return value if value.is_finite() and value > 0 else None
