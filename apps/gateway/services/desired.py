"""The whole desired set of an executor, built from rows: nothing of it is kept anywhere else."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from apps.accounts.models import AccountRisk
from apps.assignments.models import Assignment
from apps.assignments.selectors import list_for_executors
from apps.common.ids import public_id
from apps.executors.models import Command, CommandKind, Executor
from apps.executors.services.commands import lease_commands, note_fetched, to_one_shot
from apps.executors.services.leases import is_held_by, read_lease
from apps.teams.models import PlatformState
from trading.protocol import PROTOCOL_VERSION, DesiredAssignment, DesiredSet, FactsMessage, Halt

LATCHES = ("platform_latch", "team_latch", "account_latch", "breach_latch", "day_latch")
FACTS = ("entries_allowed", "lot_multiplier", "risk_budget", "xpws_phase")


@dataclass(frozen=True)
class Puller:
    """Who asks for its desired set: an executor with its account and risk row, and which process of it."""

    executor: Executor
    instance_id: str


def build_desired_set(*, executor_id: Any, instance_id: str, at: datetime) -> DesiredSet:
    """Return what the executor shall be doing, as `build_desired_sets` does."""
    executor = Executor.objects.select_related("account__risk").get(pk=executor_id)
    return build_desired_sets([Puller(executor, instance_id)], at)[0]


def build_desired_sets(pullers: Sequence[Puller], at: datetime) -> list[DesiredSet]:
    """
    Return what each executor shall be doing, and lease it the one-shots that wait; a few statements however many ask.

    Only the process that was granted the account gets a lease or a one-shot: a clone with the same key would act on them too.

    The version was read before the rest: what changes meanwhile is at worst shown under a version that is asked for again.
    """
    holders = {one.executor.pk for one in pullers if _holds(one)}
    commands = lease_commands(executor_ids=sorted(holders), at=at) if holders else {}
    rows = list(list_for_executors([one.executor.pk for one in pullers]))
    verbs = _verbs(rows)
    note_fetched([verb for row in rows if row.executor_id in holders and (verb := verbs.get(_name(row)))], at)
    epoch = get_fleet_epoch()
    by_executor: dict[Any, list[Assignment]] = defaultdict(list)
    for row in rows:
        by_executor[row.executor_id].append(row)
    answers = []
    for one in pullers:
        # Asked twice at once, the first gets the one-shots: they are leased once.
        mine = commands.pop(one.executor.pk, []) if _holds(one) else []
        answers.append(_build(one, by_executor[one.executor.pk], verbs, mine, epoch, at))
    return answers


def _build(
    puller: Puller,
    rows: Sequence[Assignment],
    verbs: dict[tuple[Any, int], Command],
    commands: Sequence[Command],
    epoch: int,
    at: datetime,
) -> DesiredSet:
    executor = puller.executor
    risk = executor.account.risk
    return DesiredSet(
        desired_version=executor.desired_version,
        fleet_epoch=epoch,
        server_time=at,
        halt=read_halt(risk),
        lease=read_lease(risk, executor=executor, instance_id=puller.instance_id, at=at),
        may_run=executor.protocol_version == PROTOCOL_VERSION and executor.retired_at is None,
        assignments=[_assignment(row, risk, verbs.get(_name(row))) for row in rows],
        commands=[to_one_shot(command) for command in commands],
    )


def _holds(puller: Puller) -> bool:
    return is_held_by(puller.executor.account.risk, executor=puller.executor, instance_id=puller.instance_id)


def _name(row: Assignment) -> tuple[Any, int]:
    return row.pk, row.generation


def read_halt(risk: AccountRisk) -> Halt:
    """Return whether any latch stops entries, and which; the widest speaks first."""
    reasons = [reason for name in LATCHES if (reason := getattr(risk, name))]
    return Halt(epoch=risk.halt_epoch, halted=bool(reasons), reason=reasons[0] if reasons else "")


def get_fleet_epoch() -> int:
    """Return the epoch that a restored backup must raise."""
    return PlatformState.objects.values_list("fleet_epoch", flat=True).filter(pk=1).first() or 1


def read_facts(row: Assignment, risk: AccountRisk) -> FactsMessage:
    """
    Return the numbered facts. The trading day is one of them, so its number counts in, and so does its base becoming final:
    all of them only rise, and an agent takes facts only under a higher number.

    The day's base is the higher of balance and equity where both are known: the stricter start for a daily loss.
    """
    day = 2 * risk.day.toordinal() + (not risk.day_provisional) if risk.day else 0
    bases = [base for base in (risk.day_balance_base, risk.day_equity_base) if base is not None]
    given = {name: row.facts[name] for name in FACTS if name in row.facts}
    from trading.protocol.codec import from_plain

    plain = {"number": row.facts_number + day, "trading_day": risk.day, **given}
    return from_plain({**plain, "day_start_equity": max(bases) if bases else None}, FactsMessage)


def _assignment(row: Assignment, risk: AccountRisk, command: Command | None) -> DesiredAssignment:
    return DesiredAssignment(
        assignment_id=row.public_id,
        generation=row.generation,
        desired=row.desired,
        command=command.kind if command else str(CommandKind.START_STRATEGY),
        command_id=command.public_id if command else None,
        bot_id=row.bot.bot_id,
        magic=row.bot.magic,
        strategy_id=row.strategy.public_id,
        strategy_name=row.strategy.name,
        version_id=public_id("ver", row.version_id),
        version_number=row.version.number,
        symbol=row.version.symbol,
        timeframe=row.version.timeframe,
        rules=row.version.rules,
        settings=row.settings,
        facts=read_facts(row, risk),
        halt_epoch=risk.halt_epoch,
        anchor_at=row.anchor_at,
    )


def _verbs(rows: list[Assignment]) -> dict[tuple[Any, int], Command]:
    keys = [row.pk for row in rows]
    found = Command.objects.filter(assignment_id__in=keys, generation__in={row.generation for row in rows})
    return {(one.assignment_id, one.generation): one for one in found if one.generation is not None}
