"""Constructed bars of several symbols and the exact wishes on them."""

import pytest

from tests.unit.trading.strategies.cases import from_closes
from trading.engine.source import CLOSE_BUYS, CLOSE_SELLS
from trading.errors import InvalidRules
from trading.model.instruments import typical_instrument
from trading.model.timeframe import Timeframe
from trading.strategies.base import walk
from trading.strategies.cycle import Quote, cycle_return, find_cycle, reverse
from trading.strategies.registry import build

FREE = {"fee_fraction": 0.0, "spread_fraction": 0.0}


def say(name, own, prices, parameters=None):
    """Return (side, closes) of every bar of ``own``."""
    bars = {symbol: from_closes(closes) for symbol, closes in prices.items()}
    strategy = build(name, parameters or {}, typical_instrument(own), Timeframe.M1)
    others = {symbol: bars[symbol] for symbol in strategy.other_symbols}
    wishes = [strategy.update(bar, beside) for bar, beside in walk(bars[own], others)]
    return [(wish.side, wish.closes) for wish in wishes]


# EURJPY at 165 is even; at 164 the round by dollar and yen pays 0.6098 %, at 166 the other way round does.
TRIANGLE = {"EURUSD": [1.1] * 5, "USDJPY": [150.0] * 5, "EURJPY": [165.0, 164.0, 164.5, 165.0, 166.0]}
NO_SLIP = {**FREE, "max_slippage_per_step": 0.0}


@pytest.mark.parametrize(
    "own, first, second, closes",
    [("EURUSD", -1, 1, CLOSE_SELLS), ("USDJPY", -1, 1, CLOSE_SELLS), ("EURJPY", 1, -1, CLOSE_BUYS)],
)
def test_every_leg_of_a_triangle_takes_its_own_side_at_the_same_bar(own, first, second, closes):
    said = say("TriangularArbitrageStrategy", own, TRIANGLE, NO_SLIP)

    assert said == [(0, 0), (first, 0), (0, 0), (0, closes), (second, 0)]


def test_costs_can_eat_the_whole_round():
    three_legs = {**FREE, "max_slippage_per_step": 0.0011}

    assert say("TriangularArbitrageStrategy", "EURUSD", TRIANGLE, three_legs) == [(0, 0)] * 5


def test_a_cycle_uses_bid_and_ask_the_right_way_round():
    quotes = {"EURUSD": Quote(1.1, 1.2), "USDJPY": Quote(150.0, 160.0), "EURJPY": Quote(164.0, 170.0)}
    steps = find_cycle(["EURUSD", "USDJPY", "EURJPY"], {"EURUSD": 0.01})

    assert cycle_return(steps, quotes) == pytest.approx(1.1 * 0.99 * 150 / 170 - 1)
    assert cycle_return(reverse(steps), quotes) == pytest.approx(164 / 160 / (1.2 * 1.01) - 1)


def test_without_a_bar_of_the_same_moment_nothing_is_said():
    bars = {symbol: from_closes(closes) for symbol, closes in TRIANGLE.items()}
    strategy = build("TriangularArbitrageStrategy", NO_SLIP, typical_instrument("EURUSD"), Timeframe.M1)
    others = {"USDJPY": bars["USDJPY"], "EURJPY": bars["EURJPY"].part(0, 1)}

    wishes = [strategy.update(bar, beside) for bar, beside in walk(bars["EURUSD"], others)]

    assert {wish.side for wish in wishes} == {0}


@pytest.mark.parametrize(
    "own, symbols, wrong",
    [
        ("GBPUSD", ["EURUSD", "USDJPY", "EURJPY"], "must hold the own symbol GBPUSD"),
        ("EURUSD", ["EURUSD", "USDJPY", "GBPUSD"], "do not make a triangle"),
        ("EURUSD", ["EURUSD", "eurusd", "EURJPY"], "must be three different symbols"),
        ("EURUSD", ["EURUSD", "US30", "EURJPY"], "no pair of two currencies"),
    ],
)
def test_symbols_that_make_no_triangle_are_refused(own, symbols, wrong):
    with pytest.raises(InvalidRules, match=wrong):
        build("TriangularArbitrageStrategy", {"symbols": symbols}, typical_instrument(own), Timeframe.M1)


def test_a_coin_in_two_currencies_is_priced_through_their_rate():
    free = {"crypto_fee_fraction": 0.0, "forex_fee_fraction": 0.0, "spread_fraction": 0.0}
    prices = {"BTCUSD": [66_000.0] * 4, "EURUSD": [1.1] * 4, "BTCEUR": [60_000.0, 60_600.0, 60_000.0, 59_400.0]}

    # In euro it costs one percent more than through the dollar: buy it for dollars.
    assert say("CryptoForexArbitrageStrategy", "BTCUSD", prices, free) == [(0, 0), (1, 0), (0, CLOSE_BUYS), (-1, 0)]


def test_a_wide_conversion_or_a_wild_coin_begins_no_round():
    prices = {"BTCUSD": [66_000.0] * 2, "EURUSD": [1.1] * 2, "BTCEUR": [60_000.0, 61_000.0]}
    free = {"crypto_fee_fraction": 0.0, "forex_fee_fraction": 0.0}

    assert say("CryptoForexArbitrageStrategy", "BTCUSD", prices, free)[1] == (1, 0)
    assert say("CryptoForexArbitrageStrategy", "BTCUSD", prices, {**free, "spread_fraction": 0.003})[1] == (0, 0)


def test_names_with_separators_are_the_same_symbols():
    told = {"crypto_pairs": ["BTC/USD", "BTC/EUR"], "forex_pairs": ["EUR/USD"]}

    strategy = build("CryptoForexArbitrageStrategy", told, typical_instrument("BTCUSD"), Timeframe.M1)

    assert strategy.other_symbols == ("EUR/USD", "BTC/EUR")


def test_the_cheap_venue_is_bought_and_left_when_the_venues_meet():
    prices = {"EURUSD": [1.1] * 6, "B": [1.1, 1.1066, 1.102, 1.1, 1.0934, 1.1]}
    told = {**FREE, "other_symbol": "B"}

    said = say("CrossMarketArbitrageStrategy", "EURUSD", prices, told)

    assert said == [(0, 0), (1, 0), (0, 0), (0, CLOSE_BUYS), (-1, 0), (0, CLOSE_SELLS)]
    assert say("CrossMarketArbitrageStrategy", "EURUSD", prices, {**told, "other_fee_fraction": 0.002})[1] == (0, 0)


def test_an_instrument_is_no_other_venue_of_itself():
    with pytest.raises(InvalidRules, match="must be another symbol"):
        build("CrossMarketArbitrageStrategy", {"other_symbol": "EURUSD"}, typical_instrument("EURUSD"), Timeframe.M1)
