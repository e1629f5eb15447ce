"""The blocks of a rule document: every field with its kind, and the JSON Schema of the whole. Standard library only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from trading.rules.distances import GAIN, PIPS, STOP, TARGET, TRAIL
from trading.rules.fields import (
    Block,
    Choice,
    ClockTime,
    Flag,
    IndicatorName,
    ListOf,
    Name,
    Number,
    OneOf,
    Problem,
    ZoneName,
    wrong_type,
)
from trading.rules.nodes import DEFINITIONS, NODE
from trading.rules.sessions import SESSIONS

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


class _Parameters:
    """The parameters of a catalogue strategy; the catalogue says which there are."""

    def check(self, value: Any, path: str) -> Iterator[Problem]:
        if not isinstance(value, Mapping) or len(value) > 100:
            yield wrong_type(path, value, "an object of at most 100 parameters")

    def schema(self) -> dict[str, Any]:
        return {"type": "object", "maxProperties": 100}


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
        "strategy": Block(
            {
                "type": Choice(("strategy",)),
                "name": Name(),
                "parameters": _Parameters(),
                "direction": Choice(DIRECTIONS),
            },
            required=("type", "name"),
            title="A strategy of the catalogue",
        ),
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
