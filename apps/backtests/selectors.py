"""Questions about backtests. Every one starts from the team; what is another's is not found."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from django.db.models import Count, Max, Min, QuerySet

from apps.accounts.models import Account
from apps.backtests.models import OPEN, Run, Study, Trial
from apps.common.codes import Code
from apps.common.errors import NotFound
from apps.common.ids import MalformedId, parse_public_id
from apps.market.models import Bar, Dataset
from trading.model.timeframe import Timeframe

Row = TypeVar("Row", Run, Study)

# Never shown in a list: a summary is 20 to 100 KB.
HEAVY = ("summary", "document", "findings", "instrument")


@dataclass(frozen=True, slots=True)
class BarChoice:
    """Bars a backtest can be run over: a dataset, or what agents of one account sent."""

    symbol: str
    account: Account | None
    dataset: Dataset | None
    timeframe: str
    count: int
    first_at: datetime
    last_at: datetime


def list_runs(team_id: UUID, *, strategy_id: UUID | None = None, status: str = "", symbol: str = "") -> QuerySet[Run]:
    """Return the team's backtests without their heavy columns."""
    rows = Run.objects.filter(team_id=team_id).select_related("strategy", "version", "account", "dataset").defer(*HEAVY)
    if strategy_id is not None:
        rows = rows.filter(strategy_id=strategy_id)
    if status:
        rows = rows.filter(status=status.upper())
    return rows.filter(symbol=symbol) if symbol else rows


def get_run(team_id: UUID, reference: str) -> Run:
    """
    Return the team's backtest of that id.

    :raises NotFound: also where it is another team's.
    """
    rows = Run.objects.filter(team_id=team_id).select_related(
        "team", "strategy", "version", "account", "dataset", "reused_from"
    )
    return _get(rows, Run.PREFIX, reference, "backtest")


def list_studies(team_id: UUID, *, run_id: UUID | None = None, kind: str = "") -> QuerySet[Study]:
    """Return the team's studies without their results."""
    rows = (
        Study.objects.filter(team_id=team_id)
        .select_related("run__strategy")
        .defer("result", *(f"run__{name}" for name in HEAVY))
    )
    if run_id is not None:
        rows = rows.filter(run_id=run_id)
    return rows.filter(kind=kind.upper()) if kind else rows


def get_study(team_id: UUID, reference: str) -> Study:
    """
    Return the team's study of that id.

    :raises NotFound: also where it is another team's.
    """
    rows = Study.objects.filter(team_id=team_id).select_related(
        "run__strategy", "run__version", "run__account", "run__dataset"
    )
    return _get(rows, Study.PREFIX, reference, "study")


def list_trials(study_id: UUID) -> QuerySet[Trial]:
    """Return what a study tried."""
    return Trial.objects.filter(study_id=study_id)


def count_open(team_id: UUID) -> tuple[int, int]:
    """Return how many backtests and how many studies of the team wait or run."""
    runs = Run.objects.filter(team_id=team_id, status__in=OPEN).count()
    return runs, Study.objects.filter(team_id=team_id, status__in=OPEN).count()


def list_bar_choices(team_id: UUID, symbol: str, timeframe: str) -> list[BarChoice]:
    """
    Return the bars a strategy of that timeframe can be run over.

    Its own timeframe comes first, then the longest period.

    :raises UnknownTimeframe: where there is no such timeframe.
    """
    wanted = Timeframe.parse(timeframe)
    finer = [str(frame) for frame in Timeframe if frame.divides(wanted)]
    kept = Dataset.objects.filter(team_id=team_id, symbol=symbol, timeframe__in=finer).defer("coverage", "findings")
    found = [BarChoice(symbol, None, row, row.timeframe, row.bar_count, row.first_at, row.last_at) for row in kept]
    found += _list_stored(team_id, symbol, finer)
    return sorted(found, key=lambda each: (each.timeframe != wanted, each.first_at - each.last_at))


def _list_stored(team_id: UUID, symbol: str, timeframes: list[str]) -> list[BarChoice]:
    groups = (
        Bar.objects.filter(account__team_id=team_id, symbol=symbol, timeframe__in=timeframes)
        .values("account_id", "timeframe")
        .annotate(count=Count("id"), first_at=Min("opens_at"), last_at=Max("opens_at"))
        .order_by("account_id", "timeframe")
    )
    rows: list[Any] = list(groups)
    accounts = Account.objects.in_bulk({row["account_id"] for row in rows})
    return [
        BarChoice(
            symbol, accounts[row["account_id"]], None, row["timeframe"], row["count"], row["first_at"], row["last_at"]
        )
        for row in rows
    ]


def read_bar_rows(
    account_id: UUID, symbol: str, timeframe: str, *, until: datetime, since: datetime | None, most: int
) -> Iterable[Any]:
    """Return the newest stored bars of a period as rows `(opens_at, open, high, low, close, volume, spread_points)`, newest first."""
    rows = Bar.objects.filter(account_id=account_id, symbol=symbol, timeframe=timeframe, opens_at__lte=until)
    if since is not None:
        rows = rows.filter(opens_at__gte=since)
    columns = ("opens_at", "open", "high", "low", "close", "volume", "spread_points")
    return rows.order_by("-opens_at").values_list(*columns)[:most].iterator(chunk_size=20_000)


def _get(rows: QuerySet[Row], prefix: str, reference: str, noun: str) -> Row:
    try:
        row = rows.filter(pk=parse_public_id(prefix, reference)).first()
    except MalformedId:
        row = None
    if row is None:
        raise NotFound(Code.NOT_FOUND, f"No {noun} {reference[:80]!r} in this team.", noun)
    return row
