"""Trees of conditions as form fields, both ways: a field's name is its place in the tree, `entry-long-0-left-period`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from trading.indicators.specs import SPECS
from trading.rules.nodes import DEEPEST_TREE, OPERATORS, PATTERN_BLOCKS, measure
from trading.rules.operands import FRAMES, OPERAND, PRICES, normal_operand

TREES = ("entry.long", "entry.short", "exit.closeLong", "exit.closeShort")
SHOWN_OBJECTS = 60
"""A larger tree is edited as text: its fields would be more than one request may carry."""

KINDS = [
    ("compare", "Two things compared"),
    ("all", "All of these hold"),
    ("any", "Any of these holds"),
    ("not", "This does not hold"),
    ("breakout", "Breakout of the bars before"),
    ("break_of_structure", "Break of the last swing point"),
    ("inside_bar", "Inside bar"),
    ("outside_bar", "Outside bar"),
    ("engulfing", "Engulfing bar"),
    ("volume", "Volume above its mean"),
    ("spread", "Spread small enough"),
]
GROUPS = ("all", "any", "not")
_OPERATOR_WORDS = {
    ">": "is above",
    ">=": "is at or above",
    "<": "is below",
    "<=": "is at or below",
    "crosses_above": "crosses above",
    "crosses_below": "crosses below",
}
_WHAT = [
    ("number", "a number"),
    *((name, "typical price" if name == "typical" else name) for name in PRICES),
    *((name, f"{name}: {spec.title}") for name, spec in SPECS.items()),
    ("atr", "times the ATR"),
    ("pips", "pips"),
    ("points", "points"),
]
_FRAME_CHOICES = [("", "own"), *((name, name) for name in FRAMES)]
_DIRECTIONS = [("up", "up"), ("down", "down")]
_LEAF_NUMBERS = {
    "breakout": ("bars",),
    "break_of_structure": ("bars", "lookback"),
    "volume": ("threshold", "bars"),
    "spread": ("maximum",),
}
_LABELS = {
    "atrPeriod": "ATR period",
    "dayStartMinute": "Day starts at minute (UTC)",
    "k": "%K bars",
    "d": "%D bars",
    "maximum": "At most [pips]",
    "threshold": "Times the mean",
    "lookback": "At most bars ago",
}
DEFAULT_NODE: dict[str, Any] = {"left": "EMA_20", "op": "crosses_above", "right": "EMA_50"}


@dataclass(frozen=True, slots=True)
class TreeField:
    """One input of a tree: its name, label, value as text, and choices where it is one of a few."""

    name: str
    label: str
    value: str
    choices: tuple[tuple[str, str], ...] = ()


def field_name(path: str) -> str:
    """
    Return the name of the input for a path of the document.

    >>> field_name("entry.long.all[1].not.left.period"), field_name("management.partialExits[0].at.value")
    ('entry-long-1-0-left-period', 'management-partialExits-0-at')
    """
    path = re.sub(r"\.(all|any)(?=\[|$)", "", path)
    path = re.sub(r"\.not(?=\.|$)", "[0]", path)
    path = re.sub(r"\.value$", "", path)
    return path.replace("[", "-").replace("]", "").replace(".", "-")


def find_name(path: str, names: Mapping[str, Any]) -> str | None:
    """Return the input among ``names`` that stands for a path, or for the nearest thing around it."""
    name = field_name(path)
    while name:
        for candidate in (name, f"{name}-value", f"{name}-what", f"{name}-kind"):
            if candidate in names:
                return candidate
        name = name.rpartition("-")[0]
    return None


def is_shown(tree: Any) -> bool:
    """Say whether a tree can be shown as fields."""
    objects, depth = measure(tree)
    return isinstance(tree, Mapping) and objects <= SHOWN_OBJECTS and depth <= DEEPEST_TREE


# --- document to fields ---------------------------------------------------------------------------------------


def list_fields(node: Mapping[str, Any], at: str) -> Iterator[TreeField]:
    """Yield the inputs of a condition and everything in it."""
    kind = kind_of(node)
    yield _choice(f"{at}-kind", "Condition", kind, KINDS)
    if kind in GROUPS:
        for index, child in enumerate(children_of(node)):
            yield from list_fields(child, f"{at}-{index}")
    elif kind == "compare":
        yield from _operand_fields(node.get("left", 0), f"{at}-left")
        operators = [(name, _OPERATOR_WORDS[name]) for name in OPERATORS]
        yield _choice(f"{at}-op", "Compared", node.get("op", ">"), operators)
        yield from _operand_fields(node.get("right", 0), f"{at}-right")
    else:
        yield from _leaf_fields(node, kind, at)


def kind_of(node: Any) -> str:
    """Return which of `KINDS` a condition is; what cannot be read is a comparison."""
    shape = node if isinstance(node, Mapping) else {}
    for key in GROUPS:
        if key in shape:
            return key
    name = shape.get("pattern", shape.get("confirm"))
    known = isinstance(name, str) and name in dict(KINDS) and name not in (*GROUPS, "compare")
    return str(name) if known else "compare"


def children_of(node: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the conditions in a group."""
    inner = node.get("all", node.get("any", [node.get("not")]))
    return [child if isinstance(child, Mapping) else {} for child in inner] if isinstance(inner, list) else []


