"""What indicators there are: parameters, lines, warm-up. Standard library only, so that a page can read it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import ceil

from trading.indicators.warmup import warmup_bars

DAY_S = 86400


@dataclass(frozen=True, slots=True)
class Parameter:
    """One number of an indicator: what it is without being given, and from where to where it may go."""

    default: float
    least: float
    most: float
    whole: bool = True


Values = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class IndicatorSpec:
    """
    One indicator. ``lines`` are what it computes, the first where none is asked for; ``from_source`` says that it takes any price.

    ``warmup(values, residual, bar_seconds)`` is how many bars it must see until the weight of its beginning is below ``residual``.
    """

    name: str
    title: str
    kind: int
    parameters: Mapping[str, Parameter]
    lines: tuple[str, ...]
    unit: str
    warmup: Callable[[Values, float, int], int]
    from_source: bool = False
    rising: tuple[str, str] | None = None
    """Two parameters of which the first must be the smaller."""

    def fill(self, given: Mapping[str, float]) -> dict[str, float]:
        """Return every parameter, defaults where nothing is given."""
        return {name: given.get(name, known.default) for name, known in self.parameters.items()}


def _period(default: int, least: int = 2) -> Parameter:
    return Parameter(default, least, 1000)


def _of(name: str, parameter: str = "period") -> Callable[[Values, float, int], int]:
    return lambda values, residual, _: warmup_bars(name, int(values[parameter]), residual=residual)


def _window(values: Values, residual: float, bar_seconds: int) -> int:
    return int(values["period"])


def _macd(values: Values, residual: float, bar_seconds: int) -> int:
    # The signal line begins with what the slow average still owes to its own beginning.
    slow = warmup_bars("EMA", int(values["slow"]), residual=residual)
    return slow + warmup_bars("EMA", int(values["signal"]), residual=residual)


def _adx(values: Values, residual: float, bar_seconds: int) -> int:
    return 2 * warmup_bars("ATR", int(values["period"]), residual=residual) + 1


def _stochastic(values: Values, residual: float, bar_seconds: int) -> int:
    return int(values["k"] + values["smooth"] + values["d"]) - 2


def _keltner(values: Values, residual: float, bar_seconds: int) -> int:
    middle = warmup_bars("EMA", int(values["period"]), residual=residual)
    return max(middle, warmup_bars("ATR", int(values["atrPeriod"]), residual=residual) + 1)


def _one_day(values: Values, residual: float, bar_seconds: int) -> int:
    return ceil(DAY_S / bar_seconds)


def _two_days(values: Values, residual: float, bar_seconds: int) -> int:
    return 2 * ceil(DAY_S / bar_seconds) + 1


def _swing(values: Values, residual: float, bar_seconds: int) -> int:
    return int(values["lookback"] + 2 * values["bars"]) + 1


_BAND = ("upper", "middle", "lower")
_ONE = ("value",)
_DAY_START = Parameter(0, 0, 1439)

SPECS: dict[str, IndicatorSpec] = {
    spec.name: spec
    for spec in (
        IndicatorSpec("SMA", "simple average", 1, {"period": _period(20, 1)}, _ONE, "price", _of("SMA"), True),
        IndicatorSpec("EMA", "exponential average", 2, {"period": _period(20, 1)}, _ONE, "price", _of("EMA"), True),
        IndicatorSpec("RSI", "relative strength index", 3, {"period": _period(14)}, _ONE, "0 to 100", _of("RSI"), True),
        IndicatorSpec("ATR", "average true range", 4, {"period": _period(14, 1)}, _ONE, "price", _of("ATR")),
        IndicatorSpec("WMA", "weighted average", 5, {"period": _period(20, 1)}, _ONE, "price", _window, True),
        IndicatorSpec(
            "MACD",
            "moving average convergence",
            6,
            {"fast": _period(12, 1), "slow": _period(26), "signal": _period(9, 1)},
            ("macd", "signal", "hist"),
            "price",
            _macd,
            True,
            ("fast", "slow"),
        ),
        IndicatorSpec(
            "BOLLINGER",
            "Bollinger bands",
            7,
            {"period": _period(20), "deviations": Parameter(2, 0.01, 20, whole=False)},
            _BAND,
            "price",
            _window,
            True,
        ),
        IndicatorSpec(
            "ADX", "directional movement", 8, {"period": _period(14)}, ("adx", "plus", "minus"), "0 to 100", _adx
        ),
        IndicatorSpec(
            "STOCHASTIC",
            "stochastic oscillator",
            9,
            {"k": _period(14, 1), "smooth": Parameter(3, 1, 100), "d": Parameter(3, 1, 100)},
            ("k", "d"),
            "0 to 100",
            _stochastic,
        ),
        IndicatorSpec(
            "CCI", "commodity channel index", 10, {"period": _period(20)}, _ONE, "about -200 to 200", _window
        ),
        IndicatorSpec("WILLIAMS", "Williams %R", 11, {"period": _period(14, 1)}, _ONE, "-100 to 0", _window),
        IndicatorSpec("DONCHIAN", "Donchian channel", 12, {"period": _period(20, 1)}, _BAND, "price", _window),
        IndicatorSpec(
            "KELTNER",
            "Keltner channel",
            13,
            {"period": _period(20, 1), "atrPeriod": _period(10, 1), "multiple": Parameter(2, 0.01, 20, whole=False)},
            _BAND,
            "price",
            _keltner,
        ),
        IndicatorSpec(
            "VWAP", "day's volume weighted price", 14, {"dayStartMinute": _DAY_START}, _ONE, "price", _one_day
        ),
        IndicatorSpec(
            "PIVOT",
            "pivots of the day before",
            15,
            {"dayStartMinute": _DAY_START},
            ("p", "r1", "r2", "r3", "s1", "s2", "s3"),
            "price",
            _two_days,
        ),
        IndicatorSpec(
            "SWING",
            "last confirmed swing points",
            16,
            {"bars": Parameter(3, 1, 100), "lookback": Parameter(100, 1, 1000)},
            ("high", "low"),
            "price",
            _swing,
        ),
    )
}
