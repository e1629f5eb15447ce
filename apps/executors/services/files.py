"""Files that agents send: kept in Django's storage under team and hash, the newest ten of an executor."""

from __future__ import annotations

import hashlib
import re
from pathlib import PurePosixPath

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import IntegrityError, transaction
from django.http import HttpResponse

from apps.common.errors import NotFound
from apps.executors.models import Command, ExecutorFile

FOLDER = "executors"
KEPT_FILES = 10


def keep_file(*, command: Command, name: str, content: bytes) -> ExecutorFile:
    """Keep the file a command asked for and return its row; a second one of the same command is the first."""
    known = ExecutorFile.objects.filter(command=command).first()
    if known is not None:
        return known
    digest = hashlib.sha256(content).hexdigest()
    stored_as = f"{FOLDER}/{command.executor.team_id.hex}/{command.executor_id.hex}/{command.pk.hex}"
    if not default_storage.exists(stored_as):
        stored_as = default_storage.save(stored_as, ContentFile(content))
    try:
        with transaction.atomic():
            row = ExecutorFile.objects.create(
                executor_id=command.executor_id,
                command=command,
                name=clean_name(name),
                stored_as=stored_as,
                sha256=digest,
                size_bytes=len(content),
            )
    except IntegrityError:  # sent twice at once
        return ExecutorFile.objects.get(command=command)
    _forget_old(row)
    return row


def read_file(row: ExecutorFile) -> bytes:
    """
    Return the content.

    :raises NotFound: FILE_LOST where the storage no longer has it.
    """
    try:
        with default_storage.open(row.stored_as, "rb") as file:
            content: bytes = file.read()
    except FileNotFoundError:
        raise NotFound("FILE_LOST", "The storage no longer has this file; ask the agent for it again.") from None
    return content


def answer_file(row: ExecutorFile, content: bytes) -> HttpResponse:
    """Return the file as a download: never shown by a browser, never cached."""
    response = HttpResponse(content, content_type="application/gzip")
    response["Content-Disposition"] = f'attachment; filename="{row.name}"'
    response["Cache-Control"] = "private, no-store"
    return response


def clean_name(name: str) -> str:
    """
    Return a name that is safe as a file's and in a header.

    >>> clean_name("../etc/pass wd\\n.jsonl.gz")
    'pass-wd-.jsonl.gz'
    """
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", PurePosixPath(name.replace("\\", "/")).name)
    return plain.strip(".")[:120] or "file"


def _forget_old(newest: ExecutorFile) -> None:
    old = ExecutorFile.objects.filter(executor_id=newest.executor_id).order_by("-created_at", "-pk")[KEPT_FILES:]
    for row in list(old):
        row.delete()
        transaction.on_commit(lambda name=row.stored_as: default_storage.delete(name), robust=True)  # type: ignore[misc]
