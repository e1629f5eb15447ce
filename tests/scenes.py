"""
A desk for pages to show: two accounts, four executors, strategies in every state, trades with their story.

Where a service exists it is called, as people would; what only an agent can tell (snapshots, deals, what it observed) is
written as the doors would write it.
"""

from __future__ import annotations

import io
import json
import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from apps.accounts.models import Account, AccountRisk, AccountSnapshot, EquityPoint, TradingDay
from apps.accounts.services.opening import open_account
from apps.assignments.models import Assignment
from apps.assignments.services.activation import activate
from apps.assignments.services.wishes import stop
from apps.backtests.models import Run, Study
from apps.bots.models import Bot
from apps.common.clock import read_at
from apps.common.ids import new_id, public_id
from apps.executors.models import Command, CommandBatch, Executor
from apps.executors.services.logs import keep_lines
from apps.executors.services.registry import create_executor
from apps.market.datasets.asking import stage_upload
from apps.market.models import Bar, Dataset, DatasetImport, Quote, SymbolSpecification
from apps.risk.models import Approval, Reservation, RiskEvent, Severity
from apps.risk.services.bulk import ask_many, one_shot_of
from apps.strategies.models import Strategy
from apps.strategies.services import change_strategy, create_strategy
from apps.teams.models import Team
from apps.trades.models import Deal, Order, Trade, TradeSource
from tests.datasets import make_dataset, make_gappy_bars
from tests.lab import make_run, make_study
from tests.packs import make_pack
from trading.protocol import LogLine

RULES: dict[str, Any] = {
    "entry": {"type": "indicator_cross", "indicators": ["EMA_20", "EMA_50"], "direction": "both"},
    "exit": {"type": "opposite_signal", "stopLoss": 40, "takeProfit": 120},
    "risk": {"maxRisk": 0.5, "maxDailyLoss": 2, "maxOpenTrades": 1},
}


@dataclass
class Desk:
    """What a team has on its pages."""

    at: datetime
    paper: Account
    prop: Account
    executors: dict[str, Executor]
    trend: Strategy  # runs on paper, stops on prop
    idle: Strategy  # never placed
    bot: Bot
    trade: Trade
    approval: Approval
    dataset: Dataset
    dataset_import: DatasetImport  # uploaded, waits to be told how to read it
    backtest: Run
    study: Study
    assignment: Assignment
    batch: CommandBatch  # asked two executors for a snapshot
    command: Command


