"""`risk/validate`, in Mikrobot's shape: what the judge would say, and nothing happens."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.selectors import get_account_for
from apps.accounts.serializers import SideField
from apps.bots.models import Bot
from apps.bots.selectors import get_bot
from apps.common.envelope import EnvelopeView
from apps.common.serializer_fields import NumberField
from apps.risk.schema import CheckOutput
from apps.risk.services.validating import Opinion, Question, form_opinion
from apps.risk.services.wire import plain_check
from apps.teams.authentication import caller_of

CENT, FINE = Decimal("0.01"), Decimal("0.00000001")
MOST = Decimal("1e9")


class ValidateInput(serializers.Serializer[Any]):
    """A trade somebody thinks of; the stop as a price or in pips, one of both."""

    symbol = serializers.CharField(max_length=32)
    action = SideField()
    volume = NumberField(above=0, below=MOST)
    stop_loss_pips = NumberField(above=0, below=MOST, required=False)
    stop_loss = NumberField(above=0, below=MOST, required=False)
    entry_price = NumberField(above=0, below=MOST, required=False, help_text="The market's where it is left out.")
    take_profit = NumberField(above=0, below=MOST, required=False)
    bot_id = serializers.CharField(max_length=64, required=False)
    account_id = serializers.CharField(max_length=64, required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("stop_loss_pips" in attrs) == ("stop_loss" in attrs):
            raise serializers.ValidationError({"stop_loss_pips": "Say the stop once: stop_loss_pips, or stop_loss."})
        return attrs


class RiskMetrics(serializers.Serializer[Any]):
    estimated_loss = serializers.FloatField(allow_null=True, help_text="Of the volume asked about, at the stop.")
    account_impact = serializers.FloatField(allow_null=True, help_text="The same as a fraction of the risk base.")
    total_exposure = serializers.FloatField(allow_null=True, help_text="Notional, in the account's currency.")


class ValidateOutput(serializers.Serializer[Any]):
    risk_valid = serializers.BooleanField()
    risk_percentage = serializers.FloatField(allow_null=True, help_text="A fraction: 0.0055 is 0.55 %.")
    position_size_valid = serializers.BooleanField()
    correlation_check = serializers.CharField(help_text="PASS, WARN or FAIL; a pair that nobody knows is WARN.")
    ftmo_compliant = serializers.BooleanField(help_text="No limit is broken now.")
    warnings = serializers.ListField(child=serializers.CharField())
    risk_metrics = RiskMetrics()
    reason_code = serializers.CharField()
    rejection_reason = serializers.CharField(allow_null=True)
    adjusted_volume = serializers.FloatField()
    shadow_codes = serializers.ListField(child=serializers.CharField())
    checks = CheckOutput(many=True)


class ValidateTradeApi(EnvelopeView):
    """Ask the judge of approvals about a trade, with no consequence: nothing is stored, reserved or locked."""

    scopes = {"POST": "risk:read"}

    @extend_schema(operation_id="risk_validate", request=ValidateInput, responses=ValidateOutput)
    def post(self, request: Request) -> Response:
        asked = ValidateInput(data=request.data)
        asked.is_valid(raise_exception=True)
        given, caller = asked.validated_data, caller_of(request)
        account = get_account_for(caller, request, given.get("account_id"))
        question = Question(
            symbol=given["symbol"],
            side=given["action"],
            lots=given["volume"],
            stop_loss=given.get("stop_loss"),
            stop_loss_pips=given.get("stop_loss_pips"),
            entry_price=given.get("entry_price"),
            take_profit=given.get("take_profit"),
        )
        bot = _find_bot(account.team_id, account.pk, given.get("bot_id"))
        opinion = form_opinion(account=account, question=question, bot=bot, caller=caller, at=caller.at)
        return Response(_as_mikrobot(opinion))


def _find_bot(team_id: Any, account_id: Any, reference: str | None) -> Bot | None:
    if reference is None:
        return None
    return get_bot(team_id, reference, account_id=account_id)


def _as_mikrobot(opinion: Opinion) -> dict[str, Any]:
    verdict, loss = opinion.verdict, opinion.estimated_loss
    share = loss / opinion.risk_base if loss is not None and opinion.risk_base > 0 else None
    refused = (
        [*verdict.warnings] if verdict.approved else [f"{verdict.reason_code}: {verdict.message}", *verdict.warnings]
    )
    return {
        "risk_valid": verdict.approved,
        "risk_percentage": _round(share, FINE),
        "position_size_valid": _fits(opinion),
        "correlation_check": opinion.correlation,
        "ftmo_compliant": opinion.compliant,
        "warnings": refused,
        "risk_metrics": {
            "estimated_loss": _round(loss, CENT),
            "account_impact": _round(share, FINE),
            "total_exposure": _round(opinion.exposure, CENT),
        },
        "reason_code": verdict.reason_code,
        "rejection_reason": verdict.message,
        "adjusted_volume": verdict.lots,
        "shadow_codes": list(verdict.shadow_codes),
        "checks": [plain_check(check) for check in verdict.checks],
    }


def _fits(opinion: Opinion) -> bool:
    """Say whether the size itself is right, whatever else denied the trade."""
    sized = next((check for check in opinion.verdict.checks if check.name == "sizing"), None)
    return bool(sized and sized.figures.get("lots") == opinion.asked.requested_lots)


def _round(value: Decimal | None, to: Decimal) -> Decimal | None:
    return None if value is None else value.quantize(to, ROUND_HALF_UP)
