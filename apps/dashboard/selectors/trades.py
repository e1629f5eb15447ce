"""Trades: the journal with filters, and the whole story of one."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from apps.accounts.models import AccountSnapshot
from apps.assignments.models import Assignment
from apps.dashboard.marks.numbers import count_price_digits
from apps.dashboard.selectors.closing import find_open_position
from apps.risk.models import Approval, Decision
from apps.strategies.models import Strategy
from apps.teams.models import Team
from apps.trades.models import Deal, Order, Trade, TradeSource


@dataclass(frozen=True, slots=True)
class TradeFilter:
    """What the journal is narrowed to; an empty text narrows nothing."""

    search: str = ""
    status: str = ""
    side: str = ""
    account: str = ""
    strategy: str = ""
    source: str = ""
    since: str = ""
    until: str = ""
    unknown: tuple[str, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class TradeLine:
    """A trade in a list. `digits` show its symbol’s prices alike; `floating` is what the open position stood at in the last snapshot, taken `seen_at`; None where unknown."""

    trade: Trade
    digits: int
    floating: Decimal | None = None
    seen_at: datetime | None = None


def with_floating(trades: Iterable[Trade]) -> list[TradeLine]:
    """Return trades with what the open ones stand at, in one query more."""
    rows = list(trades)
    snapshots = {
        each.account_id: each
        for each in AccountSnapshot.objects.filter(account__in={row.account_id for row in rows if not row.closed_at})
    }
    digits = _count_digits(rows)
    return [_to_line(row, digits[row.symbol], None if row.closed_at else snapshots.get(row.account_id)) for row in rows]


def _count_digits(trades: Iterable[Trade]) -> dict[str, int]:
    """Return the digits that show every price of a symbol in a list alike."""
    prices: dict[str, list[Any]] = defaultdict(list)
    for row in trades:
        prices[row.symbol] += [row.entry_price, row.exit_price, row.stop_loss]
    return {symbol: count_price_digits(*each) for symbol, each in prices.items()}


def _to_line(trade: Trade, digits: int, snapshot: AccountSnapshot | None) -> TradeLine:
    shown = snapshot.positions if snapshot else []
    found = next((each for each in shown if str(each.get("position_id")) == str(trade.position_id)), None)
    if snapshot is None or found is None or found.get("profit") is None:
        return TradeLine(trade, digits)
    return TradeLine(trade, digits, Decimal(str(found["profit"])), snapshot.taken_at)


def list_trades(team: Team) -> QuerySet[Trade]:
    """Return the team's trades with account and bot."""
    return Trade.objects.filter(account__team=team).select_related("account", "bot")


def filter_trades(team: Team, wanted: TradeFilter) -> QuerySet[Trade]:
    """Return the trades of a filter, newest first by market time."""
    found = list_trades(team)
    if wanted.search:
        text = Q(symbol__icontains=wanted.search) | Q(bot__bot_id__icontains=wanted.search)
        found = found.filter(text | Q(position_id=int(wanted.search)) if wanted.search.isdecimal() else text)
    if wanted.status == "open":
        found = found.filter(closed_at=None)
    if wanted.status == "closed":
        found = found.filter(closed_at__isnull=False)
    if wanted.side in ("BUY", "SELL"):
        found = found.filter(side=wanted.side)
    if wanted.account:
        found = found.filter(account__code=wanted.account)
    if wanted.strategy:
        ids = Strategy.objects.filter(team=team, slug=wanted.strategy).values("id")
        found = found.filter(strategy_id__in=ids)
    if wanted.source in TradeSource.values:
        found = found.filter(source=wanted.source)
    if wanted.since:
        found = found.filter(opened_at__date__gte=wanted.since)
    if wanted.until:
        found = found.filter(opened_at__date__lte=wanted.until)
    return found.order_by("-opened_at", "-id")


def tell_story(trade: Trade) -> dict[str, Any]:
    """Return everything known of a trade: the approval with each check, the orders, the deals, the close."""
    approval = Approval.objects.filter(account=trade.account_id, id__in=_present(trade.approval_id)).first()
    orders = list(
        Order.objects.filter(account=trade.account_id)
        .filter(Q(position_id=trade.position_id) | Q(approval_id__isnull=False, approval_id=trade.approval_id))
        .order_by("at")
    )
    deals = list(Deal.objects.filter(account=trade.account_id, position_id=trade.position_id).order_by("market_at"))
    answer = _load(approval.response) if approval else {}
    snapshot = AccountSnapshot.objects.filter(account=trade.account_id).first()
    return {
        "trade": trade,
        "line": _to_line(trade, _count_digits([trade])[trade.symbol], None if trade.closed_at else snapshot),
        "position": find_open_position(trade, snapshot),
        "approval": approval,
        "checks": read_checks(answer),
        "answer": answer,
        "decision": _find_decision(approval) if approval else None,
        "orders": orders,
        "deals": deals,
        "strategy": Strategy.objects.filter(id__in=_present(trade.strategy_id)).first(),
        "assignment": Assignment.objects.filter(id__in=_present(trade.assignment_id))
        .select_related("executor", "version")
        .first(),
    }


def list_approvals(account_id: Any, limit: int) -> list[tuple[Approval, list[dict[str, Any]]]]:
    """Return an account's latest verdicts with their checks."""
    return read_approvals(Approval.objects.filter(account=account_id).select_related("bot").order_by("-at")[:limit])


def read_approvals(rows: Iterable[Approval]) -> list[tuple[Approval, list[dict[str, Any]]]]:
    """Return verdicts, each with its checks as they were answered."""
    return [(row, read_checks(_load(row.response))) for row in rows]


def read_checks(answer: dict[str, Any]) -> list[dict[str, Any]]:
    """
    Return the checks of a stored answer: name, status, and the figures it was decided by.

    >>> read_checks({"checks": [{"check": "spread", "status": "PASSED", "limit": 3}]})
    [{'name': 'spread', 'status': 'PASSED', 'figures': {'limit': 3}}]
    """
    return [
        {
            "name": check.get("check", ""),
            "status": check.get("status", ""),
            "figures": {name: value for name, value in check.items() if name not in ("check", "status")},
        }
        for check in answer.get("checks") or []
    ]


def _find_decision(approval: Approval) -> Decision | None:
    near = Decision.objects.filter(account=approval.account_id, at=approval.at, body__contains=approval.public_id)
    return near.first()


def _present(key: UUID | None) -> list[UUID]:
    return [] if key is None else [key]


def _load(text: str) -> dict[str, Any]:
    try:
        loaded = json.loads(text)
    except ValueError:
        return {}
    return loaded if isinstance(loaded, dict) else {}
