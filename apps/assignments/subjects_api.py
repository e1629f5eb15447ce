"""REST doors of a strategy and of an executor: changing one and retiring the other depend on what is placed."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.assignments.services.ending import change_strategy, retire_executor
from apps.common.clock import read_at
from apps.executors.models import Executor
from apps.executors.selectors import get_executor
from apps.executors.serializers import ExecutorDetail, executor_row, key_row
from apps.strategies.selectors import get_strategy, list_versions
from apps.strategies.serializers import StrategyChange, StrategyDetail, strategy_detail
from apps.teams.authentication import caller_of


class StrategyApi(APIView):
    """One strategy with its versions."""

    scopes = {"GET": "strategies:read", "PATCH": "strategies:write"}

    @extend_schema(operation_id="strategies_read", responses=StrategyDetail)
    def get(self, request: Request, strategy: str) -> Response:
        row = get_strategy(caller_of(request).team.pk, strategy)
        return Response(strategy_detail(row, list(list_versions(row.pk))))

    @extend_schema(operation_id="strategies_change", request=StrategyChange, responses=StrategyDetail)
    def patch(self, request: Request, strategy: str) -> Response:
        caller = caller_of(request)
        row = get_strategy(caller.team.pk, strategy)
        asked = StrategyChange(data=request.data)
        asked.is_valid(raise_exception=True)
        row = change_strategy(strategy_id=row.pk, actor=caller.actor, changes=asked.validated_data)
        return Response(strategy_detail(row, list(list_versions(row.pk))))


class ExecutorApi(APIView):
    """One executor."""

    scopes = {"GET": "executors:read", "DELETE": "executors:write"}

    @extend_schema(operation_id="executors_read", responses=ExecutorDetail)
    def get(self, request: Request, executor: str) -> Response:
        return _show(self._find(request, executor))

    @extend_schema(operation_id="executors_retire", responses=ExecutorDetail)
    def delete(self, request: Request, executor: str) -> Response:
        row = self._find(request, executor)
        retire_executor(executor_id=row.pk, actor=caller_of(request).actor, at=read_at())
        return _show(self._find(request, executor))

    def _find(self, request: Request, reference: str) -> Executor:
        caller = caller_of(request)
        return get_executor(caller.team.pk, reference, account_id=caller.account_id)


def _show(executor: Executor) -> Response:
    keys = [key_row(key) for key in executor.keys.order_by("-created_at", "-pk")]
    return Response({**executor_row(executor, read_at()), "keys": keys})
