"""A bot on an executor: what is wanted, what is proven."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from apps.accounts.models import Account
from apps.bots.models import Bot
from apps.common.models import Identified
from apps.executors.models import Executor
from apps.strategies.models import Strategy, StrategyVersion


class Desired(models.TextChoices):
    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    STOPPED = "STOPPED"


class Observed(models.TextChoices):
    UNKNOWN = "UNKNOWN"
    STARTING = "STARTING"
    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    STOPPING = "STOPPING"
    STOPPED = "STOPPED"
    FAILED = "FAILED"


class Assignment(Identified):
    """`generation` rises by one under the row's lock with each wish; `observed_generation` is the agent's word."""

    PREFIX = "asg"

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="assignments")
    bot = models.ForeignKey(Bot, on_delete=models.PROTECT, related_name="assignments")
    executor = models.ForeignKey(Executor, on_delete=models.PROTECT, related_name="assignments")
    strategy = models.ForeignKey(Strategy, on_delete=models.PROTECT, related_name="assignments")
    version = models.ForeignKey(StrategyVersion, on_delete=models.PROTECT, related_name="assignments")
    settings = models.JSONField(default=dict)  # overrides; they may only tighten
    facts = models.JSONField(default=dict)
    facts_number = models.BigIntegerField(default=0)
    desired = models.CharField(max_length=10, choices=Desired)
    generation = models.BigIntegerField(default=1)
    desired_at = models.DateTimeField()
    desired_by = models.CharField(max_length=120)
    anchor_at = models.DateTimeField(null=True)  # market time from which indicators are folded
    observed = models.CharField(max_length=10, choices=Observed, default=Observed.UNKNOWN)
    observed_generation = models.BigIntegerField(default=0)
    observed_at = models.DateTimeField(null=True)
    open_positions = models.PositiveIntegerField(default=0)
    pending_orders = models.PositiveIntegerField(default=0)
    last_bar_at = models.DateTimeField(null=True)
    problem = models.JSONField(default=dict, blank=True)
    live = models.BooleanField(default=True)  # false once STOPPED is proven and another took its place

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["bot"], condition=Q(live=True), name="one_live_assignment_per_bot")
        ]
        indexes = [models.Index(fields=["executor"], name="assignment_live_by_executor", condition=Q(live=True))]
