"""Conditions of a valid tree that can never hold, or always do: a mistake of whoever wrote them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from trading.model.timeframe import Timeframe
from trading.rules.fields import CONTRADICTION, OUT_OF_RANGE, Problem
from trading.rules.nodes import CROSSES, normal_node, walk
from trading.rules.operands import find_fast_slow

_RANGES = {"RSI": (0.0, 100.0), "ADX": (0.0, 100.0), "STOCHASTIC": (0.0, 100.0), "WILLIAMS": (-100.0, 0.0)}


def find_senseless(tree: Mapping[str, Any], path: str) -> Iterator[Problem]:
    """Yield what cannot be meant."""
    for here, node in walk(tree, path):
        if "op" in node:
            fast_slow = [*find_fast_slow(node["left"], f"{here}.left"), *find_fast_slow(node["right"], f"{here}.right")]
            yield from fast_slow
            yield from _of_comparison(normal_node(node), here)
        if "all" in node:
            yield from _of_bounds(node["all"], f"{here}.all")


def find_finer_frames(tree: Mapping[str, Any], path: str, timeframe: Timeframe) -> Iterator[Problem]:
    """Yield where a valid tree asks for bars that those of ``timeframe`` cannot be added up to."""
    for here, node in walk(tree, path):
        places = [(here, node), (f"{here}.left", node.get("left")), (f"{here}.right", node.get("right"))]
        while places:
            place, value = places.pop(0)
            if not isinstance(value, Mapping):
                continue
            places.append((f"{place}.plus", value.get("plus")))
            if "timeframe" in value and not timeframe.divides(Timeframe(value["timeframe"])):
                allowed = [str(frame) for frame in Timeframe if timeframe.divides(frame)]
                message = f"{place}.timeframe must be one of {', '.join(allowed)}: the strategy sees {timeframe} bars"
                yield Problem(f"{place}.timeframe", OUT_OF_RANGE, message, allowed)


def _of_comparison(node: Mapping[str, Any], path: str) -> Iterator[Problem]:
    left, right = node["left"], node["right"]
    if not isinstance(left, Mapping) and not isinstance(right, Mapping):
        yield Problem(path, CONTRADICTION, f"{path} compares two numbers: it never changes")
    elif left == right:
        yield Problem(path, CONTRADICTION, f"{path} compares something with itself")
    else:
        yield from _of_range(left, right, f"{path}.right")
        yield from _of_range(right, left, f"{path}.left")


def _of_range(value: Any, level: Any, path: str) -> Iterator[Problem]:
    if not isinstance(value, Mapping) or isinstance(level, Mapping) or "times" in value or "plus" in value:
        return
    bounds = _RANGES.get(value.get("indicator", ""))
    if bounds and not bounds[0] <= level <= bounds[1]:
        message = f"{path} must be {bounds[0]:g} to {bounds[1]:g}, as {value['indicator']} is, not {level:g}"
        yield Problem(path, CONTRADICTION, message, list(bounds))


def _of_bounds(children: Any, path: str) -> Iterator[Problem]:
    """Of everything that must hold at once, the same thing cannot be above one number and below a smaller one."""
    above: dict[str, float] = {}
    below: dict[str, float] = {}
    for child in children:
        bound = _read_bound(child)
        if bound is None:
            continue
        name, is_above, level = bound
        if is_above:
            above[name] = max(level, above.get(name, level))
        else:
            below[name] = min(level, below.get(name, level))
    for name, level in above.items():
        if name in below and below[name] < level:
            yield Problem(
                path, CONTRADICTION, f"{path} wants one thing above {level:g} and below {below[name]:g} at once"
            )


def _read_bound(child: Mapping[str, Any]) -> tuple[str, bool, float] | None:
    if "op" not in child or child["op"] in CROSSES:
        return None
    node = normal_node(child)
    left, right = node["left"], node["right"]
    is_above = node["op"] in (">", ">=")
    if isinstance(left, Mapping) == isinstance(right, Mapping):
        return None
    if isinstance(right, Mapping):
        left, right, is_above = right, left, not is_above
    return json.dumps(left, sort_keys=True, default=str), is_above, float(right)
