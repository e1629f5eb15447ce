"""Watching over HTTP: risk events and who took note of them, the next day's opening, the largest lot now."""

from __future__ import annotations

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.common.lists import list_page, read_choice
from apps.common.schema import listed
from apps.risk import selectors
from apps.risk.api import AccountDoor, account_filter
from apps.risk.models import Severity
from apps.risk.services.acknowledging import acknowledge_event
from apps.risk.services.outlook import find_lots, read_outlook
from apps.risk.watch_schema import (
    ForecastOutput,
    LargestOutput,
    LargestQuery,
    RiskEventRow,
    event_row,
    forecast_row,
    largest_row,
)
from apps.teams.authentication import caller_of

FILTERS = (
    OpenApiParameter("account_id", str),
    OpenApiParameter("type", str, description="Like daily_limit_approaching; in any case."),
    OpenApiParameter("severity", str, enum=Severity.values),
    OpenApiParameter("unacknowledged", bool, description="Only what nobody has taken note of; leaves out INFO."),
)


class RiskEventsApi(APIView):
    """Risk events, newest first."""

    scopes = {"GET": "risk:read"}

    @listed("risk_events_list", RiskEventRow, *FILTERS)
    def get(self, request: Request) -> Response:
        rows = selectors.list_events(
            caller_of(request).team.pk,
            account_filter(request),
            event_type=request.query_params.get("type", "")[:50],
            severity=read_choice(request, "severity", Severity.values),
            unacknowledged=request.query_params.get("unacknowledged", "").lower() == "true",
        )
        return list_page(request, rows, ["-at", "-id"], event_row)


class RiskEventAcknowledgeApi(APIView):
    """Take note of an event. Done twice it stays the first one's."""

    scopes = {"POST": ("alerts:write", "risk:write")}

    @extend_schema(operation_id="risk_event_acknowledge", request=None, responses=RiskEventRow)
    def post(self, request: Request, event: str) -> Response:
        caller = caller_of(request)
        found = selectors.get_event(caller.team.pk, event, caller.account_id)
        return Response(event_row(acknowledge_event(event=found, actor=caller.actor, at=caller.at)))


class AccountForecastApi(AccountDoor):
    """How the account's next day would open if nothing changed, and which lots must go before. Nothing is written."""

    scopes = {"GET": ("accounts:read", "risk:read")}

    @extend_schema(operation_id="account_forecast", responses=ForecastOutput)
    def get(self, request: Request, account: str) -> Response:
        caller, found = self.get_account(request, account)
        return Response(forecast_row(found, read_outlook(found, caller.at)))


class AccountLargestLotApi(AccountDoor):
    """The largest lot of a symbol that would be approved now, both ways. Nothing is reserved."""

    scopes = {"GET": ("accounts:read", "risk:read")}

    @extend_schema(operation_id="account_largest_lot", parameters=[LargestQuery], responses=LargestOutput)
    def get(self, request: Request, account: str) -> Response:
        caller, found = self.get_account(request, account)
        asked = LargestQuery(data=request.query_params)
        asked.is_valid(raise_exception=True)
        symbol, ticks = asked.validated_data["symbol"], asked.validated_data["stop_ticks"]
        outlook = read_outlook(found, caller.at, {symbol})
        return Response(largest_row(found, find_lots(outlook, symbol, ticks)))
