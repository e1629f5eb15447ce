"""A day that begins is told, whoever turned it: to people by the outbox, to agents by a new version of what is desired."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from uuid import UUID

from apps.accounts.models import TradingDay
from apps.common.outbox import tell
from apps.executors.models import Executor
from apps.executors.services.commands import raise_desired_version
from apps.risk.models import Severity
from apps.risk.services.events import write_event
from apps.risk.services.facts import AccountFacts
from trading.risk.days import day_of

MOMENT = "%d %b %H:%M"


def tell_days(turned: Sequence[tuple[AccountFacts, list[TradingDay]]], at: datetime) -> None:
    """Tell of the days begun, in the transaction that began them; accounts without any are left out."""
    for facts, days in turned:
        for day in days:
            _tell_day(facts, day, at)
    wake_agents([facts.account.pk for facts, days in turned if days])


def tell_moved(facts: AccountFacts, day: date, how: str, at: datetime) -> None:
    """Tell that a day does not begin or end where the day in force had said: a person changed the zone, or a new tzdata its rules."""
    account = facts.account
    message = f"{day} of {account.code} {how} (UTC), by {account.resets}: the zone was changed, or its rules were."
    metrics = {"day": str(day), "zone": account.zone}
    write_event(account, "DAY_MOVED", Severity.WARNING, message, at=at, metrics=metrics, once_key=f"{day}:moved")


def wake_agents(account_ids: Iterable[UUID]) -> None:
    """Raise the desired versions of the accounts' executors: the day and its base are among their facts."""
    executors = Executor.objects.filter(account_id__in=list(account_ids), retired_at__isnull=True)
    if ids := list(executors.values_list("pk", flat=True)):
        raise_desired_version(ids)


def _tell_day(facts: AccountFacts, day: TradingDay, at: datetime) -> None:
    account = facts.account
    data = {"account_id": account.public_id, "day": day.day, "starts_at": day.starts_at, "ends_at": day.ends_at}
    tell(team_id=account.team_id, account_id=account.pk, kind="day.started", data=data)
    if (by_rules := day_of(day.day, account.zone, account.reset_time).starts_at) != day.starts_at:
        tell_moved(facts, day.day, f"began at {day.starts_at:{MOMENT}}, not at {by_rules:{MOMENT}}", at)
    if day.provisional:
        write_event(
            account,
            "DAY_BASE_PROVISIONAL",
            Severity.WARNING,
            f"Nobody saw {account.code} when {day.day} began: its base is the higher of what is known.",
            at=at,
            metrics={"balance_base": str(day.balance_base), "equity_base": str(day.equity_base)},
            once_key=f"{day.day}:provisional",
        )
