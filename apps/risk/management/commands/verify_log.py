"""`manage.py verify_log`: are the decision logs what they were, and would every verdict be the same today?"""

from __future__ import annotations

import json
import time
from argparse import ArgumentParser
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.accounts.models import Account
from apps.risk.services.anchors import read_outside
from apps.risk.services.signing import Anchor
from apps.risk.services.verification import LogReport, verify_log


class Command(BaseCommand):
    help = "Check the chain of every decision log and judge every verdict again. Ends with 1 where anything differs."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--account", metavar="CODE", help="one account's code or id (default: all)")
        parser.add_argument("--since", help="leave out lines before this instant, such as 2026-03-01T00:00Z")
        parser.add_argument(
            "--anchors", type=Path, help="signed heads that were kept outside (the file of ANCHOR_FILE)"
        )
        parser.add_argument("--key", default="", help="public key of those heads, 64 hexadecimal letters")
        parser.add_argument(
            "--accept-code", action="append", default=[], metavar="VERSION",
            help="a judge whose verdicts may differ from today's; may be repeated",
        )  # fmt: skip
        parser.add_argument("--json", action="store_true", help="one JSON object per account")

    def handle(self, *args: Any, **options: Any) -> None:
        since, outside = _read_since(options["since"]), _read_anchors(options["anchors"], options["key"])
        started, lines, broken = time.perf_counter(), 0, 0
        for account in _find_accounts(options["account"]):
            kept = [anchor for anchor in outside if anchor.account == account.public_id]
            report = verify_log(account, since=since, outside=kept, accepted=options["accept_code"])
            lines, broken = lines + report.lines, broken + (not report.is_whole)
            self.stdout.write(json.dumps(_to_plain(report)) if options["json"] else _to_words(report))
        spent_s = time.perf_counter() - started
        self.stderr.write(f"{lines} lines in {spent_s:.1f} s ({lines / spent_s if spent_s else 0:.0f} lines/s)")
        if broken:
            raise CommandError(
                f"{broken} decision log{'s are' if broken > 1 else ' is'} not as it should be", returncode=1
            )


def _find_accounts(reference: str | None) -> Iterable[Account]:
    rows = Account.objects.select_related("team").order_by("pk")
    if reference is None:
        return rows.iterator(chunk_size=100)
    found = [row for row in rows if reference in (row.code, row.public_id)]
    if not found:
        raise CommandError(f"there is no account {reference!r}", returncode=2)
    return found


def _read_since(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        since = datetime.fromisoformat(text)
    except ValueError as error:
        raise CommandError(f"--since is no instant: {error}", returncode=2) from error
    return since if since.tzinfo else since.replace(tzinfo=UTC)


def _read_anchors(path: Path | None, key: str) -> list[Anchor]:
    if path is None:
        return []
    try:
        return list(read_outside(path, key))
    except (OSError, ValueError) as error:
        raise CommandError(f"--anchors: {error}", returncode=2) from error


def _to_plain(report: LogReport) -> dict[str, Any]:
    return {
        "account": report.account.public_id,
        "code": report.account.code,
        "whole": report.is_whole,
        "lines": report.lines,
        "judged": report.judged,
        "unjudged": report.unjudged,
        "anchors": report.anchors,
        "judges": report.by_code,
        "faults": [{"line": one.number, "code": one.code, "message": one.message} for one in report.faults],
    }


def _to_words(report: LogReport) -> str:
    state = "whole" if report.is_whole else f"{len(report.faults)} fault{'s' if len(report.faults) > 1 else ''}"
    judges = ", ".join(f"{code or '?'}: {count}" for code, count in sorted(report.by_code.items()))
    head = (
        f"{report.account.code}: {state}; {report.lines} lines, {report.judged} judged again, "
        f"{report.anchors} signed heads; judges {judges or 'none'}"
    )
    return "\n".join([head, *(f"  {fault.code} {fault.message}" for fault in report.faults)])
