"""The dispute pack: one day of an account in a ZIP file, with a signed list of what is in it and a script that checks it."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from django.template.loader import render_to_string

from apps.common.errors import Impossible
from apps.common.ids import public_id
from apps.common.wire import to_json, to_wire_time
from apps.risk.dispute.day import AccountDay, LogSpan, plain_row
from apps.risk.dispute.summary import summarise
from apps.risk.models import Approval, Decision
from apps.risk.services.anchors import write_line
from apps.risk.services.signing import Signer, load_signer

MOST_LINES = 20_000
DAY_TOO_LARGE = "DAY_TOO_LARGE"
SCRIPT = Path(__file__).with_name("verify.py")


def write_dispute_pack(
    day: AccountDay, file: IO[bytes], *, at: datetime, most_lines: int = MOST_LINES
) -> dict[str, Any]:
    """
    Write an account's day to a ZIP file and return its manifest.

    :param most_lines: how many lines of the log may be in it.
    :raises Impossible: DAY_TOO_LARGE.
    :raises Unavailable: SIGNING_KEY_UNAVAILABLE.
    """
    if (lines := day.last - day.first + 1) > most_lines:
        message = f"The day has {lines} lines; more than {most_lines} are packed by `manage.py dispute_pack` only."
        raise Impossible(DAY_TOO_LARGE, message, "day", {"lines": lines, "most": most_lines})
    signer = load_signer()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        pack = Pack(archive, at)
        log = write_log(day, pack)
        for name, content in _list_files(day, at, signer):
            pack.add(name, content)
        said = {"kind": "dispute-pack", "day": day.row.day.isoformat()}
        return pack.seal({**said, **describe_span(day, at, log)}, signer)


def describe_span(span: LogSpan, at: datetime, log: dict[str, Any]) -> dict[str, Any]:
    """Return what a manifest says of the lines packed."""
    account = {"account": public_id("acc", span.account.pk), "code": span.account.code}
    return {"v": 1, **account, "made_at": to_wire_time(at), "log": log}


class Pack:
    """The ZIP file, and what the manifest says of each file in it."""

    def __init__(self, archive: zipfile.ZipFile, at: datetime) -> None:
        self.archive, self.files = archive, dict[str, dict[str, Any]]()
        self._stamp = at.timetuple()[:6]

    def add(self, name: str, content: bytes | str) -> None:
        self.add_stream(name, [content.encode() if isinstance(content, str) else content])

    def add_stream(self, name: str, chunks: Iterable[bytes]) -> None:
        entry = zipfile.ZipInfo(name, self._stamp)
        entry.compress_type = zipfile.ZIP_DEFLATED
        entry.external_attr = 0o644 << 16
        digest, size = hashlib.sha256(), 0
        with self.archive.open(entry, "w") as target:
            for chunk in chunks:
                digest.update(chunk)
                size += len(chunk)
                target.write(chunk)
        self.files[name] = {"sha256": digest.hexdigest(), "bytes": size}

    def seal(self, said: dict[str, Any], signer: Signer) -> dict[str, Any]:
        """Add and return the manifest, and its signature. Nothing may be added afterwards."""
        manifest = {**said, "key": signer.key_id, "files": dict(self.files)}
        text = json.dumps(manifest, indent=1, sort_keys=True)
        self.add("manifest.json", text)
        seal = {"key_id": signer.key_id, "public_key": signer.public_key, "signature": signer.sign(text)}
        self.add("manifest.sig.json", json.dumps(seal, indent=1))
        return manifest


def write_log(day: LogSpan, pack: Pack) -> dict[str, Any]:
    """Write the lines as they stand, and return where they begin and end."""
    span: dict[str, Any] = {"first": day.first, "last": day.last, "lines": 0, "previous_hash": "", "head": ""}

    def write() -> Iterator[bytes]:
        for line in day.list_lines().iterator(chunk_size=500):
            if not span["lines"]:
                span["previous_hash"] = span["head"] = line.previous_hash
            span["lines"] += 1
            span["head"] = line.hash
            yield _dump_line(line)

    pack.add_stream("decisions.jsonl", write())
    return span


def _dump_line(line: Decision) -> bytes:
    plain = {"number": line.number, "at": to_wire_time(line.at), "body": line.body}
    return json.dumps({**plain, "previous_hash": line.previous_hash, "hash": line.hash}).encode() + b"\n"


def _list_files(day: AccountDay, at: datetime, signer: Signer) -> Iterator[tuple[str, bytes | str]]:
    approvals = list(day.list_approvals())
    yield "approvals.json", dump([plain_approval(row) for row in approvals])
    yield "deals.json", dump([plain_row(row) for row in day.list_deals()])
    yield "positions.json", dump([plain_row(row) for row in day.list_trades()])
    yield "events.json", dump([{**plain_row(row), "event_id": row.public_id} for row in day.list_events()])
    yield "account.json", dump(plain_row(day.account))
    corrections = [plain_row(row) for row in day.row.corrections.order_by("created_at")]
    yield "day.json", dump({**plain_row(day.row), "corrections": corrections})
    yield "limits.json", dump([plain_row(row) for row in day.list_limit_sets()])
    yield "packs.json", dump([{**plain_row(row), "code": row.pack.code} for row in day.list_packs()])
    points = [f"{to_wire_time(one.market_at)},{one.balance:f},{one.equity:f}" for one in day.list_points()]
    yield "equity.csv", "\n".join(["market_at,balance,equity", *points, ""])
    yield "anchors.jsonl", "".join(f"{write_line(row)}\n" for row in day.list_anchors())
    for document in day.list_documents():
        yield f"documents/{document.hash}.json", document.body
    context = {**summarise(day, approvals), "at": at, "key_id": signer.key_id, "public_key": signer.public_key}
    yield "summary.html", render_to_string("dispute/summary.html", context)
    yield "README.txt", render_to_string("dispute/readme.txt", context)
    yield "verify.py", SCRIPT.read_bytes()


def plain_approval(row: Approval) -> dict[str, Any]:
    """Return all columns of an approval, with the ids its answer names."""
    return {**plain_row(row), "approval_id": row.public_id, "bot": row.bot.bot_id}


def dump(value: Any) -> bytes:
    """Return a file of JSON."""
    return to_json(value) + b"\n"
