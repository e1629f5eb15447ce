"""What must be right before anything is asked of an executor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from apps.accounts.models import Account
from apps.common.codes import Code
from apps.common.errors import Conflict, Impossible, NotFound
from apps.common.wire import to_plain
from apps.executors.models import Executor
from apps.executors.selectors import find_executor, list_online
from apps.strategies.models import Strategy, StrategyStatus, StrategyVersion
from trading.errors import TradingError
from trading.rules.document import apply_settings, require_activatable

ALL = "all"


def check_rules(version: StrategyVersion, settings: Mapping[str, Any] | None) -> dict[str, Any]:
    """
    Return the settings as they are kept.

    :raises Impossible: with the field's path where the rules ask for what is not evaluated, have no stop loss, no volume,
        or where a setting is unknown or loosens.
    """
    plain: dict[str, Any] = to_plain(dict(settings or {}))
    given = {name: value for name, value in plain.items() if value is not None}
    try:
        require_activatable(apply_settings(version.rules, given))
    except TradingError as error:
        field = error.field or ""
        path = field if field.startswith("settings") else f"rules.{field}" if field else "rules"
        raise Impossible(error.code, error.message, path.replace("settings", "overrides", 1), error.extra) from error
    return given


def require_startable(strategy: Strategy) -> None:
    """
    Do nothing where the strategy may be started.

    :raises Conflict: STRATEGY_ARCHIVED.
    """
    if strategy.status == StrategyStatus.ARCHIVED:
        raise Conflict("STRATEGY_ARCHIVED", f"{strategy.name!r} is archived; take it out of the archive first.")


def choose_executors(
    *, team_id: UUID, references: Sequence[str], account: Account | None, bound_account_id: UUID | None, at: datetime
) -> list[Executor]:
    """
    Return the executors that are meant, one per account, in id order.

    :param references: ids or codes, or `["all"]`: all that are online (of the account, where one is named).
    :raises NotFound: NO_EXECUTORS where nobody is online, NOT_FOUND for a reference that is not the team's.
    :raises Impossible: ACCOUNT_MISMATCH, TWO_EXECUTORS_ONE_ACCOUNT.
    :raises Conflict: EXECUTOR_RETIRED.
    """
    only = bound_account_id or (account.pk if account else None)
    if [reference.lower() for reference in references] == [ALL]:
        chosen = _one_per_account(list_online(team_id, at).select_related("account__risk"), only)
    else:
        chosen = [_named(team_id, reference, bound_account_id) for reference in dict.fromkeys(references)]
        _require_account(chosen, account)
        _require_one_per_account(chosen)
    if not chosen:
        raise NotFound("NO_EXECUTORS", "No executor is online; start an agent, or name the executors.", "executors")
    return sorted(chosen, key=lambda executor: executor.pk)


def _named(team_id: UUID, reference: str, bound_account_id: UUID | None) -> Executor:
    executor = find_executor(team_id, reference)
    if executor is None or bound_account_id not in (None, executor.account_id):
        raise NotFound(Code.NOT_FOUND, f"No executor {reference[:80]!r} in this team.", "executors")
    if executor.retired_at is not None:
        raise Conflict("EXECUTOR_RETIRED", f"Executor {executor.code} is retired.", "executors")
    return executor


def _require_account(chosen: Sequence[Executor], account: Account | None) -> None:
    for executor in chosen:
        if account is not None and executor.account_id != account.pk:
            message = f"Executor {executor.code} trades account {executor.account.code}, not {account.code}."
            raise Impossible("ACCOUNT_MISMATCH", message, "account_id", {"account_id": executor.account.public_id})


def _require_one_per_account(chosen: Sequence[Executor]) -> None:
    by_account: dict[UUID, Executor] = {}
    for executor in chosen:
        other = by_account.setdefault(executor.account_id, executor)
        if other is not executor:
            message = f"{other.code} and {executor.code} trade the same account; one of them runs the strategy."
            raise Impossible("TWO_EXECUTORS_ONE_ACCOUNT", message, "executors")


def _one_per_account(online: Any, only: UUID | None) -> list[Executor]:
    """Of several on one account the one that holds the lease is meant, else the one heard of last."""
    best: dict[UUID, Executor] = {}
    for executor in online.order_by("last_seen_at"):
        if only not in (None, executor.account_id):
            continue
        before = best.get(executor.account_id)
        if before is None or executor.account.risk.lease_executor_id != before.pk:
            best[executor.account_id] = executor
    return list(best.values())
