"""Sizing against computed vectors, and its laws on any input."""

import json
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from trading.risk.sizing import (
    STEP_TOLERANCE,
    SizingRefused,
    SymbolTerms,
    floor_to_step,
    loss_per_lot,
    size_position,
)

VECTORS = json.loads((Path(__file__).parent / "sizing_vectors.json").read_text())["vectors"]


def number(value):
    return None if value is None else Decimal(str(value))


def terms_of(symbol):
    rate = symbol["profit_to_account"]
    return SymbolTerms(
        name=symbol["name"],
        digits=symbol["digits"],
        point=number(symbol["point"]),
        tick_size=number(symbol["tick_size"]),
        tick_value_loss=number(symbol["tick_value_loss"]),
        contract_size=number(symbol["contract_size"]),
        volume_min=number(symbol["volume_min"]),
        volume_max=number(symbol["volume_max"]),
        volume_step=number(symbol["volume_step"]),
        volume_limit=number(symbol.get("volume_limit", "0")),
        volume_open=number(symbol.get("volume_open", "0")),
        stops_level_points=symbol.get("stops_level", 0),
        trade_mode=symbol.get("trade_mode", 4),
        calc_mode=symbol["calc_mode"],
        profit_rate=None if rate in (None, "at_sl") else number(rate),
        converts_at_stop=rate == "at_sl",
        margin_per_lot=number(symbol.get("margin_per_lot")),
        commission_per_lot=number(symbol.get("commission_round_turn_per_lot", "0")),
        bid=number(symbol.get("bid")),
        ask=number(symbol.get("ask")),
    )


def size(vector):
    account, trade = vector["account"], vector["trade"]
    base, percent = number(account["base_amount"]), account["risk_pct"]
    room = number(account.get("room_to_floor"))
    return size_position(
        terms=terms_of(vector["symbol"]),
        side=trade["side"],
        entry_price=number(trade["entry"]),
        stop_loss=number(trade.get("sl")),
        risk_money=base * number(percent) / 100 if percent is not None else number(account["risk_money"]),
        room_money=None if room is None else room * number(account["room_share"]),
        requested_lots=number(trade.get("requested_lots")),
        free_margin=number(account.get("free_margin")),
        slippage=number(trade.get("slippage", "0")),
    )


@pytest.mark.parametrize("vector", [v for v in VECTORS if v["expect"]["ok"]], ids=lambda v: v["id"])
def test_size_position_gives_the_computed_volume(vector):
    expect = vector["expect"]

    sizing = size(vector)

    assert sizing.lots == number(expect["lots"])
    assert list(sizing.capped_by) == expect["capped_by"]
    for name in ("raw_lots", "loss_per_lot", "risk_at_lots", "loss_per_lot_tick", "loss_per_lot_calc"):
        assert abs(getattr(sizing, name) - number(expect[name])) < Decimal("0.000001"), name


@pytest.mark.parametrize("vector", [v for v in VECTORS if not v["expect"]["ok"]], ids=lambda v: v["id"])
def test_size_position_refuses_with_the_computed_code(vector):
    with pytest.raises(SizingRefused) as refused:
        size(vector)

    assert refused.value.code == vector["expect"]["reject"]
    if "raw_lots" in vector["expect"]:
        assert refused.value.raw_lots == number(vector["expect"]["raw_lots"])


def eurusd(**changes):
    return terms_of({**VECTORS[0]["symbol"], **changes})


def test_size_position_refuses_where_the_two_ways_disagree_by_more_than_two_percent():
    near, far = eurusd(tick_value_loss="1.019"), eurusd(tick_value_loss="1.03")
    trade = {"side": "BUY", "entry_price": Decimal("1.1"), "stop_loss": Decimal("1.098"), "risk_money": Decimal(1000)}

    assert size_position(terms=near, **trade).loss_per_lot == Decimal("203.8")
    with pytest.raises(SizingRefused) as refused:
        size_position(terms=far, **trade)
    assert refused.value.code == "TICK_VALUE_MISMATCH"


@pytest.mark.parametrize("stop", [None, Decimal(0), Decimal("-1"), Decimal("NaN"), Decimal("Infinity")])
def test_size_position_refuses_a_stop_that_is_none(stop):
    with pytest.raises(SizingRefused) as refused:
        size_position(terms=eurusd(), side="BUY", entry_price=Decimal("1.1"), stop_loss=stop, risk_money=Decimal(100))
    assert refused.value.code == "SL_MISSING"


@pytest.mark.parametrize(
    "mode, side, code",
    [(0, "BUY", "SYMBOL_DISABLED"), (1, "SELL", "SYMBOL_LONG_ONLY"), (2, "BUY", "SYMBOL_SHORT_ONLY")],
)
def test_size_position_refuses_a_side_the_broker_does_not_take(mode, side, code):
    with pytest.raises(SizingRefused) as refused:
        size_position(
            terms=eurusd(trade_mode=mode),
            side=side,
            entry_price=Decimal("1.1"),
            stop_loss=Decimal("1.0") if side == "BUY" else Decimal("1.2"),
            risk_money=Decimal(100),
        )
    assert refused.value.code == code


steps = st.sampled_from([Decimal(text) for text in ("1", "0.1", "0.01", "0.001", "0.25")])


@settings(max_examples=300)
@given(
    step=steps,
    ticks=st.integers(1, 50_000),
    risk=st.decimals("0.01", "1000000", places=2),
    requested=st.decimals("0.001", "500", places=3),
    side=st.sampled_from(["BUY", "SELL"]),
)
def test_size_position_never_risks_more_nor_gives_a_full_step_less(step, ticks, risk, requested, side):
    terms = eurusd(volume_step=str(step), volume_min=str(step), volume_max="100000")
    entry = Decimal("1.50000")
    stop = entry - ticks * terms.tick_size * (1 if side == "BUY" else -1)
    assume(stop > 0)

    try:
        sizing = size_position(
            terms=terms, side=side, entry_price=entry, stop_loss=stop, risk_money=risk, requested_lots=requested
        )
    except SizingRefused as refused:
        assert (refused.code, min(risk / ticks, requested) < step) == ("BELOW_MIN_LOT", True)  # noqa: PT017
        return
    slack = STEP_TOLERANCE * step
    assert sizing.lots % step == 0
    assert sizing.lots <= requested + slack
    assert sizing.risk_at_lots <= risk + slack * sizing.loss_per_lot
    assert sizing.lots + step > min(requested, risk / sizing.loss_per_lot)


def test_floor_to_step_survives_what_binary_floats_do_not():
    assert floor_to_step(Decimal("0.29"), Decimal("0.01")) == Decimal("0.29")
    assert floor_to_step(Decimal("0.289999"), Decimal("0.01")) == Decimal("0.28")


def test_loss_per_lot_takes_the_worse_side_of_a_conversion_at_the_stop():
    usdjpy = terms_of(next(v for v in VECTORS if v["id"] == "usdjpy_buy_150")["symbol"])

    by_tick, by_calc, loss = loss_per_lot(usdjpy, entry_price=Decimal(150), stop_loss=Decimal("149.5"))

    assert by_calc > by_tick
    assert loss == by_calc
