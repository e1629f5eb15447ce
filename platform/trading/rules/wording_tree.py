"""A normalised condition in plain English."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trading.rules.operands import operand_words

_OPERATORS = {
    ">": "is above",
    ">=": "is at or above",
    "<": "is below",
    "<=": "is at or below",
    "crosses_above": "crosses above",
    "crosses_below": "crosses below",
}


def node_words(node: Mapping[str, Any]) -> str:
    """
    Return what a condition says.

    >>> node_words({"not": {"pattern": "inside_bar"}})
    'it is not so that the bar is inside the one before it'
    """
    for key, word in (("all", "and"), ("any", "or")):
        if key in node:
            return _group(node[key], word)
    if "not" in node:
        return f"it is not so that {_inner(node['not'])}"
    if "op" in node:
        return f"{operand_words(node['left'])} {_OPERATORS[node['op']]} {operand_words(node['right'])}"
    return _pattern(node) if "pattern" in node else _confirmation(node)


def _group(children: list[Mapping[str, Any]], word: str) -> str:
    return f" {word} ".join(_inner(child) for child in children)


def _inner(node: Mapping[str, Any]) -> str:
    # Groups inside groups are told apart by brackets.
    words = node_words(node)
    return f"({words})" if len(node.get("all", node.get("any", ()))) > 1 else words


def _pattern(node: Mapping[str, Any]) -> str:
    name, frame = node["pattern"], f" on {node['timeframe']}" if "timeframe" in node else ""
    up = node.get("direction") == "up"
    if name == "breakout":
        return (
            f"the close{frame} is {'above every high' if up else 'below every low'} of the {node['bars']} bars before"
        )
    if name == "break_of_structure":
        swing = (
            f"swing {'high' if up else 'low'} ({node['bars']} bars on each side, {node['lookback']} bars back at most)"
        )
        return f"the close{frame} breaks {'above' if up else 'below'} the last {swing}"
    if name == "engulfing":
        return f"a {'rising' if up else 'falling'} bar{frame} engulfs the body of the one before it"
    return f"the bar{frame} is {'inside' if name == 'inside_bar' else 'outside'} the one before it"


def _confirmation(node: Mapping[str, Any]) -> str:
    if node["confirm"] == "spread":
        return f"the spread is at most {node['maximum']:g} pips"
    return f"the volume is at least {node['threshold']:g} times its mean of the {node['bars']} bars before"
