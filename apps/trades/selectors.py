"""Questions to the ledger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Count, OuterRef, Q, QuerySet, Subquery, Sum

from apps.accounts.models import Account, AccountMode, AccountSnapshot
from apps.bots.models import Bot
from apps.trades.models import Deal, LedgerCheck, Trade

DEALS_OVERLAP_MS = 3_600_000  # deals are asked for again an hour back: a broker may book late
FIRST_DEALS = timedelta(days=30)


def list_trades(
    team_id: UUID,
    *,
    account_id: UUID | None = None,
    strategy_id: UUID | None = None,
    bot_id: UUID | None = None,
    status: str = "",
    symbol: str = "",
) -> QuerySet[Trade]:
    """Return the team's trades with account and bot; `status` is open, closed or nothing."""
    rows = Trade.objects.filter(account__team_id=team_id).select_related("account", "bot")
    wanted = {"account_id": account_id, "strategy_id": strategy_id, "bot_id": bot_id, "symbol": symbol or None}
    rows = rows.filter(**{name: value for name, value in wanted.items() if value is not None})
    if status:
        rows = rows.filter(closed_at__isnull=status.lower() == "open")
    return rows


def get_deals_cursor_ms(account: Account, at: datetime) -> int:
    """
    Return from which raw broker time on deals are wanted.

    An account without deals is read from 30 days back; a paper account, whose market may stand in another year, from the beginning.
    """
    return get_deals_cursors_ms([account], at)[account.pk]


def get_deals_cursors_ms(accounts: Sequence[Account], at: datetime) -> dict[UUID, int]:
    """Return what `get_deals_cursor_ms` does for each account, in one statement that reads an index entry of each."""
    newest = Deal.objects.filter(account=OuterRef("pk")).order_by("-time_raw_ms").values("time_raw_ms")[:1]
    found = Account.objects.filter(pk__in=[one.pk for one in accounts]).values_list("pk", Subquery(newest))
    known = {account_id: time_raw_ms for account_id, time_raw_ms in found if time_raw_ms is not None}
    return {one.pk: _cursor_ms(one, known.get(one.pk), at) for one in accounts}


def _cursor_ms(account: Account, newest: int | None, at: datetime) -> int:
    if newest is not None:
        return max(0, int(newest) - DEALS_OVERLAP_MS)
    if account.mode == AccountMode.PAPER:
        return 0
    return int((at - FIRST_DEALS).timestamp() * 1000)


def find_ledger_check(account_id: UUID) -> LedgerCheck | None:
    """Return how the account's ledger stands against its balance; None before the first check."""
    return LedgerCheck.objects.filter(account_id=account_id).first()


def count_held(bot: Bot) -> int:
    """Return how many positions a bot holds: by the ledger or by the account's last snapshot, whichever says more."""
    ledger = Trade.objects.filter(bot=bot, closed_at__isnull=True).count()
    seen = AccountSnapshot.objects.filter(account_id=bot.account_id).first()
    shown = [one for one in (seen.positions if seen else []) if int(one["magic"]) == bot.magic]
    return max(ledger, len(shown))


@dataclass
class Results:
    """Figures of a set of trades. Money is never added across currencies."""

    trades: int = 0
    wins: int = 0
    losses: int = 0
    open_positions: int = 0
    net_pnl: dict[str, Decimal] = field(default_factory=dict)
    gross_profit: dict[str, Decimal] = field(default_factory=dict)
    gross_loss: dict[str, Decimal] = field(default_factory=dict)

    @property
    def win_rate(self) -> Decimal | None:
        """Wins as a fraction of closed trades; None without any."""
        return round(Decimal(self.wins) / self.trades, 6) if self.trades else None

    @property
    def profit_factor(self) -> Decimal | None:
        """Gross profit over gross loss; None without a loss, or with several currencies."""
        if len(self.net_pnl) != 1:
            return None
        profit, loss = (next(iter(part.values())) for part in (self.gross_profit, self.gross_loss))
        return round(profit / -loss, 6) if loss else None


def sum_results(rows: QuerySet[Trade]) -> dict[UUID, Results]:
    """Return the figures per account of a set of trades, in one statement."""
    won, lost, over = Q(pnl__gt=0), Q(pnl__lt=0), Q(closed_at__isnull=False)
    grouped = (
        rows.order_by()
        .values("account_id", "account__currency")
        .annotate(
            closed=Count("pk", filter=over),
            wins=Count("pk", filter=over & won),
            losses=Count("pk", filter=over & lost),
            open=Count("pk", filter=~over),
            net=Sum("pnl", filter=over, default=Decimal(0)),
            profit_sum=Sum("pnl", filter=over & won, default=Decimal(0)),
            loss_sum=Sum("pnl", filter=over & lost, default=Decimal(0)),
        )
    )
    return {row["account_id"]: _results(row) for row in grouped}


def add_results(parts: list[Results]) -> Results:
    """Return the figures of several sets together."""
    total = Results()
    for part in parts:
        total.trades += part.trades
        total.wins += part.wins
        total.losses += part.losses
        total.open_positions += part.open_positions
        for name in ("net_pnl", "gross_profit", "gross_loss"):
            sums = getattr(total, name)
            for currency, amount in getattr(part, name).items():
                sums[currency] = sums.get(currency, Decimal(0)) + amount
    return total


def _results(row: Mapping[str, Any]) -> Results:
    currency = row["account__currency"]
    return Results(
        trades=row["closed"],
        wins=row["wins"],
        losses=row["losses"],
        open_positions=row["open"],
        net_pnl={currency: row["net"]},
        gross_profit={currency: row["profit_sum"]},
        gross_loss={currency: row["loss_sum"]},
    )
