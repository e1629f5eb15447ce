"""The whole desired set of one executor. The agent pulls it, converges, and reports what it observed."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from trading.protocol.codec import Message
from trading.protocol.hello import Lease


class FactsMessage(Message, frozen=True, kw_only=True):
    """What the server decides between versions: numbered inputs of `decide`, never a new version."""

    number: int = 0
    entries_allowed: bool = True
    lot_multiplier: Decimal = Decimal(1)
    risk_budget: Decimal | None = None
    xpws_phase: str | None = None
    trading_day: date | None = None
    day_start_equity: Decimal | None = None


class Halt(Message, frozen=True, kw_only=True):
    """`epoch` only rises. While `halted` no entry is made; exits always are."""

    epoch: int
    halted: bool
    reason: str = ""


class DesiredAssignment(Message, frozen=True, kw_only=True):
    """
    One bot on this executor. The agent persists `generation` and `halt_epoch` (fsync) before it acts.

    RUNNING is applied only if `generation` is above the stored one (or equal and already RUNNING), the halt epoch is
    current, and the lease is valid. STOPPED is applied at `generation` >= the stored one; it never expires; a tie or a
    doubt is STOPPED. An assignment in the journal that is missing here is paused and reported, never closed.
    """

    assignment_id: str
    generation: int
    desired: str  # RUNNING | PAUSED | STOPPED
    command: str  # the verb that led here: START_STRATEGY …; history only
    command_id: str | None
    bot_id: str
    magic: int
    strategy_id: str
    strategy_name: str
    version_id: str
    version_number: int
    symbol: str  # the strategy's own name; the agent maps it to the broker's
    timeframe: str
    rules: dict[str, Any]
    settings: dict[str, Any]
    facts: FactsMessage
    halt_epoch: int
    anchor_at: datetime | None


class OneShot(Message, frozen=True, kw_only=True):
    """
    A leased command. Its answer is a report `command_result` with `lease_token`; a repeat is answered from the journal.

    Kinds and payloads: CLOSE_POSITION (ticket, volume_lots?), CLOSE_BOT (magic), CANCEL_PENDINGS (magic?), FLATTEN_ACCOUNT,
    SNAPSHOT, PULL_HISTORY (days?), PREFLIGHT (symbols?), UPGRADE (version), SEND_JOURNAL. A repeated FLATTEN_ACCOUNT is swept
    again: what it wants may have ceased to be so.
    """

    command_id: str
    kind: str
    payload: dict[str, Any]
    lease_token: str
    expires_at: datetime | None
    attempt: int


class ManualSignal(Message, frozen=True, kw_only=True):
    """A signal given by a person or by another system (issue 3 and later fill this list)."""

    signal_id: str
    assignment_id: str
    symbol: str
    side: str
    stop_loss: Decimal | None = None
    take_profit: Decimal | None = None
    volume_lots: Decimal | None = None
    expires_at: datetime | None = None


class DesiredSet(Message, frozen=True, kw_only=True):
    """GET /api/v1/executor/desired?since=N&wait_ms=M: answers at once if `desired_version` > N, else when it rises or time is up."""

    desired_version: int
    fleet_epoch: int
    server_time: datetime
    halt: Halt
    lease: Lease | None
    may_run: bool
    assignments: list[DesiredAssignment]
    commands: list[OneShot] = []
    signals: list[ManualSignal] = []
