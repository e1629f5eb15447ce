"""The shapes of what watches over accounts: events, forecast, largest lot, halts."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from rest_framework import serializers

from apps.accounts.models import Account, AccountSnapshot
from apps.common.serializer_fields import StrictSerializer
from apps.risk.models import RiskEvent
from apps.risk.services.outlook import Outlook, SymbolLots
from trading.risk.forecast import Cut, Forecast, Opening
from trading.risk.largest import LargestLot
from trading.risk.sizing import BUY, SELL


class HaltInput(serializers.Serializer[dict[str, Any]]):
    reason = serializers.CharField(max_length=200, required=False, allow_blank=True)


class LiftInput(StrictSerializer):
    password = serializers.CharField(
        write_only=True, required=False, help_text="The person's own: lifting lets trading start again."
    )


class HaltOutput(serializers.Serializer[dict[str, Any]]):
    account_id = serializers.CharField()
    halted = serializers.BooleanField()
    halt_epoch = serializers.IntegerField()


class TeamHaltOutput(serializers.Serializer[dict[str, Any]]):
    halted = serializers.BooleanField()
    accounts = serializers.IntegerField(help_text="How many accounts it was written down onto, or lifted from.")


class BreakerOutput(serializers.Serializer[dict[str, Any]]):
    bot_id = serializers.CharField()
    reason_code = serializers.CharField()
    lifted_at = serializers.DateTimeField()
    lifted_by = serializers.CharField()


class RiskEventRow(serializers.Serializer[dict[str, Any]]):
    id = serializers.CharField()
    account_id = serializers.CharField()
    bot_id = serializers.CharField(allow_null=True)
    event_type = serializers.CharField()
    severity = serializers.CharField()
    message = serializers.CharField()
    metrics = serializers.DictField()
    at = serializers.DateTimeField()
    market_at = serializers.DateTimeField(allow_null=True)
    acknowledged_at = serializers.DateTimeField(allow_null=True)
    acknowledged_by = serializers.CharField(allow_null=True)


def event_row(row: RiskEvent) -> dict[str, Any]:
    """Return a risk event as the list shows it."""
    return {
        "id": row.public_id,
        "account_id": row.account.public_id if row.account else None,
        "bot_id": row.bot.bot_id if row.bot else None,
        "event_type": row.event_type.lower(),
        "severity": row.severity,
        "message": row.message,
        "metrics": row.metrics,
        "at": row.at,
        "market_at": row.market_at,
        "acknowledged_at": row.acknowledged_at,
        "acknowledged_by": row.acknowledged_by or None,
    }


class OpeningOutput(serializers.Serializer[dict[str, Any]]):
    balance = serializers.FloatField()
    equity = serializers.FloatField()
    daily_reference = serializers.FloatField()
    daily_floor = serializers.FloatField()
    total_floor = serializers.FloatField()
    headroom = serializers.FloatField(help_text="Equity above the higher floor; below zero: the day opens breached.")


class CutOutput(serializers.Serializer[dict[str, Any]]):
    position_id = serializers.IntegerField()
    symbol = serializers.CharField()
    side = serializers.ChoiceField([BUY, SELL])
    held_lots = serializers.FloatField()
    close_lots = serializers.FloatField()
    realises = serializers.FloatField(help_text="What closing books, below zero [account currency].")


class ForecastOutput(serializers.Serializer[dict[str, Any]]):
    """How the next day opens if prices stand still; null fields where nobody has seen the account yet."""

    account_id = serializers.CharField()
    currency = serializers.CharField()
    day = serializers.DateField(allow_null=True)
    day_ends_at = serializers.DateTimeField(allow_null=True, help_text="When it turns, by the account's market clock.")
    opening = OpeningOutput(allow_null=True)
    at_risk = serializers.FloatField(allow_null=True)
    worst_headroom = serializers.FloatField(allow_null=True, help_text="Headroom once every stop is hit.")
    cuts = CutOutput(many=True)
    is_enough = serializers.BooleanField(allow_null=True)
    after = OpeningOutput(allow_null=True)
    seen_at = serializers.DateTimeField(allow_null=True)
    age_s = serializers.FloatField(allow_null=True)


class LargestQuery(serializers.Serializer[dict[str, Any]]):
    symbol = serializers.CharField(max_length=32)
    stop_ticks = serializers.IntegerField(min_value=1, max_value=10_000_000)


class SideLots(serializers.Serializer[dict[str, Any]]):
    side = serializers.ChoiceField([BUY, SELL])
    lots = serializers.FloatField(help_text="0 where not even the broker's smallest would be approved.")
    risk_amount = serializers.FloatField()
    entry_price = serializers.FloatField()
    stop_loss = serializers.FloatField()
    reason_code = serializers.CharField(help_text="What stops the next step up, or everything.")
    message = serializers.CharField()


class LargestOutput(serializers.Serializer[dict[str, Any]]):
    account_id = serializers.CharField()
    symbol = serializers.CharField()
    stop_ticks = serializers.IntegerField()
    price_at = serializers.DateTimeField(allow_null=True, help_text="When the price was told; null: no price is known.")
    sides = SideLots(many=True)


def forecast_row(account: Account, outlook: Outlook) -> dict[str, Any]:
    """Return an account's forecast as it is shown."""
    facts, found = outlook.facts, outlook.forecast
    seen: AccountSnapshot | None = facts.snapshot if facts else None
    return {
        "account_id": account.public_id,
        "currency": account.currency,
        "day": facts.risk.day if facts else None,
        "day_ends_at": facts.risk.day_ends_at if facts else None,
        **_forecast_figures(found),
        "seen_at": seen.taken_at if seen else None,
        "age_s": _age_s(seen, outlook.at),
    }


def largest_row(account: Account, found: SymbolLots) -> dict[str, Any]:
    """Return the largest lots of a symbol as they are shown."""
    return {
        "account_id": account.public_id,
        "symbol": found.symbol,
        "stop_ticks": found.stop_ticks,
        "price_at": found.price_at,
        "sides": [_side_row(side, lot) for side, lot in found.sides if lot is not None],
    }


def _forecast_figures(found: Forecast | None) -> dict[str, Any]:
    if found is None:
        nothing = ("opening", "at_risk", "worst_headroom", "is_enough", "after")
        return {**dict.fromkeys(nothing), "cuts": []}
    return {
        "opening": _opening_row(found.opening),
        "at_risk": round(found.at_risk, 2),
        "worst_headroom": round(found.worst_headroom, 2),
        "cuts": [_cut_row(cut) for cut in found.cuts],
        "is_enough": found.is_enough,
        "after": _opening_row(found.after),
    }


def _opening_row(opening: Opening) -> dict[str, Any]:
    names = ("balance", "equity", "daily_reference", "daily_floor", "total_floor", "headroom")
    return {name: round(getattr(opening, name), 2) for name in names}


def _cut_row(cut: Cut) -> dict[str, Any]:
    names = ("position_id", "symbol", "side", "held_lots", "close_lots")
    return {**{name: getattr(cut, name) for name in names}, "realises": round(cut.realises, 2)}


def _side_row(side: str, lot: LargestLot) -> dict[str, Any]:
    names = ("lots", "entry_price", "stop_loss", "reason_code", "message")
    return {"side": side, "risk_amount": round(lot.risk_amount, 2), **{name: getattr(lot, name) for name in names}}


def _age_s(seen: AccountSnapshot | None, at: datetime) -> float | None:
    return round((at - seen.taken_at).total_seconds(), 3) if seen else None
