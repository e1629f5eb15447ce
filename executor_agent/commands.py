"""
One-shot commands and what the server asks for in its answers: close this, reduce that. Only ever reduces risk.

A command is on disk before it is worked and its end before it is told; a repeat is answered from the journal. Of a flattening a
repeat is worked again: what it wants may have ceased to be so.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from executor_agent.closing import Closer
from executor_agent.journal import CommandRow, Journal
from executor_agent.logs import get_log
from executor_agent.oneshots import Closings, Done, Sendings, Tellings, failed
from executor_agent.oneshots.closing import read_lots
from executor_agent.spool import Spool
from executor_agent.watch import Watch
from trading.model.orders import ExitReason
from trading.model.state import CommandState
from trading.protocol import OneShot, PositionMessage

_KEPT = 500
_FINAL = frozenset({CommandState.EXECUTED, CommandState.FAILED, CommandState.UNRESOLVED})
_FLATTEN = "FLATTEN_ACCOUNT"


class Commands:
    """Works commands until they are done."""

    def __init__(
        self,
        journal: Journal,
        spool: Spool,
        watch: Watch,
        closer: Closer,
        closings: Closings,
        tellings: Tellings,
        sendings: Sendings,
        snapshot_now: Callable[[], None],
    ) -> None:
        self._journal, self._spool, self._watch, self._closer = journal, spool, watch, closer
        self._snapshot_now = snapshot_now
        self._handlers: dict[str, Callable[[CommandRow], Done | None]] = {
            "CLOSE_POSITION": closings.close_position,
            "CLOSE_BOT": closings.close_bot,
            "CANCEL_PENDINGS": closings.cancel_pendings,
            _FLATTEN: closings.flatten,
            "SNAPSHOT": tellings.snapshot,
            "PREFLIGHT": tellings.preflight,
            "UPGRADE": tellings.upgrade,
            "PULL_HISTORY": sendings.pull_history,
            "SEND_JOURNAL": sendings.send_journal,
        }
        self._number = max((row.number for row in journal.list_rows(CommandRow)), default=0)
        self._actions: dict[tuple[int, str], dict[str, Any]] = {}

    def take(self, commands: list[OneShot]) -> bool:
        """Take leased commands: new ones into the journal, known ones answered again under their new lease. Say whether there was any."""
        is_news = False
        for command in commands:
            row = self._journal.find(CommandRow, command.command_id)
            if row is None:
                row = self._make_row(command)
            elif row.lease_token == command.lease_token:
                continue
            row.lease_token, is_news = command.lease_token, True
            if row.kind == _FLATTEN:
                row.state, row.result = str(CommandState.ACKNOWLEDGED), {}
            self._journal.put(row, self._report(row))
        self._forget_old()
        return is_news

    def take_action(self, action: str, ticket: int | None, lots: float | Decimal | None, reason: str) -> None:
        """Take an action the server asked for with an answer: ``close`` or ``reduce`` a position."""
        if action not in ("close", "reduce") or not isinstance(ticket, int):
            get_log().warning("ACTION_NOT_UNDERSTOOD", action=action, ticket=ticket)
            return
        if (ticket, action) not in self._actions:
            get_log().warning("ACTION_TAKEN", action=action, ticket=ticket, reason=reason)
            self._actions[ticket, action] = {"lots": lots, "reason": reason, "tries": 0}

    def work(self) -> None:
        """Do what is not done yet. One that fails keeps no other waiting; the first failure is raised when all had their turn."""
        problems: list[Exception] = []
        for row in self._journal.list_rows(CommandRow):
            if row.state in _FINAL:
                continue
            try:
                self._work(row)
            except Exception as error:
                problems.append(error)
        for (ticket, action), wish in list(self._actions.items()):
            self._act(ticket, action, wish)
        if problems:
            raise problems[0]

    def _work(self, row: CommandRow) -> None:
        handler = self._handlers.get(row.kind)
        done = failed("UNSUPPORTED", f"this agent knows no {row.kind}") if handler is None else handler(row)
        if done is not None:
            self._finish(row, done)

    def _act(self, ticket: int, action: str, wish: dict[str, Any]) -> None:
        position = self._find(ticket)
        if position is None:
            if self._is_known():
                self._actions.pop((ticket, action))
            return
        lots = read_lots(wish["lots"]) if action == "reduce" else None
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

    def _make_row(self, command: OneShot) -> CommandRow:
        self._number += 1
        return CommandRow(
            command_id=command.command_id,
            number=self._number,
            kind=command.kind,
            payload=command.payload,
            lease_token=command.lease_token,
            state=CommandState.ACKNOWLEDGED,
        )

    def _finish(self, row: CommandRow, done: Done) -> None:
        row.state, row.result = str(done.state), done.result
        self._journal.put(row, self._report(row))
        get_log().info("COMMAND_" + done.state, command=row.command_id, kind=row.kind)
        if row.kind in ("CLOSE_POSITION", "CLOSE_BOT", "CANCEL_PENDINGS", _FLATTEN):
            self._snapshot_now()  # what proves it to the server

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
