"""What repeats on the pages, as safe markup: numbers, levels, states, ages, headroom. Pure: values in, markup out."""

from apps.dashboard.marks.ages import render_age, render_time, spell_delay, spell_duration
from apps.dashboard.marks.headroom import Headroom, render_headroom
from apps.dashboard.marks.levels import render_icon, render_level, render_state
from apps.dashboard.marks.numbers import (
    count_price_digits,
    format_amount,
    format_lots,
    format_percent,
    format_price,
    format_signed_percent,
    render_money,
    say_spread,
)
from apps.dashboard.marks.outlook import render_forecast, render_lots

__all__ = [
    "Headroom",
    "count_price_digits",
    "format_amount",
    "format_lots",
    "format_percent",
    "format_price",
    "format_signed_percent",
    "render_age",
    "render_forecast",
    "render_headroom",
    "render_icon",
    "render_level",
    "render_lots",
    "render_money",
    "render_state",
    "render_time",
    "say_spread",
    "spell_delay",
    "spell_duration",
]
