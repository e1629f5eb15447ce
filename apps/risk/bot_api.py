"""REST doors of one bot: its end depends on the ledger, its assignment, and what is reserved for it."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.bots.api import get_bot_of
from apps.bots.serializers import BotRow, bot_row
from apps.risk.services.bots import unregister_bot
from apps.teams.authentication import caller_of


class BotApi(APIView):
    """One bot. Unregistering is refused while it holds positions, orders, reservations or a placement."""

    scopes = {"GET": "bots:read", "DELETE": "bots:write"}

    @extend_schema(operation_id="bots_read", responses=BotRow)
    def get(self, request: Request, bot_id: str) -> Response:
        return Response(bot_row(get_bot_of(caller_of(request), bot_id)))

    @extend_schema(operation_id="bots_retire", responses=BotRow)
    def delete(self, request: Request, bot_id: str) -> Response:
        caller = caller_of(request)
        unregister_bot(bot=get_bot_of(caller, bot_id), actor=caller.actor)
        return Response(bot_row(get_bot_of(caller, bot_id)))
