"""Strategies as the pages show them: with their newest version, where they run, and what they earned."""

from __future__ import annotations

import difflib
import json
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet, Sum

from apps.assignments.models import Assignment, Observed
from apps.dashboard.paging import Page, take_page
from apps.dashboard.proof import Proof, prove_assignment
from apps.dashboard.selectors.backtests import find_newest
from apps.dashboard.selectors.latches import find_halt
from apps.dashboard.selectors.studies import find_challenge
from apps.dashboard.selectors.trades import with_floating
from apps.market.models import SymbolSpecification
from apps.strategies.models import Strategy, StrategyStatus, StrategyVersion
from apps.teams.models import Team
from apps.trades.models import Trade
from trading.errors import TradingError
from trading.rules.document import explain

SEGMENTS = ("all", "running", "changing", "idle", "archived")
RESULT_DAYS = 30


@dataclass(frozen=True, slots=True)
class Placement:
    """An assignment with what is proven of it."""

    assignment: Assignment
    proof: Proof


@dataclass(slots=True)
class Result:
    """What trades made, per currency, and how many of them won."""

    trades: int = 0
    wins: int = 0
    gained: Decimal = Decimal(0)
    lost: Decimal = Decimal(0)
    by_currency: dict[str, Decimal] = field(default_factory=dict)

    @property
    def profit_factor(self) -> Decimal | None:
        return self.gained / -self.lost if self.lost < 0 else None

    @property
    def win_fraction(self) -> Decimal | None:
        return Decimal(self.wins) / self.trades if self.trades else None


@dataclass(frozen=True, slots=True)
class StrategyRow:
    strategy: Strategy
    version: StrategyVersion | None
    placements: list[Placement]
    result: Result
    open_positions: int

    @property
    def may_pause(self) -> bool:
        return any(each.assignment.desired == "RUNNING" for each in self.placements)

    @property
    def may_resume(self) -> bool:
        return any(each.assignment.desired == "PAUSED" for each in self.placements)

    @property
    def may_stop(self) -> bool:
        return any(each.assignment.desired != "STOPPED" for each in self.placements)


def list_strategies(team: Team) -> QuerySet[Strategy]:
    """Return all strategies of a team."""
    return Strategy.objects.filter(team=team)


def page_strategies(team: Team, at: datetime, *, search: str, segment: str, number: int) -> Page[Strategy]:
    """Return one page of strategies, those that run first."""
    found = _filter(list_strategies(team), search=search, segment=segment)
    return take_page(found.order_by("name", "id"), number)


def count_segments(team: Team, search: str) -> dict[str, int]:
    """Return how many strategies each segment of the list holds."""
    live = _live()
    marked = _search(list_strategies(team), search).annotate(
        is_live=Exists(live), is_moving=Exists(live.filter(_moving())), is_running=Exists(live.filter(_running()))
    )
    kept = ~Q(status=StrategyStatus.ARCHIVED)
    return marked.aggregate(
        all=Count("id", filter=kept),
        running=Count("id", filter=kept & Q(is_running=True)),
        changing=Count("id", filter=kept & Q(is_moving=True)),
        idle=Count("id", filter=kept & Q(is_live=False)),
        archived=Count("id", filter=~kept),
    )


def describe_strategies(strategies: list[Strategy], at: datetime) -> list[StrategyRow]:
    """Return the rows of a list in four queries, however many strategies there are."""
    ids = [strategy.id for strategy in strategies]
    versions: dict[UUID, StrategyVersion] = {}
    for version in StrategyVersion.objects.filter(strategy_id__in=ids).order_by("strategy_id", "number"):
        versions[version.strategy_id] = version
    placements = group_placements(list_placements(Assignment.objects.filter(strategy_id__in=ids, live=True), at))
    results = sum_results(ids, since=at - timedelta(days=RESULT_DAYS))
    return [
        StrategyRow(
            strategy=strategy,
            version=versions.get(strategy.id),
            placements=placements[strategy.id],
            result=results[strategy.id],
            open_positions=sum(each.assignment.open_positions for each in placements[strategy.id]),
        )
        for strategy in strategies
    ]


def list_placements(assignments: QuerySet[Assignment], at: datetime) -> list[Placement]:
    """Return assignments with their proof, those that need an eye first."""
    found = assignments.select_related("executor", "account__risk", "bot", "strategy", "version").order_by(
        "executor__code", "id"
    )
    return [
        Placement(each, prove_assignment(each, each.executor, at, halted=find_halt(each.account))) for each in found
    ]


def group_placements(placements: list[Placement]) -> dict[UUID, list[Placement]]:
    """Return placements by strategy."""
    grouped: dict[UUID, list[Placement]] = defaultdict(list)
    for placement in placements:
        grouped[placement.assignment.strategy_id].append(placement)
    return grouped


