"""The handshake: who is there, and the lease to trade one account."""

from __future__ import annotations

from datetime import datetime, time

from trading.protocol.codec import Message


class Lease(Message, frozen=True, kw_only=True):
    """
    The right to trade one account (per server and login over all teams) until `valid_for_ms` after *sending the request*.

    The agent counts validity on its monotonic clock from the moment it sent the request that this answers; it may open
    only while now < start + valid_for_ms - its largest order latency. Every write carries `fence`; the server refuses
    smaller ones.
    """

    fence: int
    lease_until: datetime
    valid_for_ms: int


class Hello(Message, frozen=True, kw_only=True):
    """POST /api/v1/executor/hello: once per start, and again after the lease was lost."""

    protocol_version: int
    agent_version: str
    core_version: str
    instance_id: str  # new per process: two processes with one key are told apart by it
    host: str
    login: int
    broker_server: str
    currency: str
    leverage: int
    margin_mode: str  # HEDGING | NETTING
    trade_mode: str  # DEMO | CONTEST | REAL
    trade_allowed: bool
    at: datetime
    terminal: dict[str, str | int | float | bool | None] = {}


class Welcome(Message, frozen=True, kw_only=True):
    """
    The answer. `lease` is None where another executor holds the account: the agent then watches, and asks again.

    `may_run` is False for a protocol or core version the server does not accept: the agent may close, never open.
    """

    executor_id: str
    account_id: str
    account_code: str
    account_zone: str
    account_resets: time = time()  # of that zone's wall clock: when the account's day begins
    connection_loss: str  # HOLD | FLATTEN: what the agent does when it loses the server
    server_time: datetime
    protocol_version: int
    may_run: bool
    reason: str
    lease: Lease | None
    desired_version: int
    fleet_epoch: int
    halt_epoch: int
    deals_since_ms: int  # broker time (raw ms) from which the server wants deals
    snapshot_interval_ms: int = 5000
    poll_wait_ms: int = 25000
    connection_loss_after_s: int = 30  # FLATTEN: how long after the lease is over; sooner where the day's reset is near
    request_budget: int = 0  # trade requests a day the account allows; 0 is no limit
