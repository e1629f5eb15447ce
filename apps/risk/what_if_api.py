"""Asking what other limits would have done: a POST that changes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.models import Account
from apps.accounts.selectors import get_account_of, get_pack_version
from apps.common.lists import list_page
from apps.common.schema import listed
from apps.risk.models import WhatIfRun
from apps.risk.selectors import get_what_if_run
from apps.risk.services import what_if_runs
from apps.risk.services.packs import read_phase
from apps.risk.what_if import answer_what_if, list_shadows, make_limits, plain_answer
from apps.teams.authentication import caller_of
from trading.risk.limits import Limits


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
        found = get_account_of(caller_of(request), account)
        limits, given = read_question(request, found)
        return Response(plain_answer(answer_what_if(found, limits, given.get("from"), given.get("to"))))


class WhatIfRunRow(serializers.Serializer[Any]):
    """A what-if a worker answers; `result` is null until it is DONE."""

    id = serializers.CharField()
    account_id = serializers.CharField()
    name = serializers.CharField(help_text="What was asked.")
    first = serializers.DateField()
    last = serializers.DateField()
    status = serializers.CharField(help_text="QUEUED, RUNNING, DONE, FAILED or CANCELLED.")
    progress_fraction = serializers.FloatField()
    problem = serializers.DictField(allow_null=True)
    asked_by = serializers.CharField()
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)


class WhatIfRunOutput(WhatIfRunRow):
    result = WhatIfOutput(allow_null=True)


class WhatIfRunsApi(APIView):
    """What-ifs over as many as 1,100 trading days and 50,000 requests: a worker answers, and the answer is kept."""

    scopes = {"GET": "risk:read", "POST": "risk:read"}

    @listed("account_what_if_runs_list", WhatIfRunRow)
    def get(self, request: Request, account: str) -> Response:
        found = get_account_of(caller_of(request), account)
        rows = WhatIfRun.objects.filter(account=found).select_related("account").defer("result", "limits")
        return list_page(request, rows, ["-created_at", "-id"], run_row)

    @extend_schema(operation_id="account_what_if_runs_create", request=WhatIfInput, responses={202: WhatIfRunOutput})
    def post(self, request: Request, account: str) -> Response:
        caller = caller_of(request)
        found = get_account_of(caller, account)
        limits, given = read_question(request, found)
        row = what_if_runs.ask_run(
            account=found, limits=limits, first=given.get("from"), last=given.get("to"), name=say_question(given),
            actor=caller.actor,
        )  # fmt: skip
        return Response({**run_row(row), "result": None}, status=202)


class WhatIfRunApi(APIView):
    """One what-if a worker answers, with its answer. DELETE cancels one that waits or runs."""

    scopes = {"GET": "risk:read", "DELETE": "risk:read"}

    @extend_schema(operation_id="account_what_if_runs_read", responses=WhatIfRunOutput)
    def get(self, request: Request, account: str, what_if: str) -> Response:
        row = _get_run(request, account, what_if)
        return Response({**run_row(row), "result": row.result})

    @extend_schema(operation_id="account_what_if_runs_cancel", responses=WhatIfRunRow)
    def delete(self, request: Request, account: str, what_if: str) -> Response:
        caller, row = caller_of(request), _get_run(request, account, what_if)
        return Response(run_row(what_if_runs.cancel_run(row=row, actor=caller.actor, at=caller.at)))


def read_question(request: Request, account: Account) -> tuple[Limits, dict[str, Any]]:
    """
    Return the limits a body asks about, and what it says.

    :raises PlatformError: for limits that cannot be.
    """
    caller, asked = caller_of(request), WhatIfInput(data=request.data)
    asked.is_valid(raise_exception=True)
    given = asked.validated_data
    version, phase = None, ""
    if "pack" in given:
        version = get_pack_version(caller.team.pk, given["pack"], caller.at.date(), given.get("version"))
        phase = read_phase(version.document, given.get("phase"))
    return make_limits(account, given.get("limits", {}), version, phase), given


def say_question(given: Mapping[str, Any]) -> str:
    """
    Return what was asked in words.

    >>> say_question({"pack": "acme", "phase": "challenge", "limits": {"max_open_positions": 3}})
    'acme challenge; max_open_positions 3'
    """
    rules = " ".join(str(given[name]) for name in ("pack", "phase") if given.get(name)) or "limits in force"
    return "; ".join([rules, *(f"{name} {value}" for name, value in (given.get("limits") or {}).items())])


def run_row(row: WhatIfRun) -> dict[str, Any]:
    """Return a what-if as lists show it."""
    same = ("name", "first", "last", "status", "progress_fraction", "problem", "asked_by", "created_at", "finished_at")
    return {"id": row.public_id, "account_id": row.account.public_id, **{name: getattr(row, name) for name in same}}


def _get_run(request: Request, account_ref: str, reference: str) -> WhatIfRun:
    return get_what_if_run(get_account_of(caller_of(request), account_ref), reference)


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
