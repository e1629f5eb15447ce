from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.errors import InvalidInstrument, InvalidValue, UnknownSymbol
from trading.model.instrument import Instrument
from trading.model.instruments import list_typical_symbols, typical_instrument
from trading.model.orders import Side

INFO = {
    "name": "EURUSD.pro",
    "digits": 5,
    "point": 1e-05,
    "trade_tick_size": 1e-05,
    "trade_tick_value": 1.0,
    "trade_tick_value_loss": 1.01,
    "trade_contract_size": 100000.0,
    "volume_min": 0.01,
    "volume_max": 50.0,
    "volume_step": 0.01,
    "volume_limit": 0.0,
    "trade_stops_level": 10,
    "trade_freeze_level": 0,
    "currency_base": "EUR",
    "currency_profit": "USD",
    "currency_margin": "EUR",
    "trade_calc_mode": 0,
    "bid": 1.1,
}


def test_symbol_info_is_read_as_exact_decimals():
    instrument = Instrument.from_symbol_info(INFO)

    assert (instrument.tick_size, instrument.volume_step) == (Decimal("0.00001"), Decimal("0.01"))
    assert instrument.tick_value_loss == Decimal("1.01")
    assert instrument.pip_size == Decimal("0.0001")
    assert instrument.stops_level_points == 10


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"trade_tick_size": 0.0}, "tick_size"),
        ({"volume_step": -0.01}, "volume_step"),
        ({"volume_min": 60.0}, "volume_min"),
        ({"name": ""}, "name"),
    ],
)
def test_an_impossible_specification_is_refused(change, field):
    with pytest.raises(InvalidInstrument) as caught:
        Instrument.from_symbol_info({**INFO, **change})

    assert caught.value.field == field


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e13, "many", True, None])
def test_what_is_no_number_is_refused(value):
    with pytest.raises(InvalidValue):
        Instrument.from_symbol_info({**INFO, "trade_contract_size": value})


def test_missing_fields_are_named():
    with pytest.raises(InvalidInstrument, match="volume_step"):
        Instrument.from_symbol_info({name: value for name, value in INFO.items() if name != "volume_step"})


@pytest.mark.parametrize("symbol", list_typical_symbols())
def test_every_typical_instrument_survives_a_round_trip(symbol):
    instrument = typical_instrument(symbol)

    assert Instrument.from_dict(instrument.as_dict()) == instrument
    assert instrument.pips_to_ticks(Decimal(50)) >= 50


def test_an_unknown_symbol_lists_the_known_ones():
    with pytest.raises(UnknownSymbol) as caught:
        typical_instrument("FOOBAR")

    assert "XAUUSD" in caught.value.extra["allowed"]


@pytest.mark.parametrize(
    ("symbol", "pip"),
    [("EURUSD", "0.0001"), ("USDJPY", "0.01"), ("XAUUSD", "0.1"), ("XAGUSD", "0.01"), ("US30", "1"), ("BTCUSD", "1")],
)
def test_a_pip_belongs_to_the_instrument(symbol, pip):
    assert typical_instrument(symbol).pip_size == Decimal(pip)


@given(
    st.decimals(min_value=0, max_value=1000, places=6),
    st.sampled_from(["0.01", "0.1", "0.001", "1", "0.03"]),
)
def test_volume_rounds_down_to_the_step_and_never_up(lots, step):
    instrument = replace(typical_instrument("EURUSD"), volume_step=Decimal(step))

    floored = instrument.floor_lots(lots)

    assert floored <= lots < floored + Decimal(step)
    assert floored % Decimal(step) == 0
    assert instrument.steps_to_lots(instrument.lots_to_steps(lots)) == floored


@given(st.decimals(min_value=1, max_value=100000, places=8), st.sampled_from(["0.25", "0.00001", "0.05", "1"]))
def test_prices_round_to_ticks_in_the_direction_asked_for(price, tick):
    instrument = replace(typical_instrument("EURUSD"), tick_size=Decimal(tick))

    low, near, high = (way(price) for way in (instrument.floor_price, instrument.round_price, instrument.ceil_price))

    assert low <= price <= high
    assert high - low in (0, Decimal(tick))
    assert near in (low, high)
    assert all(value % Decimal(tick) == 0 for value in (low, near, high))


def test_profit_is_converted_by_the_exit_price_where_the_account_has_the_base_currency():
    # (150.500 - 150.000) * 100,000 JPY * 0.10 lots = 5,000 JPY; at 150.500 that is 33.2226 USD
    profit = typical_instrument("USDJPY").profit(
        side=Side.BUY, lots=Decimal("0.10"), entry_price=Decimal("150.000"), exit_price=Decimal("150.500")
    )

    assert profit == Decimal("33.22")


def test_profit_goes_by_tick_value_where_no_rate_is_known():
    # GER40: 100 points * 1 EUR * 2 lots at the tick value of 1.08 USD/EUR = 216.00
    profit = typical_instrument("GER40").profit(
        side=Side.SELL, lots=Decimal(2), entry_price=Decimal("18100.00"), exit_price=Decimal("18000.00")
    )

    assert profit == Decimal("216.00")
