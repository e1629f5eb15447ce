"""REST door of a bot's performance (RiskMind §5.2)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.bots.api import get_bot_of
from apps.common.clock import read_at
from apps.common.codes import Code
from apps.common.errors import Invalid
from apps.common.serializer_fields import AwareDateTimeField, NumberField
from apps.teams.authentication import caller_of
from apps.trades.bot_performance import Performance, measure_bot
from apps.trades.periods import PERIODS

PERIOD = OpenApiParameter(
    "period", str, enum=PERIODS, description="`today` (the account's trading day) unless named; days are market time."
)


class PositionShown(serializers.Serializer[Any]):
    ticket = serializers.IntegerField()
    symbol = serializers.CharField()
    volume = NumberField()
    unrealized_pnl = NumberField()


class BotPerformance(serializers.Serializer[Any]):
    """Closed trades of the period, in the account's currency; null where a figure has no meaning."""

    bot_id = serializers.CharField()
    period = serializers.ChoiceField(PERIODS)
    since = AwareDateTimeField(allow_null=True)
    until = AwareDateTimeField(help_text="Market time of the account.")
    currency = serializers.CharField()
    trades = serializers.IntegerField()
    wins = serializers.IntegerField()
    losses = serializers.IntegerField()
    win_rate = NumberField(allow_null=True)
    total_pnl = NumberField()
    total_risked = NumberField(help_text="Planned risk of the trades under an approval.")
    risked_trades = serializers.IntegerField()
    pnl_to_risk = NumberField(allow_null=True, help_text="Result over planned risk, of the trades whose risk is known.")
    risk_reward_ratio = NumberField(allow_null=True, help_text="RiskMind's name of `pnl_to_risk`: the same figure.")
    reward_to_risk = NumberField(allow_null=True, help_text="Average win over average loss.")
    average_win = NumberField(allow_null=True)
    average_loss = NumberField(allow_null=True)
    expectancy = NumberField(allow_null=True, help_text="Average result of a trade.")
    profit_factor = NumberField(allow_null=True)
    max_drawdown = NumberField(help_text="Money: the deepest fall of the summed results.")
    current_positions = PositionShown(many=True)
    unrealized_pnl = NumberField(allow_null=True)
    seen_at = AwareDateTimeField(allow_null=True, help_text="When the positions were seen.")


class BotPerformanceApi(APIView):
    """What a bot earned today, in 7 or 30 days, or ever."""

    scopes = {"GET": ("performance:read", "bots:read")}

    @extend_schema(operation_id="bots_performance", parameters=[PERIOD], responses=BotPerformance)
    def get(self, request: Request, bot_id: str) -> Response:
        bot = get_bot_of(caller_of(request), bot_id)
        return Response(performance_row(measure_bot(bot, read_period(request), read_at())))


def read_period(request: Request, default: str = "today") -> str:
    """
    Return `?period=`.

    :raises Invalid: FIELD_INVALID with what is allowed.
    """
    period = request.query_params.get("period", default).lower()
    if period not in PERIODS:
        raise Invalid(Code.FIELD_INVALID, f"period is one of {', '.join(PERIODS)}.", "period", {"allowed": PERIODS})
    return period


def performance_row(found: Performance) -> dict[str, Any]:
    """Return a performance as it is shown; money is rounded to cents here only."""
    figures = ("trades", "wins", "losses", "win_rate", "risked_trades", "pnl_to_risk", "reward_to_risk", "average_win",
               "average_loss", "expectancy", "profit_factor", "seen_at")  # fmt: skip
    shown = ("ticket", "symbol", "volume", "unrealized_pnl")
    return {
        "bot_id": found.bot.bot_id,
        "period": found.period,
        "since": found.span.since,
        "until": found.span.market_at,
        "currency": found.bot.account.currency,
        **{name: getattr(found, name) for name in figures},
        "risk_reward_ratio": found.pnl_to_risk,
        "total_pnl": cents(found.total_pnl),
        "total_risked": cents(found.total_risked),
        "max_drawdown": cents(found.max_drawdown),
        "unrealized_pnl": None if found.unrealized_pnl is None else cents(found.unrealized_pnl),
        "current_positions": [{name: each[name] for name in shown} for each in found.positions],
    }


def cents(amount: Decimal) -> Decimal:
    """Return money rounded for output."""
    return round(amount, 2)
