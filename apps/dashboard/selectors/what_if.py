"""What the what-if page shows: figures beside each other, one drawing, days, and the trades that would be different."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from apps.accounts.models import Account, RulePackVersion, TradingDay
from apps.accounts.selectors import get_pack_version
from apps.common.errors import PlatformError
from apps.dashboard.marks.days import Sums, Used, draw_sums, draw_used
from apps.risk.models import WhatIfRun
from apps.risk.what_if import NOTES, ShadowLine, answer_what_if, list_shadows, make_limits
from trading.risk.replay import Change, Outcome, Rejudged
from trading.risk.what_if import DayOfTwo, WhatIf

MOST_ROWS = 200
WORDS = {
    Change.DENIED: ("CRITICAL", "Denied"),
    Change.SHRUNK: ("CAUTION", "Fewer lots"),
    Change.GROWN: ("CAUTION", "More lots"),
    Change.ALLOWED: ("SAFE", "Approved"),
}


def find_span_of_days(account: Account) -> tuple[date | None, date | None]:
    """Return the first and last of the account's last five trading days."""
    days = list(TradingDay.objects.filter(account=account).order_by("-day").values_list("day", flat=True)[:5])
    return (days[-1], days[0]) if days else (None, None)


def find_version(account: Account, code: str, at: datetime) -> RulePackVersion | None:
    """Return the pack's version that is valid now; None where no pack is named."""
    return get_pack_version(account.team_id, code, at.date()) if code else None


def list_runs(account: Account) -> list[WhatIfRun]:
    """Return the what-ifs that workers answer or answered, newest first."""
    return list(WhatIfRun.objects.filter(account=account).defer("result", "limits").order_by("-created_at")[:10])


def describe_run(run: WhatIfRun) -> dict[str, Any]:
    """Return what the page of a long what-if shows once it is done: its stored answer with times as times."""
    found = run.result
    if found is None:
        return {"result": None}
    days = [_read_day(day) for day in found["days"]]
    trades = [{**one, "market_at": datetime.fromisoformat(one["market_at"])} for one in found["trades"]]
    return {
        "result": found,
        "days": days,
        "broken": sum(day["broken"] for day in days),
        "difference": found["pnl_now"] - found["pnl_then"],
        "changed": [(one, *WORDS[Change(one["change"].upper())]) for one in trades[:MOST_ROWS]],
        "left_out": found["trades_left_out"] + max(0, len(trades) - MOST_ROWS),
        "drawing": draw_sums(
            [(day["pnl_then"], day["pnl_now"]) for day in days], run.first.isoformat(), run.last.isoformat()
        ),
        "used": draw_used((day["day"], day["used"]["daily"]) for day in days),
    }


def _read_day(day: dict[str, Any]) -> dict[str, Any]:
    used = {name: depth["used_pct"] / 100 if depth else None for name, depth in day["deepest"].items()}
    then, now = day["approved_then"], day["approved_now"]
    return {**day, "used": used, "approved": f"{then} → {now}" if then != now else str(now)}


def describe_what_if(
    account: Account, *, code: str, phase: str, changes: dict[str, Any], first: date, last: date, at: datetime
) -> dict[str, Any]:
    """
    Return the context of an answered what-if.

    :raises PlatformError: as `apps.risk.what_if`.
    """
    version = find_version(account, code, at)
    limits = make_limits(account, changes, version, phase)
    answer = answer_what_if(account, limits, first, last)
    result = answer.result
    changed = [one for one in result.trades if one.change != Change.SAME]
    return {
        "result": result,
        "unread": answer.unread,
        "difference": result.pnl_now - result.pnl_then,
        "counts": {str(change).lower(): result.count(change) for change in Change},
        "days": [(day, _then_and_now(day)) for day in result.days],
        "broken": sum(day.is_broken for day in result.days),
        "deepest": _deepest(result),
        "changed": [(one, *WORDS[one.change], _why(one)) for one in changed[:MOST_ROWS]],
        "left_out": max(0, len(changed) - MOST_ROWS),
        "notes": NOTES,
        "drawing": _draw(result),
        "used": _draw_days(result),
    }


def read_shadows(account: Account, first: date, last: date) -> tuple[int, list[ShadowLine]] | None:
    """Return what limits in shadow would have refused; None where the period cannot be read."""
    try:
        return list_shadows(account, first, last)
    except PlatformError:
        return None


def _why(one: Rejudged) -> str:
    adjusted = (warning.partition(": ")[2] for warning in one.verdict.warnings if warning.startswith("LOTS_ADJUSTED"))
    return one.verdict.message or next(adjusted, "The limit that denied it would not have been reached.")


def _then_and_now(day: DayOfTwo) -> str:
    return (
        f"{day.approved_then} → {day.approved_now}" if day.approved_then != day.approved_now else str(day.approved_now)
    )


def _deepest(result: WhatIf) -> list[tuple[str, Decimal, datetime | None]]:
    names = (
        ("Daily loss", "daily"),
        ("Total drawdown", "total"),
        ("Risk approved in a day", "daily_risk"),
        ("Open positions", "positions"),
    )
    found = []
    for name, field in names:
        deepest = max((getattr(day, field) for day in result.days), key=lambda one: one.used)
        if deepest.market_at is not None:
            found.append((name, deepest.used, deepest.market_at))
    return found


def _draw(result: WhatIf) -> Sums | None:
    """Draw the results of closed trades, summed up: as they were, and as they would have been."""
    closed = [(one, done) for one in result.trades if (done := one.recorded.outcome) and done.closed_at]
    closed.sort(key=_closed_at)
    pairs = [(float(done.pnl), float(one.pnl)) for one, done in closed]
    return draw_sums(pairs, "first", f"trade {len(pairs)}")


def _draw_days(result: WhatIf) -> Used | None:
    return draw_used(
        (f"{day.day}", None if day.daily.market_at is None else float(day.daily.used)) for day in result.days
    )


def _closed_at(one: tuple[Rejudged, Outcome]) -> datetime:
    return one[1].closed_at or datetime.max.replace(tzinfo=UTC)
