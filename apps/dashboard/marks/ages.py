"""Ages and times. An age is computed here from the database's clock and ticks on in the browser."""

from __future__ import annotations

from datetime import UTC, datetime

from django.utils.html import format_html
from django.utils.safestring import SafeString

from apps.dashboard.marks.numbers import NOTHING

LATE_S = 10
STALE_S = 15


def spell_duration(seconds: float) -> str:
    """
    Return a duration in its two largest units.

    >>> spell_duration(9), spell_duration(137), spell_duration(273840)
    ('9 s', '2 min 17 s', '3 d 4 h')
    """
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    if whole < 86400:
        return f"{whole // 3600} h {whole % 3600 // 60} min"
    return f"{whole // 86400} d {whole % 86400 // 3600} h"


def spell_delay(seconds: float) -> str:
    """
    Return a short delay, in milliseconds below a second.

    >>> spell_delay(0.0124), spell_delay(2.34), spell_delay(75)
    ('12 ms', '2.3 s', '1 min 15 s')
    """
    if seconds < 1:
        return f"{max(0, round(seconds * 1000))} ms"
    return f"{seconds:.1f} s" if seconds < 10 else spell_duration(seconds)


def name_age(seconds: float) -> str:
    """
    Return `fresh`, `late` (from 10 s) or `stale` (from 15 s).

    >>> [name_age(seconds) for seconds in (9.9, 10, 15)]
    ['fresh', 'late', 'stale']
    """
    if seconds >= STALE_S:
        return "stale"
    return "late" if seconds >= LATE_S else "fresh"


def render_age(seen_at: datetime | None, at: datetime, *, graded: bool = True) -> SafeString:
    """
    Return how long ago something was seen.

    :param graded: whether late and stale are marked; a plain age (of a day-old key) is not.
    """
    if seen_at is None:
        return SafeString('<span class="age">never</span>')
    seconds = max(0.0, (at - seen_at).total_seconds())
    state = name_age(seconds) if graded else "fresh"
    return format_html(
        '<span class="age" data-age="{}"{} data-state="{}">{}</span>',
        int(seconds),
        SafeString(" data-graded") if graded else "",
        state,
        spell_duration(seconds),
    )


def render_time(value: datetime | None, form: str = "minute") -> SafeString:
    """
    Return a time element in UTC; the browser shows it in the viewer's zone and keeps UTC on hover.

    :param form: `day`, `minute`, `second`, or `market`: a market time, which stays UTC everywhere.
    """
    if value is None:
        return format_html('<span class="muted">{}</span>', NOTHING)
    at = value.astimezone(UTC)
    pattern = {"day": "%Y-%m-%d", "minute": "%Y-%m-%d %H:%M", "second": "%Y-%m-%d %H:%M:%S"}.get(form, "%Y-%m-%d %H:%M")
    return format_html(
        '<time datetime="{}" title="{} UTC"{}>{}</time>',
        at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        at.strftime("%Y-%m-%d %H:%M:%S"),
        "" if form == "market" else format_html(' data-local="{}"', form),
        at.strftime(pattern),
    )
