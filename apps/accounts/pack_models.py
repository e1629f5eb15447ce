"""Firms' programs as rows: a pack and its versions. The platform's own have no team; a team may clone one and edit its copy."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from apps.common.models import Identified
from apps.teams.models import Team


class RulePack(Identified):
    """A program of a firm, by its code (`ftmo_2step`). What it says is in its versions."""

    PREFIX = "pck"

    team = models.ForeignKey(Team, null=True, blank=True, on_delete=models.PROTECT, related_name="rule_packs")
    code = models.CharField(max_length=64)
    cloned_from = models.ForeignKey(
        "accounts.RulePackVersion", null=True, blank=True, on_delete=models.PROTECT, related_name="clones"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["team", "code"], name="rule_pack_code_once_per_team"),
            models.UniqueConstraint(fields=["code"], condition=Q(team=None), name="rule_pack_code_once"),
        ]

    def __str__(self) -> str:
        return self.code


class RulePackVersion(Identified):
    """What a pack says from a day on, frozen: a database trigger refuses every change."""

    PREFIX = "rpv"

    pack = models.ForeignKey(RulePack, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    document = models.JSONField()  # `trading.risk.pack_document` reads it
    document_hash = models.CharField(max_length=64)  # of every word
    content_hash = models.CharField(max_length=64)  # of what decides: names, sources and remarks left out
    firm = models.CharField(max_length=120)
    program = models.CharField(max_length=200)
    source_url = models.CharField(max_length=500, blank=True)
    checked_on = models.DateField()  # when a person last held it against the source
    valid_from = models.DateField()
    written_by = models.CharField(max_length=120)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["pack", "number"], name="rule_pack_version_number_once")]

    def __str__(self) -> str:
        return f"{self.firm}, {self.program}, version {self.number}"
