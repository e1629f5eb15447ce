"""Approvals with their reservations, the decision log, risk events."""

from __future__ import annotations

from datetime import date

from django.db import models
from django.db.models import Q

from apps.accounts.models import Account
from apps.bots.models import Bot
from apps.common.fields import NumericField, within_bounds
from apps.common.models import Identified
from apps.risk.evidence_models import LogAnchor as LogAnchor
from apps.risk.evidence_models import LogArchive as LogArchive
from apps.risk.evidence_models import LogDocument as LogDocument
from apps.risk.evidence_models import SigningKey as SigningKey
from apps.risk.what_if_models import WhatIfRun as WhatIfRun


class Reservation(models.TextChoices):
    NONE = "NONE"  # denied: nothing was reserved
    HELD = "HELD"  # counts against the limits
    POSTED = "POSTED"  # became a position: counted from the snapshot since
    VOID = "VOID"  # definitively not filled
    UNRESOLVED = "UNRESOLVED"  # validity is over and nobody has proven what happened: still counts


class Approval(Identified):
    """The stored verdict on a trade request. The same key gets the same bytes, for ever."""

    PREFIX = "apr"

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="approvals")
    bot = models.ForeignKey(Bot, on_delete=models.PROTECT, related_name="approvals")
    assignment_id = models.UUIDField(null=True)
    client_key = models.CharField(max_length=120, null=True)
    body_hash = models.CharField(max_length=64)
    at = models.DateTimeField()
    market_at = models.DateTimeField()
    day = models.DateField(null=True)
    symbol = models.CharField(max_length=32)
    side = models.CharField(max_length=4)
    entry_price = NumericField()
    stop_loss = NumericField()
    take_profit = NumericField(null=True)
    requested_lots = NumericField()
    approved = models.BooleanField()
    reason_code = models.CharField(max_length=40)
    shadow_code = models.CharField(
        max_length=40, blank=True
    )  # of the first limit that only watches, and would have denied
    adjusted_lots = NumericField(default=0)
    risk_amount = NumericField(default=0)
    valid_until = models.DateTimeField(null=True)
    tag = models.CharField(max_length=27, unique=True)  # goes into the order's comment
    response = models.TextField()  # the bytes that were answered
    reservation = models.CharField(max_length=10, choices=Reservation, default=Reservation.NONE)
    reserved = NumericField(default=0)
    actual_risk = NumericField(null=True)  # from the fill's own price and stop
    resolved_at = models.DateTimeField(null=True)
    resolved_by = models.CharField(max_length=60, blank=True)
    position_id = models.BigIntegerField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["bot", "client_key"], name="client_key_once_per_bot"),
            models.CheckConstraint(
                condition=Q(reserved__gte=0) & within_bounds("reserved", "risk_amount"), name="reservation_not_negative"
            ),
        ]
        indexes = [
            models.Index(
                fields=["account"], name="approval_unresolved", condition=Q(reservation__in=["HELD", "UNRESOLVED"])
            ),
            models.Index(fields=["account", "-at"], name="approval_by_account"),
        ]


class Decision(models.Model):
    """
    One line of an account's decision log: append-only (triggers refuse all else), chained by hash.

    The body says of which kind it is: an approval, a latch set or lifted, new limits, a day begun or its base corrected.
    """

    id = models.BigAutoField(primary_key=True)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="decisions")
    number = models.BigIntegerField()
    at = models.DateTimeField()
    body = models.TextField()  # canonical JSON, at most 2 KB
    previous_hash = models.CharField(max_length=64, blank=True)
    hash = models.CharField(max_length=64)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "number"], name="decision_number_once")]


class Severity(models.TextChoices):
    INFO = "INFO"
    WARNING = "WARNING"
    CRITICAL = "CRITICAL"


class RiskEvent(Identified):
    PREFIX = "evt"

    account = models.ForeignKey(Account, null=True, on_delete=models.PROTECT, related_name="risk_events")
    bot = models.ForeignKey(Bot, null=True, on_delete=models.PROTECT)
    event_type = models.CharField(max_length=50)
    severity = models.CharField(max_length=10, choices=Severity)
    message = models.TextField()
    metrics = models.JSONField(default=dict)
    once_key = models.CharField(max_length=80, null=True)  # what may be told once only: "2026-03-04:daily:75"
    at = models.DateTimeField()
    market_at = models.DateTimeField(null=True)
    acknowledged_at = models.DateTimeField(null=True)
    acknowledged_by = models.CharField(max_length=120, blank=True)

    class Meta:
        indexes = [models.Index(fields=["account", "-at"], name="risk_event_by_account")]
        constraints = [models.UniqueConstraint(fields=["account", "once_key"], name="risk_event_told_once")]


class FlagKind(models.TextChoices):
    SLIPPAGE = "SLIPPAGE"  # filled so far off that more than the planned ratio is at risk
    UNAPPROVED = "UNAPPROVED"  # no approval stands behind it
    EXCESS = "EXCESS"  # it holds more lots than were approved for it


class FlagAction(models.TextChoices):
    NONE = "NONE"
    CLOSE = "CLOSE"


class PositionFlag(Identified):
    """
    Something wrong with an open position, kept until it is gone. One row a position and kind: told once, asked once.

    `action` is what the account's policy said when it was confirmed; the agent hears it with every answer until a view
    shows the position no more.
    """

    PREFIX = "flg"

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="position_flags")
    bot = models.ForeignKey(Bot, null=True, on_delete=models.PROTECT, related_name="position_flags")
    approval = models.ForeignKey(Approval, null=True, on_delete=models.PROTECT, related_name="position_flags")
    position_id = models.BigIntegerField()
    kind = models.CharField(max_length=10, choices=FlagKind)
    symbol = models.CharField(max_length=32)
    side = models.CharField(max_length=4)
    volume_lots = NumericField()
    planned_risk = NumericField(null=True)
    actual_risk = NumericField(null=True)
    action = models.CharField(max_length=5, choices=FlagAction, default=FlagAction.NONE)
    day = models.DateField(null=True)
    first_seen_at = models.DateTimeField()
    told_at = models.DateTimeField(null=True)  # null: seen once, not confirmed yet
    cleared_at = models.DateTimeField(null=True)
    cleared_by = models.CharField(max_length=12, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "position_id", "kind"], name="position_flagged_once"),
        ]
        indexes = [
            models.Index(fields=["account"], name="flag_standing", condition=Q(cleared_at__isnull=True)),
            models.Index(fields=["bot", "kind", "day"], name="flag_by_bot_and_day"),
        ]


class BotBreaker(models.Model):
    """A bot's circuit breaker: open from the first row on until its day is over, or until a person closes it."""

    bot = models.OneToOneField(Bot, primary_key=True, on_delete=models.PROTECT, related_name="breaker")
    reason_code = models.CharField(max_length=30)
    reason = models.CharField(max_length=200)
    day = models.DateField(null=True)  # the trading day it is open for; null: until a person closes it
    tripped_at = models.DateTimeField()
    lifted_at = models.DateTimeField(null=True)
    lifted_by = models.CharField(max_length=120, blank=True)

    def is_open(self, day: date | None) -> bool:
        """Say whether it still stops new risk on the account's trading day."""
        return self.lifted_at is None and (self.day is None or day is None or day <= self.day)
