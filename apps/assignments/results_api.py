"""What a strategy has earned, on all executors together and on each."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.assignments.selectors import list_assignments
from apps.strategies.selectors import get_strategy
from apps.teams.authentication import caller_of
from apps.trades.selectors import Results, add_results, list_trades, sum_results
from apps.trades.serializers import ResultsRow, results_row


class AccountResults(ResultsRow):
    """The figures of one account and the executor that trades it."""

    account_id = serializers.CharField()
    account = serializers.CharField()
    executor_id = serializers.CharField()
    executor = serializers.CharField()
    bot_id = serializers.CharField()


class StrategyResults(ResultsRow):
    """The figures of a strategy over all its executors."""

    strategy_id = serializers.CharField()
    by_executor = AccountResults(many=True)


class ResultsApi(APIView):
    """A strategy's results across executors."""

    scopes = {"GET": "trades:read"}

    @extend_schema(operation_id="strategies_results", responses=StrategyResults)
    def get(self, request: Request, strategy: str) -> Response:
        caller = caller_of(request)
        row = get_strategy(caller.team.pk, strategy)
        trades = list_trades(caller.team.pk, strategy_id=row.pk, account_id=caller.account_id)
        by_account = sum_results(trades)
        total = add_results(list(by_account.values()))
        # One row an account: its newest assignment says which executor trades it now.
        newest: dict[Any, dict[str, Any]] = {}
        rows = list_assignments(caller.team.pk, strategy_id=row.pk, account_id=caller.account_id, live=None)
        for one in rows.order_by("created_at"):
            newest[one.account_id] = {
                **results_row(by_account.get(one.account_id, Results())),
                "account_id": one.account.public_id,
                "account": one.account.code,
                "executor_id": one.executor.public_id,
                "executor": one.executor.code,
                "bot_id": one.bot.bot_id,
            }
        body = {"strategy_id": row.public_id, **results_row(total), "by_executor": list(newest.values())}
        return Response(body)
