"""Random rule documents over every node and operand there is, and an evaluator of them that shares no code with ours."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from tests.unit.trading.indicators.test_series import SHORT
from trading.indicators.series import compute
from trading.indicators.specs import SPECS
from trading.model.bars import Bars
from trading.model.timeframe import Timeframe
from trading.rules.nodes import OPERATORS
from trading.rules.operands import PRICES

FRAMES = st.sampled_from([None, None, "M5", "M15"])
OFFSETS = st.sampled_from([0, 0, 0, 1, 2, 5])
# Levels near the prices of `random_bars`, and levels of oscillators.
NUMBERS = st.sampled_from([1.0995, 1.1, 1.1005, 20, 30, 50, 70, 80, 0, -50])


@st.composite
def _placed(draw: Any, value: dict[str, Any], *, scaled: bool = True) -> dict[str, Any]:
    frame, offset = draw(FRAMES), draw(OFFSETS)
    shape = {**value, "offset": offset, **({"timeframe": frame} if frame else {})}
    if scaled and draw(st.integers(0, 4)) == 0:
        shape["times"] = draw(st.sampled_from([0.999, 1.001, -1, 2]))
    if scaled and draw(st.integers(0, 6)) == 0:
        shape["plus"] = draw(st.one_of(OPERANDS_PLAIN, st.just({"pips": 3}), st.just({"points": -5})))
    return shape


@st.composite
def _indicator(draw: Any) -> dict[str, Any]:
    name = draw(st.sampled_from(sorted(set(SHORT) - {"PIVOT", "VWAP"})))
    spec = SPECS[name]
    shape = {"indicator": name, **SHORT[name]}
    if len(spec.lines) > 1:
        shape["line"] = draw(st.sampled_from(spec.lines))
    if spec.from_source:
        shape["source"] = draw(st.sampled_from(PRICES))
    return shape


PRICE = st.sampled_from(PRICES).map(lambda name: {"price": name})
OPERANDS_PLAIN = st.one_of(PRICE, _indicator()).flatmap(lambda value: _placed(value, scaled=False))
OPERANDS = st.one_of(PRICE, _indicator(), st.just({"atr": 1.5, "period": 4})).flatmap(_placed)


@st.composite
def _comparison(draw: Any) -> dict[str, Any]:
    left = draw(OPERANDS)
    right = draw(st.one_of(OPERANDS, NUMBERS))
    return {"left": left, "op": draw(st.sampled_from(OPERATORS)), "right": right}


@st.composite
def _pattern(draw: Any) -> dict[str, Any]:
    name = draw(st.sampled_from(["breakout", "inside_bar", "outside_bar", "engulfing", "break_of_structure"]))
    node: dict[str, Any] = {"pattern": name}
    if "bar" not in name.split("_"):
        node["direction"] = draw(st.sampled_from(["up", "down"]))
    if name in ("breakout", "break_of_structure"):
        node["bars"] = draw(st.integers(1, 6))
    if name == "break_of_structure":
        node["lookback"] = 30
    frame = draw(FRAMES)
    return {**node, **({"timeframe": frame} if frame else {})}


CONFIRMATIONS = st.sampled_from(
    [{"confirm": "volume", "threshold": 1.1, "bars": 5}, {"confirm": "spread", "maximum": 0.4}]
)
LEAVES = st.one_of(_comparison(), _comparison(), _pattern(), CONFIRMATIONS)
NODES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda nodes: {"all": nodes}),
        st.lists(inner, min_size=1, max_size=3).map(lambda nodes: {"any": nodes}),
        inner.map(lambda node: {"not": node}),
    ),
    max_leaves=6,
)
STOPS = st.sampled_from(
    [
        20,
        {"unit": "points", "value": 150},
        {"unit": "percent", "value": 0.5},
        {"unit": "atr", "value": 2, "period": 5},
        {"unit": "swing", "bars": 2, "lookback": 40, "buffer": 1},
    ]
)
TARGETS = st.sampled_from([None, 40, {"unit": "r", "value": 2}, {"unit": "atr", "value": 3, "period": 4}])


@st.composite
def documents(draw: Any) -> dict[str, Any]:
    """Return a strategy of random rule documents with trees; some may contradict themselves, so ask `validate`."""
    entry: dict[str, Any] = {
        "type": "tree",
        "long": draw(NODES),
        "trigger": draw(st.sampled_from(["becomes_true", "while_true"])),
    }
    if draw(st.booleans()):
        entry["short"] = draw(NODES)
    exit_: dict[str, Any] = {"type": draw(st.sampled_from(["opposite_signal", "stop_target"])), "stopLoss": draw(STOPS)}
    target = draw(TARGETS)
    exit_ |= {"takeProfit": target} if target else {}
    if draw(st.integers(0, 3)) == 0:
        exit_["closeLong"] = draw(NODES)
    return {"entry": entry, "exit": exit_, "risk": {"lotSize": 0.1}}


class Oracle:
    """Evaluates normalised trees over whole arrays: each frame resampled anew, each indicator computed by itself."""

    def __init__(self, bars: Bars, pip: float, point: float) -> None:
        self._bars, self._pip, self._point = bars, pip, point

    def node(self, node: dict[str, Any]) -> np.ndarray:
        """Return the truth of a condition at every bar: 1.0, 0.0 or NaN."""
        if "all" in node:
            return self._fold([self.node(child) for child in node["all"]], np.minimum, 0.0)
        if "any" in node:
            return self._fold([self.node(child) for child in node["any"]], np.maximum, 1.0)
        if "not" in node:
            return 1.0 - self.node(node["not"])
        if "op" in node:
            return self._compare(node["op"], self.operand(node["left"]), self.operand(node["right"]))
        return self._confirm(node) if "confirm" in node else self._pattern(node)

    @staticmethod
    def _fold(parts: list[np.ndarray], how: Any, decisive: float) -> np.ndarray:
        stacked = np.array(parts)
        value = how.reduce(np.nan_to_num(stacked, nan=decisive), axis=0)
        decided = (stacked == decisive).any(axis=0)
        return np.where(decided, decisive, np.where(np.isnan(stacked).any(axis=0), np.nan, value))

    @staticmethod
    def _compare(op: str, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        unknown = np.isnan(left) | np.isnan(right)
        if op.startswith("crosses"):
            # Exchange the sides, not the sign: the size of "nothing" is taken from the first.
            first, second = (left, right) if op == "crosses_above" else (right, left)
            gap = first - second
            gap = np.where(np.abs(gap) < np.abs(first) * 1e-12, 0.0, gap)
            before = np.concatenate(([np.nan], gap[:-1]))
            found = (before <= 0) & (gap > 0)
            unknown |= np.isnan(before)
        else:
            found = {">": np.greater, ">=": np.greater_equal, "<": np.less, "<=": np.less_equal}[op](left, right)
        return np.where(unknown, np.nan, found.astype(float))

    def operand(self, value: Any) -> np.ndarray:
        """Return an operand at every bar."""
        if not isinstance(value, dict):
            return np.full(len(self._bars), float(value))
        if "pips" in value or "points" in value:
            unit = self._pip if "pips" in value else self._point
            return np.full(len(self._bars), value.get("pips", value.get("points")) * unit)
        series = self._on_frame(value, lambda bars: self._shift(self._series(bars, value), value["offset"]))
        series = series * value.get("times", 1)
        return series + self.operand(value["plus"]) if "plus" in value else series

    @staticmethod
    def _shift(series: np.ndarray, offset: int) -> np.ndarray:
        return np.concatenate((np.full(offset, np.nan), series))[: len(series)]

    def _on_frame(self, value: dict[str, Any], function: Any) -> np.ndarray:
        if "timeframe" not in value:
            return function(self._bars)
        coarse = self._bars.resample(Timeframe(value["timeframe"]))
        if not len(coarse):
            return np.full(len(self._bars), np.nan)
        values = function(coarse)
        # A coarse bar is known from the fine bar on that ends it, or from the first of a later one.
        ends = coarse.time + coarse.timeframe.seconds
        closes = self._bars.time + self._bars.timeframe.seconds
        index = np.searchsorted(ends, closes, side="right") - 1
        return np.where(index >= 0, values[np.maximum(index, 0)], np.nan)

    @staticmethod
    def _series(bars: Bars, value: dict[str, Any]) -> np.ndarray:
        if "price" in value:
            return _price(bars, value["price"])
        spec = SPECS[value["indicator"]]
        source = _price(bars, value["source"]) if "source" in value else None
        given = {name: value[name] for name in spec.parameters}
        return compute(spec.name, bars, source=source, **given)[value.get("line", spec.lines[0])]

    def _pattern(self, node: dict[str, Any]) -> np.ndarray:
        name, up = node["pattern"], node.get("direction") == "up"
        if name == "break_of_structure":
            frame = {"timeframe": node["timeframe"]} if "timeframe" in node else {}
            level = {"indicator": "SWING", "bars": node["bars"], "lookback": node["lookback"], "offset": 0, **frame}
            level["line"] = "high" if up else "low"
            close = {"price": "close", "offset": 0, **frame}
            return self._compare("crosses_above" if up else "crosses_below", self.operand(close), self.operand(level))
        return self._on_frame(node, lambda bars: _shape(bars, name, up, node.get("bars", 0)))

    def _confirm(self, node: dict[str, Any]) -> np.ndarray:
        if node["confirm"] == "spread":
            return (self._bars.spread_points * self._point <= node["maximum"] * self._pip + 1e-12).astype(float)
        mean = self._shift(compute("SMA", self._bars, source=self._bars.volume, period=node["bars"])["value"], 1)
        enough = (self._bars.volume >= node["threshold"] * mean) & (mean > 0)
        return np.where(np.isnan(mean), np.nan, enough.astype(float))


def _price(bars: Bars, name: str) -> np.ndarray:
    if name in ("open", "high", "low", "close", "volume"):
        return np.asarray(getattr(bars, name))
    parts = {"hl2": (bars.high, bars.low), "ohlc4": (bars.open, bars.high, bars.low, bars.close)}
    columns = parts.get(name, (bars.high, bars.low, bars.close))
    total = columns[0]
    for column in columns[1:]:
        total = total + column
    return total / len(columns)


def _shape(bars: Bars, name: str, up: bool, count: int) -> np.ndarray:
    found = np.full(len(bars), np.nan)
    o, h, low, c = bars.open, bars.high, bars.low, bars.close
    for i in range(max(count, 1), len(bars)):
        if name == "breakout":
            found[i] = c[i] > h[i - count : i].max() if up else c[i] < low[i - count : i].min()
        elif name == "inside_bar":
            found[i] = h[i] < h[i - 1] and low[i] > low[i - 1]
        elif name == "outside_bar":
            found[i] = h[i] > h[i - 1] and low[i] < low[i - 1]
        else:
            s = 1 if up else -1
            turned = s * (c[i - 1] - o[i - 1]) < 0 and abs(c[i] - o[i]) > abs(c[i - 1] - o[i - 1])
            found[i] = turned and s * (o[i] - c[i - 1]) <= 0 and s * (c[i] - o[i - 1]) >= 0
    return found
