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
    rival = models.JSONField(default=dict, blank=True)  # the last one refused the account: instance, host, code, at
    log_wanted_until = models.DateTimeField(
        null=True
    )  # until when somebody reads along; the agent sends lines meanwhile
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
    CLOSE_BOT = "CLOSE_BOT"
    CANCEL_PENDINGS = "CANCEL_PENDINGS"
    FLATTEN_ACCOUNT = "FLATTEN_ACCOUNT"
    SNAPSHOT = "SNAPSHOT"
    PULL_HISTORY = "PULL_HISTORY"
    PREFLIGHT = "PREFLIGHT"
    UPGRADE = "UPGRADE"
    SEND_JOURNAL = "SEND_JOURNAL"


EDITS = (
    CommandKind.START_STRATEGY,
    CommandKind.STOP_STRATEGY,
    CommandKind.PAUSE_STRATEGY,
    CommandKind.RESUME_STRATEGY,
    CommandKind.UPDATE_STRATEGY,
)


# What lowers risk: it never expires.
REDUCING = (
    CommandKind.CLOSE_POSITION,
    CommandKind.CLOSE_BOT,
    CommandKind.CANCEL_PENDINGS,
    CommandKind.FLATTEN_ACCOUNT,
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


class CommandBatch(Identified):
    """
    One act asked of many. `items`: one a target, in order, with what was said at once: ASKED, UNCHANGED or REFUSED; how far it
    is stands in the commands.
    """

    PREFIX = "bat"

    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="command_batches")
    act = models.CharField(max_length=20)
    asked_by = models.CharField(max_length=120)
    items = models.JSONField(default=list)


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
    batch = models.ForeignKey(CommandBatch, null=True, on_delete=models.PROTECT, related_name="commands")
    client_key = models.CharField(max_length=120, null=True)  # the asker's own id: asked again, it is this command
    payload = models.JSONField(default=dict)
    asked_by = models.CharField(max_length=120)
    state = models.CharField(max_length=14, choices=CommandState, default=CommandState.PENDING)
    expires_at = models.DateTimeField(null=True)
    fetched_at = models.DateTimeField(null=True)  # first handed to the agent: an edit with its desired set
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
        constraints = [
            models.UniqueConstraint(fields=["executor", "client_key"], name="command_once_per_client_key"),
        ]


class ExecutorLog(models.Model):
    """The last lines an agent sent of its log, oldest first: `[number, text]`. One bounded row an executor."""

    executor = models.OneToOneField(Executor, primary_key=True, on_delete=models.CASCADE, related_name="log")
    instance_id = models.CharField(max_length=64)
    lines = models.JSONField(default=list)
    received_at = models.DateTimeField()


class ExecutorFile(Identified):
    """A file an agent sent when it was asked: its journal. The content lies in the storage under its hash."""

    PREFIX = "fil"

    executor = models.ForeignKey(Executor, on_delete=models.PROTECT, related_name="files")
    command = models.OneToOneField(Command, on_delete=models.PROTECT, related_name="file")
    name = models.CharField(max_length=120)
    stored_as = models.CharField(max_length=200)
    sha256 = models.CharField(max_length=64)
    size_bytes = models.PositiveIntegerField()
