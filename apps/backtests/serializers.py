"""What the backtests' doors read and show."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from apps.backtests.models import Run
from apps.backtests.services.terms import COST_FIELDS
from apps.common.serializer_fields import AwareDateTimeField, NumberField, StrictSerializer


class CostsField(serializers.DictField):
    """Costs by name; `spread_pips` null takes each bar's own."""

    child = NumberField(allow_null=True)


class NewBacktest(StrictSerializer):
    """A backtest to be computed: a strategy (its newest version, or one by number), or rules with symbol and timeframe."""

    strategy = serializers.CharField(max_length=80, required=False, help_text="Id or slug.")
    version = serializers.IntegerField(min_value=1, required=False, help_text="Its number; the newest if absent.")
    rules = serializers.DictField(required=False)
    symbol = serializers.CharField(max_length=32, required=False)
    timeframe = serializers.CharField(max_length=8, required=False)
    dataset = serializers.CharField(
        max_length=80, required=False, help_text="Id or handle; else the most bars there are."
    )
    others = serializers.DictField(
        child=serializers.CharField(max_length=80),
        required=False,
        help_text="Dataset by symbol, for strategies that look at other symbols too; else what fits best.",
    )
    account_id = serializers.CharField(max_length=80, required=False, help_text="Whose stored bars; else most bars.")
    bars_timeframe = serializers.CharField(max_length=8, required=False, help_text="Of the bars; may be finer.")
    starts_at = AwareDateTimeField(required=False)
    ends_at = AwareDateTimeField(required=False)
    balance = NumberField(above=0, maximum=10**12, required=False)
    costs = CostsField(required=False, help_text=f"Any of {', '.join(COST_FIELDS)}.")
    pessimistic = serializers.BooleanField(required=False, default=False, help_text="Stop before target in one bar.")
    trailing_stop_fraction = NumberField(
        minimum=0, maximum=1, required=False, help_text="Where the strategy names none; absent: the account's, 0: none."
    )
    name = serializers.CharField(max_length=120, required=False, default="")

    def validate(self, data: dict[str, Any]) -> dict[str, Any]:
        if data.get("starts_at") and data.get("ends_at") and data["starts_at"] >= data["ends_at"]:
            raise serializers.ValidationError({"ends_at": ["This must be after starts_at."]})
        return data


class Problem(serializers.Serializer[Any]):
    """Why it failed."""

    code = serializers.CharField()
    message = serializers.CharField()
    field = serializers.CharField(required=False)


class BacktestRow(serializers.Serializer[Any]):
    """A backtest as lists show it."""

    id = serializers.CharField()
    name = serializers.CharField()
    status = serializers.CharField()
    progress_fraction = NumberField()
    problem = Problem(allow_null=True)
    strategy_id = serializers.CharField(allow_null=True)
    version_id = serializers.CharField(allow_null=True)
    version = serializers.IntegerField(allow_null=True)
    symbol = serializers.CharField()
    timeframe = serializers.CharField()
    bars_timeframe = serializers.CharField()
    bars_source = serializers.CharField()
    account_id = serializers.CharField(allow_null=True)
    dataset_id = serializers.CharField(allow_null=True)
    first_bar_at = AwareDateTimeField(allow_null=True)
    last_bar_at = AwareDateTimeField(allow_null=True)
    bar_count = serializers.IntegerField(allow_null=True)
    balance = NumberField()
    currency = serializers.CharField()
    costs = serializers.DictField()
    pessimistic = serializers.BooleanField()
    trailing_stop_fraction = NumberField(allow_null=True, help_text="Put into the rules, which named none.")
    headline = serializers.DictField()
    engine_version = serializers.CharField()
    created_at = AwareDateTimeField()
    created_by = serializers.CharField()
    finished_at = AwareDateTimeField(allow_null=True)
    took_s = serializers.FloatField(allow_null=True)
    reused_from = serializers.CharField(allow_null=True, help_text="The backtest of equal inputs this result is of.")