def _leaf_fields(node: Mapping[str, Any], kind: str, at: str) -> Iterator[TreeField]:
    block = PATTERN_BLOCKS.get(kind)
    if block is not None and "direction" in block.fields:
        yield _choice(f"{at}-direction", "Direction", node.get("direction", "up"), _DIRECTIONS)
    for name in _LEAF_NUMBERS.get(kind, ()):
        yield _text(f"{at}-{name}", name, node.get(name))
    if block is not None:
        yield _choice(f"{at}-timeframe", "Timeframe", node.get("timeframe", ""), _FRAME_CHOICES)


def _operand_fields(value: Any, at: str) -> Iterator[TreeField]:
    shape = _readable(value)
    what = _what_of(shape)
    yield _choice(f"{at}-what", "What", what, _WHAT)
    if not isinstance(shape, Mapping):
        yield _text(f"{at}-value", "Value", shape)
        return
    if what in ("atr", "pips", "points"):
        yield _text(f"{at}-value", "Value", shape.get(what))
    if what == "atr":
        yield _text(f"{at}-period", "period", shape.get("period"))
    yield from _indicator_fields(shape, what, at)
    if what not in ("pips", "points"):
        yield from _common_fields(shape, at)


def _indicator_fields(shape: Mapping[str, Any], what: str, at: str) -> Iterator[TreeField]:
    spec = SPECS.get(what)
    if spec is None:
        return
    for name in spec.parameters:
        yield _text(f"{at}-{name}", name, shape.get(name, f"{spec.parameters[name].default:g}"))
    if len(spec.lines) > 1:
        lines = [(line, line) for line in spec.lines]
        yield _choice(f"{at}-line", "Line", shape.get("line", spec.lines[0]), lines)
    if spec.from_source:
        yield _choice(f"{at}-source", "Of", shape.get("source", "close"), [(name, name) for name in PRICES])


def _common_fields(shape: Mapping[str, Any], at: str) -> Iterator[TreeField]:
    yield _choice(f"{at}-timeframe", "Timeframe", shape.get("timeframe", ""), _FRAME_CHOICES)
    yield _text(f"{at}-offset", "Bars back", shape.get("offset") or "")
    yield _text(f"{at}-times", "Times", shape.get("times", ""))
    if "plus" in shape:
        plus = list(_operand_fields(shape["plus"], f"{at}-plus"))
        yield _choice(f"{at}-plus-what", "Plus", plus[0].value, [("", "nothing"), *_WHAT])
        yield from plus[1:]
    else:
        yield _choice(f"{at}-plus-what", "Plus", "", [("", "nothing"), *_WHAT])


def _readable(value: Any) -> Any:
    """A text such as `EMA_20` as the object it stands for; what is no operand stays what it is."""
    return normal_operand(value) if isinstance(value, str) and not list(OPERAND.check(value, "")) else value


def _what_of(shape: Any) -> str:
    if not isinstance(shape, Mapping):
        return "number"
    for key in ("atr", "pips", "points"):
        if key in shape:
            return key
    name = shape.get("price", str(shape.get("indicator", "")).upper())
    return name if isinstance(name, str) and name in dict(_WHAT) else "close"


def _choice(name: str, label: str, value: Any, choices: list[tuple[str, str]]) -> TreeField:
    return TreeField(name, label, str(value), tuple(choices))


def _text(name: str, label: str, value: Any) -> TreeField:
    shown = "" if value is None else f"{value:.10g}" if isinstance(value, float) else str(value)
    return TreeField(name, _LABELS.get(label, label[:1].upper() + label[1:]), shown)
