"""
The shapes of risk's doors. The approval door itself reads `trading.protocol`; its shape here is for OpenAPI, and a test
holds the two equal.
"""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from apps.common.ids import public_id
from apps.risk.models import Approval


class ApprovalRequestInput(serializers.Serializer[dict[str, Any]]):
    bot_id = serializers.CharField(max_length=64)
    symbol = serializers.CharField(max_length=32)
    direction = serializers.ChoiceField(["BUY", "SELL"])
    entry_price = serializers.DecimalField(24, 8)
    stop_loss = serializers.DecimalField(24, 8)
    requested_lots = serializers.DecimalField(24, 8)
    take_profit = serializers.DecimalField(24, 8, required=False, allow_null=True)
    metadata = serializers.DictField(required=False)
    client_request_id = serializers.CharField(max_length=120, required=False, allow_null=True)
    assignment_id = serializers.CharField(required=False, allow_null=True)
    generation = serializers.IntegerField(required=False, allow_null=True)
    fence = serializers.IntegerField(required=False, allow_null=True)
    halt_epoch = serializers.IntegerField(required=False, allow_null=True)
    market_at = serializers.DateTimeField(required=False, allow_null=True)
    bid = serializers.DecimalField(24, 8, required=False, allow_null=True)
    ask = serializers.DecimalField(24, 8, required=False, allow_null=True)


class CheckOutput(serializers.Serializer[dict[str, Any]]):
    check = serializers.CharField()
    status = serializers.ChoiceField(["PASSED", "FAILED", "SKIPPED", "WARNED"])


class ApprovalAnswerOutput(serializers.Serializer[dict[str, Any]]):
    approved = serializers.BooleanField()
    adjusted_lots = serializers.DecimalField(24, 8)
    risk_amount = serializers.DecimalField(24, 8)
    risk_pct = serializers.DecimalField(24, 8)
    warnings = serializers.ListField(child=serializers.CharField())
    request_id = serializers.CharField()
    reason_code = serializers.CharField()
    rejection_reason = serializers.CharField(allow_null=True)
    approval_id = serializers.CharField(allow_null=True)
    tag = serializers.CharField(allow_null=True)
    valid_until = serializers.DateTimeField(allow_null=True)
    valid_for_ms = serializers.IntegerField()
    trailing_stop_fraction = serializers.DecimalField(
        12,
        8,
        allow_null=True,
        help_text="How far behind the price the stop follows, of the entry price; null: it stays.",
    )
    checks = CheckOutput(many=True)


class LimitsInput(serializers.Serializer[dict[str, Any]]):
    """Any of the limits; what is left out stays. Fractions are of 1: 0.05 is 5 %."""

    daily_loss_fraction = serializers.DecimalField(12, 8, required=False)
    total_drawdown_fraction = serializers.DecimalField(12, 8, required=False)
    max_risk_per_trade_fraction = serializers.DecimalField(12, 8, required=False)
    max_daily_risk_fraction = serializers.DecimalField(12, 8, required=False, allow_null=True)
    max_open_positions = serializers.IntegerField(required=False, allow_null=True)
    daily_base = serializers.ChoiceField(["BALANCE", "EQUITY", "HIGHER"], required=False)
    daily_fraction_of = serializers.ChoiceField(["INITIAL", "REFERENCE"], required=False)
    daily_kind = serializers.ChoiceField(["HARD", "PAUSE"], required=False)
    drawdown_mode = serializers.ChoiceField(
        ["STATIC", "TRAILING_EOD", "TRAILING_CLOSED", "TRAILING_INTRADAY"], required=False
    )
    drawdown_locks_at_initial = serializers.BooleanField(required=False)
    max_cluster_risk_fraction = serializers.DecimalField(12, 8, required=False, allow_null=True)
    halted_fraction = serializers.DecimalField(12, 8, required=False)
    spread_fraction = serializers.DecimalField(12, 8, required=False)
    room_share = serializers.DecimalField(12, 8, required=False, allow_null=True)
    active_capital_ratio = serializers.DecimalField(12, 8, required=False)
    unprotected_move_fraction = serializers.DecimalField(12, 8, required=False, allow_null=True)
    slippage_points = serializers.IntegerField(required=False)
    reset_guard_s = serializers.IntegerField(required=False)
    max_slippage_ratio = serializers.DecimalField(12, 8, required=False)
    max_slippages_per_day = serializers.IntegerField(required=False, allow_null=True)
    max_consecutive_losses = serializers.IntegerField(required=False, allow_null=True)
    max_order_errors_per_hour = serializers.IntegerField(required=False, allow_null=True)
    mode = serializers.ChoiceField(["ENFORCE", "SHADOW", "OFF"], required=False)
    modes = serializers.DictField(
        child=serializers.CharField(), required=False, help_text="Of single checks: news to SHADOW; the milder holds."
    )
    max_position_fraction = serializers.DecimalField(12, 8, required=False, allow_null=True)
    max_stop_fraction = serializers.DecimalField(12, 8, required=False, allow_null=True)
    trailing_stop_fraction = serializers.DecimalField(
        12, 8, required=False, allow_null=True, help_text="Where a strategy names no trailing stop; of the entry price."
    )
    max_open_risk_fraction = serializers.DecimalField(12, 8, required=False, allow_null=True)
    max_correlation = serializers.DecimalField(12, 8, required=False, allow_null=True)
    max_currency_risk_fraction = serializers.DecimalField(12, 8, required=False, allow_null=True)
    forbid_opposite_positions = serializers.BooleanField(required=False)
    consistency_fraction = serializers.DecimalField(12, 8, required=False, allow_null=True)
    profit_target_fraction = serializers.DecimalField(12, 8, required=False, allow_null=True)
    min_trading_days = serializers.IntegerField(required=False, allow_null=True)
    news_before_s = serializers.IntegerField(required=False, allow_null=True)
    news_after_s = serializers.IntegerField(required=False, allow_null=True)
    weekend_holding = serializers.BooleanField(required=False)
    flat_by = serializers.CharField(required=False, allow_null=True, help_text="15:10 America/Chicago")
    flat_guard_s = serializers.IntegerField(required=False)
    password = serializers.CharField(
        required=False, write_only=True, help_text="The person's own, where the change allows more than before."
    )


