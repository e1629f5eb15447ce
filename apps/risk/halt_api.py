"""Halts over HTTP. Down is quick: a trader, a key, no rate. Up is slow: a signed-in owner with the password, and recorded."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.bots.api import get_bot_of
from apps.common.errors import Forbidden
from apps.risk.api import AccountDoor
from apps.risk.services import latches
from apps.risk.services.breakers import lift_breaker
from apps.risk.watch_schema import BreakerOutput, HaltInput, HaltOutput, LiftInput, TeamHaltOutput
from apps.teams.authentication import BrowserSessionAuthentication, caller_of
from apps.teams.callers import Caller
from apps.teams.services import confirm_person

LIFT_NEEDS_PASSWORD = "LIFT_NEEDS_PASSWORD"  # noqa: S105  (a code, no password)


class AccountHaltApi(AccountDoor):
    """Halt an account: no approval from then on. Never refused for rate."""

    rate_bucket = None
    scopes = {"POST": ("risk:halt", "risk:write")}

    @extend_schema(operation_id="account_halt", request=HaltInput, responses=HaltOutput)
    def post(self, request: Request, account: str) -> Response:
        caller, found = self.get_account(request, account)
        risk = latches.halt_account(account=found, reason=_read_reason(request), actor=caller.actor, at=caller.at)
        return Response({"account_id": found.public_id, "halted": True, "halt_epoch": risk.halt_epoch})


class AccountLiftApi(AccountDoor):
    """Lift an account's halt: a signed-in owner only, who gives the password again. No key opens this door."""

    authentication_classes = [BrowserSessionAuthentication]
    rate_bucket = None
    scopes = {"POST": "risk:write"}

    @extend_schema(operation_id="account_lift", request=LiftInput, responses=HaltOutput)
    def post(self, request: Request, account: str) -> Response:
        caller, found = self.get_account(request, account)
        _require_password(request, caller)
        risk = latches.lift_account(account=found, actor=caller.actor, at=caller.at)
        halted = bool(risk.team_latch or risk.platform_latch)
        return Response({"account_id": found.public_id, "halted": halted, "halt_epoch": risk.halt_epoch})


class AccountUnhaltApi(AccountLiftApi):
    """The same door under its other word."""

    @extend_schema(operation_id="account_unhalt", request=LiftInput, responses=HaltOutput)
    def post(self, request: Request, account: str) -> Response:
        return super().post(request, account)


class TeamHaltApi(APIView):
    """Halt every account of the team, and every one that is opened while it stands."""

    rate_bucket = None
    scopes = {"POST": ("risk:halt", "risk:write")}

    @extend_schema(operation_id="team_halt", request=HaltInput, responses=TeamHaltOutput)
    def post(self, request: Request) -> Response:
        caller, reason = caller_of(request), _read_reason(request)
        if caller.account_id is not None:
            message = "This key is bound to one account: it halts that one only."
            raise Forbidden("ACCOUNT_BOUND", message, "account_id")
        count = latches.halt_team(team=caller.team, reason=reason, actor=caller.actor, at=caller.at)
        return Response({"halted": True, "accounts": count})


class TeamLiftApi(APIView):
    """Lift the team's halt: a signed-in owner only, who gives the password again."""

    authentication_classes = [BrowserSessionAuthentication]
    rate_bucket = None
    scopes = {"POST": "risk:write"}

    @extend_schema(operation_id="team_lift", request=LiftInput, responses=TeamHaltOutput)
    def post(self, request: Request) -> Response:
        caller = caller_of(request)
        _require_password(request, caller)
        count = latches.lift_team(team=caller.team, actor=caller.actor, at=caller.at)
        return Response({"halted": False, "accounts": count})


class BreakerLiftApi(APIView):
    """Close a bot's circuit breaker before its day is over: a signed-in person only."""

    authentication_classes = [BrowserSessionAuthentication]
    scopes = {"POST": "bots:write"}

    @extend_schema(operation_id="bot_breaker_lift", request=None, responses=BreakerOutput)
    def post(self, request: Request, bot_id: str) -> Response:
        caller = caller_of(request)
        bot = get_bot_of(caller, bot_id)
        found = lift_breaker(bot=bot, actor=caller.actor, at=caller.at)
        answer = {name: getattr(found, name) for name in ("reason_code", "lifted_at", "lifted_by")}
        return Response({"bot_id": bot.bot_id, **answer})


def _read_reason(request: Request) -> str:
    asked = HaltInput(data=request.data)
    asked.is_valid(raise_exception=True)
    return asked.validated_data.get("reason") or "halted by hand"


def _require_password(request: Request, caller: Caller) -> None:
    asked = LiftInput(data=request.data)
    asked.is_valid(raise_exception=True)
    if not confirm_person(caller=caller, password=asked.validated_data.get("password")):
        message = "Lifting lets trading start again: give your password again to confirm it."
        raise Forbidden(LIFT_NEEDS_PASSWORD, message, "password")
