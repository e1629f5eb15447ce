"""Handing a dispute pack to somebody: as a download, with a note of who took it."""

from __future__ import annotations

import datetime as dt
import tempfile

from django.core.files.storage import default_storage
from django.http import FileResponse

from apps.accounts.models import Account
from apps.common.codes import Code
from apps.common.errors import NotFound, Unavailable
from apps.common.ids import MalformedId, parse_public_id
from apps.risk.dispute.day import get_day
from apps.risk.dispute.pack import write_dispute_pack
from apps.risk.models import LogArchive
from apps.teams.services import record_deed

MOST_IN_MEMORY = 4 * 1024 * 1024


def answer_with_pack(account: Account, day: str, *, actor: str, at: dt.datetime) -> FileResponse:
    """
    Return the dispute pack of a day as a download, and record who took it.

    :raises NotFound: where there was no such day.
    """
    try:
        found = get_day(account, dt.date.fromisoformat(day))
    except ValueError:
        raise NotFound(Code.NOT_FOUND, f"{day[:20]!r} is no day: write it like 2026-03-04.", "day") from None
    file = tempfile.SpooledTemporaryFile(max_size=MOST_IN_MEMORY)  # noqa: SIM115  (the answer closes it)
    write_dispute_pack(found, file, at=at)
    detail = {"day": day}
    record_deed(team=account.team, actor=actor, action="DISPUTE_PACK_MADE", target=account.public_id, detail=detail)
    file.seek(0)
    response = FileResponse(
        file, as_attachment=True, filename=f"{account.code}-{day}.zip", content_type="application/zip"
    )
    response["Cache-Control"] = "private, no-store"
    return response


def answer_with_archive(account: Account, reference: str, *, actor: str) -> FileResponse:
    """
    Return a monthly archive of the log as a download, and record who took it.

    :raises NotFound: where the account has no such archive.
    :raises Unavailable: DATA_FILE_LOST where the storage no longer has the file.
    """
    try:
        row = LogArchive.objects.get(pk=parse_public_id(LogArchive.PREFIX, reference), account=account)
    except (MalformedId, LogArchive.DoesNotExist):
        raise NotFound(Code.NOT_FOUND, f"No archive {reference[:80]!r} of this account.", "archive") from None
    try:
        file = default_storage.open(row.file, "rb")
    except FileNotFoundError:
        raise Unavailable("DATA_FILE_LOST", "The archive's file is not in the storage any more.") from None
    name = f"{account.code}-{row.month:%Y-%m}-{row.part}.zip"
    record_deed(
        team=account.team, actor=actor, action="LOG_ARCHIVE_HANDED", target=account.public_id, detail={"file": name}
    )
    response = FileResponse(file, as_attachment=True, filename=name, content_type="application/zip")
    response["Cache-Control"] = "private, no-store"
    return response
