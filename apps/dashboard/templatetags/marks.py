"""Template tags over `apps.dashboard.marks`. Every page loads them: `{% load marks %}`."""

from __future__ import annotations

import json
import re
from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from django import template
from django.template.context import Context
from django.utils.html import format_html
from django.utils.safestring import SafeString

from apps.dashboard import marks
from apps.dashboard.marks.ages import STALE_S
from apps.dashboard.marks.numbers import with_symbol
from apps.dashboard.marks.people import say_actor
from apps.dashboard.selectors.keys import list_key_names

# A variable that is not there reaches a tag as an empty text: `or None` makes it "never" again.
register = template.Library()


@register.simple_tag
def icon(name: str, modifier: str = "") -> SafeString:
    return marks.render_icon(name, modifier)


@register.simple_tag
def level(name: str, text: str = "", chip: bool = True, fresh_s: float | None = None) -> SafeString:
    return marks.render_level(name, text=text, chip=chip, fresh_s=fresh_s)


@register.simple_tag
def state(kind: str, word: str, why: str = "") -> SafeString:
    return marks.render_state(kind, word, why)


@register.simple_tag(takes_context=True)
def age(context: Context, seen_at: datetime | None, graded: bool = True) -> SafeString:
    return marks.render_age(seen_at or None, context["at"], graded=graded)


@register.simple_tag(takes_context=True)
def fresh_for(context: Context, seen_at: datetime | None) -> float:
    """Return the seconds until what was seen then is stale."""
    return 0.0 if not seen_at else max(0.0, STALE_S - (context["at"] - seen_at).total_seconds())


@register.simple_tag
def when(value: datetime | None, form: str = "minute") -> SafeString:
    return marks.render_time(value or None, form)


@register.simple_tag(takes_context=True)
def who(context: Context, actor: str | None) -> str:
    """Return who did something; the names of the viewer's keys are read once a page, where one is to be named."""
    return say_actor(actor, lambda: _read_key_names(context))


def _read_key_names(context: Context) -> dict[str, str]:
    request = context["request"]
    if not hasattr(request, "key_names"):
        request.key_names = list_key_names(request.viewer.team)
    names: dict[str, str] = request.key_names
    return names


@register.simple_tag
def money(value: Any, currency: str = "") -> SafeString:
    return marks.render_money(value, currency)


@register.simple_tag
def headroom(room: marks.Headroom | None) -> SafeString:
    return marks.render_headroom(room)


@register.simple_tag
def forecast(found: Any, currency: str, stale: bool = False) -> SafeString:
    return marks.render_forecast(found or None, currency, stale=stale)


@register.simple_tag
def largest(found: Any, currency: str = "") -> SafeString:
    return marks.render_lots(found or None, currency)


@register.filter
def amount(value: Any, digits: int = 2) -> str:
    return marks.format_amount(value, digits)


@register.filter
def price(value: Any, digits: int | None = None) -> str:
    return marks.format_price(value, digits)


@register.simple_tag
def price_digits(*prices: Any) -> int:
    """Return the digits that show all these prices alike."""
    return marks.count_price_digits(*prices)


@register.filter
def lots(value: Any) -> str:
    return marks.format_lots(value)


@register.filter
def percent(value: Any, digits: int = 1) -> str:
    return marks.format_percent(value, digits)


@register.filter
def in_currency(value: Any, currency: str) -> str:
    return with_symbol(value, currency)


@register.filter
def duration(seconds: float) -> str:
    return marks.spell_duration(seconds)


@register.filter
def delay(seconds: float) -> str:
    return marks.spell_delay(seconds)


@register.simple_tag
def side(name: str) -> SafeString:
    """Return BUY or SELL with its arrow."""
    arrow = "up" if name == "BUY" else "down"
    return format_html('<span class="side">{} {}</span>', marks.render_icon(arrow), name)


@register.simple_tag(takes_context=True)
def query(context: Context, **changes: Any) -> str:
    """Return the page's own query with some values changed; an empty value is left out, and so is what is ticked."""
    left_out = ("page", context.get("pick_name"))
    values = {name: value for name, value in context["request"].GET.items() if name not in left_out}
    values.update({name: str(value) for name, value in changes.items()})
    kept = {name: value for name, value in values.items() if value}
    return f"?{urlencode(kept)}" if kept else "?"