def set_up_desk(team: Team, actor: str = "user:alice@example.com") -> Desk:
    """Fill a team with a working day."""
    at = read_at()
    paper = make_account(team, actor, "paper-1", "Paper 10k", mode="PAPER", login=5000001, balance=Decimal(10_000))
    prop = make_account(
        team, actor, "ftmo-100k", "FTMO 100k", mode="PROP_FIRM", login=51203344, balance=Decimal(100_000)
    )
    executors = {
        "sim-1": make_executor(paper, actor, "sim-1", seen_at=at - timedelta(seconds=1)),
        "ldn-1": make_executor(prop, actor, "ldn-1", seen_at=at - timedelta(seconds=2)),
        "home-pc": make_executor(prop, actor, "home-pc", seen_at=at - timedelta(seconds=37)),
        "spare-1": make_executor(prop, actor, "spare-1", seen_at=at - timedelta(days=3, hours=4)),
    }
    begin_day(paper, at, balance=Decimal(10_000), equity=Decimal("9968.40"), positions=[position(101, "BUY", "-12.40")])
    begin_day(
        prop, at, balance=Decimal(100_000), equity=Decimal("98250.00"), positions=[position(202, "SELL", "-96.00")]
    )
    trend = create_strategy(
        team_id=team.id, actor=actor, name="EMA trend 20/50", symbol="EURUSD", timeframe="M5", rules=RULES
    )
    change_strategy(
        strategy_id=trend.id, actor=actor, changes={"rules": {**RULES, "exit": {**RULES["exit"], "stopLoss": 30}}}
    )
    idle = create_strategy(
        team_id=team.id, actor=actor, name="RSI reversal", symbol="USDJPY", timeframe="M30", rules=RULES
    )
    on_paper = activate(strategy=trend, references=["sim-1"], actor=actor, at=at)[0]
    observe(on_paper, "RUNNING", at, positions=1)
    on_prop = activate(strategy=trend, references=["ldn-1"], actor=actor, at=at)[0]
    observe(on_prop, "RUNNING", at, positions=1)
    stop(assignment_ids=[on_prop.pk], actor=actor, at=at)
    approval = make_approval(on_paper.bot, at, approved=True)
    trade = make_trade(on_paper, approval, at)
    make_approval(on_paper.bot, at - timedelta(minutes=9), approved=False)
    make_history(on_paper, at, 12)
    RiskEvent.objects.create(
        account=prop, event_type="DAILY_LOSS_50", severity=Severity.WARNING, at=at,
        message="FTMO 100k has used 70 % of its daily limit.",
    )  # fmt: skip
    make_bars(paper, at)
    make_pack(team, code="alices-copy")
    dataset, _ = make_dataset(team, name="EURUSD M5 with a gap", bars=make_gappy_bars())
    text = b"Zeit;Auf;Hoch;Tief;Zu\n24.06.2026 14:54;1,1;1,2;1,0;1,1\n24.06.2026 14:55;1,1;1,2;1,0;1,1\n"
    waiting = stage_upload(
        team_id=team.pk, actor=actor, file=io.BytesIO(text), file_name="EURUSD.csv", size_bytes=len(text)
    )
    backtest = make_run(team, trend, name="EMA trend 20/50 v2")
    study = make_study(backtest)
    batch = ask_two(team, [executors["sim-1"], executors["ldn-1"]], actor, at)
    write_log(executors["sim-1"], at)
    return Desk(
        at, paper, prop, executors, trend, idle, on_paper.bot, trade, approval, dataset, waiting, backtest, study,
        on_paper, batch, batch.commands.order_by("pk")[0],
    )  # fmt: skip


def ask_two(team: Team, executors: list[Executor], actor: str, at: datetime) -> CommandBatch:
    """Ask two executors for a snapshot; the first has answered."""
    targets = [one_shot_of(executor, "SNAPSHOT", {}, actor=actor, at=at) for executor in executors]
    batch = ask_many(act="SNAPSHOT", targets=targets, team_id=team.pk, actor=actor)
    first = batch.commands.order_by("pk")[0]
    moments = {"fetched_at": at, "acknowledged_at": at, "ended_at": at + timedelta(milliseconds=180)}
    Command.objects.filter(pk=first.pk).update(state="EXECUTED", **moments)
    return batch


def write_log(executor: Executor, at: datetime) -> None:
    """Have an agent's log read along."""
    events = [("info", "TRADE_EXECUTED"), ("warning", "SERVER_SAID_NO"), ("info", "POSITION_CLOSED")]
    lines = [
        LogLine(number=number, text=json.dumps({"event": event, "level": level, "timestamp": at.isoformat(), "ticket": number}))
        for number, (level, event) in enumerate(events, start=1)
    ]  # fmt: skip
    keep_lines(executor_id=executor.pk, instance_id="one", lines=lines, at=at)


def make_account(team: Team, actor: str, code: str, name: str, *, mode: str, login: int, balance: Decimal) -> Account:
    """Open an account as an owner would."""
    return open_account(
        team_id=team.id, actor=actor, code=code, name=name, mode=mode, server="Broker-Server", login=login,
        initial_balance=balance,
    )  # fmt: skip


def make_executor(account: Account, actor: str, code: str, *, seen_at: datetime | None) -> Executor:
    """Register an executor and have it seen."""
    executor, _, _ = create_executor(account=account, actor=actor, code=code, name=code.upper())
    Executor.objects.filter(pk=executor.pk).update(
        last_seen_at=seen_at,
        hello_at=seen_at,
        agent_version="0.1.0",
        protocol_version=1,
        terminal={"host": code, "build": 5430, "trade_allowed": True},
        health={"rss_bytes": 90_000_000, "threads": 6, "spool_reports": 0, "uptime_s": 5400, "last_error": ""},
    )
    executor.refresh_from_db()
    return executor


