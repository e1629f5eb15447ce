"""Strategies: the guide's examples load unchanged, versions are frozen, mistakes are named with their path."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, connection, transaction

from apps.common.errors import Conflict, Impossible
from apps.strategies.models import StrategyStatus, StrategyVersion
from apps.strategies.services import change_strategy, mark_status
from tests.fleet import SPEC_FORMAT_RULES, SPEC_RULES, make_strategy

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("rules", [SPEC_RULES, SPEC_FORMAT_RULES])
def test_the_guides_examples_load_unchanged(world, rules):
    strategy = make_strategy(world.team, rules=rules, timeframe="H1")
    assert strategy.versions.get().rules == rules


@pytest.mark.parametrize(
    "change, code, field",
    [
        ({"timeframe": "H2"}, "UNKNOWN_TIMEFRAME", "timeframe"),
        ({"timeframe": ""}, "UNKNOWN_TIMEFRAME", "timeframe"),
        ({"symbol": "EUR USD"}, "FIELD_INVALID", "symbol"),
        ({"rules": {}}, "RULES_INVALID", "rules.entry"),
        ({"rules": {**SPEC_RULES, "exit": {"stopLos": 50}}}, "RULES_INVALID", "rules.exit.stopLos"),
        ({"rules": {**SPEC_RULES, "risk": {"maxRisk": -1}}}, "RULES_INVALID", "rules.risk.maxRisk"),
        (
            {"rules": {**SPEC_RULES, "entry": {**SPEC_RULES["entry"], "direction": "sideways"}}},
            "RULES_INVALID",
            "rules.entry.direction",
        ),
    ],
)
def test_a_mistake_is_named_with_its_path(world, change, code, field):
    with pytest.raises(Impossible) as refused:
        make_strategy(world.team, **change)
    assert (refused.value.code, refused.value.field) == (code, field)


def test_a_slug_is_made_of_the_name_and_never_twice(world):
    slugs = [make_strategy(world.team, name="EMA Crossover!").slug for _ in range(3)]
    assert slugs == ["ema-crossover", "ema-crossover-2", "ema-crossover-3"]
    assert make_strategy(world.other_team, name="EMA Crossover!").slug == "ema-crossover"
    with pytest.raises(Conflict):
        make_strategy(world.team, slug="ema-crossover")


def test_what_trades_makes_a_version_and_what_describes_does_not(world):
    strategy = make_strategy(world.team)

    def change(**changes):
        change_strategy(strategy_id=strategy.pk, actor="test", changes=changes)
        return strategy.versions.count()

    assert change(name="Other", description="text") == 1
    assert change(rules=SPEC_RULES, symbol="EURUSD", timeframe="m1") == 1
    assert change(timeframe="M5") == 2
    assert change(rules={**SPEC_RULES, "exit": {"stopLoss": 10}}) == 3
    assert strategy.versions.order_by("-number")[0].timeframe == "M5"


def test_the_database_refuses_to_change_a_version(world):
    version = make_strategy(world.team).versions.get()
    for statement in ("UPDATE strategies_strategyversion SET symbol = 'X'", "DELETE FROM strategies_strategyversion"):
        with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"{statement} WHERE id = %s", [version.pk])
    assert StrategyVersion.objects.get().symbol == "EURUSD"


def test_a_refused_change_changes_nothing(world):
    strategy = make_strategy(world.team)
    with pytest.raises(Impossible):
        change_strategy(strategy_id=strategy.pk, actor="test", changes={"name": "New", "timeframe": "H2"})
    strategy.refresh_from_db()
    assert strategy.name == "EMA Crossover"


@pytest.mark.parametrize("status", [StrategyStatus.ACTIVE, StrategyStatus.PAUSED])
@pytest.mark.parametrize("wanted", ["ARCHIVED", "DRAFT"])
def test_what_runs_is_not_put_away(world, status, wanted):
    strategy = make_strategy(world.team)
    mark_status(strategy_id=strategy.pk, status=status)

    with pytest.raises(Conflict) as refused:
        change_strategy(strategy_id=strategy.pk, actor="test", changes={"status": wanted})

    strategy.refresh_from_db()
    assert (refused.value.code, strategy.status) == ("STRATEGY_RUNNING", status)
