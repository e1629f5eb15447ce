"""Factories and a vocabulary for tests of accounts, executors, strategies, and what agents say at their doors."""

from __future__ import annotations

import itertools
import threading
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import connection

from apps.accounts.models import Account
from apps.accounts.services import open_account
from apps.common.clock import read_at
from apps.executors.models import Command, CommandBatch, CommandKind, Executor, ExecutorFile
from apps.executors.services.commands import lease_commands
from apps.executors.services.files import keep_file
from apps.executors.services.registry import create_executor
from apps.risk.services.bulk import ask_many, one_shot_of
from apps.strategies.models import Strategy
from apps.strategies.services import create_strategy
from apps.teams.models import Team
from trading.protocol import (
    AccountState,
    AgentHealth,
    AssignmentStatus,
    DealMessage,
    Hello,
    MarketClock,
    OrderMessage,
    PositionMessage,
    QuoteMessage,
    SnapshotMessage,
    SymbolSpec,
)

_numbers = itertools.count(5_000_001)
MARKET_AT = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
BUY, SELL, BALANCE = 0, 1, 2
IN, OUT, IN_OUT = 0, 1, 2

SPEC_RULES: dict[str, Any] = {
    "entry": {"type": "indicator_cross", "indicators": ["EMA_20", "EMA_50"], "direction": "above"},
    "exit": {"type": "opposite_signal", "stopLoss": 50, "takeProfit": 100},
    "risk": {"lotSize": 0.01, "maxRisk": 2, "maxDailyLoss": 5},
}
SPEC_FORMAT_RULES: dict[str, Any] = {
    "entry": {
        "type": "indicator_cross",
        "indicators": ["EMA_20", "EMA_50"],
        "direction": "above",
        "confirmation": {"type": "volume", "threshold": 1.5},
    },
    "exit": {
        "type": "opposite_signal",
        "stopLoss": 50,
        "takeProfit": 100,
        "trailingStop": True,
        "trailingStopDistance": 30,
    },
    "risk": {"lotSize": 0.01, "maxRisk": 2, "maxDailyLoss": 5, "maxOpenTrades": 5, "riskRewardRatio": 2},
    "filters": {
        "timeRange": {"start": "08:00", "end": "20:00", "timezone": "UTC"},
        "daysOfWeek": [1, 2, 3, 4, 5],
    },
}


def make_account(team: Team, **more: Any) -> Account:
    """Return a paper account of the team."""
    login = next(_numbers)
    given: dict[str, Any] = {
        "code": f"paper-{login}",
        "name": "Paper",
        "mode": "PAPER",
        "server": "Mikrobot-Sim",
        "login": login,
        "initial_balance": Decimal(100_000),
    }
    return open_account(team_id=team.pk, actor="test", **{**given, **more})


def make_executor(account: Account, *, code: str | None = None, online: bool = False) -> Executor:
    """Return an executor for the account; `online` as if it had just been heard of."""
    executor, _, _ = create_executor(
        account=account, actor="test", code=code or f"agent-{next(_numbers)}", name="Agent"
    )
    if online:
        Executor.objects.filter(pk=executor.pk).update(last_seen_at=read_at())
        executor.refresh_from_db()
    return executor


def make_executor_with_key(account: Account) -> tuple[Executor, dict[str, str]]:
    """Return an executor and the headers of its key."""
    executor, key, secret = create_executor(account=account, actor="test", code=f"agent-{next(_numbers)}", name="Agent")
    return executor, {"HTTP_X_API_KEY": key.key_id, "HTTP_X_API_SECRET": secret}


def make_journal(executor: Executor) -> tuple[CommandBatch, Command, ExecutorFile]:
    """Return a batch that asked the executor for its journal, the command, and the file as it was sent."""
    target = one_shot_of(executor, CommandKind.SEND_JOURNAL, {}, actor="test", at=read_at())
    batch = ask_many(act="SEND_JOURNAL", targets=[target], team_id=executor.team_id, actor="test")
    command = batch.commands.get()
    return batch, command, keep_file(command=command, name="journal.jsonl.gz", content=b"journal")


def make_strategy(team: Team, **more: Any) -> Strategy:
    """Return the guide's strategy."""
    given: dict[str, Any] = {"name": "EMA Crossover", "symbol": "EURUSD", "timeframe": "M1", "rules": SPEC_RULES}
    return create_strategy(team_id=team.pk, actor="test", **{**given, **more})


def hello(account: Account, *, instance: str = "one", **more: Any) -> Hello:
    """Return what an agent at the account's terminal says first."""
    given: dict[str, Any] = {
        "protocol_version": 1,
        "agent_version": "0.1.0",
        "core_version": "0.1.0",
        "instance_id": instance,
        "host": "pc",
        "login": account.login,
        "broker_server": account.server,
        "currency": account.currency,
        "leverage": 100,
        "margin_mode": account.margin_mode,
        "trade_mode": "DEMO",
        "trade_allowed": True,
        "at": MARKET_AT,
    }
    return Hello(**{**given, **more})


