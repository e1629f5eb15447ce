"""Check strategies for looking ahead: needs no database and no running platform."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from apps.backtests.services.files import catalogue_document, read_file, read_rules
from trading.engine.source import SignalSource
from trading.engine.sources import build_source
from trading.errors import InvalidValue
from trading.model.bars import Bars
from trading.model.instrument import Instrument
from trading.model.instruments import typical_instrument
from trading.model.timeframe import Timeframe
from trading.strategies.lookahead import Report, check_source
from trading.strategies.made_bars import make_bars
from trading.strategies.registry import build

BARS_MAX = 20_000


def check_named(name: str, parameters: str | None, **told: Any) -> Report:
    """
    Check the strategy ``name`` with ``parameters`` (a JSON object or ``@file``).

    :raises OSError: where a file cannot be read.
    :raises TradingError: where name, parameters, symbol, timeframe or bars are wrong.
    """
    entry = catalogue_document(name, parameters)["entry"]
    return _check(lambda instrument, frame: build(name, entry["parameters"], instrument, frame), **told)


def check_rules(path: Path, **told: Any) -> Report:
    """
    Check the rule document in a file.

    :raises OSError: where a file cannot be read.
    :raises TradingError: where the document, symbol, timeframe or bars are wrong.
    """
    document = read_rules(path)
    return _check(lambda instrument, frame: build_source(document, instrument, frame), **told)


def _check(
    make: Callable[[Instrument, Timeframe], SignalSource], *, data: Path | None, symbol: str, timeframe: str, bars: int
) -> Report:
    if not 50 <= bars <= BARS_MAX:
        raise InvalidValue(f"bars must be 50 to {BARS_MAX}, not {bars}", field="bars")
    instrument, frame = typical_instrument(symbol), Timeframe.parse(timeframe)
    own = read_file(data)[0].part(0, bars) if data is not None else make_bars(instrument, frame, bars)
    others = _make_others(make(instrument, own.timeframe), own)
    return check_source(lambda: make(instrument, own.timeframe), own, others)


def _make_others(source: SignalSource, own: Bars) -> dict[str, Bars]:
    made = {}
    for place, symbol in enumerate(source.other_symbols, start=2):
        walk = make_bars(typical_instrument(symbol), own.timeframe, len(own), seed=place)
        columns = (walk.open, walk.high, walk.low, walk.close, walk.volume, walk.spread_points)
        made[symbol] = Bars(own.timeframe, own.time, *columns)
    return made