class StrategyBacktestRow(BacktestRow):
    """A backtest of one strategy."""


class OtherBars(serializers.Serializer[Any]):
    """Bars of another symbol the strategy looks at."""

    symbol = serializers.CharField()
    dataset_id = serializers.CharField(allow_null=True)
    account_id = serializers.CharField(allow_null=True)
    bars_timeframe = serializers.CharField()


class BacktestDetail(BacktestRow):
    """A backtest with its result."""

    others = OtherBars(many=True)
    rules = serializers.DictField()
    instrument = serializers.DictField()
    instrument_source = serializers.CharField(help_text="The account whose broker stated it, or typical.")
    summary = serializers.DictField()
    findings = serializers.ListField(child=serializers.CharField())


class BacktestTrade(serializers.Serializer[Any]):
    """A trade of a backtest; `pnl` includes commission and swap, money in the account's currency."""

    number = serializers.IntegerField()
    opened_at = AwareDateTimeField()
    closed_at = AwareDateTimeField()
    side = serializers.CharField()
    volume_lots = serializers.FloatField()
    entry_price = serializers.FloatField()
    exit_price = serializers.FloatField()
    pnl = serializers.FloatField()
    commission = serializers.FloatField(allow_null=True)
    swap = serializers.FloatField(allow_null=True)
    r_multiple = serializers.FloatField(allow_null=True)
    mae = serializers.FloatField(allow_null=True, help_text="Largest loss on the way.")
    mfe = serializers.FloatField(allow_null=True, help_text="Largest gain on the way.")
    exit_reason = serializers.CharField()


class Equity(serializers.Serializer[Any]):
    """Equity at bar closes, thinned: `points` are `[epoch seconds, equity, drawdown fraction]`."""

    currency = serializers.CharField()
    balance = serializers.FloatField()
    bars = serializers.IntegerField()
    points = serializers.ListField(child=serializers.ListField(child=serializers.FloatField()))


def backtest_row(run: Run) -> dict[str, Any]:
    """Return a backtest as lists show it."""
    return {
        "id": run.public_id,
        "name": run.name,
        "status": run.status,
        "progress_fraction": run.progress_fraction,
        "problem": run.problem,
        "strategy_id": run.strategy.public_id if run.strategy else None,
        "version_id": run.version.public_id if run.version else None,
        "version": run.version.number if run.version else None,
        "symbol": run.symbol,
        "timeframe": run.timeframe,
        "bars_timeframe": run.bars_timeframe,
        "bars_source": run.source,
        "account_id": run.account.public_id if run.account else None,
        "dataset_id": run.dataset.public_id if run.dataset else None,
        "first_bar_at": run.first_bar_at,
        "last_bar_at": run.last_bar_at,
        "bar_count": run.bar_count,
        "balance": run.balance,
        "currency": run.currency,
        "costs": run.costs,
        "pessimistic": run.pessimistic,
        "trailing_stop_fraction": run.trailing_stop_fraction,
        "headline": run.headline,
        "engine_version": run.engine_version,
        "created_at": run.created_at,
        "created_by": run.created_by,
        "finished_at": run.finished_at,
        "took_s": run.took_s,
        "reused_from": _public(run.reused_from_id),
    }


def backtest_detail(run: Run) -> dict[str, Any]:
    """Return a backtest with its result."""
    return {
        **backtest_row(run),
        "others": [
            {
                "symbol": row.symbol,
                "dataset_id": row.dataset.public_id if row.dataset else None,
                "account_id": row.account.public_id if row.account else None,
                "bars_timeframe": row.bars_timeframe,
            }
            for row in run.beside.select_related("dataset", "account")
        ],
        "rules": run.document,
        "instrument": run.instrument,
        "instrument_source": run.instrument_source,
        "summary": run.summary,
        "findings": run.findings,
    }


def _public(key: Any) -> str | None:
    return Run(id=key).public_id if key else None
