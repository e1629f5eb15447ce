"""The blocks of a rule document: every field with its kind, and the JSON Schema of the whole. Standard library only."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from trading.rules.distances import GAIN, PIPS, STOP, TARGET, TRAIL
from trading.rules.fields import (
    AnyValue,
    Block,
    Choice,
    ClockTime,
    Flag,
    IndicatorName,
    ListOf,
    Number,
    OneOf,
    Problem,
    ZoneName,
)
from trading.rules.nodes import DEFINITIONS, NODE
from trading.rules.sessions import SESSIONS
from trading.strategies import catalogue

DIRECTIONS = ("above", "below", "both")
TRIGGERS = ("becomes_true", "while_true")

_PERCENT = Number(0, 100, unit="percent")

SETTINGS = Block(
    {
        "lotSize": Number(0, 10_000, unit="lots"),
        "maxRisk": _PERCENT,
        "maxDailyLoss": _PERCENT,
        "maxOpenTrades": Number(0, 200, whole=True),
    }
)

_CONFIRMATION = OneOf(
    {
        "volume": Block(
            {
                "type": Choice(("volume",)),
                "threshold": Number(0, 1000, unit="times the mean"),
                "bars": Number(1, 1000, whole=True, unit="bars", or_equal=True),
            },
            required=("type",),
        ),
        "spread": Block(
            {"type": Choice(("spread",)), "maximum": Number(0, 1_000_000, unit="pips")}, required=("type", "maximum")
        ),
    }
)


_READY = Block(
    {"type": Choice(("strategy",)), "name": AnyValue(), "parameters": AnyValue(), "direction": Choice(DIRECTIONS)},
    required=("type",),
    title="A ready strategy",
)


class CatalogueEntry:
    """A ready strategy of the catalogue, or of an installed package, with its parameters."""

    def check(self, value: Any, path: str) -> Iterator[Problem]:
        """Yield what is wrong with the block, and what the strategy itself says about its parameters."""
        yield from _READY.check(value, path)
        yield from catalogue.check(value, path)

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema, with the parameters of each strategy of ours."""
        ours = [
            {"properties": {"name": {"const": name}, "parameters": parameters}}
            for name, parameters in catalogue.schemas().items()
        ]
        # Installed packages bring more names; what they may be told is checked, not published.
        others = {"properties": {"name": {"not": {"enum": list(catalogue.CATALOGUE)}}}}
        return {**_READY.schema(), "required": ["type", "name"], "anyOf": [*ours, others]}


ENTRY = OneOf(
    {
        "indicator_cross": Block(
            {
                "type": Choice(("indicator_cross",)),
                "indicators": ListOf(IndicatorName(("EMA", "SMA")), 2, 2),
                "direction": Choice(DIRECTIONS),
                "confirmation": _CONFIRMATION,
            },
            required=("type", "indicators"),
            title="One moving average crosses another",
        ),
        "rsi_threshold": Block(
            {
                "type": Choice(("rsi_threshold",)),
                "indicator": IndicatorName(("RSI",)),
                "oversold": Number(0, 99),
                "overbought": Number(1, 99.999999),
                "direction": Choice(DIRECTIONS),
                "confirmation": _CONFIRMATION,
            },
            required=("type",),
            title="The RSI comes back from an extreme",
        ),
        "tree": Block(
            {"type": Choice(("tree",)), "long": NODE, "short": NODE, "trigger": Choice(TRIGGERS)},
            required=("type",),
            title="Conditions of its own for long and short",
        ),
        "strategy": CatalogueEntry(),
    }
)

_EXIT = Block(
    {
        "type": Choice(("opposite_signal", "stop_target")),
        "stopLoss": STOP,
        "takeProfit": TARGET,
        "trailingStop": Flag(),
        "trailingStopDistance": TRAIL,
        "trailingStart": GAIN,
        "closeLong": NODE,
        "closeShort": NODE,
    }
)

_MANAGEMENT = Block(
    {
        "breakEven": Block({"at": GAIN, "offset": GAIN}, required=("at",)),
        "partialExits": ListOf(Block({"at": GAIN, "fraction": Number(0, 1)}, required=("at", "fraction")), 1, 10),
        "maxBars": Number(1, 1_000_000, whole=True, unit="bars", or_equal=True),
        "maxMinutes": Number(1, 10_000_000, whole=True, unit="minutes", or_equal=True),
        "closeAtSessionEnd": Flag(),
        "closeBeforeWeekend": Block({"time": ClockTime(), "timezone": ZoneName()}, required=("time",)),
    }
)

_FILTERS = Block(
    {
        "timeRange": Block(
            {"start": ClockTime(), "end": ClockTime(), "timezone": ZoneName()}, required=("start", "end")
        ),
        "sessions": ListOf(Choice(tuple(SESSIONS)), 1, len(SESSIONS)),
        "daysOfWeek": ListOf(Choice((0, 1, 2, 3, 4, 5, 6, 7)), 1, 8),
    }
)

DOCUMENT = Block(
    {
        "rules_version": Choice((1, 2)),
        "entry": ENTRY,
        "exit": _EXIT,
        "risk": Block({**SETTINGS.fields, "riskRewardRatio": Number(0, 1000)}),
        "filters": _FILTERS,
        "management": _MANAGEMENT,
    },
    required=("entry", "exit"),
    title="Mikrobot strategy rules",
)

STOP_SCHEMA = STOP.schema()
PIPS_SCHEMA = PIPS.schema()

JSON_SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "$id": "mikrobot:rules:2",
    **DOCUMENT.schema(),
    "$defs": DEFINITIONS,
}
