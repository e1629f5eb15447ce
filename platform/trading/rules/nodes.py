"""The conditions of a tree: groups, comparisons, price action, confirmations. Standard library only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from trading.rules.fields import (
    OUT_OF_RANGE,
    REQUIRED,
    UNKNOWN_FIELD,
    Block,
    Choice,
    Kind,
    Number,
    OneOf,
    Problem,
    wrong_type,
)
from trading.rules.operands import FRAMES, OPERAND, OPERAND_SCHEMA, normal_operand

COMPARISONS = (">", ">=", "<", "<=")
CROSSES = ("crosses_above", "crosses_below")
OPERATORS = (*COMPARISONS, *CROSSES)
DIRECTIONS = ("up", "down")
LARGEST_TREE = 400
"""Groups, conditions and the objects they compare, in one tree."""
DEEPEST_TREE = 12
MOST_CHILDREN = 50
_KEYS = ("all", "any", "not", "op", "pattern", "confirm")

_FRAME = {"timeframe": Choice(FRAMES)}
_BARS = Number(1, 1000, whole=True, unit="bars", or_equal=True)
_SIDED = {"direction": Choice(DIRECTIONS)}
COMPARISON = Block(
    {"left": OPERAND, "op": Choice(OPERATORS), "right": OPERAND},
    required=("left", "op", "right"),
    title="Two things compared",
)
PATTERN_BLOCKS = {
    "breakout": Block(
        {"pattern": Choice(("breakout",)), **_SIDED, "bars": _BARS, **_FRAME},
        required=("pattern", "direction"),
        title="The close is beyond every price of the bars before",
    ),
    "inside_bar": Block({"pattern": Choice(("inside_bar",)), **_FRAME}, required=("pattern",), title="Inside bar"),
    "outside_bar": Block({"pattern": Choice(("outside_bar",)), **_FRAME}, required=("pattern",), title="Outside bar"),
    "engulfing": Block(
        {"pattern": Choice(("engulfing",)), **_SIDED, **_FRAME},
        required=("pattern", "direction"),
        title="The body swallows the one before it",
    ),
    "break_of_structure": Block(
        {
            "pattern": Choice(("break_of_structure",)),
            **_SIDED,
            "bars": Number(1, 100, whole=True, unit="bars on each side", or_equal=True),
            "lookback": _BARS,
            **_FRAME,
        },
        required=("pattern", "direction"),
        title="The close breaks the last confirmed swing point",
    ),
}
PATTERNS = OneOf(PATTERN_BLOCKS, key="pattern")
CONFIRMATION_BLOCKS = {
    "volume": Block(
        {"confirm": Choice(("volume",)), "threshold": Number(0, 1000, unit="times the mean"), "bars": _BARS},
        required=("confirm",),
        title="Volume against its mean",
    ),
    "spread": Block(
        {"confirm": Choice(("spread",)), "maximum": Number(0, 1_000_000, unit="pips")},
        required=("confirm", "maximum"),
        title="Spread of the closed bar",
    ),
}
CONFIRMATIONS = OneOf(CONFIRMATION_BLOCKS, key="confirm")
_LEAVES: dict[str, Kind] = {"op": COMPARISON, "pattern": PATTERNS, "confirm": CONFIRMATIONS}
DEFAULT_THRESHOLD, DEFAULT_BARS = 1.5, 20
_DEFAULTS: dict[str, dict[str, Any]] = {
    "breakout": {"bars": 20},
    "break_of_structure": {"bars": 3, "lookback": 100},
    "volume": {"threshold": DEFAULT_THRESHOLD, "bars": DEFAULT_BARS},
}


class NodeField:
    """A tree of conditions."""

    def check(self, value: Any, path: str) -> Iterator[Problem]:
        """Yield what is wrong with a tree; one too deep or too large is not looked into."""
        nodes, depth = measure(value)
        if depth > DEEPEST_TREE or nodes > LARGEST_TREE:
            right = f"at most {LARGEST_TREE} groups, conditions and operands, nested at most {DEEPEST_TREE} deep"
            yield Problem(path, OUT_OF_RANGE, f"{path} must have {right}", right)
        else:
            yield from _check_node(value, path)

    def schema(self) -> dict[str, Any]:
        """Return where the schema of a condition stands."""
        return {"$ref": "#/$defs/condition"}


NODE = NodeField()


def measure(value: Any) -> tuple[int, int]:
    """
    Return how many objects a tree of JSON values holds, and how deep they are nested; without recursion, whatever came in.

    >>> measure({"all": [{"not": {"pattern": "inside_bar"}}, {"pattern": "outside_bar"}]})
    (4, 3)
    """
    count, deepest, waiting = 0, 0, [(value, 1)]
    while waiting and count <= LARGEST_TREE * 4:
        part, depth = waiting.pop()
        if isinstance(part, list | tuple):
            waiting += [(entry, depth) for entry in part]
        elif isinstance(part, Mapping):
            count += 1
            deepest = max(deepest, depth)
            waiting += [(entry, depth + 1) for entry in part.values()]
    return count, deepest


def _check_node(value: Any, path: str) -> Iterator[Problem]:
    if not isinstance(value, Mapping):
        yield wrong_type(path, value, "a condition: an object")
        return
    keys = [key for key in _KEYS if key in value]
    if not keys and ("left" in value or "right" in value):
        keys = ["op"]
    if not keys:
        yield Problem(path, REQUIRED, f"{path} needs one of {', '.join(_KEYS)}", list(_KEYS))
    elif keys[0] in ("all", "any", "not"):
        yield from _check_group(value, keys[0], path)
    else:
        yield from _LEAVES[keys[0]].check(value, path)


def _check_group(value: Mapping[str, Any], key: str, path: str) -> Iterator[Problem]:
    for name in value:
        if name != key:
            yield Problem(f"{path}.{name}", UNKNOWN_FIELD, f"{path}.{name} is not known beside {key}", [key])
    here, children = f"{path}.{key}", value[key]
    if key == "not":
        yield from _check_node(children, here)
        return
    right = f"a list of 1 to {MOST_CHILDREN} conditions"
    if not isinstance(children, list | tuple):
        yield wrong_type(here, children, right)
        return
    if not 1 <= len(children) <= MOST_CHILDREN:
        yield Problem(here, OUT_OF_RANGE, f"{here} must be {right}, not {len(children)}", right)
    for index, child in enumerate(children[:MOST_CHILDREN]):
        yield from _check_node(child, f"{here}[{index}]")


_REF = {"$ref": "#/$defs/condition"}
_GROUP_SCHEMAS = [
    {
        "type": "object",
        "properties": {key: {"type": "array", "items": _REF, "minItems": 1, "maxItems": MOST_CHILDREN}},
        "required": [key],
        "additionalProperties": False,
    }
    for key in ("all", "any")
]
DEFINITIONS: dict[str, Any] = {
    "operand": OPERAND_SCHEMA,
    "condition": {
        "anyOf": [
            *_GROUP_SCHEMAS,
            {"type": "object", "properties": {"not": _REF}, "required": ["not"], "additionalProperties": False},
            COMPARISON.schema(),
            *PATTERNS.schema()["oneOf"],
            *CONFIRMATIONS.schema()["oneOf"],
        ]
    },
}


def normal_node(node: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return a valid condition in one spelling, with its defaults.

    >>> normal_node({"pattern": "breakout", "direction": "up"})
    {'pattern': 'breakout', 'direction': 'up', 'bars': 20}
    """
    for key in ("all", "any"):
        if key in node:
            return {key: [normal_node(child) for child in node[key]]}
    if "not" in node:
        return {"not": normal_node(node["not"])}
    if "op" in node:
        return {"left": normal_operand(node["left"]), "op": node["op"], "right": normal_operand(node["right"])}
    key = "pattern" if "pattern" in node else "confirm"
    merged = {**_DEFAULTS.get(node[key], {}), **node}
    known = (PATTERN_BLOCKS if key == "pattern" else CONFIRMATION_BLOCKS)[node[key]].fields
    return {
        name: int(merged[name]) if name in ("bars", "lookback") else merged[name] for name in known if name in merged
    }


def walk(node: Mapping[str, Any], path: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield every condition and group of a valid tree with its path, the tree itself first."""
    yield path, node
    for key in ("all", "any"):
        for index, child in enumerate(node.get(key, ())):
            yield from walk(child, f"{path}.{key}[{index}]")
    if "not" in node:
        yield from walk(node["not"], f"{path}.not")
