"""REST: what is found before a strategy is started. Nothing is changed."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.models import ConnectionLossPolicy
from apps.accounts.selectors import get_account
from apps.assignments.services.examining import Examined, examine
from apps.assignments.services.preflight import ALL, choose_executors
from apps.common.clock import read_at
from apps.market.serializers import CertificateRow, CheckRow, certificate_row
from apps.strategies.selectors import get_latest_version, get_strategy
from apps.teams.authentication import caller_of


class PreflightRow(serializers.Serializer[Any]):
    """One executor: everything looked at, and what a lost connection means there, in words."""

    executor_id = serializers.CharField()
    executor = serializers.CharField()
    account_id = serializers.CharField()
    account = serializers.CharField()
    state = serializers.ChoiceField(["ONLINE", "STALE", "OFFLINE"])
    real_money = serializers.BooleanField()
    may_start = serializers.BooleanField()
    checks = CheckRow(many=True)
    connection_loss = serializers.ChoiceField(ConnectionLossPolicy.choices)
    connection_loss_words = serializers.CharField()
    certificate = CertificateRow(allow_null=True)


class Preflight(serializers.Serializer[Any]):
    strategy_id = serializers.CharField()
    version = serializers.IntegerField()
    symbol = serializers.CharField()
    may_start = serializers.BooleanField(help_text="Whether all of them would be accepted.")
    results = PreflightRow(many=True)


class PreflightApi(APIView):
    """What would happen if the strategy were activated on these executors now."""

    scopes = {"GET": "assignments:read"}

    @extend_schema(
        operation_id="strategies_preflight",
        parameters=[
            OpenApiParameter("executors", str, description="Ids or codes, by comma; all that are online if absent."),
            OpenApiParameter("account_id", str, description="Only executors of this account."),
        ],
        responses=Preflight,
    )
    def get(self, request: Request, strategy: str) -> Response:
        caller, asked, at = caller_of(request), request.query_params, read_at()
        team_id = caller.team.pk
        row = get_strategy(team_id, strategy)
        executors = choose_executors(
            team_id=team_id,
            references=[one for one in asked.get("executors", ALL).split(",") if one] or [ALL],
            account=get_account(team_id, asked["account_id"]) if asked.get("account_id") else None,
            bound_account_id=caller.account_id,
            at=at,
        )
        version = get_latest_version(row.pk)
        found = examine(strategy=row, version=version, executors=executors, at=at)
        body = {
            "strategy_id": row.public_id,
            "version": version.number,
            "symbol": version.symbol,
            "may_start": all(one.may_start for one in found),
            "results": [_row(one, at) for one in found],
        }
        return Response(Preflight(body).data)


def _row(found: Examined, at: Any) -> dict[str, Any]:
    executor, account = found.executor, found.executor.account
    return {
        "executor_id": executor.public_id,
        "executor": executor.code,
        "account_id": account.public_id,
        "account": account.code,
        "state": found.presence,
        "real_money": found.is_real_money,
        "may_start": found.may_start,
        "checks": [
            {"name": one.name, "result": one.result, "message": one.message, "code": one.code} for one in found.checks
        ],
        "connection_loss": account.connection_loss,
        "connection_loss_words": found.connection_loss_words,
        "certificate": certificate_row(found.certificate, at) if found.certificate else None,
    }
