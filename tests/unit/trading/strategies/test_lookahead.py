"""Planted peekers are caught and their operand is named; honest strategies pass."""

import numpy as np
import pytest

from tests.unit.trading.making import MONDAY, cross_rules
from tests.unit.trading.strategies.cases import CASES, walk
from trading.engine.source import Plan, Wish
from trading.engine.sources import build_source
from trading.errors import InvalidBars
from trading.model.instruments import typical_instrument
from trading.model.timeframe import Timeframe
from trading.strategies import lookahead
from trading.strategies.base import BaseStrategy
from trading.strategies.lookahead import check_source
from trading.strategies.spec import StrategySpec

SPEC = StrategySpec(name="Planted", title="", summary="", implementation="here:Planted", parameters={})
EURUSD = typical_instrument("EURUSD")
BARS = walk(31, 240, Timeframe.M1)


class Planted(BaseStrategy):
    """Buys after a rise of more than five pips over three bars."""

    spec = SPEC
    memory = ("closes",)

    def start(self):
        self.closes = []
        self.warm_up(window=4)

    def on_bar(self, bar, others):
        self.closes = [*self.closes[-3:], bar.close]
        rose = self.is_warm and self.closes[-1] - self.closes[0] > 0.0005
        return Wish(side=1) if rose else Wish()


def sides(values, stop=None):
    side = np.asarray(values).astype(np.int8)
    zeros = np.zeros(len(side))
    return Plan(side, np.zeros(len(side), dtype=np.int8), zeros if stop is None else stop, zeros, zeros)


class ReadsNextClose(Planted):
    def plan(self, bars, others):
        return sides(np.append(bars.close[1:] > bars.close[:-1], False))


class ReadsThirdHigh(Planted):
    def plan(self, bars, others):
        ahead = np.append(bars.high[3:], [0.0] * min(3, len(bars)))[: len(bars)]
        return sides(ahead > bars.high + 0.0008)


class NormalisesByTheWhole(Planted):
    def plan(self, bars, others):
        scaled = (bars.close - bars.close.min()) / (bars.close.max() - bars.close.min() + 1e-12)
        return sides(scaled > 0.8)


class ComparesWithTheMeanOfAll(Planted):
    def plan(self, bars, others):
        return sides(bars.close > bars.close.mean())


class ResamplesUnfinished(Planted):
    def plan(self, bars, others):
        # The close of the five minutes, given to each of their minutes.
        bucket = bars.time // 300
        last = {int(key): close for key, close in zip(bucket, bars.close, strict=True)}
        return sides([last[int(key)] > open_ for key, open_ in zip(bucket, bars.open, strict=True)])


class ReadsNextVolume(Planted):
    def plan(self, bars, others):
        return sides(np.append(bars.volume[1:] > 300, False))


class StopFromTheFuture(Planted):
    def plan(self, bars, others):
        ahead = np.append(bars.low[1:], bars.low[-1:])
        return sides(np.arange(len(bars)) % 7 == 0, stop=np.maximum(bars.close - ahead, 1e-5))


class CountsTheBars(Planted):
    def plan(self, bars, others):
        return sides(np.arange(len(bars)) > len(bars) - 20)


class ReadsTheOtherAhead(Planted):
    other_symbols = ("GBPUSD",)

    def plan(self, bars, others):
        other = others["GBPUSD"].close
        return sides(np.append(other[1:] > other[:-1], False))


class Rolls(Planted):
    def plan(self, bars, others):
        return sides(np.roll(bars.close, -2) > bars.close)


