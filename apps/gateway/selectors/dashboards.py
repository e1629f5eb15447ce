"""What `/ws/dashboard` shows: the states of accounts and bots as RiskMind §6.2 and §6.3 write them, and the events of §6.4."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Q

from apps.accounts.models import Account, AccountSnapshot
from apps.bots.models import Bot, BotStatus
from apps.bots.tags import show_tags
from apps.common.clock import read_at
from apps.common.ids import MalformedId, parse_public_id, public_id
from apps.common.models import OutboxEvent
from apps.risk.models import RiskEvent
from apps.risk.selectors import list_account_states, list_events
from apps.trades.bot_performance import Today, measure_today, show_positions
from apps.trades.models import Trade
from apps.trades.periods import find_snapshot, find_span
from apps.trades.selectors import list_trades

ACCOUNT_UPDATES, BOT_UPDATES, RISK_EVENTS, TRADE_UPDATES = (
    "account_updates", "bot_updates", "risk_events", "trade_updates",
)  # fmt: skip
LATEST_EVENTS = 20
MOST_OPEN_TRADES = 500
SHOWN_AFTER_RETIRING = timedelta(hours=1)


@dataclass(frozen=True)
class State:
    """
    What an account or bot is at this moment, as its channel shows it.

    A bot is the same whoever saw it last; an account is told anew with each view of it, so that nobody takes it for stale.
    """

    channel: str
    account_id: UUID
    data: dict[str, Any]
    seen_at: datetime | None = field(default=None, compare=False)


def read_states(team_id: UUID) -> tuple[datetime, dict[tuple[str, str], State]]:
    """Return when it was read, and the state of every account and bot of a team by channel and id, in a few statements."""
    at = read_at()
    states = {}
    for account, state in list_account_states(team_id, at):
        states[ACCOUNT_UPDATES, account.public_id] = State(
            ACCOUNT_UPDATES, account.pk, _account_data(state), state["seen_at"]
        )
    shown = ~Q(status=BotStatus.RETIRED) | Q(status_at__gte=at - SHOWN_AFTER_RETIRING)
    bots = list(Bot.objects.filter(shown, team_id=team_id).order_by("bot_id"))
    # Not joined to the bots: two hundred of them would bring two hundred copies of their account and its positions.
    used = {bot.account_id for bot in bots}
    accounts = Account.objects.filter(pk__in=used).select_related("risk", "snapshot").in_bulk()
    days = measure_today(bots, at, {pk: find_span(account, "today", at) for pk, account in accounts.items()})
    for bot in bots:
        bot.account = accounts[bot.account_id]
        snapshot = find_snapshot(bot.account)
        data = _bot_data(bot, days.get(bot.pk, Today()), snapshot)
        seen_at = snapshot.taken_at if snapshot else None
        states[BOT_UPDATES, bot.public_id] = State(BOT_UPDATES, bot.account_id, data, seen_at)
    return at, states


def list_latest(channel: str, team_id: UUID, account_id: UUID | None) -> list[dict[str, Any]]:
    """Return what a channel of events begins with: the latest risk events oldest first, or the open trades."""
    if channel == RISK_EVENTS:
        newest = list_events(team_id, account_id).order_by("-at", "-id")[:LATEST_EVENTS]
        return [_risk_event_data(event) for event in reversed(newest)]
    if channel == TRADE_UPDATES:
        rows = list_trades(team_id, account_id=account_id, status="open").order_by("opened_at", "id")
        return [_trade_data(trade) for trade in rows[:MOST_OPEN_TRADES]]
    return []


def find_event_number(team_id: UUID, event_id: str) -> int | None:
    """Return the number of a published event of the team (`evt_…`), or None where it is not to be had (any more)."""
    try:
        key = parse_public_id("evt", event_id)
    except MalformedId:
        return None
    rows = OutboxEvent.objects.filter(event_id=key, team_id=team_id, number__isnull=False)
    return rows.values_list("number", flat=True).first()


def channel_of(kind: str) -> str | None:
    """
    Return the channel on which a kind of event is told as it is; accounts and bots are shown by their state instead.

    >>> channel_of("risk.event"), channel_of("trade.opened"), channel_of("approval.decided"), channel_of("key.revoked")
    ('risk_events', 'trade_updates', 'trade_updates', None)
    """
    family = kind.partition(".")[0]
    return {"risk": RISK_EVENTS, "trade": TRADE_UPDATES, "approval": TRADE_UPDATES}.get(family)


def event_data(event: dict[str, Any]) -> dict[str, Any]:
    """Return a published event's data as its channel shows it: risk events as §6.4, trades with what happened to them."""
    data = {"account_id": event["account_id"], "timestamp": event["at"], **event["data"]}
    if channel_of(event["kind"]) == TRADE_UPDATES:
        data = {"event": event["kind"].replace(".", "_"), **data}
    return data


def _account_data(state: dict[str, Any]) -> dict[str, Any]:
    same = (
        "account_id", "code", "currency", "balance", "equity", "daily_pnl", "daily_loss_pct", "total_drawdown_pct",
        "risk_level", "light", "open_positions", "trading_allowed", "stale", "seen_at",
    )  # fmt: skip
    data = {name: state[name] for name in same}
    data["daily_limit_pct"], data["total_limit_pct"] = state["daily_loss_limit_pct"], state["total_drawdown_limit_pct"]
    data["latches"] = state["latches"]
    return data


def _bot_data(bot: Bot, today: Today, snapshot: AccountSnapshot | None) -> dict[str, Any]:
    positions = show_positions(bot.magic, snapshot)
    floating = sum((each["unrealized_pnl"] for each in positions), Decimal(0))
    return {
        "bot_id": bot.bot_id,
        "account_id": bot.account.public_id,
        "currency": bot.account.currency,
        "today_trades": today.trades,
        "today_wins": today.wins,
        "today_pnl": round(today.pnl, 2),
        "today_risked": round(today.risked, 2),
        "current_positions": len(positions) if snapshot else None,
        "unrealized_pnl": round(floating, 2) if snapshot else None,
        "status": bot.status,
        "tags": show_tags(bot.stage, bot.tags),
    }


def _risk_event_data(event: RiskEvent) -> dict[str, Any]:
    return {
        "event_id": event.public_id,
        "severity": event.severity,
        "event_type": event.event_type.lower(),
        "message": event.message,
        "account_id": event.account.public_id if event.account else None,
        "bot_id": event.bot.bot_id if event.bot else None,
        "timestamp": event.at,
        "metrics": event.metrics,
        "acknowledged": event.acknowledged_at is not None,
    }


def _trade_data(trade: Trade) -> dict[str, Any]:
    return {
        "event": "trade_open",
        "trade_id": trade.public_id,
        "account_id": trade.account.public_id,
        "bot_id": trade.bot.bot_id if trade.bot else None,
        "position_id": trade.position_id,
        "symbol": trade.symbol,
        "side": trade.side,
        "volume_lots": trade.open_lots,
        "pnl": trade.pnl,
        "source": trade.source,
        "strategy_id": public_id("str", trade.strategy_id) if trade.strategy_id else None,
        "exit_reason": trade.exit_reason,
        "timestamp": trade.opened_at,
    }
