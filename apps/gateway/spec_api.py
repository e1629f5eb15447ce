"""
The doors of the Strategy Execution guide, for executors and pages written by it. They say only what is true: a command is
executed when its executor says so, a stop that would leave positions open is refused, a push secret is never given out.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

from django.conf import settings
from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.parsers import FormParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.serializers import AnyCaseChoiceField, SideField
from apps.assignments.api import StopStrategyApi, accept_activation
from apps.common.clock import read_at
from apps.common.codes import Code
from apps.common.errors import Impossible, Invalid, NotFound, Unavailable
from apps.common.idempotency import idempotent
from apps.common.serializer_fields import BigNumberField, PriceField
from apps.common.wire_rest import StrictJSONParser
from apps.executors.models import Executor
from apps.executors.services.presence import note_seen
from apps.gateway.doors import ExecutorDoor
from apps.gateway.services.spec_commands import SPEC_STATES, list_waiting, settle_by_guide
from apps.gateway.services.spec_trades import GuideTrade, take_guide_trade
from apps.teams.authentication import caller_of


class Heartbeat(serializers.Serializer[Any]):
    status = serializers.CharField(max_length=20, required=False)
    metadata = serializers.DictField(required=False)


class CommandTold(serializers.Serializer[Any]):
    """The guide's answer to a command."""

    commandId = serializers.CharField(max_length=80)
    status = AnyCaseChoiceField(list(SPEC_STATES))
    result = serializers.DictField(required=False, default=dict)


class TradeTold(serializers.Serializer[Any]):
    """The guide's report: with `closeTime` it is a close, else an opening."""

    executorId = serializers.CharField(max_length=80, required=False)
    strategyId = serializers.CharField(max_length=80, required=False)
    ticket = BigNumberField(minimum=1)
    symbol = serializers.CharField(max_length=32, required=False)
    type = SideField(required=False)
    lots = PriceField(required=False)
    openPrice = PriceField(required=False, allow_null=True)
    stopLoss = PriceField(required=False, allow_null=True)
    takeProfit = PriceField(required=False, allow_null=True)
    closeTime = serializers.JSONField(required=False)


class GuideActivation(serializers.Serializer[Any]):
    """The guide's activation."""

    executorId = serializers.CharField(max_length=80, required=False)
    executorIds = serializers.ListField(child=serializers.CharField(max_length=80), required=False, max_length=500)
    autoAssign = serializers.BooleanField(required=False, default=False)
    settings = serializers.DictField(required=False, allow_null=True, default=None)


class GuideDeactivation(serializers.Serializer[Any]):
    executorId = serializers.CharField(max_length=80, required=False)
    closePositions = serializers.BooleanField(required=False, default=True)


class GuideAnswer(serializers.Serializer[Any]):
    """What the guide's executors read."""

    success = serializers.BooleanField()


class PushAnswer(serializers.Serializer[Any]):
    auth = serializers.CharField()


class HeartbeatApi(ExecutorDoor):
    """The guide's heartbeat: the executor is there, and learns what is asked of it."""

    rate_bucket = None

    @extend_schema(operation_id="guide_heartbeat", request=Heartbeat, responses=GuideAnswer)
    def post(self, request: Request, executor: str) -> Response:
        row = _own(self.get_executor(request), executor)
        Heartbeat(data=request.data).is_valid(raise_exception=True)
        at = read_at()
        note_seen(executor_id=row.pk, health=None, at=at)
        body = {
            "success": True,
            "executor": {"id": row.public_id, "name": row.name, "status": "online"},
            "pendingCommands": list_waiting(row),
            "timestamp": at,
        }
        return Response(body)


class CommandAnswerApi(ExecutorDoor):
    """The guide's answer to a command."""

    rate_bucket = None
    scopes = {"PATCH": "executor:agent"}

    @extend_schema(operation_id="guide_command", request=CommandTold, responses=GuideAnswer)
    def patch(self, request: Request, executor: str) -> Response:
        row = _own(self.get_executor(request), executor)
        asked = CommandTold(data=request.data)
        asked.is_valid(raise_exception=True)
        given = asked.validated_data
        command = settle_by_guide(
            executor=row, reference=given["commandId"], status=given["status"], result=given["result"], at=read_at()
        )
        return Response({"success": True, "command": {"id": command.public_id, "status": command.state.lower()}})


