"""The signed monthly archive: a month of an account's log in ZIP files that the dispute pack's script checks."""

from __future__ import annotations

import datetime as dt
import hashlib
import tempfile
import zipfile
from collections.abc import Iterator
from typing import IO

import structlog
from django.core.files import File
from django.core.files.storage import default_storage
from django.db import connection, transaction
from django.db.models import F, Max, OuterRef, Subquery
from django.db.models.functions import Coalesce

from apps.accounts.models import Account
from apps.risk.dispute.day import LogSpan, plain_row
from apps.risk.dispute.pack import SCRIPT, Pack, describe_span, dump, plain_approval, write_log
from apps.risk.models import Decision, LogArchive
from apps.risk.services.anchors import write_line
from apps.risk.services.signing import load_signer
from apps.trades.models import Deal

MOST_LINES = 50_000
WAIT = dt.timedelta(hours=1)
"""After a month has ended, until its lines are surely all there."""

log = structlog.get_logger(__name__)


def archive_months(at: dt.datetime) -> int:
    """Archive every ended month that is not archived yet; return how many files were written."""
    done = LogArchive.objects.filter(account=OuterRef("pk")).order_by("-last").values("last")[:1]
    behind = Account.objects.annotate(done=Coalesce(Subquery(done), 0)).filter(risk__chain_number__gt=F("done"))
    written = 0
    for account in behind.order_by("pk"):
        try:
            written += archive_account(account, at)
        except Exception as error:  # one account's trouble is not the others'
            log.error("ARCHIVE_FAILED", account=account.code, problem=f"{type(error).__name__}: {error}"[:300])
    return written


@transaction.atomic
def archive_account(account: Account, at: dt.datetime) -> int:
    """
    Archive an account's ended months, one after the other; return how many files were written.

    Lines follow each other over all files: the first of one comes after the last of the one before.

    :raises Unavailable: SIGNING_KEY_UNAVAILABLE.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"archive:{account.pk}"])
    before, written = _month_of(at - WAIT), 0
    while (found := _find_next(account, before)) is not None:
        month, span = found
        part = LogArchive.objects.filter(account=account, month=month).count() + 1
        _keep(span, month, part, at)
        written += 1
    return written


def _find_next(account: Account, before: dt.datetime) -> tuple[dt.date, LogSpan] | None:
    """Return the oldest month with lines that are in no archive yet, and the next of them; None where all are."""
    done = LogArchive.objects.filter(account=account).aggregate(last=Max("last"))["last"] or 0
    rest = Decision.objects.filter(account=account, number__gt=done)
    oldest = rest.order_by("number").values_list("at", flat=True).first()
    if oldest is None or oldest >= before:
        return None
    starts_at = _month_of(oldest)
    ends_at = _month_of(starts_at + dt.timedelta(days=32))
    last = rest.filter(at__lt=min(ends_at, before)).aggregate(number=Max("number"))["number"]
    return starts_at.date(), LogSpan(account, done + 1, min(last, done + MOST_LINES))


def _keep(span: LogSpan, month: dt.date, part: int, at: dt.datetime) -> None:
    with tempfile.TemporaryFile() as file:
        head = _write(span, month, part, file, at)
        digest = _hash(file)
        name = f"archives/{digest}.zip"
        if not default_storage.exists(name):
            default_storage.save(name, File(file))
    LogArchive.objects.create(
        account=span.account,
        month=month,
        part=part,
        first=span.first,
        last=span.last,
        head=head,
        file=name,
        sha256=digest,
    )


def _write(span: LogSpan, month: dt.date, part: int, file: IO[bytes], at: dt.datetime) -> str:
    """Write the archive and return the hash of its last line."""
    signer = load_signer()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        pack = Pack(archive, at)
        lines = write_log(span, pack)
        for name, content in _list_files(span, month, part):
            pack.add(name, content)
        said = {"kind": "log-archive", "day": f"{month:%Y-%m}, part {part}"}
        pack.seal({**said, **describe_span(span, at, lines)}, signer)
    return str(lines["head"])


def _list_files(span: LogSpan, month: dt.date, part: int) -> Iterator[tuple[str, bytes | str]]:
    yield "approvals.json", dump([plain_approval(row) for row in span.list_approvals()])
    if part == 1:
        yield "deals.json", dump([plain_row(row) for row in _list_deals(span.account, month)])
    yield "account.json", dump(plain_row(span.account))
    yield "anchors.jsonl", "".join(f"{write_line(row)}\n" for row in span.list_anchors())
    for document in span.list_documents():
        yield f"documents/{document.hash}.json", document.body
    yield "verify.py", SCRIPT.read_bytes()


def _list_deals(account: Account, month: dt.date) -> Iterator[Deal]:
    """Return the deals that reached us in the month."""
    starts_at = dt.datetime(month.year, month.month, 1, tzinfo=dt.UTC)
    ends_at = _month_of(starts_at + dt.timedelta(days=32))
    rows = Deal.objects.filter(account=account, received_at__gte=starts_at, received_at__lt=ends_at)
    return rows.order_by("received_at", "ticket").iterator()


def _hash(file: IO[bytes]) -> str:
    file.seek(0)
    digest = hashlib.sha256()
    while chunk := file.read(1 << 20):
        digest.update(chunk)
    file.seek(0)
    return digest.hexdigest()


def _month_of(at: dt.datetime) -> dt.datetime:
    return at.astimezone(dt.UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