def snapshot(*, seq: int = 1, fence: int = 1, instance: str = "one", **more: Any) -> SnapshotMessage:
    """Return a snapshot of an empty account; name what is different."""
    given: dict[str, Any] = {
        "seq": seq,
        "instance_id": instance,
        "fence": fence,
        "complete": True,
        "age_ms": 0,
        "taken_at": MARKET_AT,
        "reason": "INTERVAL",
        "market": MarketClock(market_at=MARKET_AT + timedelta(seconds=5 * seq)),
        "account": AccountState(
            balance=Decimal(100_000), equity=Decimal(100_000), margin=Decimal(0), free_margin=Decimal(100_000)
        ),
        "trade_allowed": True,
        "positions": [],
        "orders": [],
        "deals": [],
        "deals_since_ms": 0,
        "quotes": [],
        "assignments": [],
        "health": AgentHealth(rss_bytes=1, threads=4, spool_reports=0, journal_bytes=0, uptime_s=1.0),
        "desired_version": 1,
    }
    return SnapshotMessage(**{**given, **more})


def status(assignment_id: str, observed: str, generation: int, **more: Any) -> AssignmentStatus:
    """Return what an agent says of one assignment."""
    return AssignmentStatus(assignment_id=assignment_id, observed=observed, observed_generation=generation, **more)


def deal(ticket: int, **more: Any) -> DealMessage:
    """Return a deal: BUY IN 0.10 EURUSD at 1.10000 in position 1 unless named otherwise; a minute later per ticket."""
    given: dict[str, Any] = {
        "ticket": ticket,
        "order_ticket": ticket + 1000,
        "position_id": 1,
        "deal_type": BUY,
        "entry": IN,
        "reason": 3,
        "symbol": "EURUSD",
        "magic": 0,
        "volume_lots": Decimal("0.10"),
        "price": Decimal("1.10000"),
        "profit": Decimal(0),
        "commission": Decimal(0),
        "swap": Decimal(0),
        "fee": Decimal(0),
        "comment": "",
        "time_raw_ms": int((MARKET_AT + timedelta(minutes=ticket)).timestamp() * 1000),
        "market_at": MARKET_AT + timedelta(minutes=ticket),
    }
    return DealMessage(**{**given, **more})


def position(position_id: int, *, magic: int = 0, **more: Any) -> PositionMessage:
    """Return an open position of 0.10 EURUSD."""
    given: dict[str, Any] = {
        "ticket": position_id,
        "position_id": position_id,
        "magic": magic,
        "symbol": "EURUSD",
        "side": "BUY",
        "volume_lots": Decimal("0.10"),
        "entry_price": Decimal("1.10000"),
        "stop_loss": Decimal("1.09500"),
        "take_profit": None,
        "current_price": Decimal("1.10000"),
        "profit": Decimal(0),
        "swap": Decimal(0),
        "comment": "",
        "opened_at": MARKET_AT,
    }
    return PositionMessage(**{**given, **more})


def quote(symbol: str = "EURUSD", bid: str = "1.10000", ask: str = "1.10010") -> QuoteMessage:
    return QuoteMessage(symbol=symbol, bid=Decimal(bid), ask=Decimal(ask), market_at=MARKET_AT)


def pending_order(ticket: int, *, magic: int = 0) -> OrderMessage:
    return OrderMessage(
        ticket=ticket,
        magic=magic,
        symbol="EURUSD",
        order_type="BUY_LIMIT",
        volume_lots=Decimal("0.10"),
        price=Decimal("1.09"),
        stop_loss=None,
        take_profit=None,
        comment="",
        placed_at=MARKET_AT,
    )


def new_report_id() -> str:
    return str(uuid.uuid4())


def race(*works: Callable[[], Any]) -> list[Any]:
    """Run all at once, each in its own thread and connection; return results or the exceptions raised."""
    barrier = threading.Barrier(len(works))
    outcomes: list[Any] = [None] * len(works)

    def run(place: int, work: Callable[[], Any]) -> None:
        try:
            barrier.wait(timeout=10)
            outcomes[place] = work()
        except Exception as error:
            outcomes[place] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(place, work)) for place, work in enumerate(works)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert not any(thread.is_alive() for thread in threads), "a race did not end"
    return outcomes


def symbol_spec(**more: Any) -> SymbolSpec:
    """Return EURUSD as a usual broker describes it to a dollar account."""
    given: dict[str, Any] = {
        "name": "EURUSD",
        "broker_symbol": "EURUSD",
        "digits": 5,
        "point": Decimal("0.00001"),
        "tick_size": Decimal("0.00001"),
        "tick_value": Decimal(1),
        "tick_value_profit": Decimal(1),
        "tick_value_loss": Decimal(1),
        "contract_size": Decimal(100_000),
        "volume_min": Decimal("0.01"),
        "volume_max": Decimal(100),
        "volume_step": Decimal("0.01"),
        "volume_limit": Decimal(0),
        "stops_level_points": 0,
        "freeze_level_points": 0,
        "filling_mode": 1,
        "trade_mode": 4,
        "calc_mode": 0,
        "execution_mode": 2,
        "currency_base": "EUR",
        "currency_profit": "USD",
        "currency_margin": "EUR",
    }
    return SymbolSpec(**{**given, **more})


def lease_now(executor: Executor, at: datetime | None = None) -> list[Command]:
    """Return the one-shots that are leased to the executor at this moment."""
    return lease_commands(executor_ids=[executor.pk], at=at or read_at()).get(executor.pk, [])
