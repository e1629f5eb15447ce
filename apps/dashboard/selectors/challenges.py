"""A challenge simulation in words and drawings."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from apps.backtests.models import Study
from apps.dashboard.marks.charts import Axis, draw_band, draw_line, find_span, thin
from apps.dashboard.marks.numbers import format_amount, format_percent

MOST_ROWS = 60
MOST_DRAWN = 260
REASONS = {
    "TARGET": "reached the target",
    "DAILY_LOSS": "broke the daily loss limit",
    "MAX_LOSS": "broke the total loss limit",
    "TIME_LIMIT": "ran out of the firm’s time",
    "INACTIVITY": "traded too seldom",
    "END_OF_DATA": "neither passed nor failed in the days there were",
}


@dataclass(frozen=True, slots=True)
class Curve:
    """The chance to pass over the risk per trade, drawn."""

    line: str
    band: str
    x_ticks: list[tuple[float, str]]
    y_ticks: list[tuple[float, str]]
    now: tuple[float, float] | None
    best: tuple[float, float]
    unit: str


@dataclass(frozen=True, slots=True)
class DayPlot:
    """Equity at the days' ends with the floors, drawn."""

    equity: str
    lowest: str
    daily: str
    total: str
    y_ticks: list[tuple[float, str]]
    x_ticks: list[tuple[float, str]]


def describe_challenge(study: Study) -> dict[str, Any]:
    """Return everything the page of a finished challenge shows."""
    result = study.result
    report, odds, curve = result["report"], result["odds"], result["curve"]
    phases = [_describe_phase(phase) for phase in report["phases"]]
    return {
        "report": report,
        "phases": phases,
        "odds": odds,
        "odds_phases": [_describe_odds(phase) for phase in odds["phases"]] if odds else [],
        "verdict": say_verdict(study),
        "curve": draw_curve(curve) if curve else None,
        "curve_rows": [(say_risk(point), point["passed"]) for point in curve["points"]] if curve else [],
        "advice": say_advice(curve) if curve else "",
        "sources": result.get("sources", []),
        "conflict": result.get("conflict", ""),
        "confidence": result.get("confidence", ""),
    }


def say_verdict(study: Study) -> dict[str, str]:
    """Return the outcome in a line: `level`, `title`, and the chance with its interval."""
    told = study.headline
    if told["is_passed"]:
        level, title = "safe", f"The history passes in {told['days']} days"
    elif told["failed_phase"]:
        level, title = "critical", f"The history fails in {told['failed_phase']}: {told['why']}"
    else:
        level, title = "caution", "The history neither passes nor fails: its data end first"
    return {"level": level, "title": title, "chance": say_chance(told), "firm": f"{told['firm']}, {told['program']}"}


def say_chance(told: dict[str, Any]) -> str:
    """
    Return the chance to pass with the interval of the history, the wider and honest one; empty where there is none.

    >>> say_chance({"passed_share": 0.18, "history_low": 0.07, "history_high": 0.31})
    '18 % (7 to 31 %)'
    """
    if told["passed_share"] is None:
        return ""
    share, low, high = (format_percent(told[name], 0) for name in ("passed_share", "history_low", "history_high"))
    return f"{share} ({low.removesuffix(' %')} to {high})"


def say_risk(point: dict[str, Any]) -> str:
    """
    Return a risk per trade in words.

    >>> say_risk({"risk_fraction": 0.005, "risk_scale": 1.0}), say_risk({"risk_fraction": None, "risk_scale": 2.0})
    ('0.50 %', '× 2.00')
    """
    if point["risk_fraction"] is not None:
        return format_percent(point["risk_fraction"], 2)
    return f"× {format_amount(point['risk_scale'])}"