class ExecutorConfigApi(ExecutorDoor):
    """What the guide's executor asks at its start. The push key is public by design; the secret is not here."""

    scopes = {"GET": "executor:agent"}

    @extend_schema(operation_id="guide_config", responses=GuideAnswer)
    def get(self, request: Request) -> Response:
        row = self.get_executor(request)
        push = {"key": settings.PUSHER["KEY"], "cluster": settings.PUSHER["CLUSTER"]}
        body = {
            "success": True,
            "executorId": row.public_id,
            "pusher": {**push, "channel": f"private-executor-{row.public_id}"} if settings.PUSHER["KEY"] else None,
            "heartbeatInterval": 5,
            "heartbeatTimeout": settings.EXECUTOR_OFFLINE_S,
        }
        return Response(body)


class GuideTradeApi(ExecutorDoor):
    """The guide's trade report; the money is the deals' to say."""

    rate_bucket = None

    @extend_schema(operation_id="guide_trade", request=TradeTold, responses=GuideAnswer)
    def post(self, request: Request) -> Response:
        asked = TradeTold(data=request.data)
        asked.is_valid(raise_exception=True)
        given = asked.validated_data
        told = GuideTrade(
            ticket=given["ticket"],
            strategy=given.get("strategyId", ""),
            symbol=given.get("symbol", ""),
            side=given.get("type", ""),
            lots=given.get("lots"),
            price=given.get("openPrice"),
            stop_loss=given.get("stopLoss"),
            take_profit=given.get("takeProfit"),
            is_close="closeTime" in given,
        )
        answer = take_guide_trade(executor=self.get_executor(request), told=told, at=read_at())
        return Response({"success": True, "trade": answer}, status=201)


class GuideActivateApi(APIView):
    """The guide's activation of a strategy."""

    scopes = {"POST": "assignments:write"}

    @extend_schema(operation_id="guide_activate", request=GuideActivation, responses={202: GuideAnswer})
    @idempotent
    def post(self, request: Request, strategy: str) -> Response:
        asked = GuideActivation(data=request.data)
        asked.is_valid(raise_exception=True)
        given = asked.validated_data
        named = given.get("executorIds") or ([given["executorId"]] if given.get("executorId") else [])
        if not named and not given["autoAssign"]:
            raise Invalid(Code.FIELD_REQUIRED, "Name executorId or executorIds, or set autoAssign.", "executorIds")
        wanted = {"executors": named or ["all"], "overrides": given["settings"]}
        response = accept_activation(caller_of(request), strategy, wanted)
        response.data = {"success": True, "assignments": response.data["results"]}
        return response


class GuideDeactivateApi(StopStrategyApi):
    """The guide's deactivation: a stop, which closes the strategy's positions."""

    @extend_schema(operation_id="guide_deactivate", request=GuideDeactivation, responses={202: GuideAnswer})
    @idempotent
    def post(self, request: Request, strategy: str) -> Response:
        asked = GuideDeactivation(data=request.data)
        asked.is_valid(raise_exception=True)
        given = asked.validated_data
        if not given["closePositions"]:
            message = "A stop closes the strategy's positions. To keep them, pause the strategy instead."
            raise Impossible("STOP_CLOSES_POSITIONS", message, "closePositions")
        response = self.on_strategy(request, strategy, executor=given.get("executorId"))
        response.data = {"success": True, "assignments": response.data["results"]}
        return response


class PusherAuthApi(ExecutorDoor):
    """Lets an executor subscribe to its own private channel, and to no other."""

    parser_classes = [FormParser, StrictJSONParser]

    @extend_schema(operation_id="guide_pusher_auth", request=None, responses=PushAnswer)
    def post(self, request: Request) -> Response | HttpResponse:
        given: Any = request.data
        channel, socket_id = str(given.get("channel_name", "")), str(given.get("socket_id", ""))
        if channel != f"private-executor-{self.get_executor(request).public_id}":
            raise NotFound(Code.NOT_FOUND, "An executor hears its own channel only.", "channel_name")
        if not socket_id or len(socket_id) > 60 or not all(part.isdigit() for part in socket_id.split(".")):
            raise Invalid(Code.FIELD_INVALID, "socket_id is two numbers with a point between.", "socket_id")
        if not settings.PUSHER["SECRET"]:
            raise Unavailable("PUSH_OFF", "No push service is configured; the long poll and the WebSocket serve.")
        signature = hmac.new(settings.PUSHER["SECRET"].encode(), f"{socket_id}:{channel}".encode(), hashlib.sha256)
        return Response({"auth": f"{settings.PUSHER['KEY']}:{signature.hexdigest()}"})


def _own(executor: Executor, reference: str) -> Executor:
    if reference not in (executor.public_id, executor.code, str(executor.pk)):
        raise NotFound(Code.NOT_FOUND, f"This key is not executor {reference[:80]!r}.", "executor")
    return executor
