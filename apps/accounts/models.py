"""Broker accounts: settings, limits, the locked risk row, the last snapshot, trading days."""

from __future__ import annotations

from datetime import time

from django.db import models
from django.db.models import F, Q
from django.db.models.fields.json import KT
from django.db.models.functions import Cast, Coalesce

from apps.accounts.pack_models import RulePack as RulePack
from apps.accounts.pack_models import RulePackVersion as RulePackVersion
from apps.common.fields import NumericField, within_bounds
from apps.common.models import Identified
from apps.teams.models import Team


class AccountMode(models.TextChoices):
    PROP_FIRM = "PROP_FIRM"
    PERSONAL = "PERSONAL"
    PAPER = "PAPER"


class MarginMode(models.TextChoices):
    HEDGING = "HEDGING"
    NETTING = "NETTING"


class ConnectionLossPolicy(models.TextChoices):
    HOLD = "HOLD"  # positions keep their stop at the broker
    FLATTEN = "FLATTEN"


class UnapprovedPolicy(models.TextChoices):
    ALERT = "ALERT"  # people are told
    CLOSE = "CLOSE"  # and the account's agent closes it


class Account(Identified):
    """Settings. Written by people only; never locked by an approval."""

    PREFIX = "acc"

    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="accounts")
    code = models.CharField(max_length=64)
    name = models.CharField(max_length=120)
    mode = models.CharField(max_length=10, choices=AccountMode)
    server = models.CharField(max_length=120)
    login = models.BigIntegerField()
    currency = models.CharField(max_length=8, default="USD")
    leverage = models.PositiveIntegerField(default=100)
    margin_mode = models.CharField(max_length=10, choices=MarginMode, default=MarginMode.HEDGING)
    initial_balance = NumericField()
    zone = models.CharField(max_length=64, default="UTC")  # an IANA name, or SERVER_NY+7
    reset_time = models.TimeField(default=time())  # of the zone's wall clock: when the account's day begins
    connection_loss = models.CharField(max_length=10, choices=ConnectionLossPolicy, default=ConnectionLossPolicy.HOLD)
    connection_loss_after_s = models.PositiveIntegerField(default=30)  # FLATTEN: how long after the lease is over
    request_budget = models.PositiveIntegerField(default=2000)  # trade requests of one account's day; 0 is no limit
    # What is done about a position that no approval stands behind.
    unapproved = models.CharField(max_length=10, choices=UnapprovedPolicy, default=UnapprovedPolicy.ALERT)
    retired_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["team", "server", "login"], name="account_once_per_team"),
            models.UniqueConstraint(fields=["team", "code"], name="account_code_once_per_team"),
            models.CheckConstraint(
                condition=Q(initial_balance__gt=0) & within_bounds("initial_balance"),
                name="account_initial_balance_positive",
            ),
            models.CheckConstraint(condition=Q(login__gt=0), name="account_login_positive"),
        ]

    def __str__(self) -> str:
        return self.code

    @property
    def resets(self) -> str:
        """When the account's day begins, for people: `17:00 America/Chicago`."""
        return f"{self.reset_time:%H:%M} {self.zone}"


class LimitSet(Identified):
    """One version of an account's limits: a document (`trading.risk.limits`), never changed, referenced by its hash."""

    PREFIX = "lim"

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="limit_sets")
    number = models.PositiveIntegerField()
    document = models.JSONField()
    content_hash = models.CharField(max_length=64)
    set_by = models.CharField(max_length=120)
    in_force = models.BooleanField(default=True)
    # Under a firm's rules: which version, in which phase, and the account's own limits before the firm's were put over them.
    pack_version = models.ForeignKey(
        "accounts.RulePackVersion", null=True, blank=True, on_delete=models.PROTECT, related_name="limit_sets"
    )
    pack_phase = models.CharField(max_length=120, blank=True)
    own_document = models.JSONField(null=True, blank=True)
    # Read off the document, so that an approval finds the team's accounts that forbid it by an index.
    forbids_opposite = models.GeneratedField(
        expression=Coalesce(
            Cast(KT("document__forbid_opposite_positions"), models.BooleanField()), models.Value(value=False)
        ),
        output_field=models.BooleanField(),
        db_persist=True,
    )

    class Meta:
        indexes = [
            models.Index(
                fields=["account"],
                name="limit_set_forbids_opposite",
                condition=Q(in_force=True, forbids_opposite=True),
            )
        ]
        constraints = [
            models.UniqueConstraint(fields=["account", "number"], name="limit_set_number_once"),
            models.UniqueConstraint(fields=["account"], condition=Q(in_force=True), name="one_limit_set_in_force"),
            models.CheckConstraint(
                condition=Q(pack_version__isnull=True, pack_phase="", own_document__isnull=True)
                | (Q(pack_version__isnull=False, own_document__isnull=False) & ~Q(pack_phase="")),
                name="limit_set_pack_is_whole",
            ),
        ]


class Level(models.TextChoices):
    SAFE = "SAFE"
    CAUTION = "CAUTION"
    WARNING = "WARNING"
    CRITICAL = "CRITICAL"
    HALTED = "HALTED"


