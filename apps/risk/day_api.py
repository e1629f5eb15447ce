"""An account's trading days over HTTP: what each began with, and what the ledger says of it once it has ended."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.models import TradingDay
from apps.common.lists import list_page
from apps.common.schema import listed
from apps.risk.api import AccountDoor


class TradingDayRow(serializers.Serializer[dict[str, Any]]):
    """A trading day; `summed_at` null: it has not ended, or is not summed up yet."""

    day = serializers.DateField()
    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()
    balance_base = serializers.FloatField(help_text="What it began with, as the best view says by now.")
    equity_base = serializers.FloatField()
    provisional = serializers.BooleanField(help_text="Nobody watched when it began, and no better view has come.")
    end_balance = serializers.FloatField(allow_null=True)
    end_equity = serializers.FloatField(allow_null=True)
    entries = serializers.IntegerField(help_text="Deals that opened something.")
    trades_count = serializers.IntegerField(help_text="Positions closed.")
    wins = serializers.IntegerField()
    losses = serializers.IntegerField()
    total_pnl = serializers.FloatField(help_text="Booked by trading, costs included.")
    max_drawdown = serializers.FloatField(help_text="Of equity, from its highest point of the day.")
    summed_at = serializers.DateTimeField(allow_null=True)


class AccountDaysApi(AccountDoor):
    """An account's trading days, newest first."""

    scopes = {"GET": ("accounts:read", "risk:read")}

    @listed("account_days_list", TradingDayRow)
    def get(self, request: Request, account: str) -> Response:
        _, found = self.get_account(request, account)
        rows = TradingDay.objects.filter(account=found).prefetch_related("corrections")
        return list_page(request, rows, ["-day"], day_row)


def day_row(day: TradingDay) -> dict[str, Any]:
    """Return a trading day as the list shows it; its bases as they were last corrected."""
    best = max(day.corrections.all(), key=lambda one: one.created_at, default=None)
    same = (
        "day", "starts_at", "ends_at", "end_balance", "end_equity", "entries", "trades_count", "wins", "losses", "total_pnl",
        "max_drawdown", "summed_at",
    )  # fmt: skip
    base = best or day
    return {
        **{name: getattr(day, name) for name in same},
        "balance_base": base.balance_base,
        "equity_base": base.equity_base,
        "provisional": day.provisional and best is None,
    }
