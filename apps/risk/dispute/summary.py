"""The day in plain words and one drawing: what people of a firm read before they look at a single file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from apps.accounts.models import EquityPoint
from apps.risk.dispute.day import AccountDay
from apps.risk.models import Approval
from trading.risk.levels import Standing

WIDTH, HEIGHT, LEFT, TOP, FOOT = 760, 260, 84, 12, 28
MOST_POINTS = 1500


@dataclass(frozen=True, slots=True)
class Level:
    """A horizontal line of the drawing: a floor, or what the day began with."""

    name: str
    kind: str
    value: Decimal
    y: float


@dataclass(frozen=True, slots=True)
class Drawing:
    """Equity over the day against its floors, in the units of the drawing."""

    path: str
    levels: list[Level]
    low: Decimal
    high: Decimal
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    base: int = HEIGHT - FOOT


def summarise(day: AccountDay, approvals: Sequence[Approval]) -> dict[str, Any]:
    """Return the context of summary and README."""
    points = day.list_points()
    last = points[-1].equity if points else (day.row.end_equity or day.row.equity_base)
    known = day.stand_at(last)
    limits, standing = known if known else (None, None)
    lowest = min(points, key=lambda point: point.equity, default=None)
    trades = list(day.list_trades())
    closed = [one for one in trades if one.closed_at is not None and one.closed_at < day.row.ends_at]
    return {
        "account": day.account,
        "day": day.row,
        "span": (day.first, day.last),
        "corrections": list(day.row.corrections.order_by("created_at")),
        "limits": limits,
        "standing": standing,
        "last_equity": last,
        "lowest": lowest,
        "lowest_room": lowest.equity - max(standing.daily_floor, standing.total_floor) if lowest and standing else None,
        "approvals": approvals,
        "approved": sum(one.approved for one in approvals),
        "denied": sum(not one.approved for one in approvals),
        "reduced": sum(one.approved and one.adjusted_lots < one.requested_lots for one in approvals),
        "trades": trades,
        "closed_pnl": sum((one.pnl for one in closed), Decimal(0)),
        "closed": len(closed),
        "packs": day.list_packs(),
        "limit_sets": day.list_limit_sets(),
        "events": list(day.list_events()),
        "points": len(points),
        "drawing": _draw(day, points, standing) if len(points) > 1 and standing else None,
    }


def _draw(day: AccountDay, points: list[EquityPoint], standing: Standing) -> Drawing:
    step = max(1, len(points) // MOST_POINTS)
    shown = [*points[::step], *points[-1:]]
    floors = [
        ("Day began with", "start", standing.daily_reference),
        ("Daily floor", "floor", standing.daily_floor),
        ("Total floor", "floor", standing.total_floor),
    ]
    values = [*(point.equity for point in shown), *(value for _, _, value in floors)]
    low, high = min(values), max(values)
    span = (high - low) or Decimal(1)

    def place_y(value: Decimal) -> float:
        return round(float(TOP + (high - value) / span * (HEIGHT - FOOT - TOP)), 1)

    def place_x(at: datetime) -> float:
        share = (at - day.row.starts_at) / (day.row.ends_at - day.row.starts_at)
        return round(LEFT + share * (WIDTH - LEFT - 8), 1)

    path = "L".join(f"{place_x(point.market_at)} {place_y(point.equity)}" for point in shown)
    levels = [Level(name, kind, value, place_y(value)) for name, kind, value in floors]
    return Drawing(f"M{path}", levels, low, high)