class LimitsOutput(serializers.Serializer[dict[str, Any]]):
    account_id = serializers.CharField()
    number = serializers.IntegerField()
    content_hash = serializers.CharField()
    set_by = serializers.CharField()
    set_at = serializers.DateTimeField()
    limits = LimitsInput()


class AccountStateOutput(serializers.Serializer[dict[str, Any]]):
    account_id = serializers.CharField()
    code = serializers.CharField()
    mode = serializers.CharField()
    currency = serializers.CharField()
    balance = serializers.FloatField(allow_null=True)
    equity = serializers.FloatField(allow_null=True)
    margin = serializers.FloatField(allow_null=True)
    free_margin = serializers.FloatField(allow_null=True)
    daily_pnl = serializers.FloatField(allow_null=True)
    daily_loss_pct = serializers.FloatField(allow_null=True)
    daily_loss_limit_pct = serializers.FloatField(allow_null=True)
    daily_floor = serializers.FloatField(allow_null=True)
    daily_used_pct = serializers.FloatField(allow_null=True)
    total_drawdown_pct = serializers.FloatField(allow_null=True)
    total_drawdown_limit_pct = serializers.FloatField(allow_null=True)
    total_floor = serializers.FloatField(allow_null=True)
    total_used_pct = serializers.FloatField(allow_null=True)
    room = serializers.FloatField(allow_null=True)
    open_positions = serializers.IntegerField(allow_null=True)
    reserved = serializers.FloatField()
    risked_today = serializers.FloatField()
    approved_today = serializers.IntegerField()
    trading_allowed = serializers.BooleanField()
    risk_level = serializers.ChoiceField(["SAFE", "CAUTION", "WARNING", "CRITICAL", "HALTED"])
    light = serializers.ChoiceField(["GREEN", "YELLOW", "ORANGE", "RED", "BLACK"])
    latches = serializers.DictField(child=serializers.CharField())
    halt_epoch = serializers.IntegerField()
    stale = serializers.BooleanField()
    seen_at = serializers.DateTimeField(allow_null=True)
    age_s = serializers.FloatField(allow_null=True)
    market_at = serializers.DateTimeField(allow_null=True)
    market_speed = serializers.FloatField(allow_null=True)
    day = serializers.DateField(allow_null=True)
    day_ends_at = serializers.DateTimeField(allow_null=True)
    day_provisional = serializers.BooleanField()


class ApprovalRow(serializers.Serializer[dict[str, Any]]):
    id = serializers.CharField()
    request_id = serializers.CharField()
    account_id = serializers.CharField()
    bot_id = serializers.CharField()
    at = serializers.DateTimeField()
    market_at = serializers.DateTimeField()
    symbol = serializers.CharField()
    side = serializers.CharField()
    entry_price = serializers.FloatField()
    stop_loss = serializers.FloatField()
    take_profit = serializers.FloatField(allow_null=True)
    requested_lots = serializers.FloatField()
    adjusted_lots = serializers.FloatField()
    approved = serializers.BooleanField()
    reason_code = serializers.CharField()
    shadow_code = serializers.CharField(help_text="Of the first limit that only watches, and would have denied.")
    risk_amount = serializers.FloatField()
    reservation = serializers.CharField()
    position_id = serializers.IntegerField(allow_null=True)
    tag = serializers.CharField(allow_null=True)


def approval_row(row: Approval) -> dict[str, Any]:
    """Return an approval as the list shows it."""
    same = (
        "at", "market_at", "symbol", "side", "entry_price", "stop_loss", "take_profit", "requested_lots", "adjusted_lots",
        "approved", "reason_code", "shadow_code", "risk_amount", "reservation", "position_id",
    )  # fmt: skip
    return {
        "id": row.public_id,
        "request_id": public_id("req", row.pk),
        "account_id": row.account.public_id,
        "bot_id": row.bot.bot_id,
        **{name: getattr(row, name) for name in same},
        "tag": row.tag if row.approved else None,
    }
