"""What the market's doors show."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from rest_framework import serializers

from apps.common.serializer_fields import AwareDateTimeField, NumberField
from apps.market.models import Quote, SymbolSpecification


class SymbolRow(serializers.Serializer[Any]):
    """A symbol as the account's broker describes it, and its latest quote."""

    symbol = serializers.CharField()
    account_id = serializers.CharField()
    specification = serializers.DictField()
    read_at = AwareDateTimeField()
    changed_at = AwareDateTimeField()
    bid = NumberField(allow_null=True)
    ask = NumberField(allow_null=True)
    market_at = AwareDateTimeField(allow_null=True)
    age_s = serializers.FloatField(allow_null=True, help_text="How old the quote is, by the wall clock.")


def symbol_row(row: SymbolSpecification, quote: Quote | None, account_id: str, at: datetime) -> dict[str, Any]:
    """Return a symbol as it is shown; its specification's numbers as numbers."""
    return {
        "symbol": row.symbol,
        "account_id": account_id,
        "specification": row.document,
        "read_at": row.read_at,
        "changed_at": row.changed_at,
        "bid": quote.bid if quote else None,
        "ask": quote.ask if quote else None,
        "market_at": quote.market_at if quote else None,
        "age_s": round((at - quote.received_at).total_seconds(), 3) if quote else None,
    }
