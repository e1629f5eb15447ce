"""What the market's doors show."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from rest_framework import serializers

from apps.common.serializer_fields import AwareDateTimeField, NumberField
from apps.market.models import Quote, SymbolCertificate, SymbolSpecification


class CheckRow(serializers.Serializer[Any]):
    """One thing looked at."""

    name = serializers.CharField()
    result = serializers.ChoiceField(["PASS", "WARN", "FAIL"])
    message = serializers.CharField()
    code = serializers.CharField()


class CertificateRow(serializers.Serializer[Any]):
    """What was found of a symbol before trading it on an account."""

    id = serializers.CharField()
    symbol = serializers.CharField()
    result = serializers.ChoiceField(["PASS", "WARN", "FAIL"])
    made_at = AwareDateTimeField()
    probed_at = AwareDateTimeField(allow_null=True, help_text="When the agent last tried it at the terminal.")
    age_s = serializers.FloatField()
    checks = CheckRow(many=True)


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
    unseen_changes = serializers.DictField(
        help_text="What the broker changed and nobody has seen, name: [accepted, now]. While there is any, no trade is approved."
    )
    drifted_at = AwareDateTimeField(allow_null=True)
    accepted_at = AwareDateTimeField(allow_null=True)
    accepted_by = serializers.CharField()
    certificate = CertificateRow(allow_null=True)


def certificate_row(row: SymbolCertificate, at: datetime) -> dict[str, Any]:
    """Return a certificate as it is shown."""
    return {
        "id": row.public_id,
        "symbol": row.symbol,
        "result": row.result,
        "made_at": row.made_at,
        "probed_at": row.probed_at,
        "age_s": round((at - row.made_at).total_seconds(), 3),
        "checks": row.checks,
    }


def symbol_row(
    row: SymbolSpecification, quote: Quote | None, certificate: SymbolCertificate | None, account_id: str, at: datetime
) -> dict[str, Any]:
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
        "unseen_changes": row.drift,
        "drifted_at": row.drifted_at,
        "accepted_at": row.accepted_at,
        "accepted_by": row.accepted_by,
        "certificate": certificate_row(certificate, at) if certificate else None,
    }
