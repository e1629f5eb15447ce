"""What the ledger's doors show."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from apps.common.ids import public_id
from apps.common.serializer_fields import AwareDateTimeField, NumberField
from apps.trades.models import Trade
from apps.trades.selectors import Results


class ApprovalShown(serializers.Serializer[Any]):
    id = serializers.CharField()
    reason_code = serializers.CharField()


class TradeRow(serializers.Serializer[Any]):
    """A position's life: `closed_at` is null while it is open. Times are market time."""

    id = serializers.CharField()
    account_id = serializers.CharField()
    account = serializers.CharField()
    currency = serializers.CharField()
    position_id = serializers.IntegerField()
    leg = serializers.IntegerField()
    bot_id = serializers.CharField(allow_null=True)
    strategy_id = serializers.CharField(allow_null=True)
    version_id = serializers.CharField(allow_null=True)
    assignment_id = serializers.CharField(allow_null=True)
    source = serializers.CharField()  # type: ignore[assignment]
    symbol = serializers.CharField()
    side = serializers.CharField()
    magic_number = serializers.IntegerField()
    volume_lots = NumberField()
    open_lots = NumberField()
    opened_at = AwareDateTimeField()
    closed_at = AwareDateTimeField(allow_null=True)
    entry_price = NumberField()
    exit_price = NumberField(allow_null=True)
    stop_loss = NumberField(allow_null=True)
    take_profit = NumberField(allow_null=True)
    profit = NumberField()
    commission = NumberField()
    swap = NumberField()
    fee = NumberField()
    pnl = NumberField()
    planned_risk = NumberField(allow_null=True)
    exit_reason = serializers.CharField()
    approval = ApprovalShown(allow_null=True)


class ResultsRow(serializers.Serializer[Any]):
    """Figures of closed trades; money by currency, never added across."""

    trades = serializers.IntegerField()
    wins = serializers.IntegerField()
    losses = serializers.IntegerField()
    win_rate = NumberField(allow_null=True)
    net_pnl = serializers.DictField(child=NumberField())
    profit_factor = NumberField(allow_null=True)
    open_positions = serializers.IntegerField()


def trade_row(trade: Trade) -> dict[str, Any]:
    """Return a trade as it is shown."""
    names = (
        "position_id", "leg", "source", "symbol", "side", "volume_lots", "open_lots", "opened_at", "closed_at",
        "entry_price", "exit_price", "stop_loss", "take_profit", "profit", "commission", "swap", "fee", "pnl",
        "planned_risk", "exit_reason",
    )  # fmt: skip
    approval = {"id": public_id("apr", trade.approval_id), "reason_code": "APPROVED"} if trade.approval_id else None
    return {
        "id": trade.public_id,
        "account_id": trade.account.public_id,
        "account": trade.account.code,
        "currency": trade.account.currency,
        "bot_id": trade.bot.bot_id if trade.bot else None,
        "strategy_id": public_id("str", trade.strategy_id) if trade.strategy_id else None,
        "version_id": public_id("ver", trade.version_id) if trade.version_id else None,
        "assignment_id": public_id("asg", trade.assignment_id) if trade.assignment_id else None,
        "magic_number": trade.magic,
        "approval": approval,
        **{name: getattr(trade, name) for name in names},
    }


def results_row(results: Results) -> dict[str, Any]:
    """Return figures as they are shown."""
    return {
        "trades": results.trades,
        "wins": results.wins,
        "losses": results.losses,
        "win_rate": results.win_rate,
        "net_pnl": results.net_pnl,
        "profit_factor": results.profit_factor,
        "open_positions": results.open_positions,
    }
