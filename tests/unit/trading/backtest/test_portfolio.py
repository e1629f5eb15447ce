"""Several legs on one account; a single one is a plain run."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.trading.making import cross_rules, random_bars
from trading.backtest.portfolio import Leg, run_portfolio
from trading.backtest.run import Costs, run
from trading.errors import InvalidValue
from trading.model.instruments import typical_instrument
from trading.model.timeframe import Timeframe

EURUSD, GBPUSD = typical_instrument("EURUSD"), typical_instrument("GBPUSD")
BALANCE = Decimal(10_000)
COSTS = Costs(
    Decimal("0.8"), Decimal("3.5"), 1, swap_long_points=Decimal(-7), swap_short_points=Decimal(2), leverage=Decimal(50)
)


def leg(name, seed, instrument=EURUSD, costs=COSTS, timeframe=None, **parts):
    bars = random_bars(seed, 1500, volatility_ticks=9)
    document = cross_rules(**parts)
    return Leg(name=name, bars=bars, document=document, instrument=instrument, costs=costs, timeframe=timeframe)


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    opposite=st.booleans(),
    trails=st.booleans(),
    coarse=st.booleans(),
    lots=st.sampled_from([0.5, 3, 50]),
)
def test_one_leg_is_a_plain_run(seed, opposite, trails, coarse, lots):
    exit_ = {"type": "opposite_signal" if opposite else "stop_target", "stopLoss": 12, "takeProfit": 20}
    exit_ |= {"trailingStop": True, "trailingStopDistance": 6} if trails else {}
    risk = {"lotSize": lots, "maxRisk": 3, "maxDailyLoss": 4, "maxOpenTrades": 3}
    only = leg("only", seed, timeframe=Timeframe.M5 if coarse else None, exit=exit_, risk=risk)

    alone = run(only.bars, only.document, EURUSD, COSTS, BALANCE, timeframe=only.timeframe, plain=True)
    together = run_portfolio([only], BALANCE)

    assert list(together.trades["only"]) == list(alone.trades)
    assert together.equity.tolist() == alone.equity_fine.tolist()
    assert together.final_balance == alone.final_balance


def test_legs_share_the_balance_they_are_sized_by():
    legs = [
        leg(str(seed), seed, instrument, risk={"lotSize": 50, "maxRisk": 2})
        for seed, instrument in ((1, EURUSD), (2, GBPUSD))
    ]

    together = run_portfolio(legs, BALANCE)

    won = sum(trade.pnl for trades in together.trades.values() for trade in trades)
    assert Decimal(str(together.final_balance)) == BALANCE + won
    alone = run(legs[1].bars, legs[1].document, GBPUSD, COSTS, BALANCE, plain=True)
    assert [t.opened_at for t in alone.trades][:3] == [t.opened_at for t in together.trades["2"]][:3]
    assert [t.volume_lots for t in alone.trades] != [t.volume_lots for t in together.trades["2"]]


def test_legs_share_the_room_for_positions():
    legs = [leg(str(seed), seed, exit={"type": "stop_target", "stopLoss": 10, "takeProfit": 15}) for seed in (1, 2, 3)]

    result = run_portfolio(legs, BALANCE, positions_max=1)

    spans = sorted((t.opened_at, t.closed_at) for trades in result.trades.values() for t in trades)
    assert len(spans) >= 3
    assert all(before[1] <= after[0] for before, after in pairwise(spans))


def test_a_legs_limit_of_the_day_counts_what_all_legs_lose():
    calm = leg("calm", 4, costs=Costs(Decimal(1)), risk={"lotSize": 0.01, "maxDailyLoss": 2})
    wild = leg("wild", 5, costs=Costs(Decimal(1)), exit={"stopLoss": 10}, risk={"lotSize": 5})

    alone, both = run_portfolio([calm], BALANCE), run_portfolio([wild, calm], BALANCE)

    assert len(both.trades["calm"]) < len(alone.trades["calm"])


@pytest.mark.parametrize("legs", [[], [leg("same", 1), leg("same", 2)]])
def test_a_portfolio_needs_legs_with_names_of_their_own(legs):
    with pytest.raises(InvalidValue):
        run_portfolio(legs, BALANCE)
