"""
The executor's doors. Bodies and answers are `trading.protocol` messages; the views stay REST framework's, for
authentication, limits, the schema and the authorization matrix.
"""

from __future__ import annotations

import inspect
from typing import Any
from uuid import UUID

from asgiref.sync import sync_to_async
from django.db import connections
from django.http import HttpResponse
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.views import APIView

from apps.common.clock import read_at
from apps.common.codes import Code
from apps.common.errors import Conflict, Forbidden, Invalid
from apps.executors.authentication import ExecutorKeyAuthentication
from apps.executors.models import Executor
from apps.executors.services.leases import is_holder
from apps.gateway.hub import get_hub
from apps.gateway.messages import answer_message, describe, read_message
from apps.gateway.services.desired import build_desired_set
from apps.gateway.services.greeting import greet
from apps.gateway.services.reports import take_reports
from apps.gateway.services.restoring import notice_behind
from apps.gateway.services.sending import take_file, take_history, take_log
from apps.gateway.services.snapshots import take_snapshot
from apps.gateway.services.symbols import take_symbols
from apps.market.services import store_bars
from apps.teams.authentication import caller_of
from trading.protocol import (
    BarsMessage,
    DesiredSet,
    FileMessage,
    Hello,
    HistoryAnswer,
    HistoryMessage,
    LogMessage,
    ReportAnswers,
    Reports,
    SnapshotAnswer,
    SnapshotMessage,
    SymbolsMessage,
    Welcome,
)

LONGEST_WAIT_MS = 30_000
INSTANCE = "X-Instance-Id"
SMALL, LARGE = 64 * 1024, 4 * 1024 * 1024


def executor_id_of(request: Request) -> UUID:
    """
    Return the executor behind the request's key.

    :raises Forbidden: where it is not an executor's.
    """
    executor_id = caller_of(request).executor_id
    if executor_id is None:
        raise Forbidden(Code.FORBIDDEN, "Only an executor's key opens this door.")
    return executor_id


class ExecutorDoor(APIView):
    """What all doors of an executor have in common."""

    authentication_classes = [ExecutorKeyAuthentication]
    rate_bucket: str | None = "executor"
    scopes = {"POST": "executor:agent"}

    def get_executor(self, request: Request) -> Executor:
        return Executor.objects.select_related("account__risk").get(pk=executor_id_of(request))

    def get_holder(self, request: Request) -> Executor:
        """
        Return the executor, unless the process says who it is and is not the one that was granted the account.

        :raises Conflict: FENCED.
        """
        executor, instance_id = self.get_executor(request), read_instance(request)
        if instance_id and not is_holder(executor=executor, instance_id=instance_id):
            raise Conflict(
                "FENCED", "Another process holds the account; what this one sees of its market is not stored."
            )
        return executor


class HelloDoor(ExecutorDoor):
    """The handshake; grants the lease on the account."""

    @extend_schema(
        operation_id="executor_hello",
        request={"application/json": describe(Hello)},
        responses={(200, "application/json"): describe(Welcome)},
    )
    def post(self, request: Request) -> HttpResponse:
        hello = read_message(request, Hello, max_bytes=SMALL)
        return answer_message(greet(executor=self.get_executor(request), hello=hello, at=read_at()))


class SnapshotDoor(ExecutorDoor):
    """What the agent sees: heartbeat, lease, deals and proof in one."""

    rate_bucket = None

    @extend_schema(
        operation_id="executor_snapshot",
        request={"application/json": describe(SnapshotMessage)},
        responses={(200, "application/json"): describe(SnapshotAnswer)},
    )
    def post(self, request: Request) -> HttpResponse:
        message = read_message(request, SnapshotMessage, max_bytes=LARGE)
        return answer_message(take_snapshot(executor=self.get_executor(request), message=message, at=read_at()))


class ReportsDoor(ExecutorDoor):
    """Spooled reports, at least once; each counts once. Never refused for rate."""

    rate_bucket = None

    @extend_schema(
        operation_id="executor_reports",
        request={"application/json": describe(Reports)},
        responses={(200, "application/json"): describe(ReportAnswers)},
    )
    def post(self, request: Request) -> HttpResponse:
        message = read_message(request, Reports, max_bytes=LARGE)
        return answer_message(take_reports(executor=self.get_executor(request), message=message, at=read_at()))


class SymbolsDoor(ExecutorDoor):
    """Specifications of the symbols in use."""

    @extend_schema(
        operation_id="executor_symbols",
        request={"application/json": describe(SymbolsMessage)},
        responses={204: None},
    )
    def post(self, request: Request) -> HttpResponse:
        message = read_message(request, SymbolsMessage, max_bytes=LARGE)
        take_symbols(executor=self.get_holder(request), message=message, at=read_at())
        return HttpResponse(status=204)


