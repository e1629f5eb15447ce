"""REST doors of the registry; unregistering asks the ledger too and is therefore in `trades`."""

from __future__ import annotations

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.selectors import get_account_for
from apps.bots import selectors, serializers, services
from apps.bots.models import Bot, BotStatus
from apps.bots.sessions import open_session
from apps.common.clock import read_at
from apps.common.idempotency import idempotent
from apps.common.lists import list_page, read_choice
from apps.common.schema import listed
from apps.teams.authentication import caller_of
from apps.teams.callers import Caller


class BotsApi(APIView):
    """The team's bots."""

    scopes = {"GET": "bots:read"}

    @listed("bots_list", serializers.BotRow, OpenApiParameter("status", str, enum=BotStatus.values))
    def get(self, request: Request) -> Response:
        caller = caller_of(request)
        status = read_choice(request, "status", BotStatus.values)
        rows = selectors.list_bots(caller.team.pk, status=status, account_id=caller.account_id)
        return list_page(request, rows, ["-created_at", "-id"], serializers.bot_row)


class RegisterBotApi(APIView):
    """Register an external bot; its magic number is allocated, or checked."""

    scopes = {"POST": "bots:write"}

    @extend_schema(operation_id="bots_register", request=serializers.NewBot, responses={201: serializers.BotRow})
    @idempotent
    def post(self, request: Request) -> Response:
        asked = serializers.NewBot(data=request.data)
        asked.is_valid(raise_exception=True)
        caller, given = caller_of(request), asked.validated_data
        named = given.get("account_id") or given.get("assigned_account_id")
        bot = services.register_bot(
            account=get_account_for(caller, request, named),
            actor=caller.actor,
            bot_id=given["bot_id"],
            guild=given["guild"],
            tags=given["tags"],
            strategy_type=given["strategy_type"],
            magic=given.get("magic_number"),
        )
        return Response(serializers.bot_row(bot), status=201)


class BotStatusApi(APIView):
    """Active, paused or in quarantine."""

    scopes = {"PUT": "bots:write"}

    @extend_schema(operation_id="bots_set_status", request=serializers.BotStatusChange, responses=serializers.BotRow)
    def put(self, request: Request, bot_id: str) -> Response:
        bot = get_bot_of(caller_of(request), bot_id)
        asked = serializers.BotStatusChange(data=request.data)
        asked.is_valid(raise_exception=True)
        caller, status = caller_of(request), asked.validated_data["status"]
        services.set_bot_status(bot_id=bot.pk, actor=caller.actor, status=status, by_person=caller.user is not None)
        return Response(serializers.bot_row(get_bot_of(caller_of(request), bot_id)))


class BotSessionApi(APIView):
    """A token for an external EA: one bot, one hour."""

    scopes = {"POST": "bots:session"}

    @extend_schema(operation_id="bots_session", request=None, responses={201: serializers.SessionToken})
    def post(self, request: Request, bot_id: str) -> Response:
        bot = get_bot_of(caller_of(request), bot_id)
        session, token = open_session(bot=bot, caller=caller_of(request), at=read_at())
        body = {
            "session_token": token,
            "bot_id": bot.bot_id,
            "magic_number": bot.magic,
            "account_id": bot.account.public_id,
            "expires_at": session.expires_at,
        }
        return Response(body, status=201)


def get_bot_of(caller: Caller, reference: str) -> Bot:
    """
    Return the bot a caller names; a bot's own session finds itself only.

    :raises NotFound: in all other cases.
    """
    return selectors.get_bot(caller.team.pk, reference, account_id=caller.account_id, own_id=caller.bot_id)
