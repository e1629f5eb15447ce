"""Bots as the pages show them: the grid with today's figures, and everything known of one."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import Count

from apps.accounts.models import AccountSnapshot
from apps.bots.models import Bot, BotStatus
from apps.bots.selectors import BotFilter, list_bots
from apps.bots.tags import Comment, read_comment, show_tags
from apps.dashboard.marks.charts import Axis, draw_line, find_span, thin
from apps.dashboard.marks.numbers import format_amount, format_percent
from apps.dashboard.paging import KeysetPage, take_keyset
from apps.dashboard.selectors.standing import AccountView, get_account_view, list_account_views
from apps.dashboard.selectors.trades import read_approvals
from apps.risk.comparison import compare, list_family
from apps.risk.models import RiskEvent
from apps.risk.promotion import assess_bot
from apps.teams.models import Team
from apps.trades.bot_performance import Performance, Today, measure_periods, measure_today, show_positions
from trading.metrics.track import Need

STATES = ("ACTIVE", "PAUSED", "QUARANTINE", "RETIRED")
PERIOD_NAMES = {"today": "Today", "7d": "7 days", "30d": "30 days", "all": "All"}
MOST_POINTS = 240
_MARKS = {"ACTIVE": "proven", "PAUSED": "paused", "QUARANTINE": "refused", "RETIRED": "off"}


@dataclass(frozen=True, slots=True)
class BotLine:
    """A bot in the grid. `open_count` and `floating` are of the account's last snapshot; None before the first one."""

    bot: Bot
    view: AccountView | None
    today: Today
    open_count: int | None
    floating: Decimal | None

    @property
    def tags(self) -> list[str]:
        return show_tags(self.bot.stage, self.bot.tags)

    @property
    def mark(self) -> str:
        return _MARKS[self.bot.status]


@dataclass(frozen=True, slots=True)
class Curve:
    """A bot's summed results over its trades, drawn."""

    line: str
    zero_y: float
    y_ticks: list[tuple[float, str]]
    x_ticks: list[tuple[float, str]]


def page_bots(team: Team, wanted: BotFilter, *, after: str, before: str) -> KeysetPage[Bot]:
    """Return one page of the team's bots by bot id; without a status, those in service."""
    rows = list_bots(team.pk, wanted)
    if not wanted.status:
        rows = rows.exclude(status=BotStatus.RETIRED)
    return take_keyset(rows, "bot_id", after=after, before=before)


def count_states(team: Team) -> list[tuple[str, int]]:
    """Return how many bots are in service, and in each status."""
    found = dict(Bot.objects.filter(team=team).values_list("status").annotate(Count("pk")))
    in_service = sum(count for status, count in found.items() if status != BotStatus.RETIRED)
    return [("", in_service), *((status, found.get(status, 0)) for status in STATES)]


def describe_bots(team: Team, bots: list[Bot], at: datetime) -> list[BotLine]:
    """Return the lines of a grid in a handful of queries, however many bots."""
    views = {view.account.pk: view for view in list_account_views(team, at)} if bots else {}
    days = measure_today(bots, at) if bots else {}
    return [_to_line(bot, views.get(bot.account_id), days.get(bot.pk, Today())) for bot in bots]


def describe_bot(bot: Bot, at: datetime) -> dict[str, Any]:
    """Return everything the page of a bot shows."""
    view = get_account_view(bot.account, at)
    periods, results = measure_periods(bot, at)
    day = periods[0]
    line = _to_line(bot, view, Today(day.trades, day.wins, day.total_pnl, day.total_risked))
    verdicts = read_approvals(bot.approvals.select_related("bot", "account").order_by("-at")[:20])
    comparison = compare(list_family(bot), "all", at)
    promotion = assess_bot(bot, at, results)
    return {
        "bot": bot,
        "line": line,
        "view": view,
        "snapshot": view.snapshot,
        "figures": list_figures(periods),
        "period_names": list(PERIOD_NAMES.values()),
        "curve": draw_curve([(closed_at, pnl) for closed_at, pnl, _ in results]),
        "positions": list_positions(bot, view.snapshot),
        "approvals": verdicts,
        "denied": sum(not row.approved for row, _ in verdicts),
        "promotion": promotion,
        "needs": [say_need(need) for need in promotion.needs],
        "decline": [say_need(need) for need in promotion.decline],
        "comparison": comparison,
        "has_both": bool(comparison.paper.trades and comparison.live.trades),
        "events": list(RiskEvent.objects.filter(bot=bot).select_related("account").order_by("-at")[:8]),
    }


def list_positions(bot: Bot, snapshot: AccountSnapshot | None) -> list[tuple[dict[str, Any], Comment]]:
    """Return a bot's open positions, each with what its comment says."""
    return [(each, read_comment(each["comment"])) for each in show_positions(bot.magic, snapshot)]


def list_figures(periods: list[Performance]) -> list[tuple[str, str, list[Any]]]:
    """Return the table of performance: name, how to write it (`count`, `money`, `percent`, `ratio`), a value a period."""
    rows = (
        ("Closed trades", "count", "trades"), ("Won", "percent", "win_rate"), ("Result", "money", "total_pnl"),
        ("Risked", "plain", "total_risked"), ("Result per risk", "ratio", "pnl_to_risk"),
        ("Average win to loss", "ratio", "reward_to_risk"), ("Per trade", "money", "expectancy"),
        ("Deepest fall", "plain", "max_drawdown"),
    )  # fmt: skip
    return [(name, form, [getattr(period, column) for period in periods]) for name, form, column in rows]


def say_need(need: Need) -> dict[str, Any]:
    """
    Return a need in words.

    >>> say_need(Need("win_rate", 0.4, 0.5))
    {'name': 'win_rate', 'has': '40.0 %', 'needs': 'at least 50.0 %', 'is_met': False}
    """
    share = need.name in ("win_rate", "drawdown_fraction")
    whole = need.name in ("trades", "days", "critical_events", "losing_days")

    def write(value: float | None) -> str:
        if value is None or math.isinf(value):
            return "–" if value is None else "no loss yet"
        return format_percent(value) if share else str(round(value)) if whole else format_amount(value)

    bound = "at most" if need.at_most else "at least"
    return {"name": need.name, "has": write(need.has), "needs": f"{bound} {write(need.needs)}", "is_met": need.is_met}


def draw_curve(rows: Iterable[tuple[datetime, Decimal]]) -> Curve | None:
    """Return the summed results trade by trade, drawn; None below two trades."""
    total, points = 0.0, [(0.0, 0.0)]
    closed = []
    for number, (closed_at, pnl) in enumerate(rows, 1):
        total += float(pnl)
        points.append((float(number), total))
        closed.append(closed_at)
    if len(closed) < 2:
        return None
    low, high = find_span([value for _, value in points])
    x, y = Axis(0.0, float(len(closed)), 64.0, 700.0), Axis(low, high, 250.0, 14.0)
    ticks = [(place, format_amount(value, 0 if high - low > 20 else 2)) for place, value in y.ticks()]
    ends = [(64.0, f"{closed[0]:%Y-%m-%d}"), (700.0, f"{closed[-1]:%Y-%m-%d}")]
    return Curve(draw_line(thin(points, MOST_POINTS), x, y), y.place(0.0), ticks, ends)


def _to_line(bot: Bot, view: AccountView | None, today: Today) -> BotLine:
    if view is None or view.snapshot is None:
        return BotLine(bot, view, today, None, None)
    held = show_positions(bot.magic, view.snapshot)
    return BotLine(bot, view, today, len(held), sum((each["unrealized_pnl"] for each in held), Decimal(0)))
