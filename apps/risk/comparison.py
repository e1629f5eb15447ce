"""
Paper beside live, of the same strategy: does the real broker give what the simulated one promised?

Results are compared in R (result over planned risk), which is the same for any account's size and currency; slippage is how much
worse the fill was than the price asked for, as a share of the distance to the stop. Every figure says how many trades it
rests on, and is None without any.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import (
    Avg,
    Case,
    Count,
    DecimalField,
    ExpressionWrapper,
    F,
    Max,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Sum,
    Value,
    When,
)  # fmt: skip
from django.db.models.functions import Abs, NullIf

from apps.accounts.models import AccountMode
from apps.bots.models import Bot
from apps.risk.models import Approval
from apps.trades.models import Trade
from apps.trades.periods import find_spans
from trading.metrics.intervals import wilson_interval

ENOUGH = 30  # below this many trades on a side a difference says little
_NUMBER = DecimalField(max_digits=30, decimal_places=12)


@dataclass(frozen=True)
class Side:
    """The closed trades of the paper accounts, or of the live ones."""

    accounts: int = 0
    bots: int = 0
    trades: int = 0
    wins: int = 0
    risked_trades: int = 0
    expectancy_r: Decimal | None = None
    net_pnl: Mapping[str, Decimal] | None = None  # by currency
    slippage_trades: int = 0
    slippage_fraction: Decimal | None = None  # mean, of the distance to the stop; above zero: worse than asked
    slippage_worst_fraction: Decimal | None = None

    @property
    def win_rate(self) -> Decimal | None:
        return round(Decimal(self.wins) / self.trades, 6) if self.trades else None

    @property
    def win_rate_interval(self) -> tuple[Decimal, Decimal] | None:
        """The win rate's 95 % interval (Wilson)."""
        found = wilson_interval(self.wins, self.trades)
        if found is None or found[0] is None or found[1] is None:
            return None
        return round(Decimal(found[0]), 6), round(Decimal(found[1]), 6)


@dataclass(frozen=True)
class Comparison:
    """Both sides, and live less paper where both are known."""

    paper: Side
    live: Side

    @property
    def win_rate_difference(self) -> Decimal | None:
        return _less(self.live.win_rate, self.paper.win_rate)

    @property
    def expectancy_r_difference(self) -> Decimal | None:
        return _less(self.live.expectancy_r, self.paper.expectancy_r)

    @property
    def slippage_fraction_difference(self) -> Decimal | None:
        return _less(self.live.slippage_fraction, self.paper.slippage_fraction)

    @property
    def is_enough(self) -> bool:
        """Say whether both sides have trades enough for a difference to mean something."""
        return min(self.paper.trades, self.live.trades) >= ENOUGH


def list_family(bot: Bot) -> QuerySet[Trade]:
    """Return the trades of all the team's bots that run what this bot runs: its strategy, else its strategy type."""
    rows = Trade.objects.filter(account__team_id=bot.team_id, bot__team_id=bot.team_id)
    if bot.strategy_id is not None:
        return rows.filter(strategy_id=bot.strategy_id)
    if bot.strategy_type:
        return rows.filter(bot__strategy__isnull=True, bot__strategy_type__iexact=bot.strategy_type)
    return rows.filter(bot=bot)


def compare(trades: QuerySet[Trade], period: str, at: datetime) -> Comparison:
    """
    Return paper beside live, of trades closed in the period (by each account's own market clock).

    :param trades: of one team and one strategy.
    """
    accounts = set(trades.order_by().values_list("account_id", flat=True).distinct())
    inside = Q(pk__in=[])
    for account_id, span in find_spans(accounts, period, at).items():
        inside |= Q(span.holds(), account_id=account_id)
    closed = trades.filter(inside, closed_at__isnull=False).order_by()
    paper = Q(account__mode=AccountMode.PAPER)
    return Comparison(_measure(closed.filter(paper)), _measure(closed.exclude(paper)))


def _measure(trades: QuerySet[Trade]) -> Side:
    asked = Approval.objects.filter(pk=OuterRef("approval_id"))
    rows = trades.annotate(
        asked=Subquery(asked.values("entry_price")[:1]),
        stop=Subquery(asked.values("stop_loss")[:1]),
        sign=Case(When(side="BUY", then=Value(Decimal(1))), default=Value(Decimal(-1)), output_field=_NUMBER),
        r=ExpressionWrapper(F("pnl") / NullIf(F("planned_risk"), Value(Decimal(0))), output_field=_NUMBER),
    ).annotate(
        slip=ExpressionWrapper(
            (F("entry_price") - F("asked")) * F("sign") / NullIf(Abs(F("asked") - F("stop")), Value(Decimal(0))),
            _NUMBER,
        )
    )
    risked = Q(planned_risk__gt=0)
    distant = Q(asked__isnull=False) & ~Q(asked=F("stop"))
    sums: dict[str, Any] = rows.aggregate(
        trades=Count("pk"),
        wins=Count("pk", filter=Q(pnl__gt=0)),
        accounts=Count("account_id", distinct=True),
        bots=Count("bot_id", distinct=True),
        risked_trades=Count("pk", filter=risked),
        slippage_trades=Count("pk", filter=distant),
        mean_r=Avg("r", filter=risked),
        mean_slip=Avg("slip", filter=distant),
        worst_slip=Max("slip", filter=distant),
    )
    money = trades.values("account__currency").annotate(net=Sum("pnl")).values_list("account__currency", "net")
    mean_r, mean_slip, worst_slip = (_round(sums.pop(name)) for name in ("mean_r", "mean_slip", "worst_slip"))
    return Side(
        **sums,
        net_pnl=dict(money),
        expectancy_r=mean_r,
        slippage_fraction=mean_slip,
        slippage_worst_fraction=worst_slip,
    )


def _less(live: Decimal | None, paper: Decimal | None) -> Decimal | None:
    return None if live is None or paper is None else live - paper


def _round(value: Any) -> Decimal | None:
    return None if value is None else round(Decimal(value), 6)
