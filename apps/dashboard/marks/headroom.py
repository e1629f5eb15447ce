"""Headroom: solid is lost, hatched is at risk if every stop is hit, empty is free, the thick end is the floor."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from apps.dashboard.marks.levels import shape_of
from apps.dashboard.marks.numbers import format_amount, with_symbol

TICKS = (50, 70, 85, 95)


@dataclass(frozen=True, slots=True)
class Headroom:
    """
    How far an account is from one of its floors, in money of its currency.

    :param floor: the name of the floor: `daily floor`, `total floor`.
    :param limit: what may be lost in all; :param lost: what is lost (a gain is nothing lost);
    :param at_risk: what would be lost on top if every stop were hit.
    """

    floor: str
    limit: Decimal
    lost: Decimal
    at_risk: Decimal
    currency: str
    level: str
    stale: bool = False

    @property
    def left(self) -> Decimal:
        return self.limit - self.lost

    @property
    def used_percent(self) -> Decimal:
        return _percent(max(self.lost, Decimal(0)), self.limit)

    @property
    def at_risk_percent(self) -> Decimal:
        return min(_percent(max(self.at_risk, Decimal(0)), self.limit), Decimal(100) - self.used_percent)


def _percent(part: Decimal, whole: Decimal) -> Decimal:
    if whole <= 0:
        return Decimal(100)
    return min(Decimal(100), (part / whole * 100).quantize(Decimal("0.1"), rounding=ROUND_HALF_UP))


def render_headroom(room: Headroom | None) -> SafeString:
    """Return the bar with the amount left above it; nothing where there is no such floor."""
    if room is None:
        return SafeString('<span class="muted">no such limit</span>')
    shape = "unknown" if room.stale else shape_of(room.level)
    used, risk = room.used_percent.normalize(), room.at_risk_percent.normalize()
    left = f"{'last known ' if room.stale else ''}{with_symbol(room.left, room.currency)} to {room.floor}"
    label = f"{used:f} % of the limit used, {risk:f} % more at risk if every stop is hit, {left}"
    hatched = format_html(
        '<rect x="{}%" width="{}%" height="12" fill="url(#hatch-{})"/>',
        f"{used:f}",
        f"{risk:f}",
        "unknown" if shape == "halted" else shape,
    )
    return format_html(
        '<div class="headroom" data-level="{}"><p><b>{}</b> <span>{} % of {}</span></p>'
        '<svg role="img" aria-label="{}"><rect class="track" width="100%" height="12"/>'
        '<rect class="used" width="{}%" height="12"/>{}{}</svg></div>',
        shape,
        left,
        f"{used:f}",
        format_amount(room.limit, 0),
        label,
        f"{used:f}",
        hatched if risk else "",
        format_html_join("", '<line class="tick" x1="{0}%" x2="{0}%" y2="12"/>', ((tick,) for tick in TICKS)),
    )
