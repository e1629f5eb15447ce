"""The rows of the journal. Each is replaced as a whole; its first field is its key."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Any

import msgspec


class Row(msgspec.Struct, kw_only=True, tag_field="row"):
    """The base of all rows."""

    @property
    def key(self) -> str:
        """What the row is found by within its kind."""
        return str(getattr(self, self.__struct_fields__[0]))


class MarkRow(Row, kw_only=True, tag="mark"):
    """A single value: the journal's own id, fleet epoch, the account's day."""

    name: str
    value: str


class AssignmentRow(Row, kw_only=True, tag="assignment"):
    """The highest wish seen of an assignment and where it stands. ``wanted`` is the server's message as it came."""

    assignment_id: str
    generation: int
    fleet_epoch: int
    halt_epoch: int
    desired: str
    observed: str
    magic: int
    symbol: str
    wanted: dict[str, Any]
    is_missing: bool = False
    problem_code: str = ""
    problem: str = ""


class BarMark(Row, kw_only=True, tag="bar"):
    """The last closed bar an assignment has handled [opening time, epoch seconds], of which ``symbol/timeframe``."""

    assignment_id: str
    group: str
    opened_s: int


class IntentState(StrEnum):
    """How far an entry came. From SENDING on the broker may know of it."""

    ASKED = "ASKED"
    SENDING = "SENDING"
    UNRESOLVED = "UNRESOLVED"
    DONE = "DONE"
    PARTIAL = "PARTIAL"
    REJECTED = "REJECTED"
    DENIED = "DENIED"
    NOT_SENT = "NOT_SENT"


OPEN_STATES = frozenset({IntentState.SENDING, IntentState.UNRESOLVED})


class IntentRow(Row, kw_only=True, tag="intent"):
    """One entry: asked for, approved, sent, and what became of it. ``request`` is repeated byte by byte by a retry."""

    client_key: str
    assignment_id: str
    signal_id: str
    symbol: str
    side: str
    magic: int
    asked_lots: Decimal
    entry_price: Decimal
    stop_loss: Decimal
    take_profit: Decimal | None
    request: str
    state: str
    approval_id: str | None = None
    tag: str | None = None
    lots: Decimal | None = None
    sent_raw_ms: int = 0
    retcode: int | None = None
    order_ticket: int | None = None
    position_id: int | None = None
    trail_distance: Decimal | None = None
    trail_fraction: Decimal | None = None


class PositionRow(Row, kw_only=True, tag="position"):
    """
    A position of ours until all its closing deals are reported. ``is_closing``: it is to be closed until it is.

    What the strategy decides by and the terminal forgets is kept here: the first stop, the first volume (what is left of it tells which
    partial exits were done), the trailing distance it was given, and the one its approval asks for where there is none. ``last_stop`` and ``target`` are what is to stand at the broker;
    ``moving_stop`` is one on its way, of which nobody has said yet that it stands.
    """

    position_id: int
    ticket: int
    assignment_id: str
    signal_id: str
    approval_id: str | None
    first_stop: Decimal | None
    last_stop: Decimal | None
    target: Decimal | None
    exit_reason: str = ""
    is_closing: bool = False
    reported_deals: list[int] = []
    first_lots: Decimal | None = None
    trail_distance: Decimal | None = None
    trail_fraction: Decimal | None = None
    moving_stop: Decimal | None = None
    moving_target: Decimal | None = None

    @property
    def is_stop_moved(self) -> bool:
        """Whether the stop is another one than at the entry."""
        return self.last_stop != self.first_stop


class ReportRow(Row, kw_only=True, tag="report"):
    """A report the server has not acknowledged yet. ``number`` keeps their order."""

    report_id: str
    number: int
    report: dict[str, Any]


class CommandRow(Row, kw_only=True, tag="command"):
    """A one-shot command, how far it is, and its result: a repeat is answered from here."""

    command_id: str
    number: int
    kind: str
    payload: dict[str, Any]
    lease_token: str
    state: str
    result: dict[str, Any] = {}
    progress: dict[str, Any] = {}


AnyRow = MarkRow | AssignmentRow | BarMark | IntentRow | PositionRow | ReportRow | CommandRow
