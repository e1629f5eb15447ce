"""Which other symbols a strategy looks at, and the bars of them a backtest takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from apps.backtests.models import BesideBars, Run
from apps.backtests.selectors import BarChoice, list_bar_choices
from apps.common.codes import Code
from apps.common.errors import Impossible
from apps.market.models import Dataset
from apps.teams.models import Team
from trading.engine.sources import find_other_symbols
from trading.errors import TradingError
from trading.model.instrument import Instrument
from trading.model.timeframe import Timeframe


def list_other_symbols(content: Mapping[str, Any], instrument: Instrument) -> tuple[str, ...]:
    """
    Return the symbols a strategy looks at beside its own, as it calls them.

    :param content: `rules` and `timeframe` of a version.
    :raises Impossible: where its parameters do not fit the symbol or the timeframe.
    """
    try:
        return find_other_symbols(content["rules"], instrument, Timeframe(content["timeframe"]))
    except TradingError as error:
        field = f"rules.{error.field}" if error.field else "rules"
        raise Impossible(error.code, error.message, field, error.extra) from error


def list_choices(team: Team, symbol: str, timeframe: str) -> list[BarChoice]:
    """Return the bars there are of another symbol: `EUR/USD` is also looked for as `EURUSD`."""
    names = dict.fromkeys((symbol, symbol.replace("/", ""), symbol.replace("/", "").upper()))
    return [each for name in names for each in list_bar_choices(team.pk, name, timeframe)]


def choose_beside(
    team: Team, symbols: tuple[str, ...], asked: Mapping[str, Dataset], timeframe: str, main: BarChoice
) -> dict[str, BarChoice]:
    """
    Return the bars to take of each other symbol: the dataset asked for, else those that fit the main ones best.

    :raises Impossible: FIELD_INVALID for a symbol the strategy does not look at; NO_BARS where there are none of a symbol over the
        time of the main ones, or the dataset asked for holds others.
    """
    for symbol in asked:
        if symbol not in symbols:
            known = f"it looks at {', '.join(symbols)}" if symbols else "it looks at none but its own"
            message = f"The strategy does not look at {symbol}: {known}."
            raise Impossible(Code.FIELD_INVALID, message, f"others.{symbol}", {"allowed": list(symbols)})
    return {symbol: _choose(team, symbol, asked.get(symbol), timeframe, main) for symbol in symbols}


def keep_beside(run: Run, chosen: Mapping[str, BarChoice]) -> None:
    """Write which bars of other symbols a backtest takes."""
    BesideBars.objects.bulk_create(
        BesideBars(
            run=run, number=number, symbol=symbol, account=bars.account, dataset=bars.dataset, bars_symbol=bars.symbol,
            bars_timeframe=bars.timeframe,
        )
        for number, (symbol, bars) in enumerate(chosen.items())
    )  # fmt: skip


def _choose(team: Team, symbol: str, dataset: Dataset | None, timeframe: str, main: BarChoice) -> BarChoice:
    found = [each for each in list_choices(team, symbol, timeframe) if _overlap(each, main)]
    if dataset is not None:
        found = [each for each in found if each.dataset == dataset]
    if found:
        # From where the main ones come, if there are such: two venues' clocks need not agree.
        return min(found, key=lambda each: (each.account != main.account, each.timeframe != timeframe))
    if dataset is not None:
        message = f"{dataset.name} holds {dataset.symbol} {dataset.timeframe}: no bars of {symbol} for {timeframe} at the time of the strategy's own."
    else:
        message = f"The strategy also looks at {symbol}, and there are no bars of it for {timeframe} at the time of its own: import a dataset of {symbol}."
    raise Impossible("NO_BARS", message, f"others.{symbol}", {"needed": symbol})


def _overlap(one: BarChoice, other: BarChoice) -> bool:
    return one.first_at <= other.last_at and one.last_at >= other.first_at
