"""Asking what other limits would have done: a POST that changes nothing."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.models import RulePackVersion
from apps.accounts.selectors import get_account_of, get_pack_version
from apps.risk.services.packs import read_phase
from apps.risk.what_if import answer_what_if, list_shadows, make_limits, plain_answer
from apps.teams.authentication import caller_of


class PeriodQuery(serializers.Serializer[Any]):
    """Trading days by their dates; the last five where nothing is said."""

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        # `from` is a word of the language.
        return {
            "from": serializers.DateField(required=False),
            "to": serializers.DateField(required=False),
            **super().get_fields(),
        }


class WhatIfInput(PeriodQuery):
    """Limits to try, over those in force: single ones, a firm's pack, or both."""

    limits = serializers.DictField(required=False)
    pack = serializers.CharField(max_length=80, required=False)
    version = serializers.IntegerField(min_value=1, max_value=2**31 - 1, required=False)
    phase = serializers.CharField(max_length=120, required=False)


class DepthOutput(serializers.Serializer[Any]):
    used_pct = serializers.FloatField()
    market_at = serializers.DateTimeField()


class DeepestOutput(serializers.Serializer[Any]):
    daily = DepthOutput(allow_null=True)
    total = DepthOutput(allow_null=True)
    daily_risk = DepthOutput(allow_null=True)
    positions = DepthOutput(allow_null=True)


class WhatIfDay(serializers.Serializer[Any]):
    day = serializers.DateField()
    requests = serializers.IntegerField()
    approved_then = serializers.IntegerField()
    approved_now = serializers.IntegerField()
    pnl_then = serializers.FloatField()
    pnl_now = serializers.FloatField()
    broken = serializers.BooleanField()
    deepest = DeepestOutput()


class WhatIfTrade(serializers.Serializer[Any]):
    approval_id = serializers.CharField()
    market_at = serializers.DateTimeField()
    symbol = serializers.CharField()
    side = serializers.CharField()
    requested_lots = serializers.FloatField()
    change = serializers.ChoiceField(["denied", "shrunk", "grown", "allowed"])
    lots_then = serializers.FloatField()
    lots_now = serializers.FloatField()
    reason_then = serializers.CharField()
    reason_now = serializers.CharField()
    message = serializers.CharField(allow_null=True)
    pnl_then = serializers.FloatField(allow_null=True)
    pnl_now = serializers.FloatField(allow_null=True)


class WhatIfOutput(PeriodQuery):
    """`notes` say what nobody can know: read them before the figures."""

    account_id = serializers.CharField()
    currency = serializers.CharField()
    limits = serializers.DictField()
    requests = serializers.IntegerField()
    unreadable = serializers.IntegerField()
    changes = serializers.DictField(child=serializers.IntegerField())
    pnl_then = serializers.FloatField()
    pnl_now = serializers.FloatField()
    days = WhatIfDay(many=True)
    trades = WhatIfTrade(many=True)
    trades_left_out = serializers.IntegerField()
    notes = serializers.ListField(child=serializers.CharField())


class ShadowRow(serializers.Serializer[Any]):
    code = serializers.CharField()
    would_refuse = serializers.IntegerField()
    closed = serializers.IntegerField()
    pnl = serializers.FloatField()


class ShadowOutput(serializers.Serializer[Any]):
    account_id = serializers.CharField()
    approved = serializers.IntegerField()
    limits = ShadowRow(many=True)


class WhatIfApi(APIView):
    """What other limits, or a firm's pack, would have made of an account's days. Nothing is changed or kept."""

    scopes = {"POST": "risk:read"}

    @extend_schema(operation_id="account_what_if", request=WhatIfInput, responses=WhatIfOutput)
    def post(self, request: Request, account: str) -> Response:
        caller = caller_of(request)
        found = get_account_of(caller, account)
        asked = WhatIfInput(data=request.data)
        asked.is_valid(raise_exception=True)
        given = asked.validated_data
        version, phase = None, ""
        if "pack" in given:
            version = self._get_version(caller, given)
            phase = read_phase(version.document, given.get("phase"))
        limits = make_limits(found, given.get("limits", {}), version, phase)
        return Response(plain_answer(answer_what_if(found, limits, given.get("from"), given.get("to"))))

    @staticmethod
    def _get_version(caller: Any, given: dict[str, Any]) -> RulePackVersion:
        return get_pack_version(caller.team.pk, given["pack"], caller.at.date(), given.get("version"))


class ShadowReportApi(APIView):
    """How often limits that only watch would have refused a trade that was approved."""

    scopes = {"GET": "risk:read"}

    @extend_schema(
        operation_id="account_shadow_report",
        responses=ShadowOutput,
        parameters=[OpenApiParameter("from", OpenApiTypes.DATE), OpenApiParameter("to", OpenApiTypes.DATE)],
    )
    def get(self, request: Request, account: str) -> Response:
        found = get_account_of(caller_of(request), account)
        asked = PeriodQuery(data=request.query_params)
        asked.is_valid(raise_exception=True)
        approved, lines = list_shadows(found, asked.validated_data.get("from"), asked.validated_data.get("to"))
        rows = [
            {"code": one.code, "would_refuse": one.refused, "closed": one.closed, "pnl": round(one.pnl, 2)}
            for one in lines
        ]
        return Response({"account_id": found.public_id, "approved": approved, "limits": rows})
