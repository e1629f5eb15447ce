"""The ledger: orders, deals, and trades (a position's life), told by agents and EAs, each once."""

from __future__ import annotations

from django.db import models

from apps.accounts.models import Account
from apps.bots.models import Bot
from apps.common.fields import NumericField, within_bounds
from apps.common.models import Identified


class OrderOutcome(models.TextChoices):
    SENT = "SENT"
    DONE = "DONE"
    PARTIAL = "PARTIAL"
    REJECTED = "REJECTED"
    NOT_SENT = "NOT_SENT"  # the agent let the approval pass: definitive
    UNRESOLVED = "UNRESOLVED"


class Side(models.TextChoices):
    BUY = "BUY"
    SELL = "SELL"


class TradeSource(models.TextChoices):
    MANAGED = "MANAGED"  # placed by our agent under an approval
    REPORTED = "REPORTED"  # an external EA's, under an approval
    UNAPPROVED = "UNAPPROVED"  # carries a bot's magic, but no approval
    EXTERNAL = "EXTERNAL"  # a person's, or a stranger's magic


class Order(Identified):
    """One attempt to place an order under an approval."""

    PREFIX = "ord"

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="orders")
    bot = models.ForeignKey(Bot, null=True, on_delete=models.PROTECT, related_name="orders")
    approval_id = models.UUIDField(null=True, unique=True)
    ticket = models.BigIntegerField(null=True)
    position_id = models.BigIntegerField(null=True)
    symbol = models.CharField(max_length=32)
    side = models.CharField(max_length=4, choices=Side)
    volume_lots = NumericField()
    filled_lots = NumericField(default=0)
    price = NumericField(null=True)
    outcome = models.CharField(max_length=10, choices=OrderOutcome)
    retcode = models.IntegerField(null=True)
    comment = models.CharField(max_length=120, blank=True)
    at = models.DateTimeField()
    market_at = models.DateTimeField(null=True)


class Deal(models.Model):
    """A deal as the broker booked it. Unique per account and ticket, whoever reports it and however often."""

    id = models.BigAutoField(primary_key=True)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="deals")
    ticket = models.BigIntegerField()
    order_ticket = models.BigIntegerField(default=0)
    position_id = models.BigIntegerField(default=0)
    deal_type = models.SmallIntegerField()  # MetaTrader's DEAL_TYPE_*: 0 buy, 1 sell, 2 balance …
    entry = models.SmallIntegerField()  # 0 in, 1 out, 2 in and out, 3 out by
    reason = models.SmallIntegerField(default=0)
    symbol = models.CharField(max_length=32, blank=True)
    magic = models.BigIntegerField(default=0)
    volume_lots = NumericField(default=0)
    price = NumericField(default=0)
    profit = NumericField(default=0)
    commission = NumericField(default=0)
    swap = NumericField(default=0)
    fee = NumericField(default=0)
    comment = models.CharField(max_length=64, blank=True)
    time_raw_ms = models.BigIntegerField()  # the broker's wall clock as it came
    market_at = models.DateTimeField()  # the same instant in UTC
    received_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "ticket"], name="deal_once_per_account")]
        indexes = [
            models.Index(fields=["account", "position_id"], name="deal_by_position"),
            models.Index(fields=["account", "-time_raw_ms"], name="deal_newest_by_account"),
        ]


class Trade(Identified):
    """A position from its first deal to its last: derived from deals, enriched by what the bot reported."""

    PREFIX = "trd"

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="trades")
    position_id = models.BigIntegerField()
    leg = models.PositiveSmallIntegerField(default=0)  # rises where a netting position was reversed by one deal
    bot = models.ForeignKey(Bot, null=True, on_delete=models.PROTECT, related_name="trades")
    assignment_id = models.UUIDField(null=True)
    strategy_id = models.UUIDField(null=True)
    version_id = models.UUIDField(null=True)
    approval_id = models.UUIDField(null=True)
    source = models.CharField(max_length=10, choices=TradeSource)
    symbol = models.CharField(max_length=32)
    side = models.CharField(max_length=4, choices=Side)
    magic = models.BigIntegerField(default=0)
    volume_lots = NumericField()  # what came in
    open_lots = NumericField()  # what is still there
    opened_at = models.DateTimeField()  # market time
    closed_at = models.DateTimeField(null=True)
    entry_price = NumericField()
    exit_price = NumericField(null=True)
    stop_loss = NumericField(null=True)
    take_profit = NumericField(null=True)
    profit = NumericField(default=0)
    commission = NumericField(default=0)
    swap = NumericField(default=0)
    fee = NumericField(default=0)
    pnl = NumericField(default=0)  # profit + commission + swap + fee over all its deals
    planned_risk = NumericField(null=True)
    actual_risk = NumericField(null=True)
    exit_reason = models.CharField(max_length=20, blank=True)
    updated_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "position_id", "leg"], name="trade_once_per_position"),
            models.CheckConstraint(
                condition=within_bounds("pnl", "entry_price", "exit_price", "volume_lots"), name="trade_numbers_sane"
            ),
        ]
        indexes = [
            models.Index(fields=["account", "-opened_at"], name="trade_by_account"),
            models.Index(fields=["strategy_id", "-opened_at"], name="trade_by_strategy"),
            models.Index(fields=["bot", "-opened_at"], name="trade_by_bot"),
            models.Index(
                fields=["approval_id"], name="trade_by_approval", condition=models.Q(approval_id__isnull=False)
            ),
        ]


class ReportReceipt(models.Model):
    """The answer to a report, kept for ever: an agent that was away for days may tell us again."""

    id = models.BigAutoField(primary_key=True)
    account = models.ForeignKey(Account, on_delete=models.PROTECT)
    report_id = models.UUIDField()
    kind = models.CharField(max_length=30)
    at = models.DateTimeField()
    answer = models.JSONField(default=dict)
    position_id = models.BigIntegerField(null=True)  # a report may come before the deals it is about
    exit_reason = models.CharField(max_length=20, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "report_id"], name="report_once")]
        indexes = [
            models.Index(
                fields=["account", "position_id"],
                name="report_by_position",
                condition=models.Q(position_id__isnull=False),
            )
        ]


class LedgerCheck(models.Model):
    """
    Our deals against the broker's balance: `balance = opening_balance + deals_sum + difference`, to the cent.

    `opening_balance` is what stood there before the first deal we know, taken once two checks agreed on it.
    """

    account = models.OneToOneField(Account, primary_key=True, on_delete=models.CASCADE, related_name="ledger_check")
    last_deal_id = models.BigIntegerField(default=0)
    deals_sum = NumericField(default=0)
    opening_balance = NumericField(null=True)
    candidate = NumericField(null=True)  # an opening or a difference that one check has seen and none has confirmed
    candidate_at = models.DateTimeField(null=True)
    balance = NumericField(default=0)
    difference = NumericField(default=0)  # confirmed; 0 is "the ledger is the terminal's"
    differs_since = models.DateTimeField(null=True)
    checked_at = models.DateTimeField()