def say_advice(curve: dict[str, Any]) -> str:
    """Return what the curve says in plain words."""
    best, careful = curve["best"], curve["careful"]
    if not best["passed"]["hits"]:
        return "At no risk tried did one of the drawn histories pass: the strategy earns too little, or loses too much, for this program."
    text = f"It passes most often at {say_risk(best)} per trade: {format_percent(best['passed']['share'], 0)} of the drawn histories."
    if careful["risk_scale"] < best["risk_scale"]:
        text += f" {say_risk(careful)} is not measurably worse and loses less."
    if curve["is_at_edge"]:
        text += " That is the edge of what was tried."
    return text


def draw_curve(curve: dict[str, Any]) -> Curve:
    """Return the curve as paths; risk in percent where it is known, else as a multiple of the backtest's."""
    points = curve["points"]
    known = points[0]["risk_fraction"] is not None

    def risk(point: dict[str, Any]) -> float:
        return float(point["risk_fraction"] * 100 if known else point["risk_scale"])

    x, y = Axis(0.0, risk(points[-1]), 36, 340), Axis(0.0, 1.0, 194, 16)
    now = next((point for point in points if abs(point["risk_scale"] - 1) < 1e-9), None)

    def place(point: dict[str, Any]) -> tuple[float, float]:
        return x.place(risk(point)), y.place(point["passed"]["share"])

    return Curve(
        line=draw_line([(risk(point), point["passed"]["share"]) for point in points], x, y),
        band=draw_band([(risk(point), point["passed"]["low"], point["passed"]["high"]) for point in points], x, y),
        x_ticks=[(at, f"{value:.2g}{' %' if known else ''}") for at, value in x.ticks(5)],
        y_ticks=[(at, f"{value:.0%}".replace("%", " %")) for at, value in y.ticks(5)],
        now=place(now) if now else None,
        best=place(curve["best"]),
        unit="risk per trade, of the balance" if known else "multiple of the backtest’s positions",
    )


def draw_days(rows: list[dict[str, Any]]) -> DayPlot | None:
    """Return equity and floors over the days as paths; None for fewer than two days."""
    shown = thin(rows, MOST_DRAWN)
    if len(shown) < 2:
        return None
    names = ("end_equity", "lowest_equity", "daily_floor", "total_floor")
    y = Axis(*find_span([row[name] for row in shown for name in names]), 178, 10)
    x = Axis(0.0, float(len(shown) - 1), 52, 700)

    def path(name: str) -> str:
        return draw_line(
            [(number, float(row[name])) for number, row in enumerate(shown) if row[name] is not None], x, y
        )

    step = max(1, (len(shown) - 1) // 5)
    return DayPlot(
        equity=path("end_equity"),
        lowest=path("lowest_equity"),
        daily=path("daily_floor"),
        total=path("total_floor"),
        y_ticks=[(at, format_amount(value, 0)) for at, value in y.ticks(5)],
        x_ticks=[(x.place(number), shown[number]["day"]) for number in range(0, len(shown), step)][:6],
    )


def _describe_phase(phase: dict[str, Any]) -> dict[str, Any]:
    rows = [{**row, "day": date.fromisoformat(row["day"])} for row in phase["rows"]]
    return {
        **phase,
        "name": phase["phase"].replace("_", " ").capitalize(),
        "ended": REASONS[phase["reason"]],
        "days_drawn": draw_days(phase["rows"]),
        "rows": rows[-MOST_ROWS:],
        "hidden": max(0, phase["row_count"] - MOST_ROWS),
        "approaches": [
            {**each, "name": REASONS[each["rule"]].removeprefix("broke the ")} for each in phase["approaches"]
        ],
    }


def _describe_odds(phase: dict[str, Any]) -> dict[str, Any]:
    reasons = sorted(phase["reasons"].items(), key=lambda pair: -pair[1])
    return {
        **phase,
        "name": phase["phase"].replace("_", " ").capitalize(),
        "median_days": phase["days"].get("50"),
        "why": [(REASONS[reason], count / phase["passed"]["of"]) for reason, count in reasons if reason != "TARGET"],
    }
