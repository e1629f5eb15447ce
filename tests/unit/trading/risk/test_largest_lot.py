"""The largest lot now is the judge asked backwards."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.trading.risk.cases import AT, EURUSD, LIMITS, asked, state
from trading.risk.exposure import Exposure
from trading.risk.judge import judge
from trading.risk.largest import find_largest_lot

D = Decimal


def largest(facts=None, limits=LIMITS, side="BUY", stop_ticks=200):
    price = EURUSD.ask if side == "BUY" else EURUSD.bid
    return find_largest_lot(
        facts or state(), limits, side=side, stop_ticks=stop_ticks, entry_price=price, at=AT, market_at=AT
    )


def ask(found, lots, facts, limits, side):
    request = asked(
        side=side, entry_price=found.entry_price, stop_loss=found.stop_loss, take_profit=None, requested_lots=lots
    )
    return judge(request, facts, limits, AT, AT)


def test_the_risk_per_trade_is_the_edge_on_a_fresh_account():
    found = largest()

    assert (found.lots, found.risk_amount, found.reason_code) == (D("1.25"), D(250), "LOTS_ADJUSTED")


def test_the_room_to_the_floor_is_the_edge_where_it_is_nearer():
    found = largest(state(reserved=D(2400)))

    assert (found.lots, found.reason_code) == (D("0.50"), "DAILY_LOSS_LIMIT")


@pytest.mark.parametrize(
    "facts, code",
    [
        (state(latches=(("account", "news"),)), "HALTED_ACCOUNT"),
        (state(snapshot_at=None), "ACCOUNT_STALE"),
        (state(terms=None), "SYMBOL_UNKNOWN"),
        (state(terms=replace(EURUSD, tick_value_loss=D(0))), "NO_TICK_VALUE"),
        (state(terms=replace(EURUSD, volume_min=D(5))), "BELOW_MIN_LOT"),
        (state(reserved=D(2499)), "DAILY_LOSS_LIMIT"),
    ],
)
def test_where_nothing_would_be_approved_it_is_none_and_why(facts, code):
    found = largest(facts)

    assert (found.lots, found.risk_amount, found.reason_code) == (0, 0, code)
    assert found.message


@pytest.mark.parametrize("ticks", [0, -5, 10_000_000])
def test_a_stop_that_cannot_be_is_refused(ticks):
    assert largest(stop_ticks=ticks).reason_code == "BAD_REQUEST"


def test_the_brokers_largest_order_is_the_edge_where_limits_are_off():
    limits = replace(LIMITS, mode="OFF")

    assert largest(state(free_margin=None), limits).lots == EURUSD.volume_max


@settings(deadline=None)
@given(
    side=st.sampled_from(["BUY", "SELL"]),
    stop_ticks=st.integers(1, 3000),
    equity=st.integers(96_000, 104_000),
    reserved=st.integers(0, 2600),
    worst=st.integers(0, 1500),
    risked=st.integers(0, 2600),
    margin=st.integers(0, 100_000),
    step=st.sampled_from(["0.01", "0.1", "0.03"]),
    room=st.sampled_from([None, D("0.5")]),
)
def test_that_lot_is_approved_and_one_step_more_is_not(
    side, stop_ticks, equity, reserved, worst, risked, margin, step, room
):
    facts = state(
        equity=D(equity),
        reserved=D(reserved),
        risked_today=D(risked),
        free_margin=D(margin),
        exposure=Exposure(worst_loss=D(worst), count=1, by_symbol={"EURUSD": D(worst)}),
        terms=replace(EURUSD, volume_step=D(step)),
    )
    limits = replace(LIMITS, room_share=room)
    found = largest(facts, limits, side, stop_ticks)

    if found.lots:
        verdict = ask(found, found.lots, facts, limits, side)
        assert (verdict.approved, verdict.lots) == (True, found.lots)
        assert verdict.risk_amount == found.risk_amount
    more = ask(found, found.lots + D(step), facts, limits, side)
    assert not more.approved or more.lots <= found.lots
