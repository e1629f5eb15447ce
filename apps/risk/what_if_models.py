"""A what-if that is too long to be answered at once: asked for, worked on by one worker, kept with its answer."""

from __future__ import annotations

from django.db import models

from apps.accounts.models import Account
from apps.backtests.models import Leased


class WhatIfRun(Leased):
    """What other limits would have made of a long period; `result` is the answer as the API shows it."""

    PREFIX = "wif"

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="what_ifs")
    first = models.DateField()
    last = models.DateField()
    limits = models.JSONField()  # the whole document that is tried
    name = models.CharField(max_length=200)  # what was asked, in words
    asked_by = models.CharField(max_length=120)
    result = models.JSONField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["account", "-created_at"], name="what_if_by_account"),
            models.Index(
                fields=["created_at"], name="what_if_open", condition=models.Q(status__in=["QUEUED", "RUNNING"])
            ),
        ]
