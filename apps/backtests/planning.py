"""What a study consists of: its settings with every default written out, and its parts. Each kind has a planner."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from apps.accounts.pack_models import RulePackVersion
from apps.accounts.selectors import get_pack_version, list_packs
from apps.accounts.services.packs import read_pack
from apps.backtests.limits import Allowance
from apps.backtests.models import Run, StudyKind
from apps.backtests.plan_settings import Part, Settings, StudyPlan
from apps.backtests.portfolio_plans import plan_portfolio
from apps.backtests.search_plans import plan_optuna, plan_sweep, plan_walk_forward
from apps.common.clock import read_at
from apps.common.errors import Impossible, NotFound
from trading.errors import TradingError

DEFAULT_PACK = "ftmo_2step"
Planner = Callable[[Run, Mapping[str, Any], Allowance], StudyPlan]


def make_plan(kind: str, run: Run, settings: Mapping[str, Any], allowance: Allowance) -> StudyPlan:
    """
    Return what a study consists of.

    :raises Impossible: where the settings cannot be, or ask for more than the team's tier allows; with the field.
    """
    try:
        return PLANNERS[StudyKind(kind)](run, settings, allowance)
    except TradingError as error:
        path = f"settings.{error.field}" if error.field else "settings"
        raise Impossible(error.code, error.message, path, error.extra) from error


def plan_challenge(run: Run, settings: Mapping[str, Any], allowance: Allowance) -> StudyPlan:
    """Read `pack` (code or id of the platform's or the team's own) and its `version` (the newest if absent), `size`, `compounding`, `paths`, `days`, `by` (day or trade), `seed`."""
    read = Settings(
        settings, ("pack", "version", "size", "compounding", "optional_rules", "paths", "days", "by", "seed")
    )
    version = _find_version(run, read)
    pack = read_pack(version.document)
    pack.require_complete()
    size = read.number("size", run.balance, least=1, most=10**9)
    for phase in pack.phases:  # a firm sells accounts of certain sizes: said now, not by the worker
        for rule in (pack.max_loss_in(phase), pack.daily_loss_in(phase)):
            if rule is not None:
                rule.allowance.of(size, size=size)
    given = {
        "pack": version.pack.code,
        "version": version.number,
        "pack_version": version.public_id,
        "pack_hash": pack.content_hash,
        "size": f"{size.normalize():f}",
        "compounding": read.flag("compounding", is_sized_by_risk(run.document)),
        "optional_rules": read.flag("optional_rules", True),
        "paths": read.whole("paths", min(5_000, allowance.paths), least=50, most=allowance.paths),
        "days": read.whole("days", 250, least=5, most=1000),
        "by": read.choice("by", "day", ("day", "trade")),
        "seed": read.whole("seed", 0, least=0, most=2**31 - 1),
    }
    return StudyPlan(given, [Part()])


def _find_version(run: Run, read: Settings) -> RulePackVersion:
    """Return the pack's version that is asked for, valid today; like every setting, one that is not there is refused with its path."""
    reference, day = read.text("pack", DEFAULT_PACK), read_at().date()
    number = read.whole("version", 0, least=0, most=10**6) or None
    try:
        return get_pack_version(run.team_id, reference, day, number)
    except NotFound as error:
        allowed = [version.pack.code for version in list_packs(run.team_id, day)]
        raise Impossible("PACK_INVALID", error.message, f"settings.{error.field}", {"allowed": allowed}) from error


def is_sized_by_risk(document: Mapping[str, Any]) -> bool:
    """
    Tell whether positions follow the balance; those of a fixed lot size do not.

    >>> is_sized_by_risk({"risk": {"maxRisk": 1}}), is_sized_by_risk({"risk": {"lotSize": 0.1}})
    (True, False)
    """
    risk = document.get("risk", {})
    return isinstance(risk, Mapping) and risk.get("maxRisk") is not None and risk.get("lotSize") is None


def plan_monte_carlo(run: Run, settings: Mapping[str, Any], allowance: Allowance) -> StudyPlan:
    """Read `method` (bootstrap, shuffle, blocks), `by` (trade or day), `paths`, `mean_block`, `compounding`, `ruin_fraction`, `seed`."""
    read = Settings(settings, ("method", "by", "paths", "mean_block", "compounding", "ruin_fraction", "seed"))
    given = {
        "method": read.choice("method", "blocks", ("bootstrap", "shuffle", "blocks")),
        "by": read.choice("by", "trade", ("trade", "day")),
        "paths": read.whole("paths", min(5_000, allowance.paths), least=50, most=allowance.paths),
        "mean_block": float(read.number("mean_block", 5, least=1, most=1_000)),
        "compounding": read.flag("compounding", False),
        "ruin_fraction": float(read.number("ruin_fraction", "0.2", least="0.01", most=1)),
        "seed": read.whole("seed", 0, least=0, most=2**31 - 1),
    }
    if not run.headline.get("trades"):
        raise Impossible("NO_TRADES", "This backtest made no trade: there is nothing to draw.", "backtest")
    return StudyPlan(given, [Part()])


PLANNERS: dict[StudyKind, Planner] = {
    StudyKind.CHALLENGE: plan_challenge,
    StudyKind.SWEEP: plan_sweep,
    StudyKind.OPTUNA: plan_optuna,
    StudyKind.WALK_FORWARD: plan_walk_forward,
    StudyKind.MONTE_CARLO: plan_monte_carlo,
    StudyKind.PORTFOLIO: plan_portfolio,
}
