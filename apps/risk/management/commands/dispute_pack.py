"""`manage.py dispute_pack ACCOUNT DAY --out FILE.zip`: the signed evidence of one day, whatever its size."""

from __future__ import annotations

import datetime as dt
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.accounts.models import Account
from apps.common.clock import read_at
from apps.common.errors import PlatformError
from apps.risk.dispute.day import get_day
from apps.risk.dispute.pack import write_dispute_pack
from apps.teams.services import record_deed


class Command(BaseCommand):
    help = "Write the signed dispute pack of an account's trading day."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("account", help="the account's id, or its code where only one team uses it")
        parser.add_argument("day", type=dt.date.fromisoformat, help="such as 2026-03-04")
        parser.add_argument("--out", type=Path, required=True, metavar="FILE.zip")

    def handle(self, *args: Any, **options: Any) -> None:
        account, out = _find_account(options["account"]), options["out"]
        partial = out.with_name(f".{out.name}.partial")
        try:
            day = get_day(account, options["day"])
            with partial.open("wb") as file:
                manifest = write_dispute_pack(day, file, at=read_at(), most_lines=2**62)
            partial.replace(out)
        except PlatformError as error:
            raise CommandError(f"{error.code}: {error.message}") from None
        except OSError as error:
            raise CommandError(f"{out} cannot be written: {error.strerror}") from None
        finally:
            partial.unlink(missing_ok=True)
        detail = {"day": manifest["day"], "by": "manage.py"}
        record_deed(
            team=account.team, actor="command:dispute_pack", action="DISPUTE_PACK_MADE", target=account.public_id,
            detail=detail,
        )  # fmt: skip
        self.stdout.write(
            f"{out}: {manifest['log']['lines']} lines, {len(manifest['files'])} files, key {manifest['key']}"
        )


def _find_account(reference: str) -> Account:
    found = [row for row in Account.objects.select_related("team") if reference in (row.code, row.public_id)]
    if len(found) != 1:
        words = (
            f"there is no account {reference!r}"
            if not found
            else f"{len(found)} teams have an account {reference!r}: give its id"
        )
        raise CommandError(words)
    return found[0]
