"""Any indicator over bars, as arrays: the loop over its recurrence."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from trading.errors import InvalidValue
from trading.indicators.dispatch import arrange, count_places, fill_lines
from trading.indicators.specs import SPECS, IndicatorSpec
from trading.jit import compiled
from trading.model.bars import Bars

FloatArray = NDArray[np.float64]

_SOURCE = 7


def compute(
    name: str, bars: Bars, /, *, plain: bool = True, source: FloatArray | None = None, **given: float
) -> dict[str, FloatArray]:
    """
    Return every line of an indicator at the close of every bar; NaN where it has no value yet.

    Causal: value ``t`` reads bars up to ``t`` alone.

    :param name: a name of `SPECS`; ``given``, its parameters, defaults where absent.
    :param source: (bars,) the price it is computed from, the closes without it.
    :param plain: as plain Python, else compiled where numba is present; the values are the same.
    :raises InvalidValue: for an unknown name or parameter, and one out of range.

    >>> from trading.model.timeframe import Timeframe
    >>> bars = Bars.from_rows(Timeframe.M1, [(60, 2, 3, 1, 2), (120, 2, 5, 2, 4), (180, 4, 4, 3, 3)])
    >>> {line: values.tolist() for line, values in compute("DONCHIAN", bars, period=2).items()}
    {'upper': [nan, 5.0, 5.0], 'middle': [nan, 3.0, 3.5], 'lower': [nan, 1.0, 2.0]}
    """
    spec, values = _read(name, given)
    lines = len(spec.lines)
    out = np.empty((lines, len(bars)))
    state = np.zeros(8 + lines + count_places(name, values))
    prices = bars.close if source is None else source
    rows = (bars.open, bars.high, bars.low, bars.close, bars.volume, bars.spread_points, bars.time, prices)
    columns = np.array(rows, dtype=np.float64)
    function = fill_lines if plain else compiled(fill_lines)
    function(spec.kind, state, lines, columns, _SOURCE, *arrange(name, values), out)
    return dict(zip(spec.lines, out, strict=True))


def _read(name: str, given: dict[str, float]) -> tuple[IndicatorSpec, dict[str, float]]:
    if name not in SPECS:
        raise InvalidValue(f"there is no indicator {name!r}: use one of {', '.join(SPECS)}")
    spec = SPECS[name]
    values = spec.fill(given)
    for parameter, value in given.items():
        known = spec.parameters.get(parameter)
        if known is None or not known.least <= value <= known.most or (known.whole and value != int(value)):
            raise InvalidValue(f"{name} has no {parameter} of {value}", extra={"parameters": list(spec.parameters)})
    return spec, values
