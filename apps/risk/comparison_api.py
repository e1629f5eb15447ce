"""REST doors of paper beside live: of a strategy, and of what a bot runs."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.bots.api import get_bot_of
from apps.common.clock import read_at
from apps.common.serializer_fields import NumberField
from apps.risk.comparison import Comparison, Side, compare, list_family
from apps.strategies.selectors import get_strategy
from apps.teams.authentication import caller_of
from apps.trades.performance_api import PERIOD, cents, read_period
from apps.trades.selectors import list_trades

FIGURES = (
    "accounts", "bots", "trades", "wins", "win_rate", "win_rate_interval", "expectancy_r", "risked_trades",
    "slippage_fraction", "slippage_worst_fraction", "slippage_trades",
)  # fmt: skip


class SideShown(serializers.Serializer[Any]):
    """One side. R is result over planned risk; slippage is a share of the distance to the stop, above zero where worse."""

    accounts = serializers.IntegerField()
    bots = serializers.IntegerField()
    trades = serializers.IntegerField()
    wins = serializers.IntegerField()
    win_rate = NumberField(allow_null=True)
    win_rate_interval = serializers.ListField(child=NumberField(), allow_null=True, help_text="95 %, Wilson.")
    net_pnl = serializers.DictField(child=NumberField(), help_text="By currency, never added across.")
    expectancy_r = NumberField(allow_null=True)
    risked_trades = serializers.IntegerField(help_text="Trades whose planned risk is known.")
    slippage_fraction = NumberField(allow_null=True)
    slippage_worst_fraction = NumberField(allow_null=True)
    slippage_trades = serializers.IntegerField(help_text="Trades whose asked price is known.")


class DifferenceShown(serializers.Serializer[Any]):
    """Live less paper."""

    win_rate = NumberField(allow_null=True)
    expectancy_r = NumberField(allow_null=True)
    slippage_fraction = NumberField(allow_null=True)


class ComparisonShown(serializers.Serializer[Any]):
    """Paper beside live."""

    period = serializers.CharField()
    paper = SideShown()
    live = SideShown()
    difference = DifferenceShown()
    is_enough = serializers.BooleanField(help_text="At least 30 closed trades on each side.")


class StrategyComparisonApi(APIView):
    """A strategy on paper beside the same strategy live."""

    scopes = {"GET": ("performance:read", "trades:read")}

    @extend_schema(operation_id="strategies_comparison", parameters=[PERIOD], responses=ComparisonShown)
    def get(self, request: Request, strategy: str) -> Response:
        caller, period = caller_of(request), read_period(request, "all")
        row = get_strategy(caller.team.pk, strategy)
        trades = list_trades(caller.team.pk, strategy_id=row.pk, account_id=caller.account_id)
        return Response(comparison_row(compare(trades, period, read_at()), period))


class BotComparisonApi(APIView):
    """What a bot runs, on paper beside live: all bots of its strategy, else of its strategy type."""

    scopes = {"GET": ("performance:read", "bots:read")}

    @extend_schema(operation_id="bots_comparison", parameters=[PERIOD], responses=ComparisonShown)
    def get(self, request: Request, bot_id: str) -> Response:
        caller, period = caller_of(request), read_period(request, "all")
        trades = list_family(get_bot_of(caller, bot_id))
        if caller.account_id is not None:
            trades = trades.filter(account_id=caller.account_id)
        return Response(comparison_row(compare(trades, period, read_at()), period))


def comparison_row(found: Comparison, period: str) -> dict[str, Any]:
    """Return a comparison as it is shown."""
    return {
        "period": period,
        "paper": _side_row(found.paper),
        "live": _side_row(found.live),
        "difference": {
            "win_rate": found.win_rate_difference,
            "expectancy_r": found.expectancy_r_difference,
            "slippage_fraction": found.slippage_fraction_difference,
        },
        "is_enough": found.is_enough,
    }


def _side_row(side: Side) -> dict[str, Any]:
    money = {currency: cents(amount) for currency, amount in (side.net_pnl or {}).items()}
    return {**{name: getattr(side, name) for name in FIGURES}, "net_pnl": money}
