"""What makes the decision log evidence: the documents its lines name, the keys and the signed anchors of its heads."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

from apps.accounts.models import Account
from apps.common.models import Identified


class LogDocument(models.Model):
    """
    A text that lines of the log name by its SHA-256: limits and symbol terms as they were judged by, each kept once.

    Append-only, as the log itself.
    """

    hash = models.CharField(max_length=64, primary_key=True)
    kind = models.CharField(max_length=10)  # limits, terms, state
    body = models.TextField()  # canonical JSON
    created_at = models.DateTimeField(db_default=Now(), editable=False)


class SigningKey(models.Model):
    """The public half of a key that signs anchors and dispute packs; the private half is a file beside the worker."""

    key_id = models.CharField(max_length=16, primary_key=True)  # first letters of the SHA-256 of the public key
    public_key = models.CharField(max_length=64)  # 32 bytes, hexadecimal
    created_at = models.DateTimeField(db_default=Now(), editable=False)


class LogAnchor(models.Model):
    """
    What the head of an account's log was at an instant, signed. Whoever holds one can prove that the log was cut off,
    rewritten or reordered up to that line. Append-only but for `delivered_at`.
    """

    id = models.BigAutoField(primary_key=True)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="log_anchors")
    number = models.BigIntegerField()
    head = models.CharField(max_length=64)
    at = models.DateTimeField()
    body = models.TextField()  # canonical JSON: what is signed
    signature = models.CharField(max_length=128)  # 64 bytes, hexadecimal
    key = models.ForeignKey(SigningKey, on_delete=models.PROTECT, related_name="anchors")
    delivered_at = models.DateTimeField(null=True)  # when it was handed to the place outside

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "number"], name="anchor_once_per_line")]
        indexes = [
            models.Index(fields=["id"], name="anchor_undelivered", condition=models.Q(delivered_at__isnull=True))
        ]


class LogArchive(Identified):
    """A signed file with lines of an account's log of one month, kept for ever. Months with many lines have several parts."""

    PREFIX = "arc"

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="log_archives")
    month = models.DateField()  # its first day, UTC
    part = models.PositiveIntegerField()
    first = models.BigIntegerField()  # numbers of lines
    last = models.BigIntegerField()
    head = models.CharField(max_length=64)  # hash of the last line
    file = models.CharField(max_length=200)
    sha256 = models.CharField(max_length=64)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "month", "part"], name="archive_part_once"),
            models.UniqueConstraint(fields=["account", "first"], name="archive_begins_once"),
        ]
