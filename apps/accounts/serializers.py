"""What the accounts' doors read and show."""

from __future__ import annotations

from datetime import datetime, time
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.accounts.models import (
    Account,
    AccountMode,
    AccountSnapshot,
    ConnectionLossPolicy,
    MarginMode,
    UnapprovedPolicy,
)
from apps.accounts.selectors import tell_connection_loss
from apps.common.serializer_fields import AwareDateTimeField, BigNumberField, HandleField, NumberField
from trading.errors import TradingError
from trading.risk.days import check_zone

AFTER_HELP = "FLATTEN: seconds after the lease (15 s) is over; sooner where the account's day ends within ten minutes."
BUDGET_HELP = "Trade requests of one day, a fifth of them kept for closing and stops; 0 is no limit. 2,000 if absent, none on paper."


class AnyCaseChoiceField(serializers.ChoiceField):
    """An enum's value in any case; stored in upper case."""

    def to_internal_value(self, data: Any) -> Any:
        return super().to_internal_value(data.upper() if isinstance(data, str) else data)


@extend_schema_field({"type": "string", "description": "BUY or SELL, in any case."})
class SideField(AnyCaseChoiceField):
    """A side in any case."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(["BUY", "SELL"], **kwargs)


class ZoneField(serializers.CharField):
    """A named zone: an IANA name, or SERVER_NY+7."""

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        try:
            return check_zone(text)
        except TradingError as error:
            raise serializers.ValidationError(error.message) from error


class ResetTimeField(serializers.TimeField):
    """A time of the wall clock to the minute: `17:00`."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(format="%H:%M", input_formats=["%H:%M"], **kwargs)


class NewAccount(serializers.Serializer[Any]):
    """A broker account to be watched and traded."""

    code = HandleField()
    name = serializers.CharField(max_length=120)
    mode = AnyCaseChoiceField(AccountMode.choices)
    server = serializers.CharField(max_length=120)
    login = BigNumberField(minimum=1)
    currency = serializers.RegexField(r"^[A-Z]{3,8}$", default="USD")
    leverage = serializers.IntegerField(min_value=1, max_value=10_000, default=100)
    margin_mode = AnyCaseChoiceField(MarginMode.choices, default=MarginMode.HEDGING)
    initial_balance = NumberField(above=0)
    zone = ZoneField(max_length=64, default="UTC")
    reset_time = ResetTimeField(default=time())
    connection_loss = AnyCaseChoiceField(ConnectionLossPolicy.choices, default=ConnectionLossPolicy.HOLD)
    unapproved = AnyCaseChoiceField(UnapprovedPolicy.choices, default=UnapprovedPolicy.ALERT)
    connection_loss_after_s = serializers.IntegerField(min_value=0, max_value=3600, default=30, help_text=AFTER_HELP)
    request_budget = serializers.IntegerField(min_value=0, max_value=1_000_000, required=False, help_text=BUDGET_HELP)


class AccountChange(serializers.Serializer[Any]):
    """What of an account shall change."""

    name = serializers.CharField(max_length=120, required=False)
    leverage = serializers.IntegerField(min_value=1, max_value=10_000, required=False)
    zone = ZoneField(max_length=64, required=False)
    reset_time = ResetTimeField(required=False)
    connection_loss = AnyCaseChoiceField(ConnectionLossPolicy.choices, required=False)
    unapproved = AnyCaseChoiceField(UnapprovedPolicy.choices, required=False)
    connection_loss_after_s = serializers.IntegerField(
        min_value=0, max_value=3600, required=False, help_text=AFTER_HELP
    )
    request_budget = serializers.IntegerField(min_value=0, max_value=1_000_000, required=False, help_text=BUDGET_HELP)


class AccountRow(serializers.Serializer[Any]):
    """An account with what its observer last saw."""

    id = serializers.CharField()
    code = serializers.CharField()
    name = serializers.CharField()
    mode = serializers.CharField()
    server = serializers.CharField()
    login = serializers.IntegerField()
    currency = serializers.CharField()
    leverage = serializers.IntegerField()
    margin_mode = serializers.CharField()
    initial_balance = NumberField()
    zone = serializers.CharField()
    reset_time = ResetTimeField(help_text="When the account's day begins, by the zone's wall clock.")
    connection_loss = serializers.CharField()
    unapproved = serializers.CharField()
    connection_loss_after_s = serializers.IntegerField(help_text=AFTER_HELP)
    connection_loss_words = serializers.CharField(help_text="What happens without a connection, as a sentence.")
    request_budget = serializers.IntegerField(help_text=BUDGET_HELP)
    created_at = AwareDateTimeField()
    retired_at = AwareDateTimeField(allow_null=True)
    balance = NumberField(allow_null=True)
    equity = NumberField(allow_null=True)
    open_positions = serializers.IntegerField(allow_null=True)
    snapshot_age_s = serializers.FloatField(allow_null=True)
    market_at = AwareDateTimeField(allow_null=True)
    market_speed = serializers.FloatField(allow_null=True)


def account_row(account: Account, at: datetime) -> dict[str, Any]:
    """Return an account as it is shown; nulls where no observer has spoken yet."""
    seen: AccountSnapshot | None = getattr(account, "snapshot", None)
    return {
        "id": account.public_id,
        "code": account.code,
        "name": account.name,
        "mode": account.mode,
        "server": account.server,
        "login": account.login,
        "currency": account.currency,
        "leverage": account.leverage,
        "margin_mode": account.margin_mode,
        "initial_balance": account.initial_balance,
        "zone": account.zone,
        "reset_time": f"{account.reset_time:%H:%M}",
        "connection_loss": account.connection_loss,
        "unapproved": account.unapproved,
        "connection_loss_after_s": account.connection_loss_after_s,
        "connection_loss_words": tell_connection_loss(account),
        "request_budget": account.request_budget,
        "created_at": account.created_at,
        "retired_at": account.retired_at,
        "balance": seen.balance if seen else None,
        "equity": seen.equity if seen else None,
        "open_positions": len(seen.positions) if seen else None,
        "snapshot_age_s": round((at - seen.taken_at).total_seconds(), 3) if seen else None,
        "market_at": seen.market_at if seen else None,
        "market_speed": seen.market_speed if seen else None,
    }
