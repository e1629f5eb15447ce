"""From the fields of a tree back to its conditions, and the few things the buttons beside them do."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

from apps.dashboard.forms.tree_fields import DEFAULT_NODE, GROUPS, TREES, field_name
from trading.indicators.specs import SPECS
from trading.rules.nodes import DEEPEST_TREE, PATTERN_BLOCKS
from trading.rules.operands import PRICES

Parse = Callable[[str], Any]
_NUMBERS = ("bars", "lookback", "threshold", "maximum")


def read_node(fields: Mapping[str, Any], at: str, parse: Parse, depth: int = 0) -> dict[str, Any]:
    """Return the condition that the fields say; numbers that are none stay text, for the document's own check to name."""
    kind = fields.get(f"{at}-kind", "compare")
    if depth > DEEPEST_TREE:
        return copy.deepcopy(DEFAULT_NODE)
    if kind in GROUPS:
        children = _read_children(fields, at, parse, depth)
        return {kind: children[0] if kind == "not" else children}
    if kind == "compare":
        return _read_comparison(fields, at, parse)
    return _read_leaf(fields, at, kind, parse)


def _read_children(fields: Mapping[str, Any], at: str, parse: Parse, depth: int) -> list[dict[str, Any]]:
    children, index = [], 0
    while f"{at}-{index}-kind" in fields:
        children.append(read_node(fields, f"{at}-{index}", parse, depth + 1))
        index += 1
    # A comparison that has just been made a group is the first thing in it.
    return children or [_read_comparison(fields, at, parse)]


def _read_comparison(fields: Mapping[str, Any], at: str, parse: Parse) -> dict[str, Any]:
    if f"{at}-left-what" not in fields:
        return copy.deepcopy(DEFAULT_NODE)
    left, right = (_read_operand(fields, f"{at}-{side}", parse) for side in ("left", "right"))
    return {"left": left, "op": fields.get(f"{at}-op", ">"), "right": right}


def _read_leaf(fields: Mapping[str, Any], at: str, kind: str, parse: Parse) -> dict[str, Any]:
    block = PATTERN_BLOCKS.get(kind)
    node: dict[str, Any] = {"pattern" if block else "confirm": kind}
    if block and "direction" in block.fields:
        node["direction"] = fields.get(f"{at}-direction", "up")
    for name in _NUMBERS:
        text = str(fields.get(f"{at}-{name}", "")).strip()
        if text and _takes(kind, name):
            node[name] = parse(text)
    if kind == "spread":
        node.setdefault("maximum", 1)
    if block and fields.get(f"{at}-timeframe"):
        node["timeframe"] = fields[f"{at}-timeframe"]
    return node


def _takes(kind: str, name: str) -> bool:
    known = {"volume": ("threshold", "bars"), "spread": ("maximum",)}
    block = PATTERN_BLOCKS.get(kind)
    return name in (block.fields if block else known.get(kind, ()))


def _read_operand(fields: Mapping[str, Any], at: str, parse: Parse) -> Any:
    what = fields.get(f"{at}-what", "number")
    value = str(fields.get(f"{at}-value", "")).strip()
    if what in ("number", "pips", "points"):
        number = parse(value) if value else 0
        return number if what == "number" else {what: number}
    shape = _read_series(fields, at, what, parse)
    if what == "atr":
        shape = {"atr": parse(value) if value else 1, **shape}
    for name in ("offset", "times"):
        text = str(fields.get(f"{at}-{name}", "")).strip()
        if text:
            shape[name] = parse(text)
    if fields.get(f"{at}-timeframe"):
        shape["timeframe"] = fields[f"{at}-timeframe"]
    if fields.get(f"{at}-plus-what") and at.count("-plus") < 3:
        shape["plus"] = _read_operand(fields, f"{at}-plus", parse)
    return _shortest(shape)


def _read_series(fields: Mapping[str, Any], at: str, what: str, parse: Parse) -> dict[str, Any]:
    if what in PRICES:
        return {"price": what}
    spec = SPECS.get(what)
    shape: dict[str, Any] = {"indicator": what} if what != "atr" else {}
    for name in spec.parameters if spec else ("period",):
        text = str(fields.get(f"{at}-{name}", "")).strip()
        if text:
            shape[name] = parse(text)
    if spec and len(spec.lines) > 1 and fields.get(f"{at}-line") in spec.lines:
        shape["line"] = fields[f"{at}-line"]
    if spec and spec.from_source and fields.get(f"{at}-source", "close") != "close":
        shape["source"] = fields[f"{at}-source"]
    return shape


def _shortest(shape: dict[str, Any]) -> Any:
    """Write `close` and `EMA_20` where nothing more is said."""
    if list(shape) == ["price"]:
        return shape["price"]
    if set(shape) == {"indicator", "period"} and list(SPECS[shape["indicator"]].parameters) == ["period"]:
        period = shape["period"]
        return f"{shape['indicator']}_{period}" if isinstance(period, int) and 0 < period < 10_000 else shape
    return shape


# --- the buttons ------------------------------------------------------------------------------------------------


def change_tree(document: dict[str, Any], action: str) -> dict[str, Any]:
    """
    Return the document after a button: `start:`, `add:`, `group:` or `drop:` and the name of a place; what leads nowhere changes nothing.

    >>> change_tree({"entry": {"type": "tree"}, "exit": {}}, "start:entry-long")["entry"]["long"]["all"][0]["op"]
    'crosses_above'
    """
    verb, _, name = action.partition(":")
    changed = copy.deepcopy(document)
    if name.startswith("management-partialExits"):
        return _change_parts(changed, verb, name)
    root = next((path for path in TREES if name == field_name(path) or name.startswith(f"{field_name(path)}-")), None)
    if root is None:
        return changed
    block, _, key = root.partition(".")
    steps = [int(step) for step in name[len(field_name(root)) :].split("-") if step.isdecimal()]
    if verb == "start":
        changed.setdefault(block, {})[key] = {"all": [copy.deepcopy(DEFAULT_NODE)]}
    elif verb == "drop" and not steps:
        changed.get(block, {}).pop(key, None)
    else:
        _change_inside(changed.get(block, {}).get(key), verb, steps)
    return changed


def _change_inside(node: Any, verb: str, steps: list[int]) -> None:
    last = steps.pop() if verb == "drop" else None
    for step in steps:
        inner = _children(node)
        if not 0 <= step < len(inner):
            return
        node = inner[step]
    inner = _children(node)
    if last is not None:
        # A group keeps one condition; to be without, drop the group.
        if isinstance(node, dict) and len(inner) > 1 and last < len(inner):
            del inner[last]
    elif isinstance(node, dict) and "not" not in node and verb in ("add", "group"):
        leaf = copy.deepcopy(DEFAULT_NODE)
        inner.append(leaf if verb == "add" else {"any": [leaf]})


def _children(node: Any) -> list[Any]:
    if not isinstance(node, dict):
        return []
    inner = node.get("all", node.get("any"))
    if isinstance(inner, list):
        return inner
    return [node["not"]] if "not" in node else []


def _change_parts(document: dict[str, Any], verb: str, name: str) -> dict[str, Any]:
    management = document.setdefault("management", {})
    parts = management.setdefault("partialExits", [])
    index = name.rpartition("-")[2]
    if verb == "add" and len(parts) < 10:
        parts.append({"at": {"unit": "r", "value": 1}, "fraction": 0.5})
    elif verb == "drop" and index.isdecimal() and int(index) < len(parts):
        del parts[int(index)]
    if not parts:
        del management["partialExits"]
    if not management:
        del document["management"]
    return document
