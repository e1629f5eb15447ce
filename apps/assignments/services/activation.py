"""Activation: a bot and an assignment on each executor, wanted RUNNING. Asking twice makes nothing twice."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from apps.accounts.models import Account, AccountSnapshot
from apps.assignments.models import Assignment, Desired
from apps.assignments.selectors import is_proven
from apps.assignments.services.edits import lock_assignments, record_commands, set_wish, wake
from apps.assignments.services.placing import require_certified, require_free_symbol
from apps.assignments.services.preflight import check_rules, choose_executors, require_startable
from apps.bots.models import Bot, BotStatus, Guild
from apps.bots.services import register_bot
from apps.common.errors import Conflict
from apps.executors.models import CommandKind, Executor
from apps.executors.services.commands import lock_executors
from apps.strategies.models import Strategy, StrategyVersion
from apps.strategies.selectors import get_latest_version


@transaction.atomic
def activate(
    *,
    strategy: Strategy,
    references: Sequence[str],
    actor: str,
    at: datetime,
    account: Account | None = None,
    overrides: Mapping[str, Any] | None = None,
    bound_account_id: UUID | None = None,
) -> list[Assignment]:
    """
    Want the strategy's latest version RUNNING on the executors; return their assignments.

    Where it runs already nothing changes. A paused one is resumed, another version or other overrides are an update, and
    a stop that is not proven yet stands: STOP wins. All or nothing: one refusal and no executor is asked.

    :param references: ids or codes of executors, or `["all"]` for all that are online.
    :param overrides: lotSize, maxRisk, maxDailyLoss, maxOpenTrades; they may only tighten. None keeps what is set.
    :raises Impossible: RULES_INVALID, ACCOUNT_MISMATCH, TWO_EXECUTORS_ONE_ACCOUNT.
    :raises Conflict: STILL_STOPPING, ASSIGNED_ELSEWHERE, EXECUTOR_RETIRED, BOT_NOT_ACTIVE, STRATEGY_ARCHIVED, PREFLIGHT_FAILED,
        NETTING_SYMBOL_TAKEN.
    :raises NotFound: NO_EXECUTORS.
    """
    require_startable(strategy)
    version = get_latest_version(strategy.pk)
    settings = check_rules(version, overrides)
    executors = choose_executors(
        team_id=strategy.team_id, references=references, account=account, bound_account_id=bound_account_id, at=at
    )
    _lock_accounts(executors)
    locked = lock_executors([executor.pk for executor in executors])
    if retired := next((row for row in locked if row.retired_at is not None), None):
        raise Conflict("EXECUTOR_RETIRED", f"Executor {retired.code} is retired.", "executors")
    require_certified(executors, version.symbol)
    changed: dict[CommandKind, list[Assignment]] = defaultdict(list)
    rows = []
    for executor in executors:
        row, kind = _want_running(strategy, version, executor, settings, keep=overrides is None, actor=actor, at=at)
        rows.append(row)
        if kind is not None:
            changed[kind].append(row)
    for kind, alike in changed.items():
        record_commands(alike, kind, actor=actor, at=at)
    if changed:
        wake([row for alike in changed.values() for row in alike])
    return rows


def _want_running(
    strategy: Strategy,
    version: StrategyVersion,
    executor: Executor,
    settings: dict[str, Any],
    *,
    keep: bool,
    actor: str,
    at: datetime,
) -> tuple[Assignment, CommandKind | None]:
    """Return the executor's assignment, wanted as asked, and the verb that led there; None where it was so already."""
    bot = _get_bot(strategy, executor, actor)
    require_free_symbol(bot, version.symbol)
    live = lock_assignments(Assignment.objects.filter(bot=bot, live=True).values_list("pk", flat=True))
    if not live:
        return _create(bot, strategy, version, executor, settings, actor, at), CommandKind.START_STRATEGY
    row = live[0]
    if row.desired == Desired.STOPPED:
        _require_stopped(row)
        Assignment.objects.filter(pk=row.pk).update(live=False)
        return _create(bot, strategy, version, executor, settings, actor, at), CommandKind.START_STRATEGY
    if row.executor_id != executor.pk:
        message = f"{bot.bot_id} is assigned to {row.executor.code}; stop it there first."
        raise Conflict("ASSIGNED_ELSEWHERE", message, "executors")
    wanted = check_rules(version, row.settings) if keep else settings
    if (row.desired, row.version_id, row.settings) == (Desired.RUNNING, version.pk, wanted):
        return row, None
    same = (row.version_id, row.settings) == (version.pk, wanted)
    kind = CommandKind.RESUME_STRATEGY if same else CommandKind.UPDATE_STRATEGY
    set_wish(row, actor=actor, at=at, desired=Desired.RUNNING, version=version, settings=wanted)
    return row, kind


def _create(
    bot: Bot,
    strategy: Strategy,
    version: StrategyVersion,
    executor: Executor,
    settings: dict[str, Any],
    actor: str,
    at: datetime,
) -> Assignment:
    seen = AccountSnapshot.objects.filter(account_id=executor.account_id).first()
    return Assignment.objects.create(
        account=executor.account,
        bot=bot,
        executor=executor,
        strategy=strategy,
        version=version,
        settings=settings,
        desired=Desired.RUNNING,
        desired_at=at,
        desired_by=actor[:120],
        anchor_at=seen.market_at if seen else None,
    )


def _get_bot(strategy: Strategy, executor: Executor, actor: str) -> Bot:
    """Return the strategy's bot on the account; the account's row is held, so two activations find one."""
    account = executor.account
    bots = Bot.objects.filter(account=account, strategy=strategy, managed=True)
    bot = bots.exclude(status=BotStatus.RETIRED).first()
    if bot is None:
        kind = str(strategy.versions.order_by("-number").values_list("rules__type", flat=True)[0] or "RULES")
        return register_bot(
            account=account,
            actor=actor,
            bot_id=_free_handle(strategy, account, bots.count()),
            guild=Guild.EXECUTOR,
            strategy_type=kind.upper()[:100],
            managed=True,
            strategy=strategy,
        )
    if bot.status != BotStatus.ACTIVE:
        raise Conflict("BOT_NOT_ACTIVE", f"Bot {bot.bot_id} is {bot.status}; set it ACTIVE first.", "executors")
    return bot


def _free_handle(strategy: Strategy, account: Account, retired: int) -> str:
    end = f"-{account.code}" + (f"-{retired + 1}" if retired else "")
    handle = strategy.slug[: max(2, 64 - len(end))] + end[-62:]
    taken = set(
        Bot.objects.filter(team_id=strategy.team_id, bot_id__startswith=handle[:58]).values_list("bot_id", flat=True)
    )
    tries = (handle if n == 1 else f"{handle[:60]}-{n}" for n in range(1, len(taken) + 2))
    return next(one for one in tries if one not in taken)


def _lock_accounts(executors: Sequence[Executor]) -> None:
    rows = Account.objects.select_for_update(no_key=True).filter(pk__in={executor.account_id for executor in executors})
    list(rows.order_by("pk"))


def _require_stopped(row: Assignment) -> None:
    if not is_proven(row):
        message = f"{row.bot.bot_id} is still stopping on {row.executor.code}; start it when that is proven."
        raise Conflict("STILL_STOPPING", message, "executors", {"assignment_id": row.public_id})
