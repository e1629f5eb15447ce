"""Studies as the pages show them; what a kind says of its result is in a module of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db.models import QuerySet

from apps.backtests.models import Study, StudyKind
from apps.backtests.services.finishing import measure_progress
from apps.dashboard.marks.numbers import format_amount
from apps.dashboard.selectors.challenges import describe_challenge, say_verdict
from apps.dashboard.selectors.searches import (
    describe_fan,
    describe_portfolio,
    describe_search,
    describe_walk,
    list_ranges,
)
from apps.strategies.models import Strategy
from apps.teams.models import Team

DESCRIBED: dict[str, Callable[[Study], dict[str, Any]]] = {
    StudyKind.CHALLENGE: describe_challenge,
    StudyKind.MONTE_CARLO: describe_fan,
    StudyKind.SWEEP: describe_search,
    StudyKind.OPTUNA: describe_search,
    StudyKind.WALK_FORWARD: describe_walk,
    StudyKind.PORTFOLIO: describe_portfolio,
}
TEMPLATES: dict[str, str] = {StudyKind.OPTUNA: "sweep"}
UNSHOWN = frozenset({"pack_hash", "pack_version", "skipped", "parameters", "constraints", "with"})


def list_team_studies(team: Team) -> QuerySet[Study]:
    """Return the team's studies with their run."""
    return Study.objects.filter(team=team).select_related(
        "run__strategy", "run__version", "run__dataset", "run__account"
    )


def describe_study(study: Study) -> dict[str, Any]:
    """Return everything the page of a study shows."""
    context: dict[str, Any] = {
        "study": study,
        "run": study.run,
        "fraction": measure_progress(study),
        "template": f"backtests/_{TEMPLATES.get(study.kind, study.kind.lower())}.html",
        "settings": [
            (name.replace("_", " ").capitalize(), _say(name, value))
            for name, value in study.settings.items()
            if name not in UNSHOWN and value is not None
        ],
        "ranges": list_ranges(study.settings.get("parameters", {})),
    }
    return {**context, **DESCRIBED[study.kind](study)} if study.status == "DONE" else context


def _say(name: str, value: Any) -> Any:
    """Return a setting as people write it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if name == "size":
        return format_amount(value)
    return value.replace("_", " ") if isinstance(value, str) and name != "pack" else value


def find_challenge(strategy: Strategy) -> dict[str, Any] | None:
    """Return the newest challenge of a strategy's backtests with its verdict, for its page and before it is activated."""
    rows = Study.objects.filter(run__strategy=strategy, kind=StudyKind.CHALLENGE, status="DONE")
    study = (
        rows.select_related("run__version")
        .defer("result", "run__summary", "run__document")
        .order_by("-finished_at")
        .first()
    )
    return None if study is None else {"study": study, "verdict": say_verdict(study), "version": study.run.version}
