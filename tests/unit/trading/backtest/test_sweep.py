"""A sweep's rows are what single runs come to."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.trading.making import cross_rules, random_bars
from trading.backtest.pairs import find_family, part_pairs, read_pair
from trading.backtest.run import Costs, run
from trading.backtest.sweep import run_grid
from trading.engine.sources import prepare
from trading.errors import InvalidRules
from trading.model.instruments import typical_instrument
from trading.model.timeframe import Timeframe

EURUSD = typical_instrument("EURUSD")
COSTS, BALANCE = Costs(Decimal("0.8"), Decimal("3.5")), Decimal(10_000)


def test_every_row_is_its_single_run():
    bars = random_bars(3, 3000)
    trailing = {"type": "stop_target", "stopLoss": 9, "trailingStop": True, "trailingStopDistance": 4}
    documents = [cross_rules(f"EMA_{fast}", f"EMA_{fast + 6}", exit={"stopLoss": 12}) for fast in range(2, 9)]
    documents += [
        cross_rules(exit=trailing),
        cross_rules("SMA_3", "SMA_9"),
        cross_rules(risk={"lotSize": 50, "maxDailyLoss": 2}),
    ]

    found = run_grid(bars, documents, EURUSD, COSTS, BALANCE)

    for place, document in enumerate(documents):
        single = run(bars, document, EURUSD, COSTS, BALANCE, plain=True)
        assert found.trades[place] == len(single.trades)
        assert found.final_balance[place] == single.final_balance
        assert found.won[place] == single.statistics["winning_trades"]
        assert found.gross_loss[place] == pytest.approx(single.statistics["gross_loss"], abs=0.01)


def test_a_sweep_stops_when_it_is_told_to():
    found = run_grid(random_bars(3, 500), [cross_rules()] * 3, EURUSD, COSTS, BALANCE, until=lambda: True)

    assert found.trades.tolist() == [0, 0, 0]


def test_a_document_that_cannot_be_run_is_an_error():
    with pytest.raises(InvalidRules):
        run_grid(random_bars(3, 500), [cross_rules(), cross_rules("EMA_0")], EURUSD, COSTS, BALANCE)


_names = st.builds("{}_{}".format, st.sampled_from(["EMA", "ema", "SMA", "RSI"]), st.integers(0, 1100))
_near = st.tuples(st.integers(2, 30), st.integers(2, 60)).filter(lambda pair: pair[0] != pair[1])


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 50),
    pairs=st.lists(_near, min_size=1, max_size=6),
    stop=st.integers(1, 20),
    target=st.integers(0, 30),
    risk=st.sampled_from([{}, {"maxRisk": 1}, {"maxOpenTrades": 3}, {"lotSize": 90}]),
    kind=st.sampled_from(["opposite_signal", "stop_target"]),
)
def test_any_pair_of_averages_in_a_sweep_is_its_single_run(seed, pairs, stop, target, risk, kind):
    bars = random_bars(seed, 1300)
    exit_ = {"type": kind, "stopLoss": stop, **({"takeProfit": target} if target else {})}
    documents = [cross_rules(f"EMA_{first}", f"EMA_{second}", exit=exit_, risk=risk) for first, second in pairs]

    found = run_grid(bars, documents, EURUSD, COSTS, BALANCE)

    for place, document in enumerate(documents):
        single = run(bars, document, EURUSD, COSTS, BALANCE, plain=True)
        assert found.trades[place] == len(single.trades)
        assert found.final_balance[place] == single.final_balance


@settings(max_examples=200, deadline=None)
@given(names=st.tuples(_names, _names))
def test_a_pair_read_by_itself_is_refused_and_read_as_its_whole_document(names):
    document = cross_rules(*names)
    family = find_family(document)

    if family is None:
        valid = all(name.upper().startswith(("EMA", "SMA")) and 2 <= int(name[4:]) <= 1000 for name in names)
        assert not valid or "SMA" in (names[0][:3], names[1][:3]) or names[0].upper() == names[1].upper()
        return
    assert family == find_family(cross_rules("EMA_3", "EMA_8"))
    program = prepare(document, EURUSD, Timeframe.M1).program
    pair = read_pair(document, 0)
    assert program is not None
    assert (pair.first, pair.second) == (program.first_period, program.second_period)
    assert pair.first_signal_bar == program.first_signal_bar


def test_parts_hold_every_pair_once_and_no_more_signals_than_fit():
    documents = [cross_rules(f"EMA_{fast}", f"EMA_{fast + gap}") for fast in range(2, 12) for gap in range(1, 30)]
    pairs = [read_pair(document, place) for place, document in enumerate(documents)]

    parts = list(part_pairs(pairs, 1_000_000, 2))

    assert sorted(pair.place for part in parts for pair in part) == list(range(len(pairs)))
    assert max(len(part) for part in parts) == 64
    assert len(list(part_pairs(pairs, 100, 2))) == 2


def test_a_family_that_cannot_be_run_is_an_error_wherever_it_stands():
    with pytest.raises(InvalidRules):
        run_grid(random_bars(3, 500), [cross_rules(), cross_rules(exit={"stopLoss": -1})], EURUSD, COSTS, BALANCE)
