"""REST doors of strategies."""

from __future__ import annotations

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.common.idempotency import idempotent
from apps.common.lists import list_page
from apps.common.schema import listed
from apps.strategies import selectors, serializers, services
from apps.teams.authentication import caller_of

FILTERS = [OpenApiParameter("status", str), OpenApiParameter("search", str)]


class StrategiesApi(APIView):
    """The team's strategies."""

    scopes = {"GET": "strategies:read", "POST": "strategies:write"}

    @listed("strategies_list", serializers.StrategyRow, *FILTERS)
    def get(self, request: Request) -> Response:
        asked = request.query_params
        rows = selectors.list_strategies(
            caller_of(request).team.pk, status=asked.get("status", ""), search=asked.get("search", "")[:100]
        )
        return list_page(request, rows, ["-created_at", "-id"], serializers.strategy_row)

    @extend_schema(
        operation_id="strategies_create", request=serializers.NewStrategy, responses={201: serializers.StrategyDetail}
    )
    @idempotent
    def post(self, request: Request) -> Response:
        asked = serializers.NewStrategy(data=request.data)
        asked.is_valid(raise_exception=True)
        caller = caller_of(request)
        strategy = services.create_strategy(team_id=caller.team.pk, actor=caller.actor, **asked.validated_data)
        return Response(serializers.strategy_detail(strategy, list(selectors.list_versions(strategy.pk))), status=201)


class StrategyApi(APIView):
    """One strategy with its versions."""

    scopes = {"GET": "strategies:read", "PATCH": "strategies:write"}

    @extend_schema(operation_id="strategies_read", responses=serializers.StrategyDetail)
    def get(self, request: Request, strategy: str) -> Response:
        row = selectors.get_strategy(caller_of(request).team.pk, strategy)
        return Response(serializers.strategy_detail(row, list(selectors.list_versions(row.pk))))

    @extend_schema(
        operation_id="strategies_change", request=serializers.StrategyChange, responses=serializers.StrategyDetail
    )
    def patch(self, request: Request, strategy: str) -> Response:
        caller = caller_of(request)
        row = selectors.get_strategy(caller.team.pk, strategy)
        asked = serializers.StrategyChange(data=request.data)
        asked.is_valid(raise_exception=True)
        row = services.change_strategy(strategy_id=row.pk, actor=caller.actor, changes=asked.validated_data)
        return Response(serializers.strategy_detail(row, list(selectors.list_versions(row.pk))))
