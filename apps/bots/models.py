"""The registry of identities under which trades are placed."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from apps.accounts.models import Account
from apps.common.models import Identified
from apps.strategies.models import Strategy
from apps.teams.models import Team


class Guild(models.TextChoices):
    ANALYST = "ANALYST"
    QUANTCODE = "QUANTCODE"
    MANUAL = "MANUAL"
    PAPER = "PAPER"
    EXECUTOR = "EXECUTOR"
    ORCHESTRATOR = "ORCHESTRATOR"


class BotStatus(models.TextChoices):
    ACTIVE = "ACTIVE"
    PAUSED = "PAUSED"
    QUARANTINE = "QUARANTINE"
    RETIRED = "RETIRED"


class Stage(models.TextChoices):
    """How far a bot has proven itself. It goes up by a person's decision only."""

    PRIMAL = "PRIMAL"
    PENDING = "PENDING"
    PERFECT = "PERFECT"
    LIVE = "LIVE"


class Bot(Identified):
    PREFIX = "bot"

    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="bots")
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="bots")
    bot_id = models.CharField(max_length=64)
    magic = models.BigIntegerField()
    guild = models.CharField(max_length=14, choices=Guild)
    tags = models.JSONField(default=list)
    strategy_type = models.CharField(max_length=100, blank=True)
    stage = models.CharField(max_length=10, choices=Stage, default=Stage.PRIMAL)
    status = models.CharField(max_length=12, choices=BotStatus, default=BotStatus.ACTIVE)
    status_reason = models.CharField(max_length=200, blank=True)
    status_by = models.CharField(max_length=120, blank=True)
    status_at = models.DateTimeField(null=True)  # null: as it was registered
    managed = models.BooleanField(default=False)
    strategy = models.ForeignKey(Strategy, null=True, blank=True, on_delete=models.PROTECT, related_name="bots")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["team", "bot_id"], name="bot_id_once_per_team"),
            models.UniqueConstraint(fields=["account", "magic"], name="magic_once_per_account"),
            models.CheckConstraint(condition=Q(magic__gt=0), name="magic_positive"),
        ]
        indexes = [models.Index(fields=["team", "status"], name="bot_by_status")]

    def __str__(self) -> str:
        return self.bot_id


class BotSession(Identified):
    """An opaque token an external EA trades with: one bot, one hour, only its HMAC is kept."""

    PREFIX = "ses"

    bot = models.ForeignKey(Bot, on_delete=models.CASCADE, related_name="sessions")
    token_id = models.CharField(max_length=16, unique=True)
    digest = models.CharField(max_length=64)
    pepper_number = models.PositiveSmallIntegerField(default=1)
    key_id = models.UUIDField(null=True)  # the API key it came from: revoking that ends this
    expires_at = models.DateTimeField()