def sum_results(strategy_ids: list[UUID], since: datetime | None) -> dict[UUID, Result]:
    """Return what closed trades made, by strategy; a trade counts by its market time of closing."""
    closed = Trade.objects.filter(strategy_id__in=strategy_ids, closed_at__isnull=False)
    if since is not None:
        closed = closed.filter(updated_at__gte=since)
    results: dict[UUID, Result] = defaultdict(Result)
    for row in closed.values("strategy_id", "account__currency").annotate(
        trades=Count("id"),
        wins=Count("id", filter=Q(pnl__gt=0)),
        total=Sum("pnl"),
        gained=Sum("pnl", filter=Q(pnl__gt=0)),
        lost=Sum("pnl", filter=Q(pnl__lt=0)),
    ):
        if row["strategy_id"] is None:
            continue
        result = results[row["strategy_id"]]
        result.trades += row["trades"]
        result.wins += row["wins"]
        result.gained += row["gained"] or Decimal(0)
        result.lost += row["lost"] or Decimal(0)
        result.by_currency[row["account__currency"]] = row["total"]
    return results


def _live() -> QuerySet[Assignment]:
    return Assignment.objects.filter(strategy=OuterRef("pk"), live=True).exclude(_stopped())


def _stopped() -> Q:
    return Q(desired="STOPPED", observed=Observed.STOPPED, open_positions=0)


def _running() -> Q:
    return Q(desired="RUNNING", observed=Observed.RUNNING)


def _moving() -> Q:
    return Q(observed_generation__lt=F("generation"))


def _search(strategies: QuerySet[Strategy], search: str) -> QuerySet[Strategy]:
    if not search:
        return strategies
    by_symbol = StrategyVersion.objects.filter(strategy=OuterRef("pk"), symbol__icontains=search)
    by_executor = Assignment.objects.filter(strategy=OuterRef("pk"), live=True, executor__code__icontains=search)
    return strategies.filter(
        Q(name__icontains=search) | Q(slug__icontains=search) | Exists(by_symbol) | Exists(by_executor)
    )


def _filter(strategies: QuerySet[Strategy], *, search: str, segment: str) -> QuerySet[Strategy]:
    found = _search(strategies, search)
    archived = Q(status=StrategyStatus.ARCHIVED)
    if segment == "archived":
        return found.filter(archived)
    found = found.exclude(archived)
    if segment == "running":
        return found.filter(Exists(_live().filter(_running())))
    if segment == "changing":
        return found.filter(Exists(_live().filter(_moving())))
    if segment == "idle":
        return found.exclude(Exists(_live()))
    return found


def list_symbols(team: Team) -> list[str]:
    """Return the symbols that the team's terminals know, at most 500."""
    known = SymbolSpecification.objects.filter(account__team=team).order_by("symbol")
    return list(known.values_list("symbol", flat=True).distinct()[:500])


def describe_strategy(strategy: Strategy, at: datetime, *, compare: str) -> dict[str, Any]:
    """Return everything the page of a strategy shows."""
    versions = list(strategy.versions.order_by("-number")[:50])
    latest = versions[0]
    placements = list_placements(Assignment.objects.filter(strategy=strategy, live=True), at)
    older = next((each for each in versions if str(each.number) == compare), versions[1] if len(versions) > 1 else None)
    return {
        "strategy": strategy,
        "latest": latest,
        "versions": versions,
        "older": older,
        "difference": compare_versions(older, latest) if older and older is not latest else [],
        "sentence": _explain(latest),
        "backtest": find_newest(strategy),
        "challenge": find_challenge(strategy),
        "placements": placements,
        "running": [each for each in placements if each.assignment.desired != "STOPPED"],
        "may": _name_acts(placements, latest),
        "result": sum_results([strategy.id], since=None)[strategy.id],
        "by_executor": sum_by_account(strategy),
        "trades": with_floating(
            Trade.objects.filter(strategy_id=strategy.id).select_related("account", "bot").order_by("-opened_at")[:10]
        ),
        "rules_text": json.dumps(latest.rules, indent=2, ensure_ascii=False),
        "open_positions": sum(each.assignment.open_positions for each in placements),
    }


def _name_acts(placements: list[Placement], latest: StrategyVersion) -> dict[str, bool]:
    """Return which acts on all its assignments would change anything."""
    wanted = [each.assignment for each in placements if each.assignment.desired != "STOPPED"]
    return {
        "pause": any(each.desired == "RUNNING" for each in wanted),
        "resume": any(each.desired == "PAUSED" for each in wanted),
        "update": any(each.version_id != latest.pk for each in wanted),
    }


def compare_versions(older: StrategyVersion, newer: StrategyVersion) -> list[tuple[str, str]]:
    """Return the lines of both versions with what went (`gone`), what came (`come`), and what stayed."""
    texts = [
        json.dumps(
            {"symbol": each.symbol, "timeframe": each.timeframe, **each.rules}, indent=2, ensure_ascii=False
        ).splitlines()
        for each in (older, newer)
    ]
    marks = {"-": "gone", "+": "come", " ": ""}
    return [(marks[line[0]], line) for line in difflib.ndiff(texts[0], texts[1]) if line[0] in marks]


def sum_by_account(strategy: Strategy) -> list[Any]:
    """Return what closed trades made on each account the strategy ever ran on."""
    closed = Trade.objects.filter(strategy_id=strategy.id, closed_at__isnull=False)
    return list(
        closed.values("account__code", "account__name", "account__currency")
        .annotate(trades=Count("id"), wins=Count("id", filter=Q(pnl__gt=0)), total=Sum("pnl"))
        .order_by("account__code")
    )


def _explain(version: StrategyVersion) -> str:
    try:
        return explain(version.rules)
    except TradingError:
        return ""
