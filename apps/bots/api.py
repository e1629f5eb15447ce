"""REST doors of the registry; unregistering asks the ledger and the reservations too and is therefore in `risk`."""

from __future__ import annotations

from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.selectors import get_account, get_account_for
from apps.bots import selectors, serializers, services
from apps.bots.models import Bot, BotStatus, Guild, Stage
from apps.bots.sessions import open_session
from apps.common.clock import read_at
from apps.common.codes import Code
from apps.common.errors import NotFound
from apps.common.idempotency import idempotent
from apps.common.lists import list_page, read_choice
from apps.common.schema import listed
from apps.teams.authentication import caller_of
from apps.teams.callers import Caller

FILTERS = [
    OpenApiParameter("status", str, enum=BotStatus.values),
    OpenApiParameter("guild", str, enum=Guild.values),
    OpenApiParameter("stage", str, enum=Stage.values),
    OpenApiParameter("tag", str, description="One tag, whole: `@scalping`."),
    OpenApiParameter("account_id", str, description="Id or code of an account."),
    OpenApiParameter("q", str, description="Part of the bot id or of the strategy type."),
]


class BotsApi(APIView):
    """The team's bots."""

    scopes = {"GET": "bots:read"}

    @listed("bots_list", serializers.BotRow, *FILTERS)
    def get(self, request: Request) -> Response:
        asked = request.query_params
        wanted = selectors.BotFilter(
            status=read_choice(request, "status", BotStatus.values),
            guild=read_choice(request, "guild", Guild.values),
            stage=read_choice(request, "stage", Stage.values),
            tag=asked.get("tag", "")[:40],
            account_id=_named_account(request),
            search=asked.get("q", "")[:80],
        )
        rows = selectors.list_bots(caller_of(request).team.pk, wanted)
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
            by_person=caller.user is not None,
        )
        return Response(serializers.bot_row(bot), status=201)


class BotStatusApi(APIView):
    """Active, paused or in quarantine; out of quarantine a signed-in person lets it, no key."""

    scopes = {"PUT": "bots:write"}

    @extend_schema(operation_id="bots_set_status", request=serializers.BotStatusChange, responses=serializers.BotRow)
    def put(self, request: Request, bot_id: str) -> Response:
        caller = caller_of(request)
        bot = get_bot_of(caller, bot_id)
        asked = serializers.BotStatusChange(data=request.data)
        asked.is_valid(raise_exception=True)
        services.set_bot_status(
            bot_id=bot.pk, actor=caller.actor, by_person=caller.user is not None, **asked.validated_data
        )
        return Response(serializers.bot_row(get_bot_of(caller, bot_id)))


class BotStageApi(APIView):
    """How far a bot has proven itself: up one step by a signed-in person, down by anybody who may write bots."""

    scopes = {"PUT": "bots:write"}

    @extend_schema(operation_id="bots_set_stage", request=serializers.BotStageChange, responses=serializers.BotRow)
    def put(self, request: Request, bot_id: str) -> Response:
        caller = caller_of(request)
        bot = get_bot_of(caller, bot_id)
        asked = serializers.BotStageChange(data=request.data)
        asked.is_valid(raise_exception=True)
        services.set_bot_stage(
            bot_id=bot.pk, actor=caller.actor, by_person=caller.user is not None, **asked.validated_data
        )
        return Response(serializers.bot_row(get_bot_of(caller, bot_id)))


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


def _named_account(request: Request) -> UUID | None:
    caller, named = caller_of(request), request.query_params.get("account_id")
    account_id = get_account(caller.team.pk, named).pk if named else None
    if caller.account_id is not None and account_id not in (None, caller.account_id):
        raise NotFound(Code.NOT_FOUND, "This key is bound to another account.", "account_id")
    return account_id or caller.account_id
