"""One account: its day, its limits in words, its verdicts, and the figures behind its charts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from apps.accounts.models import Account, EquityPoint, TradingDay
from apps.accounts.selectors import tell_connection_loss
from apps.assignments.models import Assignment
from apps.dashboard.marks.charts import thin
from apps.dashboard.proof import prove_executor
from apps.dashboard.selectors.closing import list_positions
from apps.dashboard.selectors.flattening import find_flattening
from apps.dashboard.selectors.fleet import ExecutorRow
from apps.dashboard.selectors.limit_words import say_limits
from apps.dashboard.selectors.packs import view_pack
from apps.dashboard.selectors.standing import AccountView, get_account_view
from apps.dashboard.selectors.strategies import list_placements
from apps.dashboard.selectors.trades import list_approvals, with_floating
from apps.executors.models import Executor
from apps.market.models import Bar
from apps.market.selectors import list_symbols
from apps.risk.models import Reservation
from apps.risk.news_reach import find_news_gaps
from apps.trades.models import Trade
from apps.trades.selectors import find_ledger_check

MOST_POINTS = 600
MOST_BARS = 500
MOST_VERDICTS = 12
PERIODS = {"day": None, "week": timedelta(days=7), "all": timedelta(days=3650)}


def describe_account(account: Account, at: datetime) -> dict[str, Any]:
    """Return everything the page of an account shows."""
    view = get_account_view(account, at)
    executors = Executor.objects.filter(account=account, retired_at=None).order_by("code")
    approvals = list_approvals(account.pk, MOST_VERDICTS)
    figures = read_equity(account, at, period="day", view=view)
    return {
        "view": view,
        "account": account,
        "positions": list_positions(account, view.snapshot),
        "flattening": find_flattening(account),
        "executors": [ExecutorRow(each, prove_executor(each, at), []) for each in executors],
        "placements": list_placements(Assignment.objects.filter(account=account, live=True), at),
        "approvals": approvals,
        "approved_count": sum(row.approved for row, _ in approvals),
        "unresolved": [row for row, _ in approvals if row.reservation == Reservation.UNRESOLVED],
        "pack": view_pack(account, at),
        "news_gap": _find_news_gap(view, at),
        "limits": say_limits(view.limits) if view.limits else [],
        "trades": with_floating(
            Trade.objects.filter(account=account).select_related("account", "bot").order_by("-opened_at")[:10]
        ),
        "days": [(day, _result(day)) for day in TradingDay.objects.filter(account=account).order_by("-day")[:14]],
        "periods": [("day", "Today"), ("week", "7 days"), ("all", "All")],
        "table": bool(figures["points"]),
        "table_rows": [
            (datetime.fromtimestamp(at_s, UTC), equity, balance)
            for at_s, equity, balance in thin(figures["points"], 12)
        ],
        "charted": list_charted(account),
        "certified": list_symbols(account.pk),
        "ledger": find_ledger_check(account.pk),
        "connection_loss_words": tell_connection_loss(account),
    }


def _find_news_gap(view: AccountView, at: datetime) -> str:
    if view.limits is None:
        return ""
    return find_news_gaps({"this": (view.limits, view.market_at or at)}).get("this", "")


def list_charted(account: Account) -> list[tuple[str, str]]:
    """Return the symbols and timeframes with stored bars."""
    rows = Bar.objects.filter(account=account).order_by("symbol", "timeframe")
    return list(rows.values_list("symbol", "timeframe").distinct()[:50])


def read_equity(account: Account, at: datetime, *, period: str, view: AccountView | None = None) -> dict[str, Any]:
    """
    Return equity over market time with the floors, at most 600 points.

    :param period: `day` (the account's own, in force), `week` or `all`.
    """
    view = view or get_account_view(account, at)
    points = EquityPoint.objects.filter(account=account)
    starts_at = view.risk.day_starts_at if view.risk else None
    span = PERIODS.get(period)
    if span is None and starts_at is not None:
        points = points.filter(market_at__gte=starts_at)
    elif view.snapshot is not None:
        points = points.filter(market_at__gte=view.snapshot.market_at - (span or timedelta(days=1)))
    rows = list(points.order_by("-market_at").values_list("market_at", "equity", "balance")[: MOST_POINTS * 20])
    rows.reverse()
    standing = view.standing
    return {
        "currency": account.currency,
        "points": [
            [int(market_at.timestamp()), float(equity), float(balance)]
            for market_at, equity, balance in thin(rows, MOST_POINTS)
        ],
        "daily_floor": float(standing.daily_floor) if standing and period == "day" else None,
        "total_floor": float(standing.total_floor) if standing else None,
        "reference": float(standing.daily_reference) if standing and period == "day" else None,
        "day_ends_at": int(view.risk.day_ends_at.timestamp()) if view.risk and view.risk.day_ends_at else None,
    }


def read_candles(account: Account, *, symbol: str, timeframe: str) -> dict[str, Any]:
    """Return the last closed bars of a symbol and the trades that touch them."""
    bars = list(
        Bar.objects.filter(account=account, symbol=symbol, timeframe=timeframe).order_by("-opens_at")[:MOST_BARS]
    )
    bars.reverse()
    trades = Trade.objects.filter(account=account, symbol=symbol)
    if bars:
        trades = trades.filter(opened_at__gte=bars[0].opens_at)
    return {
        "symbol": symbol,
        "timeframe": timeframe,
        "bars": [
            [int(bar.opens_at.timestamp()), float(bar.open), float(bar.high), float(bar.low), float(bar.close)]
            for bar in bars
        ],
        "trades": [_to_mark(trade) for trade in trades.order_by("opened_at")[:200]] if bars else [],
    }


def _to_mark(trade: Trade) -> dict[str, Any]:
    return {
        "side": trade.side,
        "opened_at": int(trade.opened_at.timestamp()),
        "closed_at": int(trade.closed_at.timestamp()) if trade.closed_at else None,
        "entry_price": float(trade.entry_price),
        "exit_price": float(trade.exit_price) if trade.exit_price is not None else None,
        "stop_loss": float(trade.stop_loss) if trade.stop_loss is not None else None,
        "take_profit": float(trade.take_profit) if trade.take_profit is not None else None,
        "lots": float(trade.volume_lots),
        "pnl": float(trade.pnl),
    }


def _result(day: TradingDay) -> Decimal | None:
    return None if day.end_balance is None else day.end_balance - day.balance_base
