"""What is wanted and what is proven, as pages and agents ask for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from apps.accounts.models import Account
from apps.assignments.models import Assignment, Desired, Observed
from apps.bots.models import Bot
from apps.common.codes import Code
from apps.common.errors import NotFound
from apps.common.ids import MalformedId, parse_public_id
from apps.executors.models import Command
from apps.executors.selectors import list_team_commands
from apps.executors.services.presence import ONLINE, presence_of
from apps.trades.services.origins import Origin

# What a proven wish looks like at the agent.
PROOF: dict[str, str] = {
    Desired.RUNNING: Observed.RUNNING,
    Desired.PAUSED: Observed.PAUSED,
    Desired.STOPPED: Observed.STOPPED,
}
DOING: dict[str, str] = {Desired.RUNNING: "STARTING", Desired.PAUSED: "PAUSING", Desired.STOPPED: "STOPPING"}


def get_assignment(team_id: UUID, reference: str, *, account_id: UUID | None = None) -> Assignment:
    """
    Return the team's assignment of that id, on that account where one is given.

    :raises NotFound: also where it is another team's.
    """
    try:
        key = parse_public_id(Assignment.PREFIX, reference)
    except MalformedId:
        raise _unknown(reference) from None
    rows = _shown().filter(pk=key, account__team_id=team_id)
    row = (rows.filter(account_id=account_id) if account_id else rows).first()
    if row is None:
        raise _unknown(reference)
    return row


def _unknown(reference: str) -> NotFound:
    return NotFound(Code.NOT_FOUND, f"No assignment {reference[:80]!r} in this team.", "assignment")


def list_assignments(
    team_id: UUID,
    *,
    strategy_id: UUID | None = None,
    executor_id: UUID | None = None,
    account_id: UUID | None = None,
    live: bool | None = True,
) -> QuerySet[Assignment]:
    """Return the team's assignments with all that is shown of them; `live=None` includes those that were replaced."""
    wanted = {"strategy_id": strategy_id, "executor_id": executor_id, "account_id": account_id, "live": live}
    rows = _shown().filter(account__team_id=team_id)
    return rows.filter(**{name: value for name, value in wanted.items() if value is not None})


def list_for_executors(executor_ids: Iterable[UUID]) -> QuerySet[Assignment]:
    """Return the live assignments of executors: their desired sets."""
    rows = Assignment.objects.select_related("bot", "strategy", "version")
    return rows.filter(executor_id__in=list(executor_ids), live=True).order_by("pk")


def is_proven(row: Assignment) -> bool:
    """Say whether the agent has shown what is wanted: at this generation, and STOPPED only with nothing left open."""
    if row.observed_generation != row.generation or row.observed != PROOF[row.desired]:
        return False
    return row.desired != Desired.STOPPED or (row.open_positions == 0 and row.pending_orders == 0)


def tell_progress(row: Assignment) -> str:
    """
    Return what is true in words: "RUNNING" where it is proven, else what is under way and how far the agent is.

    >>> tell_progress(Assignment(desired="RUNNING", generation=7, observed="PAUSED", observed_generation=6))
    'STARTING, agent at 6 of 7'
    """
    if is_proven(row):
        return row.desired
    if row.observed == Observed.FAILED and row.observed_generation == row.generation:
        return "FAILED"
    left = []
    if row.desired == Desired.STOPPED and row.open_positions + row.pending_orders:
        left = [f"{row.open_positions} position(s) and {row.pending_orders} order(s) left"]
    return ", ".join([DOING[row.desired], f"agent at {row.observed_generation} of {row.generation}", *left])


def is_known_now(row: Assignment, at: datetime) -> bool:
    """Say whether the observation is of now; an older one is the last known, not the present, even of an executor that is there."""
    return presence_of(row.observed_at, at) == ONLINE


def is_executor_online(row: Assignment, at: datetime) -> bool:
    """Say whether the executor was heard of in time, whether or not it speaks for the assignment."""
    return presence_of(row.executor.last_seen_at, at) == ONLINE


def count_not_stopped(*, executor_id: UUID | None = None, strategy_id: UUID | None = None) -> int:
    """Return how many live assignments of an executor or of a strategy are not proven STOPPED."""
    named = {"executor_id": executor_id, "strategy_id": strategy_id}
    rows = Assignment.objects.filter(live=True, **{name: key for name, key in named.items() if key is not None})
    stopped = Q(desired=Desired.STOPPED, observed=Observed.STOPPED, open_positions=0, pending_orders=0)
    return rows.exclude(stopped).count()


def find_netting_neighbour(bot: Bot, symbol: str) -> Assignment | None:
    """Return another bot's assignment of the symbol on the bot's account that is not proven STOPPED, or None."""
    stopped = Q(desired=Desired.STOPPED, observed=Observed.STOPPED, open_positions=0, pending_orders=0)
    rows = Assignment.objects.filter(account_id=bot.account_id, live=True, version__symbol=symbol).exclude(bot=bot)
    return rows.exclude(stopped).select_related("bot").order_by("pk").first()


def list_origins(account: Account) -> dict[int, Origin]:
    """Return, by magic number, the account's bots and what they run: whose a deal is."""
    running = {
        row["bot_id"]: row
        for row in Assignment.objects.filter(account=account, live=True).values("pk", "bot_id", "version_id")
    }
    found = {}
    for bot in Bot.objects.filter(account=account):
        now: Mapping[str, Any] = running.get(bot.pk, {})
        found[bot.magic] = Origin(bot.pk, bot.managed, now.get("pk"), bot.strategy_id, now.get("version_id"))
    return found


def list_history(assignment_id: UUID) -> QuerySet[Command]:
    """Return the commands that led an assignment here, newest first."""
    rows = Command.objects.filter(assignment_id=assignment_id, generation__isnull=False)
    return rows.select_related("executor").order_by("-generation")


def list_commands(
    team_id: UUID,
    *,
    executor_id: UUID | None = None,
    strategy_id: UUID | None = None,
    assignment_id: UUID | None = None,
    account_id: UUID | None = None,
    kind: str = "",
    state: str = "",
) -> QuerySet[Command]:
    """Return what was asked of the team's executors; of a strategy, the edits of its assignments."""
    rows = list_team_commands(team_id, account_id=account_id)
    wanted = {"executor_id": executor_id, "assignment_id": assignment_id, "kind": kind, "state": state}
    if strategy_id is not None:
        placed = Assignment.objects.filter(strategy_id=strategy_id, account__team_id=team_id)
        rows = rows.filter(assignment_id__in=placed.values("pk"))
    return rows.filter(**{name: value for name, value in wanted.items() if value})


def _shown() -> QuerySet[Assignment]:
    return Assignment.objects.select_related("account", "bot", "executor", "strategy", "version")