def position(ticket: int, side: str, profit: str) -> dict[str, Any]:
    """Return a position as a snapshot keeps it."""
    return {
        "ticket": ticket, "position_id": ticket, "magic": 1000001, "symbol": "EURUSD", "side": side,
        "volume_lots": "0.20", "entry_price": "1.14375", "stop_loss": "1.14075" if side == "BUY" else "1.14675",
        "take_profit": None, "current_price": "1.14313" if side == "BUY" else "1.14423", "profit": profit, "swap": "0",
        "comment": "", "opened_at": "2026-01-27T14:30:22.000Z",
    }  # fmt: skip


def begin_day(
    account: Account, at: datetime, *, balance: Decimal, equity: Decimal, positions: list[dict[str, Any]]
) -> None:
    """Begin the account's day, and snapshot it as its observer would."""
    starts_at = at.replace(hour=0, minute=0, second=0, microsecond=0)
    AccountRisk.objects.filter(pk=account.pk).update(
        day=starts_at.date(), day_starts_at=starts_at, day_ends_at=starts_at + timedelta(days=1),
        day_balance_base=balance, day_equity_base=balance, peak_balance=balance, peak_equity=balance, market_at=at,
    )  # fmt: skip
    TradingDay.objects.create(
        account=account, day=starts_at.date(), starts_at=starts_at, ends_at=starts_at + timedelta(days=1),
        balance_base=balance, equity_base=balance,
    )  # fmt: skip
    AccountSnapshot.objects.create(
        account=account, seq=1, complete=True, taken_at=at, received_at=at, market_at=at, balance=balance,
        equity=equity, free_margin=equity, positions=positions,
    )  # fmt: skip
    EquityPoint.objects.bulk_create(
        EquityPoint(
            account=account, at=at - timedelta(minutes=5 * back), market_at=at - timedelta(minutes=5 * back),
            balance=balance, equity=equity + Decimal(round(math.sin(back / 9) * float(balance) / 900, 2)),
        )
        for back in range(60)
    )  # fmt: skip


def observe(assignment: Assignment, observed: str, at: datetime, *, positions: int = 0) -> None:
    """Have the agent prove a state at the assignment's own generation."""
    Assignment.objects.filter(pk=assignment.pk).update(
        observed=observed, observed_generation=assignment.generation, observed_at=at, open_positions=positions,
        last_bar_at=at.replace(second=0, microsecond=0),
    )  # fmt: skip


def make_approval(bot: Bot, at: datetime, *, approved: bool) -> Approval:
    """Keep a verdict as the judge would."""
    key = new_id()
    checks = [
        {"check": "latches", "status": "PASSED"},
        {"check": "freshness", "status": "PASSED", "age_s": 2},
        {"check": "daily_loss", "status": "PASSED" if approved else "FAILED", "lost": 31.6, "limit": 300},
        {"check": "news", "status": "SKIPPED"},
    ]  # fmt: skip
    answer = {
        "approved": approved, "adjusted_lots": 0.2 if approved else 0, "checks": checks,
        "rejection_reason": None if approved else "In the worst case the day would lose 391.60 of the 300.00 allowed.",
    }  # fmt: skip
    return Approval.objects.create(
        id=key, account=bot.account, bot=bot, body_hash="0" * 64, at=at, market_at=at, symbol="EURUSD", side="BUY",
        entry_price=Decimal("1.14375"), stop_loss=Decimal("1.14075"), requested_lots=Decimal("0.3"), approved=approved,
        reason_code="APPROVED" if approved else "DAILY_LOSS", adjusted_lots=Decimal("0.2") if approved else Decimal(0),
        risk_amount=Decimal("60.00") if approved else Decimal(0), valid_until=at + timedelta(seconds=5),
        tag=public_id("t", key)[:27], response=json.dumps(answer),
        reservation=Reservation.POSTED if approved else Reservation.NONE, position_id=101 if approved else None,
    )  # fmt: skip


