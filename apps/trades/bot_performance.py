"""
What a bot has earned in a period (RiskMind §5.2), from the trades its deals make up.

A trade counts in the period in which it was closed, with all its costs; what is still open stands in `positions`. A figure
that has no meaning (a rate of no trade, a ratio without a loss) is None, never 0.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Count, Q, QuerySet, Sum

from apps.accounts.models import Account, AccountSnapshot
from apps.bots.models import Bot
from apps.trades.models import Trade
from apps.trades.periods import PERIODS, Span, find_snapshot, find_span, find_spans, group_by_start

ZERO = Decimal(0)
Result = tuple[datetime, Decimal, Decimal | None]


@dataclass
class Performance:
    """
    Figures of closed trades in the account's currency, and the positions of the last snapshot.

    `total_risked` and `pnl_to_risk` rest on the trades whose planned risk is known (`risked_trades`): those under an approval.
    """

    bot: Bot
    period: str
    span: Span
    trades: int = 0
    wins: int = 0
    losses: int = 0
    total_pnl: Decimal = ZERO
    gross_profit: Decimal = ZERO
    gross_loss: Decimal = ZERO  # below zero
    max_drawdown: Decimal = ZERO  # the deepest fall of the summed results below their highest, as money ≥ 0
    risked_trades: int = 0
    risked_pnl: Decimal = ZERO
    total_risked: Decimal = ZERO
    positions: list[dict[str, Any]] = field(default_factory=list)
    seen_at: datetime | None = None

    @property
    def win_rate(self) -> Decimal | None:
        """Wins as a fraction of closed trades; a trade that ended at zero is neither won nor lost."""
        return _ratio(Decimal(self.wins), Decimal(self.trades))

    @property
    def pnl_to_risk(self) -> Decimal | None:
        """Money earned per money risked: the sum of both over the trades whose risk is known."""
        return _ratio(self.risked_pnl, self.total_risked)

    @property
    def average_win(self) -> Decimal | None:
        return _ratio(self.gross_profit, Decimal(self.wins), 2)

    @property
    def average_loss(self) -> Decimal | None:
        return _ratio(self.gross_loss, Decimal(self.losses), 2)

    @property
    def reward_to_risk(self) -> Decimal | None:
        """The average win over the average loss; None unless there is one of each."""
        if not self.wins or not self.losses:
            return None
        return _ratio(self.gross_profit * self.losses, -self.gross_loss * self.wins)

    @property
    def profit_factor(self) -> Decimal | None:
        return _ratio(self.gross_profit, -self.gross_loss)

    @property
    def expectancy(self) -> Decimal | None:
        """The average result of a trade."""
        return _ratio(self.total_pnl, Decimal(self.trades), 2)

    @property
    def unrealized_pnl(self) -> Decimal | None:
        """What the open positions stood at in the last snapshot; None where there was none."""
        return None if self.seen_at is None else sum((each["unrealized_pnl"] for each in self.positions), ZERO)


def measure_bot(bot: Bot, period: str, at: datetime) -> Performance:
    """Return a bot's performance in a period of its account's own clock."""
    account = _read_account(bot)
    found = _begin(bot, account, period, at)
    _add_up(found, list_results(bot).filter(found.span.holds()).iterator(chunk_size=5000))
    return found


def measure_periods(bot: Bot, at: datetime) -> tuple[list[Performance], list[Result]]:
    """Return a bot's performance in every period, and the results they rest on, all read once."""
    account, results = _read_account(bot), list(list_results(bot))
    periods = [_begin(bot, account, period, at) for period in PERIODS]
    for found in periods:
        since = found.span.since
        _add_up(found, (result for result in results if since is None or result[0] >= since))
    return periods, results


def list_results(bot: Bot) -> QuerySet[Trade, Any]:
    """Return when each trade of a bot was closed, what it made, and what it was to risk, in the order of closing."""
    rows = Trade.objects.filter(bot=bot, closed_at__isnull=False).order_by("closed_at", "pk")
    return rows.values_list("closed_at", "pnl", "planned_risk")


def _read_account(bot: Bot) -> Account:
    return Account.objects.select_related("risk", "snapshot").get(pk=bot.account_id)


def _begin(bot: Bot, account: Account, period: str, at: datetime) -> Performance:
    snapshot = find_snapshot(account)
    found = Performance(bot, period, find_span(account, period, at), positions=show_positions(bot.magic, snapshot))
    found.seen_at = snapshot.taken_at if snapshot else None
    return found


def show_positions(magic: int, snapshot: AccountSnapshot | None) -> list[dict[str, Any]]:
    """Return a bot's positions of a snapshot as RiskMind §5.2 shows them; the result counts swap, as equity does."""
    shown = snapshot.positions if snapshot else []
    return [
        {
            "ticket": int(one["ticket"]),
            "symbol": one["symbol"],
            "volume": Decimal(str(one["volume_lots"])),
            "unrealized_pnl": Decimal(str(one.get("profit") or 0)) + Decimal(str(one.get("swap") or 0)),
            "side": one["side"],
            "comment": one.get("comment", ""),
        }
        for one in shown
        if int(one["magic"]) == magic
    ]


@dataclass(frozen=True)
class Today:
    """A bot's trading day so far."""

    trades: int = 0
    wins: int = 0
    pnl: Decimal = ZERO
    risked: Decimal = ZERO

    @property
    def win_rate(self) -> Decimal | None:
        return _ratio(Decimal(self.wins), Decimal(self.trades))


def measure_today(bots: Collection[Bot], at: datetime, spans: dict[UUID, Span] | None = None) -> dict[UUID, Today]:
    """
    Return each bot's day so far, in two statements however many bots; those without a closed trade have zeros.

    :param spans: today's span of each of their accounts, where they are known already (one statement less).
    """
    spans = find_spans({bot.account_id for bot in bots}, "today", at) if spans is None else spans
    if not spans:
        return {}
    # By account and not by bot: two hundred ids in a statement cost more than a trade too many.
    inside = Q(pk__in=[])
    for since, account_ids in group_by_start(spans).items():
        inside |= Q(account_id__in=account_ids, closed_at__gte=since)
    grouped = (
        Trade.objects.filter(inside, bot_id__isnull=False)
        .order_by()
        .values("bot_id")
        .annotate(
            count=Count("pk"),
            won=Count("pk", filter=Q(pnl__gt=0)),
            net=Sum("pnl", default=ZERO),
            risk=Sum("planned_risk", default=ZERO),
        )
    )
    known = {row["bot_id"]: Today(row["count"], row["won"], row["net"], row["risk"]) for row in grouped}
    return {bot.pk: known.get(bot.pk, Today()) for bot in bots}


def _add_up(found: Performance, results: Iterable[Result]) -> None:
    highest = ZERO
    for _, pnl, planned in results:
        found.trades += 1
        found.total_pnl += pnl
        highest = max(highest, found.total_pnl)
        found.max_drawdown = max(found.max_drawdown, highest - found.total_pnl)
        if pnl > 0:
            found.wins, found.gross_profit = found.wins + 1, found.gross_profit + pnl
        elif pnl < 0:
            found.losses, found.gross_loss = found.losses + 1, found.gross_loss + pnl
        if planned:
            found.risked_trades += 1
            found.risked_pnl += pnl
            found.total_risked += planned


def _ratio(above: Decimal, below: Decimal, digits: int = 6) -> Decimal | None:
    return round(above / below, digits) if below else None
