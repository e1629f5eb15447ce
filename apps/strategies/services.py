"""Writing strategies: what trades is a new version, what only describes is changed in place."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction

from apps.common.codes import Code
from apps.common.errors import Conflict, Impossible
from apps.common.outbox import tell
from apps.common.wire import to_plain
from apps.strategies.models import Strategy, StrategyStatus, StrategyVersion
from apps.teams.models import AuditEntry
from trading.errors import TradingError
from trading.model.timeframe import Timeframe
from trading.rules.document import require_valid

SYMBOL = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._#+-]{0,31}$")


@transaction.atomic
def create_strategy(
    *,
    team_id: UUID,
    actor: str,
    name: str,
    symbol: str,
    timeframe: str,
    rules: dict[str, Any],
    slug: str | None = None,
    description: str = "",
) -> Strategy:
    """
    Create a strategy with its first version.

    :param slug: its handle; made from the name where it is not given.
    :raises Impossible: RULES_INVALID, UNKNOWN_TIMEFRAME with the field's path and what is allowed.
    :raises Conflict: ALREADY_EXISTS where a given slug is taken.
    """
    content = read_content(symbol=symbol, timeframe=timeframe, rules=rules)
    handle = slug or _free_slug(team_id, name)
    try:
        with transaction.atomic():
            strategy = Strategy.objects.create(
                team_id=team_id, slug=handle, name=name, description=description, created_by=actor
            )
    except IntegrityError as error:
        message = f"This team already has a strategy with slug {handle!r}."
        raise Conflict(Code.ALREADY_EXISTS, message, "slug") from error
    _add_version(strategy, 1, content, actor)
    _tell(strategy, "strategy.created", actor)
    return strategy


@transaction.atomic
def change_strategy(*, strategy_id: UUID, actor: str, changes: dict[str, Any], live_assignments: int = 0) -> Strategy:
    """
    Change name, description or status in place; other rules, symbol or timeframe make a new version.

    A new version trades nowhere until it is activated: running assignments keep theirs.

    :param live_assignments: how many are not proven STOPPED, counted by the caller in this transaction.
    :raises Impossible: as `create_strategy`.
    :raises Conflict: STRATEGY_RUNNING for another status while it is active or paused somewhere, or stopping.
    """
    strategy = Strategy.objects.select_for_update(no_key=True).get(pk=strategy_id)
    if "status" in changes and live_assignments:
        where = "1 executor" if live_assignments == 1 else f"{live_assignments} executors"
        message = (
            f"{strategy.name!r} is not proven stopped and flat on {where} yet. Stop it first, and wait for the proof."
        )
        raise Conflict("STRATEGY_RUNNING", message, "status", {"assignments": live_assignments})
    if "status" in changes and strategy.status in (StrategyStatus.ACTIVE, StrategyStatus.PAUSED):
        raise Conflict("STRATEGY_RUNNING", f"{strategy.name!r} still runs or is paused; stop it first.", "status")
    latest = strategy.versions.order_by("-number")[0]
    for field in ("name", "description", "status"):
        if field in changes:
            setattr(strategy, field, changes[field])
    strategy.save(update_fields=["name", "description", "status"])
    content = read_content(
        symbol=changes.get("symbol", latest.symbol),
        timeframe=changes.get("timeframe", latest.timeframe),
        rules=changes.get("rules", latest.rules),
    )
    if hash_content(content) != latest.content_hash:
        _add_version(strategy, latest.number + 1, content, actor)
    _tell(strategy, "strategy.changed", actor)
    return strategy


@transaction.atomic
def mark_status(*, strategy_id: UUID, status: StrategyStatus) -> None:
    """Set what the strategy's list shows; asked by whoever starts and stops its assignments."""
    Strategy.objects.filter(pk=strategy_id).exclude(status=status).update(status=status)


def read_content(*, symbol: str, timeframe: str, rules: Any) -> dict[str, Any]:
    """
    Return what a version freezes, checked.

    :raises Impossible: with the core's code, the field's path and what is allowed.
    """
    if not SYMBOL.match(symbol):
        raise Impossible(Code.FIELD_INVALID, "A symbol is 1 to 32 letters, digits or . _ # + -.", "symbol")
    plain = to_plain(rules)
    try:
        frame = Timeframe.parse(timeframe)
        require_valid(plain, frame)
    except TradingError as error:
        field = "timeframe" if error.field == "timeframe" else f"rules.{error.field}" if error.field else "rules"
        raise Impossible(error.code, error.message, field, error.extra) from error
    return {"symbol": symbol, "timeframe": str(frame), "rules": plain}


def hash_content(content: dict[str, Any]) -> str:
    """Return the hash that tells two contents apart, whatever the order of their keys."""
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _add_version(strategy: Strategy, number: int, content: dict[str, Any], actor: str) -> None:
    StrategyVersion.objects.create(
        strategy=strategy, number=number, content_hash=hash_content(content), created_by=actor, **content
    )


def _free_slug(team_id: UUID, name: str) -> str:
    """Return a slug made of the name that the team does not use yet; the unique index has the last word."""
    base = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:48] or "strategy"
    base = base if len(base) > 1 else f"{base}-strategy"
    taken = set(Strategy.objects.filter(team_id=team_id, slug__startswith=base).values_list("slug", flat=True))
    if base not in taken:
        return base
    return next(slug for n in range(2, len(taken) + 3) if (slug := f"{base}-{n}") not in taken)


def _tell(strategy: Strategy, kind: str, actor: str) -> None:
    AuditEntry.objects.create(team_id=strategy.team_id, actor=actor, action=kind, target=strategy.public_id)
    tell(team_id=strategy.team_id, kind=kind, data={"strategy_id": strategy.public_id, "slug": strategy.slug})