def make_trade(assignment: Assignment, approval: Approval, at: datetime) -> Trade:
    """Keep an open trade with its order and deal."""
    Order.objects.create(
        account=assignment.account, bot=assignment.bot, approval_id=approval.pk, ticket=9001, position_id=101,
        symbol="EURUSD", side="BUY", volume_lots=Decimal("0.2"), filled_lots=Decimal("0.2"), price=Decimal("1.14375"),
        outcome="DONE", retcode=10009, at=at, market_at=at,
    )  # fmt: skip
    Deal.objects.create(
        account=assignment.account, ticket=7001, order_ticket=9001, position_id=101, deal_type=0, entry=0,
        symbol="EURUSD", magic=assignment.bot.magic, volume_lots=Decimal("0.2"), price=Decimal("1.14375"),
        commission=Decimal("-1.40"), time_raw_ms=int(at.timestamp() * 1000), market_at=at, received_at=at,
    )  # fmt: skip
    trade = _draft_trade(assignment, approval.pk, 101, at, closed_at=None, pnl=Decimal("-1.40"))
    trade.save(force_insert=True)
    return trade


def make_history(assignment: Assignment, at: datetime, count: int) -> None:
    """Keep closed trades, every third one lost."""
    rows = []
    for index in range(count):
        closed_at = at - timedelta(minutes=20 * (index + 1))
        pnl = Decimal("-31.20") if index % 3 == 2 else Decimal("24.60")
        opened_at = closed_at - timedelta(minutes=12)
        rows.append(_draft_trade(assignment, None, 500 + index, opened_at, closed_at=closed_at, pnl=pnl))
    Trade.objects.bulk_create(rows, batch_size=1000)


def _draft_trade(
    assignment: Assignment,
    approval_id: Any,
    position_id: int,
    opened_at: datetime,
    *,
    closed_at: datetime | None,
    pnl: Decimal,
) -> Trade:
    return Trade(
        account=assignment.account, position_id=position_id, bot=assignment.bot, assignment_id=assignment.pk,
        strategy_id=assignment.strategy_id, version_id=assignment.version_id, approval_id=approval_id,
        source=TradeSource.MANAGED if approval_id else TradeSource.UNAPPROVED, symbol="EURUSD",
        side="BUY" if position_id % 2 else "SELL", magic=assignment.bot.magic, volume_lots=Decimal("0.2"),
        open_lots=Decimal("0.2") if closed_at is None else Decimal(0), opened_at=opened_at, closed_at=closed_at,
        entry_price=Decimal("1.14375"), exit_price=Decimal("1.14500") if closed_at else None,
        stop_loss=Decimal("1.14075"), commission=Decimal("-1.40"), profit=pnl + Decimal("1.40"), pnl=pnl,
        exit_reason="OPPOSITE_SIGNAL" if closed_at else "", updated_at=closed_at or opened_at,
    )  # fmt: skip


def make_bars(account: Account, at: datetime, count: int = 120) -> None:
    """Keep closed five-minute bars, a specification and a quote of EURUSD."""
    first = at.replace(second=0, microsecond=0) - timedelta(minutes=5 * count)
    rows, price = [], 1.1400
    for index in range(count):
        close = 1.1430 + math.sin(index / 7) * 0.0012
        high, low = max(price, close) + 0.0002, min(price, close) - 0.0002
        rows.append(
            Bar(
                account=account, symbol="EURUSD", timeframe="M5", opens_at=first + timedelta(minutes=5 * index),
                open=Decimal(f"{price:.5f}"), high=Decimal(f"{high:.5f}"), low=Decimal(f"{low:.5f}"), close=Decimal(f"{close:.5f}"),
            )
        )  # fmt: skip
        price = close
    Bar.objects.bulk_create(rows)
    SymbolSpecification.objects.create(
        account=account, symbol="EURUSD", document={"digits": 5}, content_hash="0" * 64, read_at=at, changed_at=at
    )
    Quote.objects.create(
        account=account, symbol="EURUSD", bid=Decimal("1.14313"), ask=Decimal("1.14321"), market_at=at, received_at=at
    )
