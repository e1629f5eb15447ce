"""`manage.py import_accounts FILE`: show what a file of accounts would change, and with --apply do it."""

from __future__ import annotations

import getpass
import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.common.clock import read_at
from apps.common.errors import PlatformError
from apps.risk.services.accounts_file import Plan, apply_plans, plan_accounts, read_accounts_file
from apps.teams.callers import Caller, get_user_caller, system_caller
from apps.teams.models import Role, Team, User
from apps.teams.services import confirm_person
from trading.risk.pack_limits import Change


class Command(BaseCommand):
    """Open accounts and change limits from a file."""

    help = "Show what a file of accounts (config/accounts.yaml) would change; with --apply, do it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--team", required=True, help="the team's slug")
        parser.add_argument("--server", default="", help="the broker's server of new accounts that name none")
        parser.add_argument("--apply", action="store_true", help="do it; without this nothing is changed")
        parser.add_argument(
            "--user", default="", help="an owner's e-mail, who confirms looser limits with the password"
        )
        parser.add_argument("--password-stdin", action="store_true", help="read the password from standard input")

    def handle(self, **options: Any) -> None:
        team = Team.objects.filter(slug=options["team"]).first()
        if team is None:
            raise CommandError(f"NOT_FOUND: there is no team {options['team']!r}")
        try:
            text = options["file"].read_text(encoding="utf-8")
            plans = plan_accounts(team_id=team.pk, rows=read_accounts_file(text), server=options["server"])
            for plan in plans:
                self._show(plan)
            if options["apply"]:
                self._apply(team, plans, options)
            elif not all(plan.changes_nothing for plan in plans):
                self.stdout.write("Nothing is changed yet: add --apply.")
        except (OSError, UnicodeDecodeError) as error:
            raise CommandError(f"FILE_UNREADABLE: {error}") from None
        except PlatformError as error:
            raise CommandError(f"{error.code}: {error.message}") from None

    def _apply(self, team: Team, plans: list[Plan], options: dict[str, Any]) -> None:
        caller, confirmed = self._find_person(team, options)
        if caller.user is None and (looser := [plan.code for plan in plans if plan.is_looser]):
            raise CommandError(
                f"LOOSENING_NEEDS_PERSON: {', '.join(looser)} would be allowed more than before: "
                "an owner confirms that with --user E-MAIL and the password."
            )
        apply_plans(plans=plans, caller=caller, confirmed=confirmed)
        done = sum(not plan.changes_nothing for plan in plans)
        self.stdout.write(f"{done} of {len(plans)} accounts changed.")

    def _find_person(self, team: Team, options: dict[str, Any]) -> tuple[Caller, bool]:
        if not options["user"]:
            return system_caller(team, read_at()), False
        user = User.objects.filter(email__iexact=options["user"], is_active=True).first()
        if user is None:
            raise CommandError("NOT_FOUND: there is no such person in this team")
        caller = get_user_caller(user, team_ref=team.slug, at=read_at())
        if caller.role != Role.OWNER:
            raise CommandError("OWNER_NEEDED: only an owner of the team may do this")
        asked = sys.stdin.readline().rstrip("\n") if options["password_stdin"] else getpass.getpass("Password: ")
        return caller, confirm_person(caller=caller, password=asked)

    def _show(self, plan: Plan) -> None:
        if plan.changes_nothing:
            self.stdout.write(f"{plan.code}: as it is")
            return
        what = f"new, {plan.opening['mode']}, login {plan.opening['login']} on {plan.opening['server']}"
        self.stdout.write(f"{plan.code}: {'changed' if plan.account else what}")
        for change in [*plan.settings, *plan.limits]:
            self.stdout.write(f"  {change.path}: {_say(change)}")
        if plan.is_looser:
            self.stdout.write("  allows more than before: an owner has to confirm it (--user)")


def _say(change: Change) -> str:
    return f"{change.before} → {change.after}"
