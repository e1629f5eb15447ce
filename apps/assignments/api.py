"""REST doors of assignments: wishes on a strategy (all its live ones) and on a single one. STOP is never refused for rate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.selectors import get_account
from apps.assignments import selectors, serializers
from apps.assignments.models import Assignment, Desired
from apps.assignments.services import activate, pause, resume, stop, update
from apps.common.clock import read_at
from apps.common.errors import Conflict
from apps.common.idempotency import idempotent
from apps.common.lists import list_page
from apps.common.schema import listed
from apps.executors.selectors import get_executor
from apps.strategies.selectors import get_strategy
from apps.teams.authentication import caller_of
from apps.teams.callers import Caller

ACCEPTED = {202: serializers.Assignments}
ONE_EXECUTOR = OpenApiParameter("executor", str, description="Only on this executor (id or code).")


class AssignmentsApi(APIView):
    """What is assigned."""

    scopes = {"GET": "assignments:read"}

    @listed(
        "assignments_list",
        serializers.AssignmentRow,
        OpenApiParameter("strategy", str),
        OpenApiParameter("executor", str),
        OpenApiParameter("all", bool, description="Also those that were replaced."),
    )
    def get(self, request: Request) -> Response:
        caller, asked = caller_of(request), request.query_params
        team_id, at = caller.team.pk, read_at()
        rows = selectors.list_assignments(
            team_id,
            strategy_id=get_strategy(team_id, asked["strategy"]).pk if asked.get("strategy") else None,
            executor_id=get_executor(team_id, asked["executor"]).pk if asked.get("executor") else None,
            account_id=caller.account_id,
            live=None if asked.get("all", "").lower() in ("1", "true") else True,
        )
        return list_page(request, rows, ["-created_at", "-id"], lambda row: serializers.assignment_row(row, at))


class AssignmentApi(APIView):
    """One assignment."""

    scopes = {"GET": "assignments:read"}

    @extend_schema(operation_id="assignments_read", responses=serializers.AssignmentRow)
    def get(self, request: Request, assignment: str) -> Response:
        return Response(serializers.assignment_row(_one(caller_of(request), assignment), read_at()))


class ActivateApi(APIView):
    """A strategy shall run on executors: 202 and what was asked of whom."""

    scopes = {"POST": "assignments:write"}

    @extend_schema(operation_id="strategies_activate", request=serializers.Activation, responses=ACCEPTED)
    @idempotent
    def post(self, request: Request, strategy: str) -> Response:
        asked = serializers.Activation(data=request.data)
        asked.is_valid(raise_exception=True)
        return accept_activation(caller_of(request), strategy, asked.validated_data)


def accept_activation(caller: Caller, strategy: str, asked: dict[str, Any]) -> Response:
    """Activate as a request asked and answer 202 with the assignments."""
    at, team_id = read_at(), caller.team.pk
    rows = activate(
        strategy=get_strategy(team_id, strategy),
        references=asked["executors"],
        actor=caller.actor,
        at=at,
        account=get_account(team_id, asked["account_id"]) if asked.get("account_id") else None,
        overrides=asked.get("overrides"),
        bound_account_id=caller.account_id,
    )
    return Response(serializers.assignments_body(rows, at), status=202)


class _Wish(APIView):
    """Pause, resume, stop or update; on a strategy or on one assignment."""

    scopes = {"POST": "assignments:write"}
    verb: ClassVar[str]

    def wish(self, caller: Caller, keys: Sequence[UUID], asked: dict[str, Any]) -> list[Assignment]:
        do = {"pause": pause, "resume": resume, "stop": stop}[self.verb]
        return do(assignment_ids=keys, actor=caller.actor, at=read_at())

    def on_strategy(
        self, request: Request, strategy: str, asked: dict[str, Any] | None = None, executor: str | None = None
    ) -> Response:
        caller = caller_of(request)
        only = executor or request.query_params.get("executor")
        keys = _live_keys(caller, strategy, only, stopped=self.verb == "stop")
        return Response(serializers.assignments_body(self.wish(caller, keys, asked or {}), read_at()), status=202)

    def on_assignment(self, request: Request, assignment: str, asked: dict[str, Any] | None = None) -> Response:
        rows = self.wish(caller_of(request), [_one(caller_of(request), assignment).pk], asked or {})
        return Response(serializers.assignment_row(rows[0], read_at()), status=202)


class PauseStrategyApi(_Wish):
    """No new positions on all its executors; open ones keep their exits."""

    verb = "pause"

    @extend_schema(operation_id="strategies_pause", parameters=[ONE_EXECUTOR], request=None, responses=ACCEPTED)
    @idempotent
    def post(self, request: Request, strategy: str) -> Response:
        return self.on_strategy(request, strategy)


class ResumeStrategyApi(_Wish):
    """Running again on all executors where it is paused."""

    verb = "resume"

    @extend_schema(operation_id="strategies_resume", parameters=[ONE_EXECUTOR], request=None, responses=ACCEPTED)
    @idempotent
    def post(self, request: Request, strategy: str) -> Response:
        return self.on_strategy(request, strategy)


class StopStrategyApi(_Wish):
    """Orders cancelled, positions closed, nothing runs; final."""

    verb = "stop"
    rate_bucket = None

    @extend_schema(operation_id="strategies_stop", parameters=[ONE_EXECUTOR], request=None, responses=ACCEPTED)
    @idempotent
    def post(self, request: Request, strategy: str) -> Response:
        return self.on_strategy(request, strategy)


class UpdateStrategyApi(_Wish):
    """The newest version, from the next closed bar on; open positions keep their stops."""

    verb = "update"

    @extend_schema(
        operation_id="strategies_update", parameters=[ONE_EXECUTOR], request=serializers.Update, responses=ACCEPTED
    )
    @idempotent
    def post(self, request: Request, strategy: str) -> Response:
        return self.on_strategy(request, strategy, _read_update(request))

    def wish(self, caller: Caller, keys: Sequence[UUID], asked: dict[str, Any]) -> list[Assignment]:
        return update(assignment_ids=keys, actor=caller.actor, at=read_at(), overrides=asked.get("overrides"))


class PauseAssignmentApi(_Wish):
    verb = "pause"

    @extend_schema(operation_id="assignments_pause", request=None, responses={202: serializers.AssignmentRow})
    @idempotent
    def post(self, request: Request, assignment: str) -> Response:
        return self.on_assignment(request, assignment)


class ResumeAssignmentApi(_Wish):
    verb = "resume"

    @extend_schema(operation_id="assignments_resume", request=None, responses={202: serializers.AssignmentRow})
    @idempotent
    def post(self, request: Request, assignment: str) -> Response:
        return self.on_assignment(request, assignment)


class StopAssignmentApi(_Wish):
    verb = "stop"
    rate_bucket = None

    @extend_schema(operation_id="assignments_stop", request=None, responses={202: serializers.AssignmentRow})
    @idempotent
    def post(self, request: Request, assignment: str) -> Response:
        return self.on_assignment(request, assignment)


class UpdateAssignmentApi(UpdateStrategyApi):
    @extend_schema(
        operation_id="assignments_update", request=serializers.Update, responses={202: serializers.AssignmentRow}
    )
    @idempotent
    def post(self, request: Request, assignment: str) -> Response:
        return self.on_assignment(request, assignment, _read_update(request))


def _one(caller: Caller, reference: str) -> Assignment:
    return selectors.get_assignment(caller.team.pk, reference, account_id=caller.account_id)


def _live_keys(caller: Caller, strategy: str, executor: str | None, *, stopped: bool) -> list[UUID]:
    team_id = caller.team.pk
    rows = selectors.list_assignments(
        team_id,
        strategy_id=get_strategy(team_id, strategy).pk,
        executor_id=get_executor(team_id, executor).pk if executor else None,
        account_id=caller.account_id,
    )
    keys = list((rows if stopped else rows.exclude(desired=Desired.STOPPED)).values_list("pk", flat=True))
    if not keys and not stopped:
        where = f" on {executor}" if executor else ""
        raise Conflict("NOT_ASSIGNED", f"{strategy[:80]!r} runs nowhere{where}; activate it first.")
    return keys


def _read_update(request: Request) -> dict[str, Any]:
    asked = serializers.Update(data=request.data)
    asked.is_valid(raise_exception=True)
    given: dict[str, Any] = asked.validated_data
    return given
