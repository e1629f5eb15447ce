import json
import math
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.trading.making import cross_rules
from trading.engine.lots import floor_steps, loss_per_lot, size_steps
from trading.engine.params import build_params
from trading.model.instrument import Instrument
from trading.model.instruments import typical_instrument
from trading.model.timeframe import Timeframe
from trading.risk.sizing import SizingRefused, SymbolTerms, size_position
from trading.rules.compile import compile_rules

VECTORS = json.loads((Path(__file__).parents[1] / "risk" / "sizing_vectors.json").read_text())["vectors"]


def _params(instrument, **risk):
    document = cross_rules(risk={"lotSize": 10_000, "maxRisk": 1, **risk})
    return build_params(compile_rules(document, instrument, Timeframe.M1).rules, instrument)


def _decimal_lots(instrument, side, entry, stop, risk):
    rate = (
        Decimal(1)
        if instrument.is_quoted_in_account
        else instrument.tick_value_loss / instrument.tick_size / instrument.contract_size
    )
    tick_value = instrument.tick_value_loss
    if instrument.converts_by_price:
        tick_value = instrument.contract_size * instrument.tick_size / entry
    terms = SymbolTerms(
        name=instrument.name,
        digits=instrument.digits,
        point=instrument.point,
        tick_size=instrument.tick_size,
        tick_value_loss=tick_value,
        contract_size=instrument.contract_size,
        volume_min=instrument.volume_min,
        volume_max=instrument.volume_max,
        volume_step=instrument.volume_step,
        calc_mode=instrument.calc_mode,
        profit_rate=rate,
        converts_at_stop=instrument.converts_by_price,
    )
    try:
        return size_position(terms=terms, side=side, entry_price=entry, stop_loss=stop, risk_money=risk).lots
    except SizingRefused:
        return Decimal(0)


PRICES = {
    "EURUSD": 110_000,
    "USDJPY": 150_000,
    "XAUUSD": 240_000,
    "US30": 390_000,
    "GER40": 1_800_000,
    "BTCUSD": 6_000_000,
}


@settings(max_examples=400, deadline=None)
@given(
    symbol=st.sampled_from(sorted(PRICES)),
    distance_ticks=st.integers(1, 2000),  # beyond 2 % of the price the Decimal way asks for agreement first
    side=st.sampled_from(["BUY", "SELL"]),
    risk=st.decimals(min_value="0.01", max_value="100000", places=2),
)
def test_floats_and_decimals_size_alike(symbol, distance_ticks, side, risk):
    instrument = typical_instrument(symbol)
    sign = 1 if side == "BUY" else -1
    entry = PRICES[symbol] * instrument.tick_size
    stop = entry - sign * distance_ticks * instrument.tick_size

    steps = size_steps(_params(instrument), float(risk), float(entry), float(stop), 1.0)

    assert instrument.steps_to_lots(steps) == _decimal_lots(instrument, side, entry, stop, risk)


def test_floats_and_decimals_size_alike_on_a_hundred_thousand_draws():
    random = np.random.default_rng(20)
    instrument = typical_instrument("EURUSD")
    params = _params(instrument)
    distances, cents = random.integers(1, 3000, 100_000).tolist(), random.integers(1, 500_000, 100_000).tolist()
    differing = []

    for distance, cent in zip(distances, cents, strict=True):
        steps = size_steps(params, cent / 100, 1.1, (110_000 - distance) / 100_000, 1.0)
        # 1 USD per tick and lot, 0.01 lots per step: steps = cents / distance, exactly
        exact = min(cent // distance, 10_000)
        if steps != exact:
            differing.append((distance, cent, steps, exact))

    assert differing == []


def _is_plain(vector):
    account, trade, symbol = vector["account"], vector["trade"], vector["symbol"]
    extras = {"room_to_floor", "free_margin", "requested_lots", "slippage", "risk_money"} & {*account, *trade}
    return vector["expect"]["ok"] and not extras and "commission_round_turn_per_lot" not in symbol


@pytest.mark.parametrize("vector", [pytest.param(v, id=v["id"]) for v in VECTORS if _is_plain(v)])
def test_the_vectors_of_plain_risk_come_out(vector):
    symbol, trade = vector["symbol"], vector["trade"]
    instrument = Instrument(
        name=symbol["name"],
        digits=symbol["digits"],
        point=Decimal(str(symbol["point"])),
        tick_size=Decimal(symbol["tick_size"]),
        tick_value=Decimal(symbol["tick_value_loss"]),
        tick_value_loss=Decimal(symbol["tick_value_loss"]),
        contract_size=Decimal(symbol["contract_size"]),
        volume_min=Decimal(symbol["volume_min"]),
        volume_max=Decimal(symbol["volume_max"]),
        volume_step=Decimal(symbol["volume_step"]),
        pip_size=Decimal(symbol["tick_size"]),
        currency_base=symbol["currency_base"],
        currency_profit=symbol["currency_profit"],
        calc_mode=symbol["calc_mode"],
        account_currency=vector["account"]["currency"],
    )
    risk = float(Decimal(vector["account"]["base_amount"]) * Decimal(vector["account"]["risk_pct"]) / 100)

    steps = size_steps(_params(instrument), risk, float(trade["entry"]), float(trade["sl"]), 1.0)

    assert float(instrument.steps_to_lots(steps)) == vector["expect"]["lots"]


@given(st.floats(0.01, 1e6), st.integers(1, 3000), st.floats(0, 2))
def test_a_trade_never_risks_more_than_it_may(risk, distance_ticks, multiplier):
    params = _params(typical_instrument("EURUSD"))
    stop = (110_000 - distance_ticks) / 100_000

    steps = size_steps(params, risk, 1.1, stop, multiplier)

    loss = loss_per_lot(params, 1.1, stop)
    assert steps * 0.01 * loss <= risk * min(multiplier, 1.0) + 1e-6 * 0.01 * loss + 1e-9 * risk


@pytest.mark.parametrize("bad", [math.nan, -1.0, 0.0])
def test_what_is_no_money_or_no_multiplier_sizes_nothing(bad):
    params = _params(typical_instrument("EURUSD"))

    assert size_steps(params, bad, 1.1, 1.09, 1.0) == 0
    assert size_steps(params, 100.0, 1.1, 1.09, bad) == 0


def test_the_classic_float_trap():
    assert floor_steps(0.29, 0.01) == 29  # a naive floor gives 28


def test_lot_size_is_a_cap_where_risk_sizes_the_trade():
    params = _params(typical_instrument("EURUSD"), lotSize=0.2)

    assert size_steps(params, 1000.0, 1.1, 1.098, 1.0) == 20  # 1000 / 200 = 5.00 lots by risk
    assert size_steps(params, 20.0, 1.1, 1.098, 1.0) == 10  # 20 / 200 = 0.10 lots


def test_below_the_minimum_there_is_no_trade():
    instrument = replace(typical_instrument("EURUSD"), volume_min=Decimal("0.10"))

    assert size_steps(_params(instrument), 19.0, 1.1, 1.098, 1.0) == 0  # 0.09 lots
    assert size_steps(_params(instrument), 20.0, 1.1, 1.098, 1.0) == 10