class AccountRisk(models.Model):
    """The only row an approval locks: latches, lease, counters, the head of the decision chain."""

    account = models.OneToOneField(Account, primary_key=True, on_delete=models.PROTECT, related_name="risk")
    # latches: an empty text is no latch; the text is the reason. A team's or the platform's kill is written down here.
    account_latch = models.CharField(max_length=200, blank=True)
    team_latch = models.CharField(max_length=200, blank=True)
    platform_latch = models.CharField(max_length=200, blank=True)
    breach_latch = models.CharField(max_length=200, blank=True)  # a limit was broken
    day_latch = models.CharField(max_length=200, blank=True)  # until the next trading day
    halt_epoch = models.BigIntegerField(default=0)
    # lease: which executor may trade, and its fence
    lease_executor_id = models.UUIDField(null=True)
    lease_instance = models.CharField(max_length=64, blank=True)
    lease_until = models.DateTimeField(null=True)
    fence = models.BigIntegerField(default=0)
    # the trading day in force (market time) and its base
    day = models.DateField(null=True)
    day_starts_at = models.DateTimeField(null=True)
    day_ends_at = models.DateTimeField(null=True)
    day_balance_base = NumericField(null=True)
    day_equity_base = NumericField(null=True)
    day_provisional = models.BooleanField(default=False)
    peak_balance = NumericField(null=True)
    peak_equity = NumericField(null=True)
    # the level that people see: it rises at once and falls slowly (trading.risk.levels)
    level = models.CharField(max_length=8, choices=Level, default=Level.SAFE)
    level_at = models.DateTimeField(null=True)  # market time of its last change
    level_calm_since = models.DateTimeField(null=True)
    # counters
    reserved = NumericField(default=0)  # money at risk in unresolved reservations
    risked_today = NumericField(default=0)  # money approved for risk since the day began
    approved_today = models.PositiveIntegerField(default=0)
    market_at = models.DateTimeField(null=True)  # the latest market time seen: never goes back
    # the ended days of the phase in force, added up when a day is summed up
    phase_day = models.DateField(null=True)  # the first day of the phase
    total_profit = NumericField(default=0)
    best_day = NumericField(default=0)
    days_traded = models.PositiveIntegerField(default=0)
    # decision log
    chain_number = models.BigIntegerField(default=0)
    chain_head = models.CharField(max_length=64, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(reserved__gte=0) & within_bounds("reserved"), name="reserved_not_negative"
            ),
            models.CheckConstraint(
                condition=within_bounds(
                    "day_balance_base",
                    "day_equity_base",
                    "peak_balance",
                    "peak_equity",
                    "risked_today",
                    "total_profit",
                    "best_day",
                ),
                name="risk_row_numbers_sane",
            ),
        ]


class AccountSnapshot(models.Model):
    """The account's last truth, as its observer saw it. Upserted where newer; approvals read it without a lock."""

    account = models.OneToOneField(Account, primary_key=True, on_delete=models.PROTECT, related_name="snapshot")
    executor_id = models.UUIDField(null=True)
    instance_id = models.CharField(max_length=64, blank=True)
    fence = models.BigIntegerField(default=0)
    seq = models.BigIntegerField(default=0)
    complete = models.BooleanField(default=False)  # positions, orders and deals were all read
    taken_at = models.DateTimeField()  # wall clock of the database: received_at minus the age the observer states
    received_at = models.DateTimeField()
    market_at = models.DateTimeField()
    market_speed = models.FloatField(default=1.0)
    server_offset_s = models.IntegerField(default=0)
    balance = NumericField()
    equity = NumericField()
    margin = NumericField(default=0)
    free_margin = NumericField(default=0)
    credit = NumericField(default=0)
    trade_allowed = models.BooleanField(default=True)
    positions = models.JSONField(default=list)
    orders = models.JSONField(default=list)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=within_bounds("balance", "equity", "margin", "free_margin", "credit"),
                name="snapshot_numbers_sane",
            )
        ]


class EquityPoint(models.Model):
    """Balance and equity over time, one row a snapshot (thinned by `prune`)."""

    id = models.BigAutoField(primary_key=True)
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="equity_points")
    at = models.DateTimeField()
    market_at = models.DateTimeField()
    balance = NumericField()
    equity = NumericField()

    class Meta:
        indexes = [models.Index(fields=["account", "-at"], name="equity_by_account")]


class TradingDay(Identified):
    """One of the account's own days: exactly one row per account and day, contiguous, never rewritten but for its end."""

    PREFIX = "day"

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="trading_days")
    day = models.DateField()
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    balance_base = NumericField()
    equity_base = NumericField()
    provisional = models.BooleanField(default=False)
    end_balance = NumericField(null=True)
    end_equity = NumericField(null=True)
    # what the ledger says of it once it has ended; summed up anew where a deal comes late
    entries = models.PositiveIntegerField(default=0)  # deals that opened something
    trades_count = models.PositiveIntegerField(default=0)  # positions closed
    wins = models.PositiveIntegerField(default=0)
    losses = models.PositiveIntegerField(default=0)
    total_pnl = NumericField(default=0)  # booked by trading, costs included
    max_drawdown = NumericField(default=0)  # of equity, from its highest point of the day [account currency]
    summed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "day"], name="trading_day_once"),
            models.UniqueConstraint(fields=["account", "starts_at"], name="trading_day_start_once"),
            models.CheckConstraint(condition=Q(ends_at__gt=F("starts_at")), name="trading_day_has_length"),
        ]


class TradingDayCorrection(Identified):
    """A better base for a day that began with a provisional one: appended, so what was decided stays explainable."""

    PREFIX = "cor"

    trading_day = models.ForeignKey(TradingDay, on_delete=models.PROTECT, related_name="corrections")
    balance_base = NumericField()
    equity_base = NumericField()
    source = models.CharField(max_length=200)
