"""The decision log: one line a decision, chained by hash per account, the head kept on the locked risk row."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import msgspec
from django.db import transaction

from apps.accounts.models import AccountRisk
from apps.risk.models import Decision

MOST_BYTES = 2048
_encoder = msgspec.json.Encoder(decimal_format="number", order="sorted")


def chain_decision(risk: AccountRisk, at: Any, content: dict[str, Any]) -> Decision:
    """
    Return the next line of the account's log, unsaved; the head on the (locked) risk row moves to it, unsaved too.

    Content beyond 2 KB loses its longest part, `checks`, and says so: the verdict and its inputs stay.
    """
    body = _canonical(content)
    if len(body) > MOST_BYTES:
        body = _canonical({**content, "checks": "too long"})
    risk.chain_number += 1
    previous, risk.chain_head = risk.chain_head, hash_line(risk.chain_head, body)
    return Decision(
        account_id=risk.account_id,
        number=risk.chain_number,
        at=at,
        body=body,
        previous_hash=previous,
        hash=risk.chain_head,
    )


def hash_line(previous: str, body: str) -> str:
    """Return the SHA-256 of the previous line's hash and this line's body."""
    return hashlib.sha256(f"{previous}\n{body}".encode()).hexdigest()


def verify_chain(account_id: UUID) -> list[str]:
    """
    Return what is wrong with an account's decision log; nothing where every line is in place and unchanged.

    Found are: a changed line, a line taken out or put in, lines swapped, and a tail cut off (by the head on the risk row).
    """
    with transaction.atomic():
        # The lock keeps head and lines of one moment together.
        risk = AccountRisk.objects.select_for_update(no_key=True).get(account_id=account_id)
        lines = list(Decision.objects.filter(account_id=account_id).order_by("number"))
    return list(_find_faults(lines, risk.chain_number, risk.chain_head))


def _find_faults(lines: list[Decision], head_number: int, head: str) -> Iterator[str]:
    previous = ""
    for expected, line in enumerate(lines, start=1):
        if line.number != expected:
            yield f"line {expected} is missing, found {line.number}"
            return
        if line.previous_hash != previous:
            yield f"line {expected} does not follow the line before it"
        if line.hash != hash_line(line.previous_hash, line.body):
            yield f"line {expected} was changed"
        previous = line.hash
    if len(lines) != head_number:
        yield f"the log has {len(lines)} lines, the account says {head_number}"
    elif previous != head:
        yield "the last line is not the one the account knows"


def _canonical(content: dict[str, Any]) -> str:
    """Return the one JSON text of the content: names sorted, Decimals as numbers with all their digits."""
    return _encoder.encode(content).decode()
