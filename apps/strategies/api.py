"""REST doors of strategies; changing one asks the assignments too and is therefore in `assignments`."""

from __future__ import annotations

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.common.idempotency import idempotent
from apps.common.lists import list_page, read_choice
from apps.common.schema import listed
from apps.strategies import selectors, serializers, services
from apps.strategies.models import StrategyStatus
from apps.teams.authentication import caller_of
from trading.rules.document import JSON_SCHEMA

FILTERS = [OpenApiParameter("status", str, enum=StrategyStatus.values), OpenApiParameter("search", str)]


class RulesSchemaApi(APIView):
    """What a rule document may hold, as JSON Schema (2020-12). It checks shapes; contradictions are told when a document is sent."""

    scopes = {"GET": "strategies:read"}

    @extend_schema(operation_id="strategies_rules_schema", responses={200: OpenApiTypes.OBJECT})
    def get(self, request: Request) -> Response:
        return Response(JSON_SCHEMA)


class StrategiesApi(APIView):
    """The team's strategies."""

    scopes = {"GET": "strategies:read", "POST": "strategies:write"}

    @listed("strategies_list", serializers.StrategyRow, *FILTERS)
    def get(self, request: Request) -> Response:
        status, search = read_choice(request, "status", StrategyStatus.values), request.query_params.get("search", "")
        rows = selectors.list_strategies(caller_of(request).team.pk, status=status, search=search[:100])
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
