"""`risk/status` and `risk/limits` in Mikrobot's shape: one account, the one the key is bound to or that is named."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.models import LimitSet
from apps.accounts.selectors import get_account_for
from apps.common.codes import Code
from apps.common.envelope import EnvelopeView
from apps.common.errors import Invalid
from apps.risk.schema import LimitsInput
from apps.risk.services.limits import set_limits
from apps.risk.services.standing import RiskStatus, read_status
from apps.teams.authentication import caller_of
from apps.teams.services import confirm_person
from trading.risk.limits import parse_limits

FINE = Decimal("0.00000001")
WHICH = OpenApiParameter("account_id", str, description="Id or code; else X-Account-Id or the key's.")
# Mikrobot's names of limits -> ours
NAMES: Final = {
    "daily_risk_limit": "daily_loss_fraction",
    "drawdown_limit": "total_drawdown_fraction",
    "position_limit": "max_open_positions",
    "correlation_limit": "max_correlation",
}


class RiskStatusOutput(serializers.Serializer[Any]):
    """Fractions of 1; null where nobody can say."""

    daily_risk_used = serializers.FloatField(
        allow_null=True,
        help_text="The day's loss and what is open may lose at its stops, of what the day started from.",
    )
    daily_risk_limit = serializers.FloatField(allow_null=True, help_text="Of the same.")
    max_drawdown = serializers.FloatField(allow_null=True, help_text="Now, of the initial balance.")
    drawdown_limit = serializers.FloatField()
    position_count = serializers.IntegerField(allow_null=True)
    position_limit = serializers.IntegerField(allow_null=True)
    correlation_risk = serializers.FloatField(allow_null=True, help_text="The largest of two symbols that are held.")
    correlation_limit = serializers.FloatField(allow_null=True)
    risk_level = serializers.ChoiceField(["LOW", "MEDIUM", "HIGH", "CRITICAL"])
    ftmo_compliant = serializers.BooleanField(help_text="No limit is broken now.")
    account_id = serializers.CharField()
    seen_at = serializers.DateTimeField(allow_null=True, help_text="When the account was last seen.")
    age_s = serializers.FloatField(allow_null=True)


class RiskLimitsInput(LimitsInput):
    """Mikrobot's four names, or any of `accounts/{account}/limits`; what is left out stays."""

    daily_risk_limit = serializers.DecimalField(12, 8, required=False)
    drawdown_limit = serializers.DecimalField(12, 8, required=False)
    position_limit = serializers.IntegerField(required=False, allow_null=True)
    correlation_limit = serializers.DecimalField(12, 8, required=False, allow_null=True)


class RiskLimitsOutput(serializers.Serializer[Any]):
    daily_risk_limit = serializers.FloatField()
    drawdown_limit = serializers.FloatField()
    position_limit = serializers.IntegerField(allow_null=True)
    correlation_limit = serializers.FloatField(allow_null=True)
    account_id = serializers.CharField()
    number = serializers.IntegerField(help_text="The version in force.")
    limits = LimitsInput()


class RiskStatusApi(EnvelopeView):
    """Where an account stands against its limits."""

    scopes = {"GET": "risk:read"}

    @extend_schema(operation_id="risk_status", parameters=[WHICH], responses=RiskStatusOutput)
    def get(self, request: Request) -> Response:
        caller = caller_of(request)
        return Response(_status_row(read_status(get_account_for(caller, request), caller.at)))


class RiskLimitsApi(EnvelopeView):
    """An account's limits. Only a signed-in person may loosen them, with `password` in the body."""

    scopes = {"GET": "risk:read", "PUT": "risk:write"}

    @extend_schema(operation_id="risk_limits", parameters=[WHICH], responses=RiskLimitsOutput)
    def get(self, request: Request) -> Response:
        account = get_account_for(caller_of(request), request)
        return Response(_limits_row(LimitSet.objects.select_related("account").get(account=account, in_force=True)))

    @extend_schema(
        operation_id="risk_limits_set", parameters=[WHICH], request=RiskLimitsInput, responses=RiskLimitsOutput
    )
    def put(self, request: Request) -> Response:
        caller, account = caller_of(request), get_account_for(caller_of(request), request)
        if not isinstance(request.data, dict):
            raise Invalid(Code.MALFORMED, "The body must be a JSON object.")
        given = dict(request.data)
        confirmed = confirm_person(caller=caller, password=given.pop("password", None))
        row = set_limits(account=account, caller=caller, document=_to_ours(given), confirmed=confirmed)
        return Response(_limits_row(row))


def _to_ours(given: dict[str, Any]) -> dict[str, Any]:
    """
    Return the limits under their names in the document.

    :raises Invalid: where one limit is said under both names.
    """
    twice = next((name for name, ours in NAMES.items() if name in given and ours in given), None)
    if twice:
        raise Invalid(Code.FIELD_INVALID, f"{twice} and {NAMES[twice]} are one limit: say it once.", twice)
    return {NAMES.get(name, name): value for name, value in given.items()}


def _status_row(found: RiskStatus) -> dict[str, Any]:
    seen = found.snapshot
    return {
        "daily_risk_used": _round(found.daily_used),
        "daily_risk_limit": _round(found.daily_limit),
        "max_drawdown": _round(found.drawdown),
        "drawdown_limit": _round(found.drawdown_limit),
        "position_count": found.positions,
        "position_limit": found.limits.max_open_positions,
        "correlation_risk": _round(found.correlation),
        "correlation_limit": _round(found.limits.max_correlation),
        "risk_level": found.level.mikrobot,
        "ftmo_compliant": found.compliant,
        "account_id": found.account.public_id,
        "seen_at": seen.taken_at if seen else None,
        "age_s": round((found.at - seen.taken_at).total_seconds(), 3) if seen else None,
    }


def _limits_row(row: LimitSet) -> dict[str, Any]:
    limits = parse_limits(row.document).as_wire()
    named = {name: limits[ours] for name, ours in NAMES.items()}
    return {**named, "account_id": row.account.public_id, "number": row.number, "limits": limits}


def _round(value: Decimal | None) -> Decimal | None:
    return None if value is None else value.quantize(FINE, ROUND_HALF_UP)
