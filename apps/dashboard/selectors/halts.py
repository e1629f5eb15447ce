"""What a halt would do, said before it is done."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from apps.dashboard.selectors.standing import AccountView, list_account_views
from apps.teams.models import Team

EVERYTHING = "all"


@dataclass(frozen=True, slots=True)
class Scope:
    """What can be halted: everything, or one account."""

    value: str
    name: str
    positions: int
    halted: bool


def list_scopes(team: Team, at: datetime) -> tuple[list[Scope], list[AccountView]]:
    """Return the scopes of a halt, everything first, and the accounts behind them."""
    accounts = list_account_views(team, at)
    everything = Scope(
        EVERYTHING,
        f"All {len(accounts)} accounts" if len(accounts) != 1 else "The account, and every one added later",
        sum(len(view.positions) for view in accounts),
        team.halted_at is not None,
    )
    return [
        everything,
        *(Scope(view.code, view.account.name, len(view.positions), bool(view.halt)) for view in accounts),
    ], accounts
