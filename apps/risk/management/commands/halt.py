"""`manage.py halt platform|TEAM|TEAM/ACCOUNT`: the kill switch where no page answers. Needs PostgreSQL, nothing else."""

from __future__ import annotations

import getpass
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.accounts.selectors import find_account
from apps.common.clock import read_at
from apps.risk.services import latches
from apps.teams.models import Team

PLATFORM = "platform"


class Command(BaseCommand):
    help = (
        "Halt the platform, a team (its slug) or an account (slug/code); --lift takes the halt back. Both are recorded."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("scope", help="platform, a team's slug, or slug/account code")
        parser.add_argument("--reason", default="halted from the shell")
        parser.add_argument("--lift", action="store_true")

    def handle(self, *_: Any, scope: str, reason: str, lift: bool, **__: Any) -> None:
        actor, at = f"shell:{getpass.getuser()}", read_at()
        given: dict[str, Any] = {"actor": actor, "at": at} if lift else {"actor": actor, "at": at, "reason": reason}
        if scope == PLATFORM:
            count = (latches.lift_platform if lift else latches.halt_platform)(**given)
        else:
            count = self._act_in_team(scope, lift, given)
        word = "lifted from" if lift else "halted"
        self.stdout.write(f"{scope}: {word} {count} account{'' if count == 1 else 's'}")

    def _act_in_team(self, scope: str, lift: bool, given: dict[str, Any]) -> int:
        slug, _, code = scope.partition("/")
        team = Team.objects.filter(slug=slug).first()
        if team is None:
            raise CommandError(f"There is no team {slug!r}.")
        if not code:
            return (latches.lift_team if lift else latches.halt_team)(team=team, **given)
        account = find_account(team.pk, code)
        if account is None:
            raise CommandError(f"Team {slug} has no account {code!r}.")
        (latches.lift_account if lift else latches.halt_account)(account=account, **given)
        return 1
