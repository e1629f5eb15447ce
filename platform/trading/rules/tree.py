"""The typed form of a normalised rule document."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from trading.indicators.warmup import warmup_bars
from trading.rules.document import normalise
from trading.rules.fields import split_indicator
from trading.rules.window import ClosingTimes, EntryWindow


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
    confirmation: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class ThresholdEntry:
    """BUY where ``indicator`` comes back above ``oversold``, SELL where it comes back below ``overbought``."""

    indicator: IndicatorRef
    oversold: Decimal
    overbought: Decimal
    confirmation: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class TreeEntry:
    """BUY where ``long`` holds, SELL where ``short`` does: normalised nodes, None where there is no such side."""

    long: Mapping[str, Any] | None
    short: Mapping[str, Any] | None
    while_true: bool
    """At every bar where it holds; else only where it begins to hold."""


@dataclass(frozen=True, slots=True)
class StrategyEntry:
    """A strategy of the catalogue says when: its name and parameters."""

    name: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Distance:
    """
    How far from the entry price.

    ``unit`` is `pips`, `points`, `percent` (of the entry price), `atr` (of ``period`` bars, as it stood at the signal), `r` (times
    the trade's own stop distance) or `swing` (the last swing point: ``period`` bars on each side, at most ``lookback`` bars ago,
    ``value`` pips beyond it).
    """

    unit: str
    value: Decimal
    period: int = 0
    lookback: int = 0


@dataclass(frozen=True, slots=True)
class PartialExit:
    """``fraction`` of the volume the trade began with is closed once the trade is ``at`` in profit."""

    at: Distance
    fraction: Decimal


@dataclass(frozen=True, slots=True)
class BreakEven:
    """Once the trade is ``at`` in profit, the stop moves to the entry price, ``offset`` on its good side."""

    at: Distance
    offset: Distance | None


@dataclass(frozen=True, slots=True)
class ExitRules:
    """How a position ends; None where there is no such exit."""

    on_opposite_signal: bool
    stop: Distance | None
    target: Distance | None
    trail: Distance | None
    trail_start: Distance | None = None
    """Profit at which trailing begins; None: the trailing distance itself."""
    close_long: Mapping[str, Any] | None = None
    """Normalised node: positions bought are closed where it holds."""
    close_short: Mapping[str, Any] | None = None
    break_even: BreakEven | None = None
    partials: tuple[PartialExit, ...] = ()
    bars_max: int | None = None
    """A position is closed at the close of this many bars after its entry bar's open."""
    minutes_max: int | None = None

    @property
    def stop_pips(self) -> Decimal | None:
        """The stop where it is a number of pips."""
        return _pips(self.stop)

    @property
    def target_pips(self) -> Decimal | None:
        """The target where it is a number of pips."""
        return _pips(self.target)

    @property
    def trail_pips(self) -> Decimal | None:
        """The trailing distance where it is a number of pips."""
        return _pips(self.trail)


@dataclass(frozen=True, slots=True)
class RiskRules:
    """How much may be traded: a cap in lots, fractions of balance per trade and of day-start equity per day, positions at a time."""

    lots_cap: Decimal | None
    risk_fraction: Decimal | None
    daily_loss_fraction: Decimal | None
    open_positions_max: int


@dataclass(frozen=True, slots=True)
class StrategyRules:
    """
    A whole document, typed. ``buys`` and ``sells`` are the sides it may enter; exits listen to both directions.

    ``window`` says when positions may be opened, ``closing`` when every position is closed because of the time.
    """

    entry: CrossEntry | ThresholdEntry | TreeEntry | StrategyEntry
    buys: bool
    sells: bool
    exit: ExitRules
    risk: RiskRules
    window: EntryWindow
    closing: ClosingTimes


def build_rules(document: Mapping[str, Any]) -> StrategyRules:
    """
    Return the typed form of a document.

    :raises InvalidRules: where the document does not load.
    """
    shape = normalise(document)
    buys, sells = _sides(shape["entry"])
    management = shape.get("management", {})
    window = EntryWindow.from_filters(shape["filters"], before_weekend=management.get("closeBeforeWeekend"))
    return StrategyRules(
        entry=_entry(shape["entry"]),
        buys=buys,
        sells=sells,
        exit=_exit(shape["exit"], management),
        risk=_risk(shape["risk"]),
        window=window,
        closing=ClosingTimes.from_management(management, window),
    )


def _sides(entry: Mapping[str, Any]) -> tuple[bool, bool]:
    if entry["type"] == "tree":
        return "long" in entry, "short" in entry
    direction = entry["direction"]
    return direction in ("above", "both"), direction in ("below", "both")


def _entry(entry: Mapping[str, Any]) -> CrossEntry | ThresholdEntry | TreeEntry | StrategyEntry:
    if entry["type"] == "strategy":
        return StrategyEntry(entry["name"], entry["parameters"])
    if entry["type"] == "tree":
        return TreeEntry(entry.get("long"), entry.get("short"), entry["trigger"] == "while_true")
    confirmation = entry.get("confirmation")
    if entry["type"] == "indicator_cross":
        first, second = (IndicatorRef.parse(name) for name in entry["indicators"])
        return CrossEntry(first, second, confirmation)
    levels = Decimal(str(entry["oversold"])), Decimal(str(entry["overbought"]))
    return ThresholdEntry(IndicatorRef.parse(entry["indicator"]), *levels, confirmation)


def _exit(exit_: Mapping[str, Any], management: Mapping[str, Any]) -> ExitRules:
    return ExitRules(
        on_opposite_signal=exit_["type"] == "opposite_signal",
        stop=_distance(exit_, "stopLoss"),
        target=_distance(exit_, "takeProfit"),
        trail=_distance(exit_, "trailingStopDistance") if exit_["trailingStop"] else None,
        trail_start=_distance(exit_, "trailingStart") if exit_["trailingStop"] else None,
        close_long=exit_.get("closeLong"),
        close_short=exit_.get("closeShort"),
        break_even=_break_even(management.get("breakEven")),
        partials=tuple(
            PartialExit(_read_distance(part["at"]), Decimal(str(part["fraction"])))
            for part in management.get("partialExits", ())
        ),
        bars_max=management.get("maxBars"),
        minutes_max=management.get("maxMinutes"),
    )


def _break_even(block: Mapping[str, Any] | None) -> BreakEven | None:
    return BreakEven(_read_distance(block["at"]), _distance(block, "offset")) if block else None


def _distance(block: Mapping[str, Any], name: str) -> Distance | None:
    return _read_distance(block[name]) if name in block else None


def _read_distance(value: Any) -> Distance:
    if not isinstance(value, Mapping):
        return Distance("pips", Decimal(str(value)))
    if value["unit"] == "swing":
        return Distance("swing", Decimal(str(value["buffer"])), value["bars"], value["lookback"])
    return Distance(value["unit"], Decimal(str(value["value"])), value.get("period", 0))


def _pips(distance: Distance | None) -> Decimal | None:
    return distance.value if distance and distance.unit == "pips" else None


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
