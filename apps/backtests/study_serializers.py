"""What the studies' doors read and show."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from apps.accounts.pack_models import RulePackVersion
from apps.backtests.models import Study, Trial
from apps.backtests.serializers import Problem
from apps.backtests.services.finishing import measure_progress
from apps.common.serializer_fields import AwareDateTimeField, StrictSerializer
from apps.strategies.models import StrategyVersion
from trading.risk.packs import RulePack
from trading.strategies.catalogue import Parameter, StrategySpec


class NewStudy(StrictSerializer):
    """A study of a finished backtest; what its settings mean is said by its kind."""

    backtest = serializers.CharField(max_length=80)
    kind = serializers.CharField(max_length=12)
    settings = serializers.DictField(required=False, default=dict)


class StudyRow(serializers.Serializer[Any]):
    """A study as lists show it."""

    id = serializers.CharField()
    backtest_id = serializers.CharField()
    kind = serializers.CharField()
    status = serializers.CharField()
    work_total = serializers.IntegerField(help_text="Points, windows, or 1.")
    work_done = serializers.IntegerField()
    problem = Problem(allow_null=True)
    settings = serializers.DictField()
    engine_version = serializers.CharField()
    created_at = AwareDateTimeField()
    created_by = serializers.CharField()
    finished_at = AwareDateTimeField(allow_null=True)


class StudyDetail(StudyRow):
    """A study with its result."""

    progress_fraction = serializers.FloatField()
    result = serializers.DictField()


class SavePoint(StrictSerializer):
    """Which point of a sweep or search becomes a version of its strategy."""

    number = serializers.IntegerField(required=False, min_value=0, help_text="Of the point; the best if absent.")


class SavedVersion(serializers.Serializer[Any]):
    """The version a point was kept as."""

    strategy_id = serializers.CharField()
    version_id = serializers.CharField()
    version = serializers.IntegerField()


class TrialRow(serializers.Serializer[Any]):
    """One point of a search; `score` is null where it does not count (too few trades)."""

    number = serializers.IntegerField()
    point = serializers.DictField()
    values = serializers.DictField()
    score = serializers.FloatField(allow_null=True)


class RulePackRow(serializers.Serializer[Any]):
    """A firm's program as it was read from public sources: a default, never the truth."""

    id = serializers.CharField(help_text="Its code, for the setting `pack`.")
    version = serializers.IntegerField()
    is_own = serializers.BooleanField(help_text="Whether it is the team's own.")
    valid_from = serializers.DateField()
    checked_on = serializers.DateField(help_text="When a person last held it against its source.")
    firm = serializers.CharField()
    program = serializers.CharField()
    phases = serializers.ListField(child=serializers.CharField())
    is_complete = serializers.BooleanField(help_text="Whether a challenge can be simulated by it.")
    gaps = serializers.ListField(child=serializers.CharField())
    confidence = serializers.CharField()
    conflict = serializers.CharField()
    sources = serializers.ListField(child=serializers.DictField())
    content_hash = serializers.CharField()


class RulePacks(serializers.Serializer[Any]):
    """All rule packs."""

    results = RulePackRow(many=True)


class CatalogueParameter(serializers.Serializer[Any]):
    """A parameter with its bounds."""

    kind = serializers.CharField()
    default = serializers.JSONField(allow_null=True)
    minimum = serializers.FloatField(allow_null=True)
    maximum = serializers.FloatField(allow_null=True)
    choices = serializers.ListField(child=serializers.CharField())
    is_required = serializers.BooleanField()
    help = serializers.CharField()


class CatalogueRow(serializers.Serializer[Any]):
    """A strategy of the catalogue: `entry: {type: strategy, name, parameters}` in a rule document."""

    name = serializers.CharField()
    title = serializers.CharField()
    summary = serializers.CharField()
    parameters = serializers.DictField(child=CatalogueParameter())
    symbols = serializers.CharField()
    timeframes = serializers.ListField(child=serializers.CharField())
    phases = serializers.ListField(child=serializers.CharField())
    sets_stop = serializers.BooleanField(help_text="Whether every entry carries its own stop.")
    default_exit = serializers.DictField()
    default_risk = serializers.DictField()
    origin = serializers.CharField(help_text="Where its logic was read.")


class Catalogue(serializers.Serializer[Any]):
    """All strategies there are."""

    results = CatalogueRow(many=True)


def catalogue_row(spec: StrategySpec) -> dict[str, Any]:
    """Return a strategy of the catalogue as it is shown."""
    return {
        "name": spec.name,
        "title": spec.title,
        "summary": spec.summary,
        "parameters": {name: _parameter(one) for name, one in spec.parameters.items()},
        "symbols": spec.symbols,
        "timeframes": list(spec.timeframes),
        "phases": list(spec.phases),
        "sets_stop": spec.sets_stop,
        "default_exit": dict(spec.default_exit),
        "default_risk": dict(spec.default_risk),
        "origin": spec.source,
    }


def _parameter(parameter: Parameter) -> dict[str, Any]:
    names = ("kind", "default", "minimum", "maximum", "help")
    return {
        **{name: getattr(parameter, name) for name in names},
        "choices": list(parameter.choices),
        "is_required": parameter.required,
    }


def study_row(study: Study) -> dict[str, Any]:
    """Return a study as lists show it."""
    return {
        "id": study.public_id,
        "backtest_id": study.run.public_id,
        "kind": study.kind,
        "status": study.status,
        "work_total": study.work_total,
        "work_done": study.work_done,
        "problem": study.problem,
        "settings": study.settings,
        "engine_version": study.engine_version,
        "created_at": study.created_at,
        "created_by": study.created_by,
        "finished_at": study.finished_at,
    }


def study_detail(study: Study) -> dict[str, Any]:
    """Return a study with its result."""
    return {**study_row(study), "progress_fraction": measure_progress(study), "result": study.result}


def saved_version(version: StrategyVersion) -> dict[str, Any]:
    """Return the version a point was kept as."""
    return {
        "strategy_id": version.strategy.public_id,
        "version_id": version.public_id,
        "version": version.number,
    }


def trial_row(trial: Trial) -> dict[str, Any]:
    """Return a point of a search as it is shown."""
    return {"number": trial.number, "point": trial.point, "values": trial.values, "score": trial.score}


def pack_row(version: RulePackVersion, pack: RulePack) -> dict[str, Any]:
    """Return the newest valid version of a rule pack as it is shown."""
    return {
        "id": version.pack.code,
        "version": version.number,
        "is_own": version.pack.team_id is not None,
        "valid_from": version.valid_from,
        "checked_on": version.checked_on,
        "firm": pack.firm,
        "program": pack.program,
        "phases": [phase.name for phase in pack.phases],
        "is_complete": not pack.gaps,
        "gaps": list(pack.gaps),
        "confidence": pack.confidence,
        "conflict": pack.conflict,
        "sources": [{"url": source.url, "seen": source.seen} for source in pack.sources],
        "content_hash": pack.content_hash,
    }
