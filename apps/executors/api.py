"""REST doors of executors, for people and integrations; the agents' own doors are in `gateway`, one executor in `assignments`."""

from __future__ import annotations

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.selectors import get_account_for
from apps.common.clock import read_at
from apps.common.idempotency import idempotent
from apps.common.lists import list_page
from apps.common.schema import listed
from apps.executors import selectors, serializers
from apps.executors.models import Executor, ExecutorKey
from apps.executors.payloads import NewCommand
from apps.executors.services import commands, logs, registry
from apps.executors.services.files import answer_file, read_file
from apps.teams.authentication import caller_of
from apps.teams.callers import Caller


class ExecutorsApi(APIView):
    """The team's executors."""

    scopes = {"GET": "executors:read", "POST": "executors:write"}

    @listed("executors_list", serializers.ExecutorRow)
    def get(self, request: Request) -> Response:
        caller, at = caller_of(request), read_at()
        rows = selectors.list_executors(caller.team.pk)
        rows = rows.filter(account_id=caller.account_id) if caller.account_id else rows
        return list_page(request, rows, ["-created_at", "-id"], lambda row: serializers.executor_row(row, at))

    @extend_schema(
        operation_id="executors_create", request=serializers.NewExecutor, responses={201: serializers.FreshExecutor}
    )
    @idempotent
    def post(self, request: Request) -> Response:
        asked = serializers.NewExecutor(data=request.data)
        asked.is_valid(raise_exception=True)
        caller, given = caller_of(request), asked.validated_data
        account = get_account_for(caller, request, given.pop("account_id", None))
        executor, key, secret = registry.create_executor(account=account, actor=caller.actor, **given)
        return _show_once(key, secret, serializers.executor_row(executor, read_at()))


class RotateExecutorKeyApi(APIView):
    """A new key; the old ones serve for another day."""

    scopes = {"POST": "executors:write"}

    @extend_schema(operation_id="executors_rotate_key", request=None, responses={201: serializers.FreshExecutorKey})
    @idempotent
    def post(self, request: Request, executor: str) -> Response:
        row = _one(caller_of(request), executor)
        return _show_once(*registry.rotate_key(executor_id=row.pk, actor=caller_of(request).actor, at=read_at()), {})


class RevokeExecutorKeysApi(APIView):
    """All keys of no use from now on; what the agent still sends is fenced."""

    scopes = {"POST": "executors:write"}
    rate_bucket = None

    @extend_schema(operation_id="executors_revoke_keys", request=None, responses=serializers.ExecutorDetail)
    def post(self, request: Request, executor: str) -> Response:
        row = _one(caller_of(request), executor)
        at = read_at()
        registry.revoke_keys(executor_id=row.pk, actor=caller_of(request).actor, at=at)
        keys = [serializers.key_row(key) for key in row.keys.order_by("-created_at", "-pk")]
        return Response({**serializers.executor_row(row, at), "keys": keys})


class CommandsApi(APIView):
    """What was asked of an executor: wishes as history, and one-shot commands."""

    scopes = {"GET": "executors:read", "POST": "assignments:write"}
    rate_bucket = None  # closing a position is never refused for rate

    @listed("executors_commands_list", serializers.CommandRow)
    def get(self, request: Request, executor: str) -> Response:
        rows = selectors.list_commands(_one(caller_of(request), executor).pk)
        return list_page(request, rows, ["-created_at", "-id"], serializers.command_row)

    @extend_schema(operation_id="commands_create", request=NewCommand, responses={202: serializers.CommandRow})
    @idempotent
    def post(self, request: Request, executor: str) -> Response:
        row = _one(caller_of(request), executor)
        asked = NewCommand(data=request.data)
        asked.is_valid(raise_exception=True)
        command = commands.ask_command(
            executor=row, actor=caller_of(request).actor, at=read_at(), **asked.validated_data
        )
        return Response(serializers.command_row(command), status=202)


class LogApi(APIView):
    """The tail of an agent's log; reading it asks the agent to send on."""

    scopes = {"GET": "executors:read"}

    @extend_schema(operation_id="executors_log", responses=serializers.LogTail)
    def get(self, request: Request, executor: str) -> Response:
        row = _one(caller_of(request), executor)
        logs.want_log(executor_id=row.pk, at=read_at())
        return Response(serializers.log_tail(row, selectors.find_log(row.pk)))


class FilesApi(APIView):
    """The files an agent sent, newest first."""

    scopes = {"GET": "executors:read"}

    @listed("executors_files", serializers.FileRow)
    def get(self, request: Request, executor: str) -> Response:
        rows = selectors.list_files(_one(caller_of(request), executor).pk)
        return list_page(request, rows, ["-created_at", "-id"], serializers.file_row)


class FileApi(APIView):
    """One file's bytes: an agent's journal tells all it did, so only those who may ask for it may read it."""

    scopes = {"GET": "assignments:write"}

    @extend_schema(operation_id="executors_file", responses={(200, "application/gzip"): bytes})
    def get(self, request: Request, executor: str, file: str) -> HttpResponse:
        row = selectors.get_file(_one(caller_of(request), executor).pk, file)
        return answer_file(row, read_file(row))


def _one(caller: Caller, reference: str) -> Executor:
    return selectors.get_executor(caller.team.pk, reference, account_id=caller.account_id)


def _show_once(key: ExecutorKey, secret: str, more: dict[str, object]) -> Response:
    response = Response({**more, "api_key": key.key_id, "api_secret": secret}, status=201)
    response.shows_secret = True  # type: ignore[attr-defined]
    return response
