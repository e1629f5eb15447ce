"""REST doors of the market."""

from __future__ import annotations

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.models import Account
from apps.accounts.selectors import get_account_for
from apps.common.clock import read_at
from apps.common.lists import list_page
from apps.common.schema import listed
from apps.market import selectors, serializers
from apps.market.models import SymbolSpecification
from apps.market.services import accept_specification, to_numbers
from apps.teams.authentication import caller_of


class SymbolApi(APIView):
    """A symbol's specification and latest quote on one account."""

    scopes = {"GET": "market:read"}

    @extend_schema(
        operation_id="symbols_read",
        parameters=[OpenApiParameter("account_id", str, description="Id or code; else X-Account-Id or the key's.")],
        responses=serializers.SymbolRow,
    )
    def get(self, request: Request, symbol: str) -> Response:
        account = get_account_for(caller_of(request), request)
        return _show(account, selectors.get_specification(account.pk, symbol))


class AcceptSymbolApi(APIView):
    """What the broker changed of a symbol is seen: trades in it may be approved again."""

    scopes = {"POST": "risk:write"}

    @extend_schema(
        operation_id="symbols_accept",
        parameters=[OpenApiParameter("account_id", str, description="Id or code; else X-Account-Id or the key's.")],
        request=None,
        responses=serializers.SymbolRow,
    )
    def post(self, request: Request, symbol: str) -> Response:
        caller = caller_of(request)
        account = get_account_for(caller, request)
        return _show(account, accept_specification(account=account, symbol=symbol, actor=caller.actor, at=read_at()))


class CertificatesApi(APIView):
    """What was found of an account's symbols before trading them."""

    scopes = {"GET": "market:read"}

    @listed(
        "certificates_list",
        serializers.CertificateRow,
        OpenApiParameter("account_id", str, description="Id or code; else X-Account-Id or the key's."),
    )
    def get(self, request: Request) -> Response:
        account, at = get_account_for(caller_of(request), request), read_at()
        rows = selectors.list_certificates(account.pk)
        return list_page(request, rows, ["symbol", "id"], lambda row: serializers.certificate_row(row, at))


def _show(account: Account, row: SymbolSpecification) -> Response:
    row.document = to_numbers(row.document)
    quote = selectors.find_quote(account.pk, row.symbol)
    certificate = selectors.find_certificates([account.pk], row.symbol).get(account.pk)
    return Response(serializers.symbol_row(row, quote, certificate, account.public_id, read_at()))
