"""Strategies and their immutable versions."""

from __future__ import annotations

from django.db import models

from apps.common.models import Identified
from apps.teams.models import Team


class StrategyStatus(models.TextChoices):
    DRAFT = "DRAFT"
    ACTIVE = "ACTIVE"
    PAUSED = "PAUSED"
    ARCHIVED = "ARCHIVED"


class VersionKind(models.TextChoices):
    RULES = "RULES"
    CATALOGUE = "CATALOGUE"


class Strategy(Identified):
    PREFIX = "str"

    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="strategies")
    slug = models.CharField(max_length=64)
    name = models.CharField(max_length=120)
    description = models.TextField(blank=True)
    status = models.CharField(max_length=10, choices=StrategyStatus, default=StrategyStatus.DRAFT)
    created_by = models.CharField(max_length=120, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["team", "slug"], name="strategy_slug_once_per_team")]

    def __str__(self) -> str:
        return self.slug


class StrategyVersion(Identified):
    """What a person wrote, frozen: a database trigger refuses every change."""

    PREFIX = "ver"

    strategy = models.ForeignKey(Strategy, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    kind = models.CharField(max_length=10, choices=VersionKind, default=VersionKind.RULES)
    symbol = models.CharField(max_length=32)
    timeframe = models.CharField(max_length=4)
    rules = models.JSONField()  # as it was given
    content_hash = models.CharField(max_length=64)
    created_by = models.CharField(max_length=120, blank=True)

    class Meta:
        ordering = ["-number"]
        constraints = [models.UniqueConstraint(fields=["strategy", "number"], name="version_number_once")]
