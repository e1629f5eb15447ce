"""Risk levels and proven states: a shape, a word and a colour, never the colour alone."""

from __future__ import annotations

from django.utils.html import format_html
from django.utils.safestring import SafeString

LEVELS = ("safe", "caution", "warning", "critical", "halted")

# kind of a state -> its glyph
GLYPHS = {
    "proven": "check",
    "paused": "pauseglyph",
    "moving": "half",
    "unknown": "ask",
    "refused": "cross",
    "halted": "lv-halted",
    "off": "dash",
}


def render_icon(name: str, modifier: str = "") -> SafeString:
    """Return an icon of the sprite; it says nothing to a screen reader, words stand beside it."""
    classes = f"i {modifier}".strip()
    return format_html('<svg class="{}" aria-hidden="true"><use href="#{}"/></svg>', classes, name)


def shape_of(level: str) -> str:
    """
    Return the shape of a level; what is not known has its own.

    >>> shape_of("WARNING"), shape_of("STALE"), shape_of("")
    ('warning', 'unknown', 'unknown')
    """
    return level.lower() if level.lower() in LEVELS else "unknown"


def render_level(level: str, *, text: str = "", chip: bool = True, fresh_s: float | None = None) -> SafeString:
    """
    Return a risk level.

    :param text: the words beside the shape; the level's own name where empty.
    :param fresh_s: seconds until the data behind it are stale: then the browser turns it to STALE by itself.
    """
    shape = shape_of(level)
    return format_html(
        '<span class="level{}" data-level="{}"{}>{}{}</span>',
        " level--chip" if chip else "",
        shape,
        "" if fresh_s is None else format_html(' data-fresh-for="{}"', max(0, int(fresh_s))),
        render_icon(f"lv-{shape}"),
        text or level.upper() or "UNKNOWN",
    )


def render_state(kind: str, word: str, why: str = "") -> SafeString:
    """
    Return a state.

    :param kind: `proven`, `paused` (proven as well), `moving` (asked, not yet proven), `unknown`, `refused`, `halted`, `off`.
    :param why: the reason under it, where the state needs one.
    """
    glyph = GLYPHS.get(kind, "ask")
    frame = "proven" if kind == "paused" else kind
    mark = format_html('<span class="state" data-state="{}">{}{}</span>', frame, render_icon(glyph), word)
    return format_html('{}<span class="why">{}</span>', mark, why) if why else mark
