"""Approvals with their reservations, the decision log, risk events."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from apps.accounts.models import Account
from apps.bots.models import Bot
from apps.common.fields import NumericField, within_bounds
from apps.common.models import Identified


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
    """One line of an account's decision log: append-only (a trigger refuses all else), chained by hash."""

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
