"""
Closing and cancelling on command. Needs neither lease nor approval, tries until it is done, and believes only what a complete look
at the terminal shows.

What a command means is on disk before the first request: which position, which tickets, down to how many lots. So a repeat, or a
process that died in between, closes nothing twice.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any

from executor_agent.budget import RequestBudget
from executor_agent.clocks import Clocks
from executor_agent.closing import Closer
from executor_agent.journal import CommandRow, IntentRow, Journal
from executor_agent.journal.rows import OPEN_STATES
from executor_agent.oneshots.outcome import Done, executed, failed
from executor_agent.oneshots.parts import PartCloser
from executor_agent.terminal.ports import Look, Terminal
from executor_agent.watch import Watch
from trading.model.orders import ExitReason
from trading.protocol import PositionMessage

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 30.0


class Closings:
    """Handlers of CLOSE_POSITION, CLOSE_BOT, CANCEL_PENDINGS and FLATTEN_ACCOUNT."""

    def __init__(
        self, clocks: Clocks, terminal: Terminal, journal: Journal, watch: Watch, closer: Closer, budget: RequestBudget
    ) -> None:
        self._clocks, self._terminal, self._journal = clocks, terminal, journal
        self._watch, self._closer = watch, closer
        self._parts = PartCloser(clocks, terminal, journal, watch, budget)
        self._next: dict[str, float] = {}
        self._pauses: dict[str, float] = {}
        self._looked: set[str] = set()

    def close_position(self, row: CommandRow) -> Done | None:
        """Close one position, or so many lots of it."""
        ticket, lots = read_ticket(row.payload), row.payload.get("volume_lots")
        asked = None if lots is None else read_lots(lots)
        if ticket is None:
            return failed("TICKET_REQUIRED", "the payload names no ticket")
        if lots is not None and asked is None:
            return failed("VOLUME_INVALID", f"{str(lots)[:40]!r} is no volume")
        look = self._look(row)
        position = (
            next((p for p in look.positions or () if ticket in (p.ticket, p.position_id)), None) if look else None
        )
        if asked is not None and (position is not None or "target" in row.progress):
            return self._parts.close(row, position, asked, look)
        if look is None:
            return None
        if position is None:
            return executed(ticket=ticket) if is_closed(self._terminal, ticket) else None
        self._try(row, lambda: self._closer.close(position, ExitReason.MANUAL))
        return None

    def close_bot(self, row: CommandRow) -> Done | None:
        """Close what the bot had open when the command was first worked; what it opens later is its own affair."""
        magic = row.payload.get("magic")
        if not isinstance(magic, int):
            return failed("MAGIC_REQUIRED", "the payload names no magic number")
        look = self._look(row)
        if look is None:
            return None
        if "tickets" not in row.progress:
            own = [position.position_id for position in look.positions or () if position.magic == magic]
            self._remember(row, tickets=own)
        left = [position for position in look.positions or () if position.position_id in row.progress["tickets"]]
        if not left:
            return executed(closed=len(row.progress["tickets"])) if self._are_closed(row.progress["tickets"]) else None
        self._try(row, lambda: self._close_all(left, ExitReason.MANUAL))
        return None

    def cancel_pendings(self, row: CommandRow) -> Done | None:
        """Cancel the waiting orders there were when the command was first worked: all, or those of one magic number."""
        magic, look = row.payload.get("magic"), self._look(row)
        if look is None:
            return None
        if "tickets" not in row.progress:
            meant = [order.ticket for order in look.orders or () if magic is None or order.magic == magic]
            self._remember(row, tickets=meant)
        left = [order.ticket for order in look.orders or () if order.ticket in row.progress["tickets"]]
        if not left:
            return executed(cancelled=len(row.progress["tickets"]))
        self._try(row, lambda: [self._closer.cancel(ticket) for ticket in left])
        return None

    def flatten(self, row: CommandRow) -> Done | None:
        """
        Cancel and close whatever is there, whoever placed it, until a complete look shows nothing and no order is on its way.

        The account is latched before the command is given, so nothing enters meanwhile but what was under way already.
        """
        look = self._look(row)
        if look is None:
            return None
        orders, positions = look.orders or (), look.positions or ()
        seen = {*row.progress.get("tickets", ()), *(position.position_id for position in positions)}
        if len(seen) > len(row.progress.get("tickets", ())):
            self._remember(row, tickets=sorted(seen))
        under_way = [intent.tag for intent in self._journal.list_rows(IntentRow) if intent.state in OPEN_STATES]
        if not (orders or positions or under_way) and self._are_closed(sorted(seen)):
            return executed(message="no position and no order is left, as this terminal shows it")
        self._try(row, lambda: self._sweep(look))
        return None

    def _sweep(self, look: Look) -> None:
        for order in look.orders or ():  # first: an order that fills while we close would open anew
            self._closer.cancel(order.ticket)
        self._close_all(list(look.positions or ()), ExitReason.KILL_SWITCH)

    def _close_all(self, positions: list[PositionMessage], reason: ExitReason) -> None:
        for position in positions:
            self._closer.close(position, reason)

    def _are_closed(self, position_ids: list[int]) -> bool:
        return all(is_closed(self._terminal, position_id) for position_id in position_ids)

    def _try(self, row: CommandRow, work: Callable[[], object]) -> None:
        """Do it now, look again, and do not do it again before a pause that grows: a closed market takes no orders."""
        mono = self._clocks.mono()
        if mono < self._next.get(row.command_id, -1e9):
            return
        pause = self._pauses.get(row.command_id, _FIRST_PAUSE_S)
        self._next[row.command_id] = mono + pause
        self._pauses[row.command_id] = min(pause * 2, _LONGEST_PAUSE_S)
        work()
        self._watch.refresh()

    def _look(self, row: CommandRow) -> Look | None:
        if row.command_id not in self._looked:
            # What the command means is what is there now, not what was there at the last look.
            self._looked.add(row.command_id)
            self._watch.refresh()
        look = self._watch.fresh
        return look if look is not None and look.is_complete else None

    def _remember(self, row: CommandRow, **progress: Any) -> None:
        row.progress = {**row.progress, **progress}
        self._journal.put(row)


def is_closed(terminal: Terminal, position_id: int) -> bool:
    """
    Say whether the history has closed as much of a position as it opened; also where it knows nothing of it.

    A position that is shown no more while its history is open is not gone: the list was empty for a moment.

    :raises TerminalUnknown: where the history cannot be read.
    """
    deals = terminal.list_deals_of(position_id)
    opened = sum((deal.volume_lots for deal in deals if deal.entry == 0), Decimal(0))
    closed = sum((deal.volume_lots for deal in deals if deal.entry != 0), Decimal(0))
    return closed >= opened


def read_ticket(payload: dict[str, Any]) -> int | None:
    """Return the ticket a payload names, as a number or its digits."""
    ticket = payload.get("ticket") or payload.get("position_id")
    if isinstance(ticket, str) and ticket.isascii() and ticket.isdigit():
        ticket = int(ticket)
    return ticket if isinstance(ticket, int) and not isinstance(ticket, bool) else None


def read_lots(lots: Any) -> Decimal | None:
    """Return a volume above zero, None for what is none."""
    try:
        value = Decimal(str(lots))
    except InvalidOperation:
        return None
    return value if value.is_finite() and value > 0 else None
