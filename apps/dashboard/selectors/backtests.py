"""Backtests as the pages show them: the list, one result in words and figures, several side by side."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db.models import Q, QuerySet

from apps.backtests.figures import read_equity, read_trades
from apps.backtests.models import OPEN, Run, Study
from apps.backtests.selectors import BarChoice, list_bar_choices, list_runs, list_studies
from apps.backtests.services import beside
from apps.backtests.services.terms import find_terms
from apps.common.errors import PlatformError
from apps.dashboard.marks.charts import Bars, draw_bars
from apps.dashboard.marks.numbers import format_amount, format_percent, format_signed_percent, say_spread
from apps.dashboard.paging import PAGE_ROWS
from apps.strategies.models import Strategy, StrategyVersion
from apps.teams.models import Team
from trading.errors import TradingError
from trading.rules.document import explain

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
GROUPS = (
    ("hour", "By hour of opening, UTC"), ("weekday", "By weekday of opening, UTC"), ("reason", "By reason of closing"),
    ("side", "By side"),
)  # fmt: skip
STUDY_KINDS = (
    ("challenge", "Challenge"), ("monte_carlo", "Monte Carlo"), ("sweep", "Parameter sweep"), ("optuna", "Search"),
    ("walk_forward", "Walk forward"), ("portfolio", "Portfolio"),
)  # fmt: skip
TABLE_POINTS = 12
MOST_COMPARED = 6


@dataclass(frozen=True, slots=True)
class Figure:
    """A number of a result with its name and, small beside it, its interval or what it is of."""

    name: str
    value: str
    beside: str = ""


def filter_runs(team: Team, *, search: str, status: str) -> QuerySet[Run]:
    """Return the team's backtests of a filter, newest first."""
    rows = list_runs(team.pk)
    if search:
        rows = rows.filter(Q(name__icontains=search) | Q(symbol__icontains=search))
    if status == "open":
        rows = rows.filter(status__in=OPEN)
    elif status in ("done", "failed", "cancelled"):
        rows = rows.filter(status=status.upper())
    return rows.order_by("-created_at", "-id")


