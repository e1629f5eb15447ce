"""REST doors of the market."""

from __future__ import annotations

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.selectors import get_account_for
from apps.common.clock import read_at
from apps.market import selectors, serializers
from apps.market.services import to_numbers
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
        row = selectors.get_specification(account.pk, symbol)
        row.document = to_numbers(row.document)
        quote = selectors.find_quote(account.pk, symbol)
        return Response(serializers.symbol_row(row, quote, account.public_id, read_at()))
