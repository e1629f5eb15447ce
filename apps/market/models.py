"""What a broker says of its symbols, the latest quotes, and closed bars."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

from apps.accounts.models import Account
from apps.common.fields import NumericField
from apps.common.models import Identified


class SymbolSpecification(Identified):
    """A symbol as one account's broker describes it. A changed content hash is a change of the contract."""

    PREFIX = "sym"

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="symbols")
    symbol = models.CharField(max_length=32)
    document = models.JSONField()  # `trading.protocol` SymbolSpec, numbers as text
    content_hash = models.CharField(max_length=64)
    read_at = models.DateTimeField()
    changed_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "symbol"], name="symbol_once_per_account")]


class Quote(models.Model):
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="quotes")
    symbol = models.CharField(max_length=32)
    bid = NumericField()
    ask = NumericField()
    market_at = models.DateTimeField()
    received_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "symbol"], name="quote_once_per_symbol")]


class Bar(models.Model):
    """A closed bar, as an agent saw it."""

    id = models.BigAutoField(primary_key=True)
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="bars")
    symbol = models.CharField(max_length=32)
    timeframe = models.CharField(max_length=4)
    opens_at = models.DateTimeField()
    open = NumericField()
    high = NumericField()
    low = NumericField()
    close = NumericField()
    volume = models.BigIntegerField(default=0)
    spread_points = models.IntegerField(default=0)
    received_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "symbol", "timeframe", "opens_at"], name="bar_once")]
