"""
The decision log: one line a decision, chained by hash per account, the head kept on the locked risk row.

Beside the verdicts stand what changes later ones: latches, limits, days. What many lines share (limits, symbol terms) is a
document of its own, named by its hash.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from apps.accounts.models import AccountRisk
from apps.common.bulk import new_row
from apps.common.ids import public_id
from apps.risk.models import Decision, LogDocument

VERSION = 2
MOST_BYTES = 2048
_encoder = msgspec.json.Encoder(decimal_format="number", order="sorted")


def chain_line(risk: AccountRisk, at: datetime, body: str) -> Decision:
    """Return the next line of the account's log, unsaved; the head on the (locked) risk row moves to it, unsaved too."""
    risk.chain_number += 1
    previous, risk.chain_head = risk.chain_head, hash_line(risk.chain_head, body)
    return new_row(
        Decision,
        account_id=risk.account_id,
        number=risk.chain_number,
        at=at,
        body=body,
        previous_hash=previous,
        hash=risk.chain_head,
    )


def log_change(risk: AccountRisk, at: datetime, kind: str, **content: Any) -> None:
    """
    Write down what changes later verdicts: a latch, limits, a day. Called with the risk row locked; line and head are stored
    at once, so that no caller can forget the head.
    """
    log_changes([risk], at, kind, **content)


def log_changes(risks: Iterable[AccountRisk], at: datetime, kind: str, **content: Any) -> None:
    """Write the same change down on several accounts, whose risk rows are locked."""
    rows = list(risks)
    said = {"v": VERSION, "kind": kind, "at": at, **content}
    lines = [chain_line(risk, at, write_canonical({**said, **_whose(risk)})) for risk in rows]
    Decision.objects.bulk_create(lines, batch_size=500)
    AccountRisk.objects.bulk_update(rows, ["chain_number", "chain_head"], batch_size=500)


def hash_line(previous: str, body: str) -> str:
    """Return the SHA-256 of the previous line's hash and this line's body."""
    return hashlib.sha256(f"{previous}\n{body}".encode()).hexdigest()


def hash_text(text: str) -> str:
    """Return the SHA-256 of a text, by which a document is named."""
    return hashlib.sha256(text.encode()).hexdigest()


def write_canonical(content: Any) -> str:
    """Return the one JSON text of the content: names sorted, Decimals as numbers with all their digits."""
    return _encoder.encode(content).decode()


def make_document(kind: str, content: Any) -> LogDocument:
    """Return a document, unsaved, named by the hash of its canonical text."""
    body = write_canonical(content)
    return LogDocument(hash=hash_text(body), kind=kind, body=body)


def keep_documents(documents: Iterable[LogDocument]) -> None:
    """Store the documents that are new, in the caller's transaction."""
    rows = {one.hash: one for one in documents}
    # In one order everywhere: two batches with the same new documents wait for each other, never in a circle.
    LogDocument.objects.bulk_create([rows[name] for name in sorted(rows)], ignore_conflicts=True)


class KnownDocuments:
    """
    Which documents this process saw committed, per account, so that naming them again costs no statement.

    An account is known as of a line of its log. A database that was set back, or emptied, has fewer lines, and then nothing
    is known of it any more; after ten minutes nothing is either.
    """

    MOST, KEEP_S = 4096, 600.0

    def __init__(self) -> None:
        self._by_account: OrderedDict[UUID, tuple[int, dict[str, float]]] = OrderedDict()
        self._lock = threading.Lock()

    def list_new(self, account_id: UUID, number: int, names: Iterable[str]) -> set[str]:
        """Return those of the names that are not known, where the account's log has `number` lines."""
        seen, until = self._by_account.get(account_id, (0, {}))
        held = until if seen <= number else {}
        return {name for name in names if held.get(name, 0.0) <= time.monotonic()}

    def add(self, account_id: UUID, number: int, names: Iterable[str]) -> None:
        """Remember what a transaction that ended at line `number` has stored."""
        with self._lock:
            seen, held = self._by_account.pop(account_id, (0, {}))
            now = time.monotonic()
            kept = {name: until for name, until in held.items() if until > now} if seen <= number else {}
            self._by_account[account_id] = (number, {**kept, **dict.fromkeys(names, now + self.KEEP_S)})
            while len(self._by_account) > self.MOST:
                self._by_account.popitem(last=False)


known = KnownDocuments()


def _whose(risk: AccountRisk) -> dict[str, str]:
    return {"account": public_id("acc", risk.account_id)}
