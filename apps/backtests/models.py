"""Backtests and the studies made of them. Every row that a worker works on has a lease with a fence: one result, whoever dies."""

from __future__ import annotations

from django.db import models

from apps.accounts.models import Account
from apps.common.fields import FractionField, NumericField
from apps.common.models import Identified
from apps.market.models import Dataset
from apps.strategies.models import Strategy, StrategyVersion
from apps.teams.models import Team


class WorkStatus(models.TextChoices):
    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    DONE = "DONE"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


OPEN = (WorkStatus.QUEUED, WorkStatus.RUNNING)


class Leased(Identified):
    """Something a worker does: whoever holds the newest `fence` within `lease_until` may write its result, nobody else."""

    status = models.CharField(max_length=10, choices=WorkStatus, default=WorkStatus.QUEUED)
    attempts = models.PositiveSmallIntegerField(default=0)
    fence = models.BigIntegerField(default=0)
    lease_until = models.DateTimeField(null=True)
    progress_fraction = FractionField(default=0)
    problem = models.JSONField(null=True)  # {code, message, field?}
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        abstract = True

    @property
    def is_open(self) -> bool:
        return self.status in OPEN


class BarSource(models.TextChoices):
    STORED = "STORED"  # closed bars that agents of an account sent
    DATASET = "DATASET"


class Run(Leased):
    """One backtest: everything it is computed from, and what came out. `columns` is a file of trades and equity."""

    PREFIX = "run"

    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="backtests")
    name = models.CharField(max_length=120)
    strategy = models.ForeignKey(Strategy, null=True, on_delete=models.PROTECT, related_name="backtests")
    version = models.ForeignKey(StrategyVersion, null=True, on_delete=models.PROTECT, related_name="backtests")
    document = models.JSONField()
    symbol = models.CharField(max_length=32)
    timeframe = models.CharField(max_length=4)
    source = models.CharField(max_length=8, choices=BarSource)
    account = models.ForeignKey(Account, null=True, on_delete=models.PROTECT, related_name="backtests")
    dataset = models.ForeignKey(Dataset, null=True, on_delete=models.PROTECT, related_name="backtests")
    bars_timeframe = models.CharField(max_length=4)
    starts_at = models.DateTimeField(null=True)  # of the bars asked for; null: from the first
    ends_at = models.DateTimeField(null=True)
    instrument = models.JSONField()  # `Instrument.as_dict`
    instrument_source = models.CharField(max_length=80)  # the account it was read from, or "typical"
    costs = models.JSONField()  # fields of `trading.backtest.run.Costs`, numbers as text
    balance = NumericField()
    currency = models.CharField(max_length=8, default="USD")
    pessimistic = models.BooleanField(default=False)
    trailing_stop_fraction = FractionField(
        null=True
    )  # put into `document` for the account, as it names no trailing stop
    created_by = models.CharField(max_length=120, blank=True)
    # what was computed, and from what exactly
    engine_version = models.CharField(max_length=16, blank=True)
    data_hash = models.CharField(max_length=64, blank=True)
    data_file = models.CharField(max_length=200, blank=True)
    result_key = models.CharField(max_length=64, blank=True)
    columns_file = models.CharField(max_length=200, blank=True)
    reused_from = models.ForeignKey("self", null=True, on_delete=models.SET_NULL, related_name="reused_by")
    first_bar_at = models.DateTimeField(null=True)
    last_bar_at = models.DateTimeField(null=True)
    bar_count = models.PositiveIntegerField(null=True)
    took_s = models.FloatField(null=True)
    headline = models.JSONField(default=dict)  # the ten numbers of a list
    summary = models.JSONField(default=dict)  # everything the result page shows beside the curves
    findings = models.JSONField(default=list)

    class Meta:
        indexes = [
            models.Index(fields=["team", "-created_at"], name="run_by_team"),
            models.Index(fields=["team", "result_key"], name="run_by_result"),
            models.Index(fields=["created_at"], name="run_open", condition=models.Q(status__in=["QUEUED", "RUNNING"])),
        ]


class BesideBars(models.Model):
    """Bars of another symbol that a backtest's strategy looks at; `number` is their place in the run's file of bars."""

    id = models.BigAutoField(primary_key=True)
    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="beside")
    number = models.PositiveSmallIntegerField()
    symbol = models.CharField(max_length=32)  # as the strategy calls it
    account = models.ForeignKey(Account, null=True, on_delete=models.PROTECT, related_name="+")
    dataset = models.ForeignKey(Dataset, null=True, on_delete=models.PROTECT, related_name="+")
    bars_symbol = models.CharField(max_length=32)
    bars_timeframe = models.CharField(max_length=4)

    class Meta:
        ordering = ["number"]
        constraints = [models.UniqueConstraint(fields=["run", "symbol"], name="beside_once_per_run")]


class StudyKind(models.TextChoices):
    SWEEP = "SWEEP", "Parameter sweep"
    OPTUNA = "OPTUNA", "Parameter search"
    WALK_FORWARD = "WALK_FORWARD", "Walk forward"
    MONTE_CARLO = "MONTE_CARLO", "Monte Carlo"
    CHALLENGE = "CHALLENGE", "Challenge"
    PORTFOLIO = "PORTFOLIO", "Portfolio"


class Study(Identified):
    """Many computations around one finished run: its data, costs and balance, other parameters or other histories."""

    PREFIX = "sty"

    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="studies")
    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="studies")
    kind = models.CharField(max_length=12, choices=StudyKind)
    settings = models.JSONField()  # as the core read them
    status = models.CharField(max_length=10, choices=WorkStatus, default=WorkStatus.QUEUED)
    problem = models.JSONField(null=True)
    work_total = models.PositiveIntegerField(default=0)  # points, windows, or 1
    work_done = models.PositiveIntegerField(default=0)
    headline = models.JSONField(default=dict)  # what a list or another page says of it
    result = models.JSONField(default=dict)
    engine_version = models.CharField(max_length=16, blank=True)
    created_by = models.CharField(max_length=120, blank=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["team", "-created_at"], name="study_by_team")]

    @property
    def is_open(self) -> bool:
        return self.status in OPEN


class ChunkStage(models.TextChoices):
    WORK = "WORK"
    GATHER = "GATHER"  # once, when all others are done


class Chunk(Leased):
    """A part of a study that one worker does at once."""

    PREFIX = "chk"

    study = models.ForeignKey(Study, on_delete=models.CASCADE, related_name="chunks")
    stage = models.CharField(max_length=6, choices=ChunkStage)
    number = models.PositiveIntegerField()
    is_ready = models.BooleanField(default=True)  # what it builds on is there
    work = models.JSONField(default=dict)
    result = models.JSONField(default=dict)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["study", "stage", "number"], name="chunk_once_per_study")]
        indexes = [
            models.Index(fields=["created_at"], name="chunk_open", condition=models.Q(status__in=["QUEUED", "RUNNING"]))
        ]


class Trial(models.Model):
    """One point of a sweep or search with what it made."""

    id = models.BigAutoField(primary_key=True)
    study = models.ForeignKey(Study, on_delete=models.CASCADE, related_name="trials")
    chunk = models.ForeignKey(Chunk, on_delete=models.CASCADE, related_name="trials")
    number = models.PositiveIntegerField()
    point = models.JSONField()  # path -> value
    values = models.JSONField()  # summary of the run
    score = models.FloatField(null=True)  # null: does not count (too few trades, or undefined)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["study", "number"], name="trial_once_per_study")]
        indexes = [models.Index(models.F("score").desc(nulls_last=True), "study", name="trial_best")]
