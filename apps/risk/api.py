"""The doors of risk over HTTP: approval (a batch of one), limits, state."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.models import Account, LimitSet
from apps.accounts.selectors import get_account
from apps.common.clock import read_at
from apps.common.codes import Code
from apps.common.errors import Invalid, NotFound, PlatformError
from apps.common.lists import list_page
from apps.common.requests import client_ip
from apps.common.schema import listed
from apps.common.wire import MAX_BODY_BYTES
from apps.risk import selectors
from apps.risk.schema import (
    AccountStateOutput,
    ApprovalAnswerOutput,
    ApprovalRequestInput,
    ApprovalRow,
    LimitsInput,
    LimitsOutput,
    approval_row,
)
from apps.risk.services.decide import decide
from apps.risk.services.limits import set_limits
from apps.risk.services.wire import Answer, answer_refusal, read_trade_request
from apps.teams.authentication import caller_of
from apps.teams.callers import Caller
from apps.teams.services import confirm_person
from trading.risk.limits import parse_limits


class ApproveTradeApi(APIView):
    """
    Ask for approval of one trade. The same service answers the approval door, which stands in front of this view.

    Keys are checked inside the deciding transaction, so nothing is authenticated before it.
    """

    authentication_classes = ()
    permission_classes = ()
    throttle_classes = ()  # `decide` counts per caller

    @extend_schema(
        operation_id="trades_approve",
        request=ApprovalRequestInput,
        responses={200: ApprovalAnswerOutput},
        parameters=[OpenApiParameter("Idempotency-Key", str, OpenApiParameter.HEADER)],
    )
    def post(self, request: Request) -> HttpResponse:
        raw = request._request.read(MAX_BODY_BYTES + 1)
        headers = {name.lower(): value for name, value in request.headers.items()}
        request_id = getattr(request._request, "request_id", "")
        try:
            asked = read_trade_request(raw, headers, ip=client_ip(request._request), request_id=request_id)
        except PlatformError as refused:
            return _to_http(answer_refusal(refused, request_id))
        return _to_http(decide([asked], read_at())[0])


def _to_http(answer: Answer) -> HttpResponse:
    response = HttpResponse(answer.body, status=answer.status, content_type="application/json")
    for name, value in answer.headers().items():
        response[name] = value
    return response


class AccountDoor(APIView):
    """What all doors to one account's risk have in common."""

    def get_account(self, request: Request, account_ref: str) -> tuple[Caller, Account]:
        caller = caller_of(request)
        account = get_account(caller.team.pk, account_ref)
        if caller.account_id not in (None, account.pk):
            raise NotFound("ACCOUNT_NOT_FOUND", f"No account {account_ref[:80]!r} for this key.", "account_id")
        return caller, account


class AccountStateApi(AccountDoor):
    """Where an account stands against its limits."""

    scopes = {"GET": ("accounts:read", "risk:read")}

    @extend_schema(operation_id="account_state", responses=AccountStateOutput)
    def get(self, request: Request, account: str) -> Response:
        _, found = self.get_account(request, account)
        return Response(selectors.get_account_state(found, read_at()))


class AccountLimitsApi(AccountDoor):
    """An account's limits. New ones are a new version; only a signed-in person may loosen them, with `password` in the body."""

    scopes = {"GET": ("accounts:read", "risk:read"), "PUT": "risk:write"}

    @extend_schema(operation_id="account_limits", responses=LimitsOutput)
    def get(self, request: Request, account: str) -> Response:
        _, found = self.get_account(request, account)
        return Response(_limits_row(LimitSet.objects.get(account=found, in_force=True)))

    @extend_schema(operation_id="account_limits_set", request=LimitsInput, responses=LimitsOutput)
    def put(self, request: Request, account: str) -> Response:
        caller, found = self.get_account(request, account)
        document = dict(_read_object(request))
        confirmed = confirm_person(caller=caller, password=document.pop("password", None))
        return Response(_limits_row(set_limits(account=found, caller=caller, document=document, confirmed=confirmed)))


class ApprovalsApi(APIView):
    """Requests for approval and their verdicts, newest first."""

    scopes = {"GET": ("risk:read", "trades:read")}

    @listed("approvals_list", ApprovalRow, OpenApiParameter("account_id", str), OpenApiParameter("approved", bool))
    def get(self, request: Request) -> Response:
        rows = selectors.list_approvals(caller_of(request).team.pk, account_filter(request))
        if (approved := request.query_params.get("approved", "")) in ("true", "false"):
            rows = rows.filter(approved=approved == "true")
        return list_page(request, rows, ["-at", "-id"], approval_row)


def account_filter(request: Request) -> UUID | None:
    """
    Return the account a list is asked for: the one named, else the one the key is bound to, else None for all.

    :raises NotFound: where it is another's.
    """
    caller, named = caller_of(request), request.query_params.get("account_id")
    account_id = get_account(caller.team.pk, named).pk if named else None
    if caller.account_id is not None and account_id not in (None, caller.account_id):
        raise NotFound("ACCOUNT_NOT_FOUND", "This key is bound to another account.", "account_id")
    return account_id or caller.account_id


def _read_object(request: Request) -> dict[str, Any]:
    if not isinstance(request.data, dict):
        raise Invalid(Code.MALFORMED, "The body must be a JSON object.")
    return request.data


def _limits_row(row: LimitSet) -> dict[str, Any]:
    return {
        "account_id": row.account.public_id,
        "number": row.number,
        "content_hash": row.content_hash,
        "set_by": row.set_by,
        "set_at": row.created_at,
        "limits": parse_limits(row.document).as_wire(),
    }
