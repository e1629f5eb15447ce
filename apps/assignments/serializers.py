"""What the assignments' doors read and show."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from rest_framework import serializers

from apps.assignments.models import Assignment
from apps.assignments.selectors import is_executor_online, is_known_now, is_proven, tell_progress
from apps.common.serializer_fields import AwareDateTimeField, NumberField, StrictSerializer


class Overrides(serializers.Serializer[Any]):
    """Settings of an assignment; they may only tighten the rules'."""

    lotSize = NumberField(above=0, required=False)
    maxRisk = NumberField(above=0, maximum=100, required=False)
    maxDailyLoss = NumberField(above=0, maximum=100, required=False)
    maxOpenTrades = serializers.IntegerField(min_value=1, max_value=200, required=False)


class Activation(StrictSerializer):
    """On which executors a strategy shall run."""

    executors = serializers.ListField(
        child=serializers.CharField(max_length=80),
        min_length=1,
        max_length=500,
        help_text='Ids or codes of executors, or ["all"] for all that are online.',
    )
    account_id = serializers.CharField(max_length=80, required=False, allow_null=True, default=None)
    overrides = serializers.DictField(required=False, allow_null=True, default=None, help_text="See Overrides.")


class Update(StrictSerializer):
    """The newest version for what runs; with other settings, where they are given."""

    overrides = serializers.DictField(required=False, allow_null=True, default=None)


class AssignmentRow(serializers.Serializer[Any]):
    """A bot on an executor: what is wanted, what is proven."""

    id = serializers.CharField()
    strategy_id = serializers.CharField()
    strategy = serializers.CharField(help_text="The strategy's slug.")
    strategy_name = serializers.CharField()
    version = serializers.IntegerField()
    symbol = serializers.CharField()
    timeframe = serializers.CharField()
    bot_id = serializers.CharField()
    magic_number = serializers.IntegerField()
    executor_id = serializers.CharField()
    executor = serializers.CharField(help_text="The executor's code.")
    account_id = serializers.CharField()
    account = serializers.CharField(help_text="The account's code.")
    settings = serializers.DictField()
    desired = serializers.CharField()
    generation = serializers.IntegerField()
    desired_at = AwareDateTimeField()
    desired_by = serializers.CharField()
    observed = serializers.CharField()
    observed_generation = serializers.IntegerField()
    observed_at = AwareDateTimeField(allow_null=True)
    age_s = serializers.FloatField(allow_null=True, help_text="How old the observation is.")
    proven = serializers.BooleanField(help_text="Whether the agent has shown what is wanted.")
    progress = serializers.CharField(help_text='For people: "STARTING, agent at 6 of 7".')
    observed_now = serializers.BooleanField(help_text="Where false, what is observed is the last known.")
    executor_online = serializers.BooleanField(help_text="Whether the executor was heard of in time.")
    open_positions = serializers.IntegerField()
    pending_orders = serializers.IntegerField()
    last_bar_at = AwareDateTimeField(allow_null=True)
    problem = serializers.DictField()
    live = serializers.BooleanField()


class Assignments(serializers.Serializer[Any]):
    """The assignments a wish was about."""

    results = AssignmentRow(many=True)
    count = serializers.IntegerField()


def assignment_row(row: Assignment, at: datetime) -> dict[str, Any]:
    """Return an assignment as it is shown."""
    return {
        "id": row.public_id,
        "strategy_id": row.strategy.public_id,
        "strategy": row.strategy.slug,
        "strategy_name": row.strategy.name,
        "version": row.version.number,
        "symbol": row.version.symbol,
        "timeframe": row.version.timeframe,
        "bot_id": row.bot.bot_id,
        "magic_number": row.bot.magic,
        "executor_id": row.executor.public_id,
        "executor": row.executor.code,
        "account_id": row.account.public_id,
        "account": row.account.code,
        "settings": row.settings,
        "desired": row.desired,
        "generation": row.generation,
        "desired_at": row.desired_at,
        "desired_by": row.desired_by,
        "observed": row.observed,
        "observed_generation": row.observed_generation,
        "observed_at": row.observed_at,
        "age_s": round((at - row.observed_at).total_seconds(), 3) if row.observed_at else None,
        "proven": is_proven(row),
        "progress": tell_progress(row),
        "observed_now": is_known_now(row, at),
        "executor_online": is_executor_online(row, at),
        "open_positions": row.open_positions,
        "pending_orders": row.pending_orders,
        "last_bar_at": row.last_bar_at,
        "problem": row.problem,
        "live": row.live,
    }


def assignments_body(rows: list[Assignment], at: datetime) -> dict[str, Any]:
    """Return the assignments a wish was about."""
    return {"results": [assignment_row(row, at) for row in rows], "count": len(rows)}
