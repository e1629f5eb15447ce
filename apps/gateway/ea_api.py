"""REST doors of external EAs: what they opened and closed. Reports are never refused for rate."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.serializers import SideField
from apps.bots.api import get_bot_of
from apps.bots.models import Bot
from apps.common.clock import read_at
from apps.common.codes import Code
from apps.common.errors import Invalid
from apps.common.serializer_fields import BigNumberField, NumberField, PriceField
from apps.gateway.services.ea_reports import OpenedTold, take_closed, take_opened
from apps.teams.authentication import caller_of


class TradeOpened(serializers.Serializer[Any]):
    """A position the EA opened."""

    bot_id = serializers.CharField(
        max_length=80, required=False, help_text="Known from the session where there is one."
    )
    ticket = BigNumberField(minimum=1, help_text="The position's ticket.")
    symbol = serializers.CharField(max_length=32)
    direction = SideField()
    actual_lots = NumberField(above=0)
    actual_entry = PriceField()
    stop_loss = PriceField(required=False, allow_null=True, default=None)
    take_profit = PriceField(required=False, allow_null=True, default=None)
    request_id = serializers.CharField(max_length=80, required=False, allow_blank=True, default="")
    comment = serializers.CharField(max_length=64, required=False, allow_blank=True, default="")
    report_id = serializers.UUIDField(required=False, allow_null=True, default=None)


class TradeClosed(serializers.Serializer[Any]):
    """A position the EA closed."""

    bot_id = serializers.CharField(max_length=80, required=False)
    ticket = BigNumberField(minimum=1)
    exit_reason = serializers.CharField(max_length=20, required=False, default="UNKNOWN")
    report_id = serializers.UUIDField(required=False, allow_null=True, default=None)


class ReportAnswered(serializers.Serializer[Any]):
    """What the EA shall do now."""

    action = serializers.ChoiceField(["none", "close", "reduce"])
    ticket = serializers.IntegerField(required=False)
    lots = serializers.FloatField(required=False)
    source = serializers.CharField(required=False)  # type: ignore[assignment]
    approval = serializers.DictField(required=False, allow_null=True)
    trade_id = serializers.CharField(allow_null=True, help_text="Null until the account's observer has told the deal.")


class TradeOpenedApi(APIView):
    """An EA tells a position it opened."""

    scopes = {"POST": "trades:report"}
    rate_bucket = None

    @extend_schema(operation_id="trades_opened", request=TradeOpened, responses=ReportAnswered)
    def post(self, request: Request) -> Response:
        asked = TradeOpened(data=request.data)
        asked.is_valid(raise_exception=True)
        given = asked.validated_data
        told = OpenedTold(
            ticket=given["ticket"],
            symbol=given["symbol"],
            side=given["direction"],
            volume_lots=given["actual_lots"],
            entry_price=given["actual_entry"],
            stop_loss=given["stop_loss"],
            take_profit=given["take_profit"],
            request_id=given["request_id"],
            comment=given["comment"],
            report_id=given["report_id"],
        )
        return Response(take_opened(bot=_bot(request, given), told=told, at=read_at()))


class TradeClosedApi(APIView):
    """An EA tells a position it closed."""

    scopes = {"POST": "trades:report"}
    rate_bucket = None

    @extend_schema(operation_id="trades_closed", request=TradeClosed, responses=ReportAnswered)
    def post(self, request: Request) -> Response:
        asked = TradeClosed(data=request.data)
        asked.is_valid(raise_exception=True)
        given = asked.validated_data
        answer = take_closed(
            bot=_bot(request, given),
            ticket=given["ticket"],
            exit_reason=given["exit_reason"],
            report_id=given["report_id"],
            at=read_at(),
        )
        return Response(answer)


def _bot(request: Request, given: dict[str, Any]) -> Bot:
    caller = caller_of(request)
    named = given.get("bot_id") or (str(caller.bot_id) if caller.bot_id else "")
    if not named:
        raise Invalid(Code.FIELD_REQUIRED, "Say which bot, or use its session token.", "bot_id")
    return get_bot_of(caller, named)
