"""
Signed heads: every minute the head of each log that grew is signed, kept, and told outside of this database.

What stands here only can be deleted with the log; the copy outside is what makes a cut-off log show.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import structlog
from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction
from django.db.models import F, OuterRef, Q, QuerySet, Subquery

from apps.accounts.models import AccountRisk
from apps.common.ids import public_id
from apps.common.wire import to_wire_time
from apps.risk.models import Decision, LogAnchor, Severity
from apps.risk.services.decision_log import write_canonical
from apps.risk.services.events import write_event
from apps.risk.services.signing import Anchor, load_signer, read_anchor

AT_ONCE = 500
log = structlog.get_logger(__name__)


def sign_heads(at: datetime) -> int:
    """
    Sign the head of every log that grew since its last anchor; return how many.

    A log that no longer holds the line of its last anchor is not signed again: that is told instead, once a day.
    """
    signer, rows = load_signer(), []  # first of all: the public key is published before there is anything to sign
    grown = list(_list_grown())
    for risk in grown:
        if risk.anchored is not None and not _holds_anchor(risk):
            _tell_tampered(risk, at)
            continue
        body = _write_anchor(risk, at, signer.key_id)
        rows.append(
            LogAnchor(
                account_id=risk.account_id,
                number=risk.chain_number,
                head=risk.chain_head,
                at=at,
                body=body,
                signature=signer.sign(body),
                key_id=signer.key_id,
            )
        )
    # Two workers may sign the same head: one of the two is kept.
    LogAnchor.objects.bulk_create(rows, ignore_conflicts=True, batch_size=AT_ONCE)
    return len(rows)


def _list_grown() -> QuerySet[Any]:
    newest = LogAnchor.objects.filter(account_id=OuterRef("account_id")).order_by("-number")
    rows = AccountRisk.objects.annotate(
        anchored=Subquery(newest.values("number")[:1]), anchored_head=Subquery(newest.values("head")[:1])
    )
    moved = Q(anchored__isnull=True) | ~Q(chain_number=F("anchored"))
    return rows.filter(moved, chain_number__gt=0).select_related("account__team").order_by("account_id")


def _holds_anchor(risk: Any) -> bool:
    line = Decision.objects.filter(account_id=risk.account_id, number=risk.anchored)
    return line.filter(hash=risk.anchored_head).exists()


def _write_anchor(risk: AccountRisk, at: datetime, key_id: str) -> str:
    return write_canonical(
        {
            "v": 1,
            "kind": "anchor",
            "account": public_id("acc", risk.account_id),
            "number": risk.chain_number,
            "head": risk.chain_head,
            "at": to_wire_time(at),
            "key": key_id,
        }
    )


def _tell_tampered(risk: Any, at: datetime) -> None:
    message = f"The decision log does not hold line {risk.anchored} as it was signed: run manage.py verify_log"
    log.critical("DECISION_LOG_TAMPERED", account=risk.account.code, line=risk.anchored)
    key = f"{at:%Y-%m-%d}:log:tampered"
    with transaction.atomic():
        write_event(risk.account, "DECISION_LOG_TAMPERED", Severity.CRITICAL, message, at=at, once_key=key)


def deliver_anchors(at: datetime) -> int:
    """
    Tell the anchors not told yet to the file and the addresses of the settings, oldest first; return how many.

    What could not be told is told with the next minute's. An anchor may be told twice, never not at all.
    """
    if not settings.ANCHOR_FILE and not settings.ANCHOR_EMAILS:
        return 0
    waiting = LogAnchor.objects.filter(delivered_at__isnull=True).select_related("key").order_by("id")
    rows = list(waiting[:AT_ONCE])
    if not rows:
        return 0
    try:
        _tell(rows)
    except OSError as error:  # smtplib's errors are OSErrors too
        log.error("ANCHORS_NOT_DELIVERED", anchors=len(rows), problem=f"{type(error).__name__}: {error}"[:300])
        return 0
    LogAnchor.objects.filter(pk__in=[row.pk for row in rows]).update(delivered_at=at)
    return len(rows)


def _tell(rows: Sequence[LogAnchor]) -> None:
    lines = [write_line(row) for row in rows]
    if settings.ANCHOR_FILE:
        _append(Path(settings.ANCHOR_FILE), lines)
    if settings.ANCHOR_EMAILS:
        subject = f"Mikrobot: {len(lines)} signed log head{'s' if len(lines) > 1 else ''}"
        send_mail(subject, "\n".join(lines) + "\n", None, list(settings.ANCHOR_EMAILS))


def write_line(row: LogAnchor) -> str:
    """Return an anchor as a line of JSON, with all that is needed to check it."""
    return json.dumps({"body": row.body, "public_key": row.key.public_key, "signature": row.signature}, sort_keys=True)


def _append(path: Path, lines: Sequence[str]) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "a", encoding="utf-8") as file:
        file.write("".join(f"{line}\n" for line in lines))
        file.flush()
        os.fsync(file.fileno())


def read_outside(path: Path, public_key: str = "") -> Iterator[Anchor]:
    """
    Return the anchors of a file that was written outside.

    :param public_key: the key they must be signed with, where it is known; else each line's own.
    :raises ValueError: for a line that is no anchor.
    """
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            try:
                said: dict[str, Any] = json.loads(line)
                yield read_anchor(said["body"], said["signature"], public_key or said["public_key"])
            except (KeyError, TypeError, ValueError) as error:
                raise ValueError(f"line {number} of {path.name} is no anchor: {error}") from error
