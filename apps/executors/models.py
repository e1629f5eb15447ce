"""Machines with an agent: their keys, what they last said, and the commands given to them."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from apps.accounts.models import Account
from apps.common.models import Identified
from apps.teams.models import Team


class Executor(Identified):
    PREFIX = "exr"

    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="executors")
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="executors")
    code = models.CharField(max_length=64)
    name = models.CharField(max_length=120)
    desired_version = models.BigIntegerField(
        default=1
    )  # raised under the row's lock with each change of the desired set
    instance_id = models.CharField(max_length=64, blank=True)
    agent_version = models.CharField(max_length=40, blank=True)
    protocol_version = models.PositiveIntegerField(null=True)
    hello_at = models.DateTimeField(null=True)
    last_seen_at = models.DateTimeField(null=True)
    reported_state = models.CharField(
        max_length=10, default="OFFLINE"
    )  # the last state told to people: ONLINE, STALE, OFFLINE
    terminal = models.JSONField(default=dict)
    health = models.JSONField(default=dict)
    problem = models.CharField(max_length=300, blank=True)
    retired_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["team", "code"], name="executor_code_once_per_team")]

    def __str__(self) -> str:
        return self.code


class ExecutorKey(Identified):
    """`X-API-Key: exe_…` and `X-API-Secret`; two may be live while a key is rotated."""

    PREFIX = "exk"

    executor = models.ForeignKey(Executor, on_delete=models.CASCADE, related_name="keys")
    key_id = models.CharField(max_length=40, unique=True)
    digest = models.CharField(max_length=64)
    pepper_number = models.PositiveSmallIntegerField(default=1)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)


class CommandKind(models.TextChoices):
    # edits of desired state, kept as history
    START_STRATEGY = "START_STRATEGY"
    STOP_STRATEGY = "STOP_STRATEGY"
    PAUSE_STRATEGY = "PAUSE_STRATEGY"
    RESUME_STRATEGY = "RESUME_STRATEGY"
    UPDATE_STRATEGY = "UPDATE_STRATEGY"
    # one-shots, leased
    CLOSE_POSITION = "CLOSE_POSITION"
    SNAPSHOT = "SNAPSHOT"


EDITS = (
    CommandKind.START_STRATEGY,
    CommandKind.STOP_STRATEGY,
    CommandKind.PAUSE_STRATEGY,
    CommandKind.RESUME_STRATEGY,
    CommandKind.UPDATE_STRATEGY,
)


class CommandState(models.TextChoices):
    PENDING = "PENDING"
    LEASED = "LEASED"
    ACKNOWLEDGED = "ACKNOWLEDGED"
    EXECUTED = "EXECUTED"
    FAILED = "FAILED"
    EXPIRED = "EXPIRED"
    UNRESOLVED = "UNRESOLVED"
    SUPERSEDED = "SUPERSEDED"


class Command(Identified):
    """
    What was asked of an executor.

    An edit of desired state is history: its state is derived from the assignment's generations, and the wire carries the
    desired set, not the verb. A one-shot is leased: `state` moves forward only, by compare-and-set with `lease_token`.
    """

    PREFIX = "cmd"

    executor = models.ForeignKey(Executor, on_delete=models.PROTECT, related_name="commands")
    kind = models.CharField(max_length=20, choices=CommandKind)
    assignment_id = models.UUIDField(null=True)
    generation = models.BigIntegerField(null=True)
    payload = models.JSONField(default=dict)
    asked_by = models.CharField(max_length=120)
    state = models.CharField(max_length=14, choices=CommandState, default=CommandState.PENDING)
    expires_at = models.DateTimeField(null=True)
    lease_until = models.DateTimeField(null=True)
    lease_token = models.UUIDField(null=True)
    attempts = models.PositiveIntegerField(default=0)
    acknowledged_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    result = models.JSONField(default=dict)

    class Meta:
        indexes = [
            models.Index(fields=["executor", "-created_at"], name="command_history"),
            models.Index(
                fields=["executor", "created_at"],
                name="command_waiting",
                condition=Q(state__in=["PENDING", "LEASED", "ACKNOWLEDGED"]),
            ),
            models.Index(fields=["assignment_id", "generation"], name="command_of_assignment"),
        ]