_RESULTS = {"PASSED": "pass", "FAILED": "fail", "SKIPPED": "skip", "WARNED": "warn"}


@register.simple_tag
def check_result(check: Any) -> str:
    """Return `pass`, `fail`, `warn` or `skip` for a check of a stored verdict or of a preflight."""
    status = check.get("status", "") if isinstance(check, dict) else check.result
    return _RESULTS.get(status, status if status in _RESULTS.values() else "skip")


@register.filter
def check_name(name: str) -> str:
    """
    Return a check's or figure's name in words.

    >>> check_name("daily_loss")
    'Daily loss'
    """
    return str(name).replace("_", " ").capitalize()


_FIGURES = {
    "off": "away from the market", "raw": "before rounding", "this": "this trade", "loss": "lost so far", "why": "",
    "worst": "worst case", "tick_value_loss": "loss of a tick", "count": "open",
}  # fmt: skip


@register.simple_tag
def figure(name: str, value: Any) -> SafeString:
    """
    Return a figure a check was decided by, with its name in words and its unit.

    >>> figure("age_s", "3.0"), figure("why", "no limit set")
    ('<span class="muted">age</span> 3.0 s', 'no limit set')
    >>> figure("tick_size", 0.00001)
    '<span class="muted">tick size</span> 0.00001'
    """
    unit = " s" if name.endswith("_s") else ""
    value = format(Decimal(str(value)), "f") if isinstance(value, float) else value  # never 1e-05
    words = _FIGURES.get(name, name.removesuffix("_s").replace("_", " "))
    if not words:
        return format_html("{}", value)
    return format_html('<span class="muted">{}</span> {}{}', words, value, unit)


@register.filter
def deed(action: str) -> str:
    """
    Return an audit entry's action in words.

    >>> deed("executor.key_rotated"), deed("STOP_STRATEGY")
    ('Executor key rotated', 'Stop strategy')
    """
    return action.replace(".", " ").replace("_", " ").lower().capitalize()


_BROWSERS = (("Edg/", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari"))
_SYSTEMS = (
    ("Windows", "Windows"),
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
)


@register.filter
def browser_name(user_agent: str) -> str:
    """
    Return a browser and its system in words people know; "A program" for anything else.

    >>> browser_name("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36")
    'Chrome on Linux'
    >>> browser_name("curl/8.5.0")
    'A program'
    """
    name = next((word for mark, word in _BROWSERS if mark in user_agent), "")
    system = next((word for mark, word in _SYSTEMS if mark in user_agent), "")
    return f"{name} on {system}" if name and system else name or "A program"


@register.filter
def sentence(text: str) -> str:
    """
    Return a heading or a button of allauth as ours are written: a capital at the beginning only.

    >>> sentence("Email Addresses"), sentence("Activate TOTP for Mikrobot")
    ('Email addresses', 'Activate TOTP for Mikrobot')
    """
    return re.sub(r"(?<=\w )(?!Mikrobot\b)[A-Z](?=[a-z-]+\b)", lambda found: found.group().lower(), text)


@register.filter
def as_input(field: Any) -> SafeString:
    """Return a bound field with the look of our inputs (forms that are not ours, allauth's)."""
    return SafeString(field.as_widget(attrs={"class": "input"}))


@register.filter
def signed_percent(value: Any, digits: int = 1) -> str:
    return marks.format_signed_percent(value, digits)


@register.filter
def hundred(fraction: Any) -> int:
    """Return a fraction as whole percent, for a progress bar."""
    return round(float(fraction or 0) * 100)


@register.filter
def spread(costs: dict[str, Any]) -> str:
    return marks.say_spread(costs)


@register.filter
def as_json(value: Any) -> str:
    """Return a document as readable JSON."""
    return json.dumps(value, indent=2, ensure_ascii=False)


@register.filter
def add_px(place: float, more: float) -> float:
    """
    Return a place of a drawing, moved.

    >>> add_px(10.5, 4)
    14.5
    """
    return round(float(place) + float(more), 1)
