"""Is the ledger the terminal's?"""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.selectors import get_account_of
from apps.common.clock import read_at
from apps.common.serializer_fields import AwareDateTimeField, NumberField
from apps.teams.authentication import caller_of
from apps.trades.selectors import find_ledger_check


class LedgerRow(serializers.Serializer[Any]):
    """Balance = opening balance + all booked deals + difference; a difference counts once two checks agree on it."""

    agrees = serializers.BooleanField(allow_null=True, help_text="null: not checked twice yet.")
    balance = NumberField(allow_null=True)
    opening_balance = NumberField(allow_null=True)
    deals_sum = NumberField(allow_null=True)
    difference = NumberField(allow_null=True)
    differs_since = AwareDateTimeField(allow_null=True)
    checked_at = AwareDateTimeField(allow_null=True)
    age_s = serializers.FloatField(allow_null=True)


class LedgerApi(APIView):
    """An account's booked deals against its broker's balance."""

    scopes = {"GET": "trades:read"}

    @extend_schema(operation_id="accounts_ledger", responses=LedgerRow)
    def get(self, request: Request, account: str) -> Response:
        check, at = find_ledger_check(get_account_of(caller_of(request), account).pk), read_at()
        is_known = check is not None and check.opening_balance is not None
        names = ("balance", "opening_balance", "deals_sum", "difference", "differs_since", "checked_at")
        body = {name: getattr(check, name) if check else None for name in names}
        body["agrees"] = not check.difference if check and is_known else None
        body["age_s"] = round((at - check.checked_at).total_seconds(), 3) if check else None
        return Response(LedgerRow(body).data)
