"""The typed form of a normalised rule document."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from trading.indicators.warmup import warmup_bars
from trading.rules.document import normalise
from trading.rules.fields import split_indicator
from trading.rules.window import EntryWindow


@dataclass(frozen=True, slots=True)
class IndicatorRef:
    """An indicator of the close: name and period [bars]."""

    name: str
    period: int

    @classmethod
    def parse(cls, text: str) -> IndicatorRef:
        """Read `EMA_20`, as a valid document has it."""
        name, period = split_indicator(text)
        if period is None:
            raise ValueError(f"{text!r} is no indicator of a valid document")
        return cls(name, period)

    def warmup_bars(self, residual: float) -> int:
        """Return bars until its seed weighs less than ``residual``."""
        return warmup_bars(self.name, self.period, residual=residual)


@dataclass(frozen=True, slots=True)
class CrossEntry:
    """BUY where ``first`` crosses above ``second``, SELL where it crosses below."""

    first: IndicatorRef
    second: IndicatorRef


@dataclass(frozen=True, slots=True)
class ThresholdEntry:
    """BUY where ``indicator`` comes back above ``oversold``, SELL where it comes back below ``overbought``."""

    indicator: IndicatorRef
    oversold: Decimal
    overbought: Decimal


@dataclass(frozen=True, slots=True)
class ExitRules:
    """How a position ends; distances in pips, None where there is no such exit."""

    on_opposite_signal: bool
    stop_pips: Decimal | None
    target_pips: Decimal | None
    trail_pips: Decimal | None


@dataclass(frozen=True, slots=True)
class RiskRules:
    """How much may be traded: a cap in lots, fractions of balance per trade and of day-start equity per day, positions at a time."""

    lots_cap: Decimal | None
    risk_fraction: Decimal | None
    daily_loss_fraction: Decimal | None
    open_positions_max: int


@dataclass(frozen=True, slots=True)
class StrategyRules:
    """A whole document, typed. ``buys`` and ``sells`` are the sides it may enter; exits listen to both directions."""

    entry: CrossEntry | ThresholdEntry
    buys: bool
    sells: bool
    exit: ExitRules
    risk: RiskRules
    window: EntryWindow


def build_rules(document: Mapping[str, Any]) -> StrategyRules:
    """
    Return the typed form of a document.

    :raises InvalidRules: where the document does not load.
    """
    shape = normalise(document)
    direction = shape["entry"]["direction"]
    return StrategyRules(
        entry=_entry(shape["entry"]),
        buys=direction in ("above", "both"),
        sells=direction in ("below", "both"),
        exit=_exit(shape["exit"]),
        risk=_risk(shape["risk"]),
        window=EntryWindow.from_filters(shape["filters"]),
    )


def _entry(entry: Mapping[str, Any]) -> CrossEntry | ThresholdEntry:
    if entry["type"] == "indicator_cross":
        first, second = (IndicatorRef.parse(name) for name in entry["indicators"])
        return CrossEntry(first, second)
    levels = Decimal(str(entry["oversold"])), Decimal(str(entry["overbought"]))
    return ThresholdEntry(IndicatorRef.parse(entry["indicator"]), *levels)


def _exit(exit_: Mapping[str, Any]) -> ExitRules:
    return ExitRules(
        on_opposite_signal=exit_["type"] == "opposite_signal",
        stop_pips=_decimal(exit_, "stopLoss"),
        target_pips=_decimal(exit_, "takeProfit"),
        trail_pips=_decimal(exit_, "trailingStopDistance") if exit_["trailingStop"] else None,
    )


def _risk(risk: Mapping[str, Any]) -> RiskRules:
    return RiskRules(
        lots_cap=_decimal(risk, "lotSize"),
        risk_fraction=_fraction(risk, "maxRisk"),
        daily_loss_fraction=_fraction(risk, "maxDailyLoss"),
        open_positions_max=risk["maxOpenTrades"],
    )


def _decimal(block: Mapping[str, Any], name: str) -> Decimal | None:
    return Decimal(str(block[name])) if name in block else None


def _fraction(block: Mapping[str, Any], name: str) -> Decimal | None:
    percent = _decimal(block, name)
    return percent / 100 if percent is not None else None
