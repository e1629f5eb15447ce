"""REST doors of what was asked: the team's commands, one command, an assignment's timeline, closing all of a bot."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.selectors import get_account
from apps.assignments.selectors import get_assignment, list_commands, list_history
from apps.assignments.services.timeline import Step, list_steps
from apps.common.clock import read_at
from apps.common.idempotency import idempotent
from apps.common.lists import list_page, read_choice
from apps.common.schema import listed
from apps.common.serializer_fields import AwareDateTimeField
from apps.executors.models import Command, CommandKind, CommandState
from apps.executors.selectors import get_command, get_executor
from apps.executors.serializers import CommandRow, command_row
from apps.executors.services.commands import ask_command
from apps.strategies.selectors import get_strategy
from apps.teams.authentication import caller_of

FILTERS = [
    OpenApiParameter("executor", str, description="Id or code."),
    OpenApiParameter("strategy", str, description="Id or handle: the edits of its assignments."),
    OpenApiParameter("account", str, description="Id or code."),
    OpenApiParameter("assignment", str),
    OpenApiParameter("kind", str, enum=CommandKind.values),
    OpenApiParameter("state", str, enum=CommandState.values),
]


class TeamCommandRow(CommandRow):
    """What was asked of one of the team's executors."""


class StepRow(serializers.Serializer[Any]):
    """One thing that happened to a wish."""

    name = serializers.CharField(help_text="ASKED, PULLED, ACKNOWLEDGED, then PROVEN or how else it ended.")
    at = AwareDateTimeField()
    after_s = serializers.FloatField(help_text="Seconds since it was asked.")


class CommandDetail(CommandRow):
    """A command and what happened to it."""

    steps = StepRow(many=True)


class CommandsApi(APIView):
    """What was asked of the team's executors, newest first: who, what, when, what came of it."""

    scopes = {"GET": ("executors:read", "assignments:read")}

    @listed("commands_list", TeamCommandRow, *FILTERS)
    def get(self, request: Request) -> Response:
        return list_page(request, _filter(request), ["-created_at", "-id"], command_row)


class CommandApi(APIView):
    """One command."""

    scopes = {"GET": ("executors:read", "assignments:read")}

    @extend_schema(operation_id="commands_read", responses=CommandDetail)
    def get(self, request: Request, command: str) -> Response:
        caller = caller_of(request)
        return Response(command_detail(get_command(caller.team.pk, command, account_id=caller.account_id)))


class TimelineApi(APIView):
    """Who asked what of an assignment, and when it was true; newest first."""

    scopes = {"GET": "assignments:read"}

    @listed("assignments_timeline", CommandDetail)
    def get(self, request: Request, assignment: str) -> Response:
        caller = caller_of(request)
        row = get_assignment(caller.team.pk, assignment, account_id=caller.account_id)
        return list_page(request, list_history(row.pk), ["-generation"], command_detail)


class CloseBotApi(APIView):
    """Close whatever positions an assignment's bot has open now. It runs on; to end that, stop it."""

    scopes = {"POST": "assignments:write"}
    rate_bucket = None

    @extend_schema(operation_id="assignments_close", request=None, responses={202: CommandRow})
    @idempotent
    def post(self, request: Request, assignment: str) -> Response:
        caller = caller_of(request)
        row = get_assignment(caller.team.pk, assignment, account_id=caller.account_id)
        command = ask_command(
            executor=row.executor,
            kind=CommandKind.CLOSE_BOT,
            payload={"magic": row.bot.magic},
            actor=caller.actor,
            at=read_at(),
        )
        return Response(command_row(command), status=202)


def command_detail(row: Command) -> dict[str, Any]:
    """Return a command with its steps as it is shown."""
    return {**command_row(row), "steps": [_step_row(step) for step in list_steps(row)]}


def _step_row(step: Step) -> dict[str, Any]:
    return {"name": step.name, "at": step.at, "after_s": step.after_s}


def _filter(request: Request) -> QuerySet[Command]:
    caller, asked = caller_of(request), request.query_params
    team_id = caller.team.pk
    only = get_account(team_id, asked["account"]).pk if asked.get("account") else None
    rows = list_commands(
        team_id,
        executor_id=get_executor(team_id, asked["executor"]).pk if asked.get("executor") else None,
        strategy_id=get_strategy(team_id, asked["strategy"]).pk if asked.get("strategy") else None,
        assignment_id=get_assignment(team_id, asked["assignment"]).pk if asked.get("assignment") else None,
        account_id=only,
        kind=read_choice(request, "kind", CommandKind.values),
        state=read_choice(request, "state", CommandState.values),
    )
    return rows.filter(executor__account_id=caller.account_id) if caller.account_id else rows
