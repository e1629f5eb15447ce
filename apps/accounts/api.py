"""REST doors of accounts."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts import selectors, serializers, services
from apps.accounts.models import Account
from apps.common.clock import read_at
from apps.common.idempotency import idempotent
from apps.common.lists import list_page
from apps.common.schema import listed
from apps.teams.authentication import caller_of
from apps.teams.callers import Caller


class AccountsApi(APIView):
    """The team's accounts."""

    scopes = {"GET": "accounts:read", "POST": "accounts:write"}

    @listed("accounts_list", serializers.AccountRow)
    def get(self, request: Request) -> Response:
        caller, at = caller_of(request), read_at()
        rows = selectors.list_accounts(caller.team.pk)
        rows = rows.filter(pk=caller.account_id) if caller.account_id else rows
        return list_page(request, rows, ["-created_at", "-id"], lambda row: serializers.account_row(row, at))

    @extend_schema(
        operation_id="accounts_create", request=serializers.NewAccount, responses={201: serializers.AccountRow}
    )
    @idempotent
    def post(self, request: Request) -> Response:
        asked = serializers.NewAccount(data=request.data)
        asked.is_valid(raise_exception=True)
        caller = caller_of(request)
        account = services.open_account(team_id=caller.team.pk, actor=caller.actor, **asked.validated_data)
        return Response(serializers.account_row(account, read_at()), status=201)


class AccountApi(APIView):
    """One account."""

    scopes = {"GET": "accounts:read", "PATCH": "accounts:write"}

    @extend_schema(operation_id="accounts_read", responses=serializers.AccountRow)
    def get(self, request: Request, account: str) -> Response:
        return Response(serializers.account_row(_one(caller_of(request), account), read_at()))

    @extend_schema(operation_id="accounts_change", request=serializers.AccountChange, responses=serializers.AccountRow)
    def patch(self, request: Request, account: str) -> Response:
        row = _one(caller_of(request), account)
        asked = serializers.AccountChange(data=request.data)
        asked.is_valid(raise_exception=True)
        services.change_account(account_id=row.pk, actor=caller_of(request).actor, changes=asked.validated_data)
        return Response(serializers.account_row(_one(caller_of(request), account), read_at()))


def _one(caller: Caller, reference: str) -> Account:
    return selectors.get_account_of(caller, reference)
