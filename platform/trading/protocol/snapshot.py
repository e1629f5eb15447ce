"""What an observer sees of an account, every five seconds and on change; symbols and bars beside it."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from trading.protocol.codec import Message
from trading.protocol.desired import Halt
from trading.protocol.hello import Lease


class MarketClock(Message, frozen=True, kw_only=True):
    """The account's market time. On a real account it is the wall clock; `server_offset_s` = broker clock minus UTC."""

    market_at: datetime
    speed: float = 1.0
    server_offset_s: int = 0
    ended: bool = False


class AccountState(Message, frozen=True, kw_only=True):
    balance: Decimal
    equity: Decimal
    margin: Decimal
    free_margin: Decimal
    credit: Decimal = Decimal(0)
    profit: Decimal = Decimal(0)


class PositionMessage(Message, frozen=True, kw_only=True):
    ticket: int
    position_id: int
    magic: int
    symbol: str
    side: str
    volume_lots: Decimal
    entry_price: Decimal
    stop_loss: Decimal | None
    take_profit: Decimal | None
    current_price: Decimal
    profit: Decimal
    swap: Decimal
    comment: str
    opened_at: datetime


class OrderMessage(Message, frozen=True, kw_only=True):
    ticket: int
    magic: int
    symbol: str
    order_type: str  # BUY_LIMIT …
    volume_lots: Decimal
    price: Decimal
    stop_loss: Decimal | None
    take_profit: Decimal | None
    comment: str
    placed_at: datetime


class DealMessage(Message, frozen=True, kw_only=True):
    """MetaTrader's own numbers for type, entry and reason; the broker's raw time beside UTC."""

    ticket: int
    order_ticket: int
    position_id: int
    deal_type: int
    entry: int
    reason: int
    symbol: str
    magic: int
    volume_lots: Decimal
    price: Decimal
    profit: Decimal
    commission: Decimal
    swap: Decimal
    fee: Decimal
    comment: str
    time_raw_ms: int
    market_at: datetime


class QuoteMessage(Message, frozen=True, kw_only=True):
    symbol: str
    bid: Decimal
    ask: Decimal
    market_at: datetime


class AssignmentStatus(Message, frozen=True, kw_only=True):
    """What is true of an assignment at the agent. STOPPED is said only when no position and no pending order is left."""

    assignment_id: str
    observed: str  # STARTING | RUNNING | PAUSED | STOPPING | STOPPED | FAILED
    observed_generation: int
    facts_number: int = 0
    open_positions: int = 0
    pending_orders: int = 0
    last_bar_at: datetime | None = None
    problem_code: str = ""
    problem: str = ""


class AgentHealth(Message, frozen=True, kw_only=True):
    rss_bytes: int
    threads: int
    spool_reports: int
    journal_bytes: int
    uptime_s: float
    terminal_restarts: int = 0
    last_error: str = ""
    requests_today: int = 0  # trade requests sent in the account's day, and how many it may be (0: no limit)
    request_budget: int = 0


class SnapshotMessage(Message, frozen=True, kw_only=True):
    """
    POST /api/v1/executor/snapshot: the heartbeat too. `complete` is True only where positions, orders and deals were all
    read (None from the terminal is "unknown", never "none"). `age_ms` is how old it was when it was sent, by the
    agent's monotonic clock. `deals` holds all deals since the cursor `deals_since_ms`, with an overlap.
    """

    seq: int
    instance_id: str
    fence: int
    complete: bool
    age_ms: int
    taken_at: datetime
    reason: str  # INTERVAL | CHANGE | START | COMMAND
    market: MarketClock
    account: AccountState
    trade_allowed: bool
    positions: list[PositionMessage]
    orders: list[OrderMessage]
    deals: list[DealMessage]
    deals_since_ms: int
    quotes: list[QuoteMessage]
    assignments: list[AssignmentStatus]
    health: AgentHealth
    desired_version: int  # the desired set the agent has


class SnapshotAnswer(Message, frozen=True, kw_only=True):
    server_time: datetime
    lease: Lease | None
    halt: Halt
    desired_version: int
    deals_since_ms: int
    actions: list[dict[str, Any]] = []  # {"action": "close" | "reduce", "ticket", "lots"?, "reason"}
    log_wanted: bool = False  # somebody reads along: send log lines until an answer says no


class SymbolSpec(Message, frozen=True, kw_only=True):
    """The parts of MetaTrader's `symbol_info` that risk and engine need; `name` is ours, `broker_symbol` the broker's."""

    name: str
    broker_symbol: str
    digits: int
    point: Decimal
    tick_size: Decimal
    tick_value: Decimal
    tick_value_profit: Decimal
    tick_value_loss: Decimal
    contract_size: Decimal
    volume_min: Decimal
    volume_max: Decimal
    volume_step: Decimal
    volume_limit: Decimal
    stops_level_points: int
    freeze_level_points: int
    filling_mode: int
    trade_mode: int
    calc_mode: int
    execution_mode: int
    currency_base: str
    currency_profit: str
    currency_margin: str
    margin_per_lot: Decimal | None = None
    commission_per_lot: Decimal = Decimal(0)  # round turn, account currency
    loss_per_lot_check: Decimal | None = None  # order_calc_profit over 1,000 ticks, negated: the second way of sizing


class SymbolProbe(Message, frozen=True, kw_only=True):
    """What the agent tried at the terminal with one symbol; nothing was traded. `check_retcode` 0 means the order would be taken."""

    symbol: str
    margin_mode: str
    trade_allowed: bool
    clock_skew_ms: int  # the agent's wall clock minus the server's
    server_offset_s: int = 0
    filling: str = ""  # FOK | IOC | RETURN: the mode an order would be sent with
    check_retcode: int | None = None
    check_comment: str = ""
    history: dict[str, int] = {}  # closed bars at hand by timeframe
    history_wanted: dict[str, int] = {}  # bars that strategies of that timeframe fold before they speak


class SymbolsMessage(Message, frozen=True, kw_only=True):
    """POST /api/v1/executor/symbols: at start, for each symbol in use, and when one changed; probes at start, daily, on change."""

    symbols: list[SymbolSpec]
    probes: list[SymbolProbe] = []


class BarRow(Message, frozen=True, kw_only=True, array_like=True):
    """One closed bar as a JSON array: opening time (epoch seconds, UTC), open, high, low, close, volume, spread in points."""

    opens_at: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: int
    spread_points: int


class BarsMessage(Message, frozen=True, kw_only=True):
    """POST /api/v1/executor/bars: closed bars of a symbol in use, oldest first, at most 5,000."""

    symbol: str
    timeframe: str
    bars: list[BarRow]
