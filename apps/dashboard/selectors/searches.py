"""Sweeps, walk-forward and Monte Carlo in words and drawings."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from apps.backtests.models import Study
from apps.backtests.search_plans import LOWER_IS_BETTER, name_of
from apps.dashboard.marks.charts import Axis, draw_band, draw_line, find_span
from apps.dashboard.marks.numbers import format_amount, format_percent, format_signed_percent
from apps.strategies.models import StrategyStatus

OBJECTIVES = {
    "sharpe_ratio": "Sharpe ratio",
    "net_profit": "Net profit",
    "return_fraction": "Net return",
    "profit_factor": "Profit factor",
    "expectancy": "Expectancy",
    "win_rate": "Won",
    "max_drawdown_fraction": "Largest drawdown",
}
HEATS = 3
MOST_SHOWN = 100


def describe_search(study: Study) -> dict[str, Any]:
    """Return everything the page of a finished sweep or search shows."""
    result, objective = study.result, study.settings["objective"]
    names = [name_of(path) for path in study.settings["parameters"]]
    return {
        "result": result,
        "names": names,
        "may_save": study.run.strategy is not None and study.run.strategy.status != StrategyStatus.ARCHIVED,
        "objective": OBJECTIVES[objective],
        "top": [_describe_trial(one, objective) for one in result["top"]],
        "surface": describe_surface(result["surface"], objective) if result["surface"] else None,
        "evidence": result["evidence"],
        "skipped": sorted(result["skipped"].items()),
    }


def describe_surface(surface: dict[str, Any], objective: str) -> dict[str, Any]:
    """Return the scores over two parameters as a table of `(text, heat from -3 to 3, is best)`."""
    scores = [score for row in surface["cells"] for score in row if score is not None]
    best, widest = max(scores, default=None), max((abs(score) for score in scores), default=0.0)

    def cell(score: float | None) -> tuple[str, int, bool]:
        if score is None:
            return "", 0, False
        size = min(HEATS, int(abs(score) / widest * HEATS * 0.999) + 1) if widest else 0
        return say_score(score, objective), size if score > 0 else -size, score == best

    rows = zip(surface["y_values"], surface["cells"], strict=True)
    return {
        "x": name_of(surface["x"]),
        "y": name_of(surface["y"]) if surface["y"] else "",
        "x_values": surface["x_values"],
        "rows": [(value, [cell(score) for score in row]) for value, row in rows],
    }


def describe_walk(study: Study) -> dict[str, Any]:
    """Return everything the page of a finished walk-forward shows."""
    result, objective = study.result, study.settings["objective"]
    return {
        "result": result,
        "names": [name_of(path) for path in study.settings["parameters"]],
        "objective": OBJECTIVES[objective],
        "windows": [_describe_window(window, objective) for window in result["windows"]],
        "stability": [{**one, "name": name_of(one["path"])} for one in result["stability"]],
        "drawn": draw_equity(result["equity"]["at"], result["equity"]["equity"]),
    }


def describe_fan(study: Study) -> dict[str, Any]:
    """Return everything the page of a finished Monte Carlo shows."""
    result = study.result
    steps, rows = result["steps"], result["equity"]
    values = [value for row in rows for value in row]
    x, y = Axis(float(steps[0]), float(steps[-1]), 60, 700), Axis(*find_span(values), 260, 10)
    by = dict(zip((str(each) for each in result["quantiles"]), rows, strict=True))

    def band(low: str, high: str) -> str:
        return draw_band(list(zip(steps, by[low], by[high], strict=True)), x, y)

    table = [0, len(steps) // 4, len(steps) // 2, 3 * len(steps) // 4, len(steps) - 1]
    return {
        "result": result,
        "outer": band("5", "95"),
        "inner": band("25", "75"),
        "middle": draw_line(list(zip(steps, by["50"], strict=True)), x, y),
        "y_ticks": [(at, format_amount(value, 0)) for at, value in y.ticks()],
        "x_ticks": [(at, f"{value:,.0f}") for at, value in x.ticks()],
        "table": [(steps[place], [by[name][place] for name in ("5", "50", "95")]) for place in dict.fromkeys(table)],
        "falls": [(name, result["max_drawdown_fraction"][name]) for name in ("5", "50", "95")],
        "finals": [(name, result["final_equity"][name]) for name in ("5", "50", "95")],
        "what": "trades" if result["by"] == "trade" else "days",
    }


def describe_portfolio(study: Study) -> dict[str, Any]:
    """Return everything the page of a finished portfolio shows."""
    result = study.result
    newest = reversed(result["trades"][-MOST_SHOWN:])
    return {
        "result": result,
        "legs": result["legs"],
        "trades": [
            {
                **one,
                "name": result["legs"][one["leg"]]["name"],
                "digits": result["legs"][one["leg"]]["digits"],
                "opened_at": datetime.fromtimestamp(one["opened_s"], UTC),
                "closed_at": datetime.fromtimestamp(one["closed_s"], UTC),
            }
            for one in newest
        ],
        "skipped": sorted(result["skipped"].items()),
        "drawn": draw_equity(result["equity"]["at"], result["equity"]["equity"]),
    }


def draw_equity(times: list[int], equity: list[float]) -> dict[str, Any] | None:
    """Return a curve of equity over time as a path; None for fewer than two points."""
    if len(times) < 2:
        return None
    x, y = Axis(float(times[0]), float(times[-1]), 60, 700), Axis(*find_span(equity), 178, 10)
    marks = [times[0], times[len(times) // 2], times[-1]]
    return {
        "line": draw_line([(float(at), value) for at, value in zip(times, equity, strict=True)], x, y),
        "y_ticks": [(at, format_amount(value, 0)) for at, value in y.ticks()],
        "x_ticks": [(x.place(at), f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d}") for at in marks],
    }


def say_score(score: float | None, objective: str) -> str:
    """
    Return a score in words: what is lower and better was turned round.

    >>> say_score(1.234, "sharpe_ratio"), say_score(-0.1, "max_drawdown_fraction"), say_score(None, "sharpe_ratio")
    ('1.23', '10.0 %', '–')
    """
    if score is None:
        return "–"
    value = -score if objective in LOWER_IS_BETTER else score
    if objective == "return_fraction":
        return format_signed_percent(value)
    if objective in ("max_drawdown_fraction", "win_rate"):
        return format_percent(value)
    return format_amount(value, 0 if objective == "net_profit" else 2)


def list_ranges(parameters: dict[str, Any]) -> list[tuple[str, str]]:
    """
    Return what a search varied in words.

    >>> list_ranges({"exit.stopLoss": {"from": "10", "to": "50", "step": "5"}})
    [('stop loss', '10 to 50 by 5')]
    """
    return [(name_of(path), _say_range(spec)) for path, spec in parameters.items()]


def _say_range(spec: dict[str, Any]) -> str:
    if "choices" in spec:
        return ", ".join(map(str, spec["choices"]))
    return f"{spec['from']} to {spec['to']} by {spec.get('step', 1)}"


def _describe_trial(one: dict[str, Any], objective: str) -> dict[str, Any]:
    return {**one, "shown": say_score(one["score"], objective), "numbers": list(one["point"].values())}


def _describe_window(window: dict[str, Any], objective: str) -> dict[str, Any]:
    return {
        **window,
        "train_shown": say_score(window["train_score"], objective),
        "test_shown": say_score(window["test_score"], objective),
        "numbers": list(window["values"].values()),
        **{name: datetime.fromisoformat(window[name]) for name in ("train_from", "train_to", "test_from", "test_to")},
    }