class BarsDoor(ExecutorDoor):
    """Closed bars of a symbol in use."""

    @extend_schema(
        operation_id="executor_bars",
        request={"application/json": describe(BarsMessage)},
        responses={204: None},
    )
    def post(self, request: Request) -> HttpResponse:
        message = read_message(request, BarsMessage, max_bytes=LARGE)
        store_bars(account=self.get_holder(request).account, message=message)
        return HttpResponse(status=204)


class HistoryDoor(ExecutorDoor):
    """Old deals, sent because a command asked for them."""

    @extend_schema(
        operation_id="executor_history",
        request={"application/json": describe(HistoryMessage)},
        responses={(200, "application/json"): describe(HistoryAnswer)},
    )
    def post(self, request: Request) -> HttpResponse:
        message = read_message(request, HistoryMessage, max_bytes=LARGE)
        return answer_message(take_history(executor=self.get_executor(request), message=message, at=read_at()))


class LogDoor(ExecutorDoor):
    """Log lines, while somebody reads along."""

    @extend_schema(
        operation_id="executor_log", request={"application/json": describe(LogMessage)}, responses={204: None}
    )
    def post(self, request: Request) -> HttpResponse:
        message = read_message(request, LogMessage, max_bytes=LARGE)
        take_log(executor=self.get_executor(request), message=message, at=read_at())
        return HttpResponse(status=204)


class FilesDoor(ExecutorDoor):
    """The file a command asked for."""

    @extend_schema(
        operation_id="executor_file", request={"application/json": describe(FileMessage)}, responses={204: None}
    )
    def post(self, request: Request) -> HttpResponse:
        message = read_message(request, FileMessage, max_bytes=LARGE)
        take_file(executor=self.get_executor(request), message=message)
        return HttpResponse(status=204)


class DesiredDoor(ExecutorDoor):
    """
    The whole desired set: at once where `since` is not its version, else when that changes or the time is up.

    An async view: thousands may wait, and none of them holds a thread or a database connection meanwhile.
    """

    scopes = {"GET": "executor:agent"}

    @extend_schema(
        operation_id="executor_desired",
        parameters=[
            OpenApiParameter("since", int, description="The version the agent has; 0 at first."),
            OpenApiParameter(INSTANCE, str, OpenApiParameter.HEADER, description="The `instance_id` of the hello."),
            OpenApiParameter("wait_ms", int, description=f"How long to wait for another one, up to {LONGEST_WAIT_MS}."),
        ],
        responses={(200, "application/json"): describe(DesiredSet)},
    )
    async def get(self, request: Request) -> HttpResponse:
        since = _read_number(request, "since", 2**62)
        wait_ms = _read_number(request, "wait_ms", LONGEST_WAIT_MS)
        executor_id = executor_id_of(request)
        if since and wait_ms:
            await get_hub().wait_for_desired(executor_id, since, wait_ms / 1000)
        wanted: DesiredSet = await _in_thread(lambda: _build_set(request, executor_id, since))
        return answer_message(wanted)

    async def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> Any:  # type: ignore[override]
        """REST framework's dispatch, with everything that asks the database in a thread of its own moment."""
        self.args, self.kwargs = args, kwargs
        self.request = request = self.initialize_request(request, *args, **kwargs)
        self.headers = self.default_response_headers
        try:
            await _in_thread(lambda: self.initial(request, *args, **kwargs))
            handler = getattr(self, request.method.lower(), self.http_method_not_allowed)
            response = handler(request, *args, **kwargs)
            response = await response if inspect.isawaitable(response) else response
        except Exception as error:
            response = self.handle_exception(error)
        self.response = self.finalize_response(request, response, *args, **kwargs)
        return self.response


def _build_set(request: Request, executor_id: UUID, since: int) -> DesiredSet:
    wanted = build_desired_set(executor_id=executor_id, instance_id=read_instance(request), at=read_at())
    if since > wanted.desired_version and notice_behind(executor_id=executor_id, seen_version=since, at=read_at()):
        wanted = build_desired_set(executor_id=executor_id, instance_id=read_instance(request), at=read_at())
    return wanted


def read_instance(request: Request) -> str:
    """Return which process asks: `X-Instance-Id`, as its hello said it; empty where it does not say."""
    return request.headers.get(INSTANCE, "")[:64]


def _read_number(request: Request, name: str, highest: int) -> int:
    text = request.query_params.get(name, "0")
    if not text.isascii() or not text.isdigit() or len(text) > 19:
        raise Invalid(Code.FIELD_INVALID, f"{name} must be a whole number from 0 on.", name)
    return min(int(text), highest)


async def _in_thread(work: Any) -> Any:
    def run() -> Any:
        try:
            return work()
        finally:
            _give_back()

    return await sync_to_async(run)()


def _give_back() -> None:
    """Back to the pool: a waiting request holds no connection. Inside a transaction (a test's) it stays."""
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:
            connection.close_if_unusable_or_obsolete()
