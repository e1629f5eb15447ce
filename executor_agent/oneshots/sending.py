"""What an agent sends because it was asked: the deals of its history in parts, its journal as one packed file without secrets."""

from __future__ import annotations

import gzip
import hashlib
import re
from datetime import timedelta
from typing import Any

from executor_agent.clocks import Clocks
from executor_agent.journal import CommandRow, Journal
from executor_agent.logs import scrub
from executor_agent.oneshots.outcome import Done, executed, failed
from executor_agent.server.ports import Answered, Courier, Door, Event, Failed
from executor_agent.session import Session
from executor_agent.terminal.ports import Terminal
from executor_agent.watch import Watch
from trading.protocol import DealMessage, FileMessage, HistoryMessage
from trading.protocol.sending import LARGEST_FILE_BYTES, MOST_DEALS

_AGAIN_S = 3.0
_FOR_GOOD = range(400, 500)
_BUSY = (401, 408, 429)
_HIDDEN = re.compile(rb'("lease_token":)"[^"]*"')
_CRC_LETTERS = 9


class Sendings:
    """Handlers of PULL_HISTORY and SEND_JOURNAL; one message is on its way at each door at most."""

    def __init__(
        self, clocks: Clocks, terminal: Terminal, courier: Courier, journal: Journal, session: Session, watch: Watch
    ) -> None:
        self._clocks, self._terminal, self._courier = clocks, terminal, courier
        self._journal, self._session, self._watch = journal, session, watch
        self._rest: dict[str, list[DealMessage]] = {}
        self._counts: dict[str, dict[str, int]] = {}
        self._on_way: dict[Door, tuple[str, int]] = {}
        self._answers: dict[str, Event] = {}
        self._next = -1e9

    def take_event(self, event: Event) -> None:
        """Take the answer of the history's or the files' door."""
        sent = self._on_way.pop(event.door, None)
        if sent is None:
            return
        command_id, count = sent
        self._answers[command_id] = event
        if isinstance(event, Answered) and event.door is Door.HISTORY:
            del self._rest[command_id][:count]
            self._counts[command_id]["booked"] += event.message.booked
        elif isinstance(event, Failed):
            self._next = self._clocks.mono() + _AGAIN_S

    # --- history ------------------------------------------------------------------------------------------------

    def pull_history(self, row: CommandRow) -> Done | None:
        """Send the deals of the last days, or all there are, in parts; what the server has already it does not count again."""
        if row.command_id not in self._rest:
            deals = self._read_deals(row.payload.get("days"))
            self._rest[row.command_id] = deals
            self._counts[row.command_id] = {"deals": len(deals), "booked": 0}
        if (over := self._find_refusal(row)) is not None:
            return over
        if Door.HISTORY in self._on_way:
            return None
        rest = self._rest[row.command_id]
        if not rest:
            del self._rest[row.command_id]
            return executed(**self._counts.pop(row.command_id))
        part = rest[:MOST_DEALS]
        message = HistoryMessage(
            instance_id=self._session.instance_id, fence=self._session.fence, command_id=row.command_id, deals=part
        )
        self._ask(Door.HISTORY, row, message, len(part))
        return None

    def _read_deals(self, days: Any) -> list[DealMessage]:
        since_ms = 0
        if isinstance(days, int) and self._watch.seen is not None:
            market = self._watch.seen.look.market
            since = market.market_at - timedelta(days=days)
            since_ms = int((since.timestamp() + market.server_offset_s) * 1000)
        return sorted(self._terminal.list_deals_since(max(since_ms, 0)), key=lambda deal: deal.ticket)

    # --- journal ------------------------------------------------------------------------------------------------

    def send_journal(self, row: CommandRow) -> Done | None:
        """Send the journal as it is on disk now."""
        answer = self._answers.get(row.command_id)
        if isinstance(answer, Answered):
            del self._answers[row.command_id]
            return executed(**self._counts.pop(row.command_id))
        if (over := self._find_refusal(row)) is not None:
            return over
        if Door.FILES not in self._on_way:
            content, counts = pack_journal(self._journal.read_bytes())
            self._counts[row.command_id] = counts
            message = FileMessage(
                instance_id=self._session.instance_id,
                fence=self._session.fence,
                command_id=row.command_id,
                name=f"journal-{self._clocks.at():%Y%m%d-%H%M%S}.jsonl.gz",
                sha256=hashlib.sha256(content).hexdigest(),
                content=content,
            )
            self._ask(Door.FILES, row, message, 1)
        return None

    # --- both ---------------------------------------------------------------------------------------------------

    def _ask(self, door: Door, row: CommandRow, message: HistoryMessage | FileMessage, count: int) -> None:
        if self._session.has_lease and self._clocks.mono() >= self._next and self._courier.is_free(door):
            self._answers.pop(row.command_id, None)
            self._on_way[door] = (row.command_id, count)
            self._courier.ask(door, message)

    def _find_refusal(self, row: CommandRow) -> Done | None:
        """A refusal for good ends it; a server that is away or busy is asked again until the command expires there."""
        answer = self._answers.get(row.command_id)
        if not isinstance(answer, Failed) or answer.status not in _FOR_GOOD or answer.status in _BUSY:
            return None
        if answer.code == "FENCED":
            return None
        del self._answers[row.command_id]
        self._rest.pop(row.command_id, None)
        self._counts.pop(row.command_id, None)
        return failed(answer.code or "SERVER_REFUSED", answer.problem)


def pack_journal(raw: bytes) -> tuple[bytes, dict[str, int]]:
    """
    Return the journal's rows as packed JSON lines without secrets, and what is in them; the oldest are left out where it is too long.

    >>> packed, counts = pack_journal(b'00000000 {"row":"command","lease_token":"abc"}\\n')
    >>> gzip.decompress(packed), counts
    (b'{"row":"command","lease_token":"(hidden)"}\\n', {'lines': 1, 'left_out_lines': 0})
    """
    lines = [_HIDDEN.sub(rb'\1"(hidden)"', line[_CRC_LETTERS:]) for line in raw.splitlines()]
    lines = [scrub(line.decode("utf-8", "replace")).encode() for line in lines]
    kept = lines
    while True:
        packed = gzip.compress(b"".join(line + b"\n" for line in kept), mtime=0)
        if len(packed) <= LARGEST_FILE_BYTES or not kept:
            return packed, {"lines": len(kept), "left_out_lines": len(lines) - len(kept)}
        kept = kept[len(kept) // 4 + 1 :]
