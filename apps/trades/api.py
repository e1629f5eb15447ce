"""REST doors of the ledger."""

from __future__ import annotations

from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.bots.selectors import get_bot
from apps.common.codes import Code
from apps.common.errors import Invalid
from apps.common.lists import list_page
from apps.common.schema import listed
from apps.strategies.selectors import get_strategy
from apps.teams.authentication import caller_of
from apps.trades import selectors, serializers

FILTERS = [OpenApiParameter(name, str) for name in ("strategy", "bot", "symbol")]
STATUS = OpenApiParameter("status", str, enum=["open", "closed"])


class TradesApi(APIView):
    """The team's trades, newest first."""

    scopes = {"GET": "trades:read"}

    @listed("trades_list", serializers.TradeRow, *FILTERS, STATUS)
    def get(self, request: Request) -> Response:
        caller, asked = caller_of(request), request.query_params
        team_id, status = caller.team.pk, asked.get("status", "").lower()
        if status not in ("", "open", "closed"):
            raise Invalid(Code.FIELD_INVALID, "status must be open or closed.", "status")
        rows = selectors.list_trades(
            team_id,
            account_id=caller.account_id,
            strategy_id=get_strategy(team_id, asked["strategy"]).pk if asked.get("strategy") else None,
            bot_id=get_bot(team_id, asked["bot"]).pk if asked.get("bot") else None,
            status=status,
            symbol=asked.get("symbol", "")[:32],
        )
        return list_page(request, rows, ["-opened_at", "-id"], serializers.trade_row)
