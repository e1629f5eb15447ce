"""What every app's rows share, and the outbox."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now

from apps.common.ids import new_id, public_id


class Identified(models.Model):
    """A row with a UUIDv7 key, its public form, and the database's own time of creation."""

    PREFIX: ClassVar[str] = "row"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        abstract = True

    @property
    def public_id(self) -> str:
        return public_id(self.PREFIX, self.id)


class OutboxEvent(models.Model):
    """
    Something that happened, written in the transaction in which it happened.

    The relay numbers it per team at publication and tells sockets, Pusher and alerts; `id` is its order of writing.
    """

    id = models.BigAutoField(primary_key=True)
    event_id = models.UUIDField(default=new_id, unique=True, editable=False)
    team_id = models.UUIDField(null=True)  # null: the platform itself
    account_id = models.UUIDField(null=True)
    kind = models.CharField(max_length=60)  # e.g. trade.opened, assignment.changed, risk.event
    data = models.JSONField(default=dict)
    created_at = models.DateTimeField(db_default=Now())
    number = models.BigIntegerField(null=True)  # per team, given by the relay
    published_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["id"], name="outbox_waiting", condition=models.Q(published_at__isnull=True)),
            models.Index(fields=["published_at"], name="outbox_published"),
        ]
        constraints = [models.UniqueConstraint(fields=["team_id", "number"], name="outbox_number_once_per_team")]


class TeamSequence(models.Model):
    """The last number the relay gave to a team's events."""

    team_id = models.UUIDField(primary_key=True)
    last = models.BigIntegerField(default=0)


class IdempotentAnswer(models.Model):
    """The answer given to a request with an Idempotency-Key: the same key gets the same bytes."""

    id = models.BigAutoField(primary_key=True)
    team_id = models.UUIDField()
    actor = models.CharField(max_length=80)
    key = models.CharField(max_length=120)
    path = models.CharField(max_length=300)
    body_hash = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField()
    body = models.TextField()
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["team_id", "actor", "key"], name="idempotency_key_once")]
