"""What a study found, kept as a version of its strategy."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from apps.backtests.models import Study, StudyKind, WorkStatus
from apps.backtests.search_plans import build_space
from apps.common.errors import Conflict, Impossible
from apps.strategies.models import StrategyStatus, StrategyVersion
from apps.strategies.selectors import get_latest_version
from apps.strategies.services import change_strategy
from apps.teams.models import AuditEntry
from trading.errors import TradingError

SEARCHES = (StudyKind.SWEEP, StudyKind.OPTUNA)


@transaction.atomic
def save_point(*, study: Study, actor: str, number: int | None = None) -> StrategyVersion:
    """
    Return the version of the study's strategy that trades as a point of it did; made new unless the newest one does already.

    It trades nowhere until it is activated.

    :param number: of the point; the best one if absent.
    :raises Conflict: NOT_DONE, NO_STRATEGY where the backtest was of rules alone, STRATEGY_ARCHIVED.
    :raises Impossible: NOT_A_SEARCH, NO_POINT where there is none of that number or none counted, RULES_INVALID where it cannot be traded.
    """
    if study.kind not in SEARCHES:
        raise Impossible("NOT_A_SEARCH", "Only a sweep or a search tries points.", "study")
    if study.status != WorkStatus.DONE:
        raise Conflict("NOT_DONE", f"This study is {study.status}: it has no result yet.", "status")
    strategy = study.run.strategy
    if strategy is None:
        raise Conflict(
            "NO_STRATEGY", "This backtest was of rules alone: there is no strategy to add a version to.", "backtest"
        )
    if strategy.status == StrategyStatus.ARCHIVED:
        raise Conflict("STRATEGY_ARCHIVED", f"{strategy.name!r} is archived.", "strategy")
    document = _document_of(study, number)
    changes: dict[str, Any] = {"rules": document, "symbol": study.run.symbol, "timeframe": study.run.timeframe}
    change_strategy(strategy_id=strategy.pk, actor=actor, changes=changes)
    version = get_latest_version(strategy.pk)
    kept = {"version": version.public_id}
    AuditEntry.objects.create(
        team_id=study.team_id, actor=actor, action="study.saved", target=study.public_id, detail=kept
    )
    return version


def _document_of(study: Study, number: int | None) -> dict[str, Any]:
    top = study.result.get("top") or []
    wanted = number if number is not None else top[0]["number"] if top else None
    if wanted is None:
        raise Impossible("NO_POINT", "No point of this study counts: there is no best one.", "number")
    trial = study.trials.filter(number=wanted).first()
    if trial is None:
        raise Impossible("NO_POINT", f"This study has no point {wanted}.", "number")
    if "refused" in trial.values:
        raise Impossible("NO_POINT", f"Point {wanted} cannot be traded: {trial.values['refused']['message']}", "number")
    try:
        return build_space(study.settings).document(study.run.document, trial.number)
    except TradingError as error:
        raise Impossible(error.code, error.message, "number", error.extra) from error
