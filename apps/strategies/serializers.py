"""What the strategies' doors read and show."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from apps.common.serializer_fields import AwareDateTimeField, HandleField, StrictSerializer
from apps.strategies.models import Strategy, StrategyStatus, StrategyVersion
from trading.rules.document import explain


class RulesField(serializers.DictField):
    """A rule document; what is wrong with it is said by the core, with the field's path."""


class NewStrategy(StrictSerializer):
    """A strategy to be written."""

    name = serializers.CharField(max_length=120)
    slug = HandleField(required=False)
    description = serializers.CharField(max_length=5000, required=False, allow_blank=True, default="")
    symbol = serializers.CharField(max_length=32)
    timeframe = serializers.CharField(max_length=8)
    rules = RulesField()


class StrategyChange(StrictSerializer):
    """What of a strategy shall change; other rules, symbol or timeframe make a new version."""

    name = serializers.CharField(max_length=120, required=False)
    description = serializers.CharField(max_length=5000, required=False, allow_blank=True)
    status = serializers.ChoiceField([StrategyStatus.DRAFT, StrategyStatus.ARCHIVED], required=False)
    symbol = serializers.CharField(max_length=32, required=False)
    timeframe = serializers.CharField(max_length=8, required=False)
    rules = RulesField(required=False)


class Version(serializers.Serializer[Any]):
    """What a strategy trades by, frozen."""

    id = serializers.CharField()
    number = serializers.IntegerField()
    kind = serializers.CharField()
    symbol = serializers.CharField()
    timeframe = serializers.CharField()
    rules = serializers.DictField()
    sentence = serializers.CharField(help_text="The rules in plain words.")
    created_at = AwareDateTimeField()
    created_by = serializers.CharField()


class StrategyRow(serializers.Serializer[Any]):
    """A strategy with its newest version."""

    id = serializers.CharField()
    slug = serializers.CharField()
    name = serializers.CharField()
    description = serializers.CharField()
    status = serializers.CharField()
    symbol = serializers.CharField()
    timeframe = serializers.CharField()
    version = serializers.IntegerField()
    version_id = serializers.CharField()
    rules = serializers.DictField()
    created_at = AwareDateTimeField()
    created_by = serializers.CharField()


class StrategyDetail(StrategyRow):
    """A strategy with all its versions, newest first."""

    versions = Version(many=True)


def strategy_row(strategy: Strategy) -> dict[str, Any]:
    """Return a strategy as lists show it; it comes from `list_strategies`."""
    version: StrategyVersion = strategy.latest_versions[0]  # type: ignore[attr-defined]
    return _row(strategy, version)


def strategy_detail(strategy: Strategy, versions: list[StrategyVersion]) -> dict[str, Any]:
    """Return a strategy with its versions, newest first."""
    return {**_row(strategy, versions[0]), "versions": [version_row(version) for version in versions]}


def version_row(version: StrategyVersion) -> dict[str, Any]:
    """Return a version as it is shown."""
    return {
        "id": version.public_id,
        "number": version.number,
        "kind": version.kind,
        "symbol": version.symbol,
        "timeframe": version.timeframe,
        "rules": version.rules,
        "sentence": explain(version.rules),
        "created_at": version.created_at,
        "created_by": version.created_by,
    }


def _row(strategy: Strategy, version: StrategyVersion) -> dict[str, Any]:
    return {
        "id": strategy.public_id,
        "slug": strategy.slug,
        "name": strategy.name,
        "description": strategy.description,
        "status": strategy.status,
        "symbol": version.symbol,
        "timeframe": version.timeframe,
        "version": version.number,
        "version_id": version.public_id,
        "rules": version.rules,
        "created_at": strategy.created_at,
        "created_by": strategy.created_by,
    }
