"""
What the terminal shows, held against what we know, beyond the single position: other hands' trades, tags used twice, more lots than
approved, fills that turned up after all.

Every look stops entries where a tag stands twice; what is told is told once, after two checks half a minute apart have shown it. Nothing
of another hand is ever touched. The last day's deals are read again every five minutes: a fill later than anybody waited is found there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from executor_agent.assignments import find_owners
from executor_agent.clocks import Clocks
from executor_agent.errors import TerminalUnknown
from executor_agent.journal import AssignmentRow, IntentRow, IntentState, Journal
from executor_agent.logs import get_log
from executor_agent.resolving import Resolver
from executor_agent.spool import Spool
from executor_agent.terminal.ports import Evidence, Look, Terminal
from trading.protocol import DealMessage, PositionMessage

POSITIONS_EVERY_S, DEALS_EVERY_S = 30.0, 300.0
_DEALS_BACK_MS = 86_400_000
_CONFIRMATIONS = 2
_TOLD_MARK, _MOST_TOLD = "told_findings", 300
_GIVEN_UP = frozenset({IntentState.NOT_SENT, IntentState.REJECTED})
_ENTRIES = frozenset({0, 2})


@dataclass(frozen=True)
class Finding:
    """Something that should not be, or that people should know. ``key`` is the same whenever it is the same thing."""

    key: str
    event: str
    severity: str
    message: str
    assignment_id: str | None = None


class Reconciler:
    """Looks on a schedule; `doubled` is always of the latest look."""

    def __init__(self, clocks: Clocks, terminal: Terminal, journal: Journal, spool: Spool, resolver: Resolver) -> None:
        self._clocks, self._terminal, self._journal = clocks, terminal, journal
        self._spool, self._resolver = spool, resolver
        self._seen: dict[str, int] = {}
        self._next_positions = self._next_deals = -1e9
        self.doubled: set[str] = set()
        """Assignments of which two positions carry one tag: they open nothing until a person or an exit has undone it."""

    def step(self, look: Look, now_raw_ms: int) -> None:
        """Do what is due with a complete look; ``now_raw_ms`` is the broker's clock."""
        owners = find_owners(self._journal)
        positions = look.positions or ()
        doubled = _find_doubled(positions, owners)
        self.doubled = {finding.assignment_id for finding in doubled if finding.assignment_id}
        mono = self._clocks.mono()
        if mono >= self._next_positions:
            self._next_positions = mono + POSITIONS_EVERY_S
            self._weigh([*doubled, *_find_external(look, owners), *self._find_too_large(positions, owners)])
        if mono >= self._next_deals:
            self._next_deals = mono + DEALS_EVERY_S
            self._find_late_fills(owners, max(now_raw_ms - _DEALS_BACK_MS, 0))

    # --- positions ----------------------------------------------------------------------------------------------

    def _weigh(self, findings: Iterable[Finding]) -> None:
        found = {finding.key: finding for finding in findings}
        self._seen = {key: self._seen.get(key, 0) + 1 for key in found}
        told = [key for key in self._journal.read_mark(_TOLD_MARK).split(",") if key]
        for key, times in self._seen.items():
            if times >= _CONFIRMATIONS and key not in told:
                told.append(key)
                self._tell(found[key])
        self._journal.set_mark(_TOLD_MARK, ",".join(told[-_MOST_TOLD:]))

    def _tell(self, finding: Finding) -> None:
        get_log().warning(finding.event, problem=finding.message)
        self._spool.add(
            "agent_event", finding.assignment_id,
            event=finding.event, severity=finding.severity, message=finding.message,
        )  # fmt: skip

    def _find_too_large(
        self, positions: Iterable[PositionMessage], owners: dict[int, AssignmentRow]
    ) -> Iterable[Finding]:
        approved = {row.tag: row.lots for row in self._journal.list_rows(IntentRow) if row.tag and row.lots}
        for position in positions:
            lots = approved.get(position.comment, Decimal(0)) or Decimal(0)
            if position.magic in owners and lots and position.volume_lots > lots:
                yield Finding(
                    f"large:{position.position_id}", "VOLUME_ABOVE_APPROVED", "CRITICAL",
                    f"position {position.ticket} holds {position.volume_lots} lots, {lots} were approved",
                    owners[position.magic].assignment_id,
                )  # fmt: skip

    # --- deals --------------------------------------------------------------------------------------------------

    def _find_late_fills(self, owners: dict[int, AssignmentRow], since_raw_ms: int) -> None:
        given_up = {row.tag: row for row in self._journal.list_rows(IntentRow) if row.state in _GIVEN_UP and row.tag}
        if not given_up:
            return
        try:
            deals = self._terminal.list_deals_since(since_raw_ms)
        except TerminalUnknown:
            self._next_deals = self._clocks.mono() + POSITIONS_EVERY_S
            return
        by_tag: dict[str, list[DealMessage]] = defaultdict(list)
        for deal in deals:
            if deal.comment in given_up and deal.entry in _ENTRIES and deal.magic in owners:
                by_tag[deal.comment].append(deal)
        for tag, filled in by_tag.items():
            self._resolver.settle(given_up[tag], Evidence(positions=(), orders=(), deals=tuple(filled)))


def _find_doubled(positions: Iterable[PositionMessage], owners: dict[int, AssignmentRow]) -> list[Finding]:
    by_tag: dict[tuple[int, str], list[PositionMessage]] = defaultdict(list)
    for position in positions:
        if position.magic in owners and position.comment:
            by_tag[position.magic, position.comment].append(position)
    return [
        Finding(
            f"doubled:{tag}", "TAG_DOUBLED", "CRITICAL",
            f"positions {', '.join(str(one.ticket) for one in same)} carry one tag ({tag}): one approval, one position",
            owners[magic].assignment_id,
        )
        for (magic, tag), same in by_tag.items()
        if len(same) > 1
    ]  # fmt: skip


def _find_external(look: Look, owners: dict[int, AssignmentRow]) -> Iterable[Finding]:
    for position in look.positions or ():
        if position.magic not in owners:
            yield Finding(
                f"position:{position.position_id}", "EXTERNAL_POSITION", "WARNING",
                f"position {position.ticket} ({position.side} {position.volume_lots} {position.symbol}, magic {position.magic}) "
                "is of another hand: it counts, and is left alone",
            )  # fmt: skip
    for order in look.orders or ():
        if order.magic not in owners:
            yield Finding(
                f"order:{order.ticket}", "EXTERNAL_ORDER", "WARNING",
                f"order {order.ticket} ({order.order_type} {order.volume_lots} {order.symbol}, magic {order.magic}) "
                "is of another hand: it counts, and is left alone",
            )  # fmt: skip