@pytest.mark.parametrize(
    "peeker, column, operand, ahead, reach",
    [
        (ReadsNextClose, "side", "close of the bar 1 ahead", 1, lookahead.NEXT_BARS),
        (ReadsThirdHigh, "side", "high of the bar 3 ahead", 3, lookahead.NEXT_BARS),
        (NormalisesByTheWhole, "side", "close of the bar", None, lookahead.WHOLE_SERIES),
        (ComparesWithTheMeanOfAll, "side", "the bar", None, lookahead.WHOLE_SERIES),
        (ResamplesUnfinished, "side", "close of the bar", None, "an unfinished bar of M5"),
        (ReadsNextVolume, "side", "volume of the bar 1 ahead", 1, lookahead.NEXT_BARS),
        (StopFromTheFuture, "stop_distance", "low of the bar 1 ahead", 1, lookahead.NEXT_BARS),
        (CountsTheBars, "side", "how many bars there are", 0, lookahead.LENGTH),
        (Rolls, "side", "close of the bar 2 ahead", 2, lookahead.NEXT_BARS),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_peek_is_caught_and_its_operand_named(peeker, column, operand, ahead, reach):
    report = check_source(lambda: peeker({}, EURUSD, Timeframe.M1), BARS)

    (finding,) = report.findings
    assert (finding.code, finding.column, finding.reach) == (lookahead.LOOKAHEAD, column, reach)
    assert operand in finding.operand
    assert ahead is None or finding.bars_ahead == ahead
    assert f"{peeker.__name__}.plan" in finding.message
    assert finding.operand in finding.message
    assert not report.is_clean


def test_a_peek_at_another_symbol_names_it():
    others = {"GBPUSD": walk(32, 240, Timeframe.M1).part()}
    bars = BARS.part()
    # Both on the same minutes.
    others = {
        "GBPUSD": type(bars)(
            bars.timeframe,
            bars.time,
            *(getattr(others["GBPUSD"], n) for n in ("open", "high", "low", "close", "volume", "spread_points")),
        )
    }

    report = check_source(lambda: ReadsTheOtherAhead({}, EURUSD, Timeframe.M1), bars, others)

    assert report.findings[0].operand.startswith("GBPUSD close of the bar 1 ahead")


def test_the_first_peeking_bar_is_told_with_its_time():
    report = check_source(lambda: ReadsNextClose({}, EURUSD, Timeframe.M1), BARS)

    finding = report.findings[0]
    assert finding.time_s == BARS.time[finding.index] >= MONDAY
    assert f"bar {finding.index} (2026-01-0" in finding.message


def test_an_honest_strategy_passes():
    report = check_source(lambda: Planted({}, EURUSD, Timeframe.M1), BARS)

    assert report.findings == []
    assert report.is_clean
    assert list(report.lines())[-1] == "no wish depends on later bars; update, plan and a restart agree"


def test_a_strategy_that_never_wishes_is_not_called_proven():
    quiet = type("Quiet", (Planted,), {"on_bar": lambda self, bar, others: Wish()})

    report = check_source(lambda: quiet({}, EURUSD, Timeframe.M1), BARS)

    assert not report.is_clean
    assert "nothing is proven" in list(report.lines())[1]


def test_a_plan_of_its_own_that_differs_from_update_is_told():
    other = type("Other", (Planted,), {"plan": lambda self, bars, others: sides(bars.close > bars.open)})

    report = check_source(lambda: other({}, EURUSD, Timeframe.M1), BARS)

    assert [finding.code for finding in report.findings] == [lookahead.PLAN_IS_NOT_UPDATE]


def test_a_wish_from_outside_is_not_repeatable():
    dice = np.random.default_rng(1)
    gambler = type("Gambler", (Planted,), {"on_bar": lambda self, bar, others: Wish(side=int(dice.integers(0, 2)))})

    report = check_source(lambda: gambler({}, EURUSD, Timeframe.M1), BARS)

    assert [finding.code for finding in report.findings] == [lookahead.NOT_REPEATABLE]


def test_what_a_snapshot_does_not_hold_is_told():
    forgetful = type("Forgetful", (Planted,), {"memory": ()})

    report = check_source(lambda: forgetful({}, EURUSD, Timeframe.M1), BARS)

    assert [finding.code for finding in report.findings] == [lookahead.SNAPSHOT_FORGETS]


@pytest.mark.parametrize("name", ["MovingAverageStrategy", "MikrobotStrategy", "TriangularArbitrageStrategy"])
def test_the_catalogue_passes_its_own_check(name):
    case = next(case for case in CASES if case.name == name)
    part = case.bars.part(0, 320)

    report = check_source(case.build, part, case.others, cuts=6)

    assert report.findings == []


def test_a_rule_document_is_checked_alike():
    document = cross_rules()

    report = check_source(lambda: build_source(document, EURUSD, Timeframe.M1), BARS, cuts=6)

    assert report.is_clean


def test_too_few_bars_are_refused():
    with pytest.raises(InvalidBars, match="at least 50 bars"):
        check_source(lambda: Planted({}, EURUSD, Timeframe.M1), BARS.part(0, 10))
