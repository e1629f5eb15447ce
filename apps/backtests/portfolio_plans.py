"""What a portfolio consists of: a finished backtest and others beside it, on one account."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from apps.backtests.limits import Allowance
from apps.backtests.models import Run, WorkStatus
from apps.backtests.plan_settings import Part, Settings, StudyPlan
from apps.backtests.selectors import get_run
from apps.common.errors import Impossible, NotFound

MOST_BESIDE = 9
# The loop over several legs is not compiled: some 50 microseconds a bar.
MOST_BARS = 1_000_000


def plan_portfolio(run: Run, settings: Mapping[str, Any], allowance: Allowance) -> StudyPlan:
    """
    Read `with` (ids of other finished backtests) and `positions_max` (of all together; no limit if absent).

    Rules, bars, costs and contract of each leg are those of its backtest; the balance is that of the study's own.
    """
    read = Settings(settings, ("with", "positions_max"))
    names = read.texts("with", most=MOST_BESIDE)
    beside = [_find(run, name) for name in names]
    bars = sum(each.bar_count or 0 for each in (run, *beside))
    if bars > MOST_BARS:
        message = f"Together they have {bars:,} bars; {MOST_BARS:,} are allowed."
        raise Impossible("TOO_MANY_BARS", message, "settings.with", {"bars": bars, "allowed": MOST_BARS})
    positions = read.whole("positions_max", 0, least=0, most=1000)
    return StudyPlan({"with": [each.public_id for each in beside], "positions_max": positions or None}, [Part()])


def _find(run: Run, name: str) -> Run:
    try:
        found = get_run(run.team_id, name)
    except NotFound as error:
        raise Impossible("FIELD_INVALID", error.message, "settings.with") from error
    if found.pk == run.pk:
        raise Impossible("FIELD_INVALID", "A backtest is not beside itself: name others.", "settings.with")
    if found.status != WorkStatus.DONE:
        message = f"{found.name} is {found.status}: a portfolio needs finished backtests."
        raise Impossible("NOT_DONE", message, "settings.with")
    if found.currency != run.currency:
        message = f"{found.name} is in {found.currency}, and the account of this portfolio in {run.currency}."
        raise Impossible("FIELD_INVALID", message, "settings.with")
    return found
