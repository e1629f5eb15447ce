"""REST door of a bot's way to its next stage."""

from __future__ import annotations

import math
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.bots.api import get_bot_of
from apps.common.clock import read_at
from apps.risk.promotion import Promotion, assess_bot
from apps.teams.authentication import caller_of
from trading.metrics.track import Need


class NeedShown(serializers.Serializer[Any]):
    """One figure: what the bot has, what is asked (`at_most`: it may not be above that), and whether it is met."""

    name = serializers.CharField()
    has = serializers.FloatField(allow_null=True)
    needs = serializers.FloatField()
    at_most = serializers.BooleanField()
    is_met = serializers.BooleanField()


class PromotionShown(serializers.Serializer[Any]):
    """Advice: a person promotes, over `PUT …/stage`."""

    bot_id = serializers.CharField()
    stage = serializers.CharField()
    next_stage = serializers.CharField(allow_null=True)
    needs = NeedShown(many=True)
    is_ready = serializers.BooleanField()
    decline = NeedShown(many=True, help_text="Signs for which upstream puts a bot into quarantine.")


class BotPromotionApi(APIView):
    """What a bot has shown, beside what its next stage asks for."""

    scopes = {"GET": ("performance:read", "bots:read")}

    @extend_schema(operation_id="bots_promotion", responses=PromotionShown)
    def get(self, request: Request, bot_id: str) -> Response:
        return Response(promotion_row(assess_bot(get_bot_of(caller_of(request), bot_id), read_at())))


def promotion_row(found: Promotion) -> dict[str, Any]:
    """Return a promotion as it is shown."""
    return {
        "bot_id": found.bot.bot_id,
        "stage": found.bot.stage,
        "next_stage": found.following or None,
        "needs": [_need_row(need) for need in found.needs],
        "is_ready": found.is_ready,
        "decline": [_need_row(need) for need in found.decline],
    }


def _need_row(need: Need) -> dict[str, Any]:
    has = None if need.has is None or math.isinf(need.has) else round(need.has, 6)
    return {"name": need.name, "has": has, "needs": need.needs, "at_most": need.at_most, "is_met": need.is_met}