def describe_run(run: Run, *, page: int) -> dict[str, Any]:
    """Return everything the page of a backtest shows."""
    context: dict[str, Any] = {
        "run": run,
        "sentence": say_rules(run),
        "studies": list(_studies_of(run)),
        "study_kinds": STUDY_KINDS,
    }
    if run.status != "DONE":
        return context
    trades, count = read_trades(run, (page - 1) * PAGE_ROWS, PAGE_ROWS)
    summary = run.summary
    return {
        **context,
        "summary": summary,
        "others": run.beside.select_related("dataset", "account"),
        "figures": list_figures(run),
        "notes": summary.get("notes", []),
        "months": list_months(summary["monthly"]),
        "month_names": MONTHS,
        "groups": [(title, summary["by"].get(name, [])) for name, title in GROUPS],
        "bars": draw_distribution(summary),
        "unit": summary["distribution_unit"],
        "skipped": sorted(summary.get("skipped_signals", {}).items()),
        "trades": trades,
        "trade_count": count,
        "trade_page": page,
        "trade_pages": max(1, -(-count // PAGE_ROWS)),
        "equity_table": thin_table(run),
    }


def say_rules(run: Run) -> str:
    """Return the rules in plain words, empty where there are none for them."""
    try:
        return explain(run.document)
    except TradingError:
        return ""


def list_figures(run: Run) -> list[Figure]:
    """Return the numbers at the head of a result, each with its 95 % interval where one means something."""
    summary = run.summary
    trades, returns, falls, intervals = (summary[name] for name in ("trades", "returns", "drawdown", "intervals"))
    return [
        Figure("Net return", format_signed_percent(returns["return_fraction"]), f"{format_signed_percent(returns.get('cagr_fraction'))} a year"),
        Figure("Largest drawdown", format_signed_percent(-falls["max_fraction"]), f"{format_amount(falls['max_money'])} {run.currency}"),
        Figure("Profit factor", format_amount(trades["profit_factor"]), _interval(intervals.get("profit_factor"))),
        Figure("Expectancy", _signed_r(trades["expectancy_r"]), _interval(intervals.get("expectancy_r"), " R")),
        Figure("Sharpe, yearly", format_amount(returns.get("sharpe")), _interval(intervals.get("sharpe"))),
        Figure("Won", format_percent(trades["win_rate"]), _percent_interval(intervals.get("win_rate"))),
        Figure("Trades", f"{trades['trades']:,}", f"longest losing run {trades['max_consecutive_losses']}"),
        Figure("In the market", format_percent(trades["exposure_fraction"]), "of all bars"),
    ]  # fmt: skip


def list_months(monthly: dict[str, Any]) -> list[tuple[int, list[tuple[str, int]], str]]:
    """Return `(year, [(text, heat from -3 to 3)], text of the year)`; no text where there was no bar."""
    rows = zip(monthly["years"], monthly["months"], monthly["totals"], strict=True)
    return [(year, [_heat(value) for value in months], signed(total)) for year, months, total in rows]


def thin_table(run: Run) -> list[tuple[datetime, float, float]]:
    """Return a few points of the equity curve, for reading without a chart."""
    return [
        (datetime.fromtimestamp(at_s, UTC), equity, fall)
        for at_s, equity, fall in read_equity(run, TABLE_POINTS)["points"]
    ]


def draw_distribution(summary: dict[str, Any]) -> Bars:
    """Return the distribution of trades' results as bars of a drawing."""
    shape = summary["distribution"]
    return draw_bars(shape["edges"], shape["counts"])


def compare_runs(runs: list[Run]) -> list[tuple[str, list[str]]]:
    """Return rows `(what, [text per run])` of results side by side."""
    columns = [list_figures(run) for run in runs]
    rows = [(each.name, [column[place].value for column in columns]) for place, each in enumerate(columns[0])]
    facts = [
        ("Symbol and timeframe", [f"{run.symbol} {run.timeframe}" for run in runs]),
        ("Bars", [f"{run.bar_count:,} of {run.bars_timeframe}" for run in runs]),
        ("Balance", [f"{format_amount(run.balance)} {run.currency}" for run in runs]),
        ("Spread", [say_spread(run.costs) for run in runs]),
    ]
    return [*rows, *facts]


def list_choices(team: Team, version: StrategyVersion) -> list[tuple[str, str, BarChoice]]:
    """Return `(value, words, bars)` of everything a version can be tested on."""
    found = list_bar_choices(team.pk, version.symbol, version.timeframe)
    return [(_value_of(each), say_choice(each), each) for each in found]


def list_beside(team: Team, version: StrategyVersion) -> list[tuple[str, list[BarChoice]]]:
    """Return each other symbol a version looks at with the bars there are of it; none where its rules do not load."""
    content = {"rules": version.rules, "timeframe": version.timeframe}
    try:
        symbols = beside.list_other_symbols(content, find_terms(None, version.symbol).instrument)
    except PlatformError:
        return []  # the same is said, at its field, when the backtest is asked for
    return [(symbol, beside.list_choices(team, symbol, version.timeframe)) for symbol in symbols]


def say_choice(choice: BarChoice) -> str:
    """Return bars in words: whose, how many, from when to when."""
    name = choice.dataset.name if choice.dataset else f"stored bars of {choice.account.name if choice.account else ''}"
    return f"{name}: {choice.count:,} {choice.timeframe} bars, {choice.first_at:%Y-%m-%d} to {choice.last_at:%Y-%m-%d}"


def find_newest(strategy: Strategy) -> Run | None:
    """Return the strategy's newest backtest, whatever became of it."""
    return list_runs(strategy.team_id, strategy_id=strategy.pk).order_by("-created_at").first()


def signed(fraction: float | None) -> str:
    """
    Return a fraction in percent without its sign of percent, for cells of a table; empty where there is none.

    >>> signed(0.0123), signed(-0.004), signed(None)
    ('+1.2', '−0.4', '')
    """
    return "" if fraction is None else format_signed_percent(fraction).removesuffix(" %")


def _studies_of(run: Run) -> QuerySet[Study]:
    return list_studies(run.team_id, run_id=run.pk).order_by("-created_at")[:20]


def _value_of(choice: BarChoice) -> str:
    owner = choice.dataset.public_id if choice.dataset else choice.account.public_id if choice.account else ""
    return f"{owner}|{choice.timeframe}"


def _heat(fraction: float | None) -> tuple[str, int]:
    if fraction is None:
        return "", 0
    size = 0 if abs(fraction) < 0.0005 else 1 if abs(fraction) < 0.01 else 2 if abs(fraction) < 0.03 else 3
    return signed(fraction), size if fraction > 0 else -size


def _signed_r(value: Any) -> str:
    if value is None:
        return "–"
    text = format_amount(value)
    return f"{text} R" if value <= 0 else f"+{text} R"


def _interval(pair: Any, unit: str = "") -> str:
    if not pair:
        return "no interval: too few trades"
    low, high = (format_amount(bound) if bound is not None else "?" for bound in pair)
    return f"{low} to {high}{unit}"


def _percent_interval(pair: Any) -> str:
    return f"{format_percent(pair[0])} to {format_percent(pair[1])}" if pair else "no interval: too few trades"
