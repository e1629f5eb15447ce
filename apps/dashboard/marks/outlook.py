"""What lies ahead, in words: how the next day opens, and what may be traded now."""

from __future__ import annotations

from django.utils.html import format_html
from django.utils.safestring import SafeString

from apps.dashboard.marks.levels import render_icon
from apps.dashboard.marks.numbers import format_lots, with_symbol
from trading.risk.forecast import Forecast
from trading.risk.largest import LargestLot


def say_forecast(found: Forecast, currency: str) -> tuple[str, str]:
    """
    Return a level and a sentence for the next day's opening; the level is empty where all is well.

    >>> from decimal import Decimal as D
    >>> from trading.risk.forecast import Forecast, Opening
    >>> quiet = Opening(balance=D(1000), equity=D(1000), daily_reference=D(1000), daily_floor=D(950), total_floor=D(900))
    >>> say_forecast(Forecast(opening=quiet, at_risk=D(0), cuts=(), after=quiet), "USD")[0]
    ''
    >>> low = Opening(balance=D(1000), equity=D(940), daily_reference=D(1000), daily_floor=D(950), total_floor=D(900))
    >>> say_forecast(Forecast(opening=low, at_risk=D(0), cuts=(), after=low), "USD")
    ('critical', 'Would open $10.00 below its floor of $950.00. Closing losing positions does not help.')
    """
    opening = found.opening
    floor, room = with_symbol(opening.floor, currency), with_symbol(abs(opening.headroom), currency)
    if opening.is_breached:
        return "critical", f"Would open {room} below its floor of {floor}. {_say_cuts(found)}"
    opens = f"Opens {room} above its floor of {floor} if prices stand still"
    if found.worst_headroom < 0:
        return "caution", f"{opens}, {with_symbol(-found.worst_headroom, currency)} below it if every stop is hit."
    return "", f"{opens}, {with_symbol(found.worst_headroom, currency)} if every stop is hit."


def render_forecast(found: Forecast | None, currency: str, *, stale: bool = False) -> SafeString:
    """Return the next day's opening as a line; `stale` says that it rests on what was last known."""
    if found is None:
        return SafeString('<span class="muted">not known yet</span>')
    level, text = say_forecast(found, currency)
    known = SafeString('<b class="late">Last known:</b> ') if stale else ""
    mark = render_icon(f"lv-{level}") if level else ""
    return format_html('<span class="outlook"{}>{}{}{}</span>', _level_of(level), mark, known, text)


def render_lots(found: LargestLot | None, currency: str = "") -> SafeString:
    """Return a largest lot with what it risks; where it is none, why."""
    if found is None:
        return SafeString('<span class="muted">no price known</span>')
    if not found.lots:
        return format_html('<b>none</b><span class="why">{}</span>', found.message)
    risk = (
        format_html('<span class="sub">risks {}</span>', with_symbol(found.risk_amount, currency)) if currency else ""
    )
    return format_html("<b>{}</b>{}", format_lots(found.lots), risk)


def _say_cuts(found: Forecast) -> str:
    if not found.is_enough:
        return "Closing losing positions does not help."
    parts = [f"{format_lots(cut.close_lots)} lots of {cut.symbol} (position {cut.position_id})" for cut in found.cuts]
    return f"Close {', '.join(parts)} before."


def _level_of(level: str) -> SafeString:
    return format_html(' data-level="{}"', level) if level else SafeString("")
