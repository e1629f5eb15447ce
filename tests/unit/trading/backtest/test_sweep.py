"""A sweep's rows are what single runs come to."""

from decimal import Decimal

import pytest

from tests.unit.trading.making import cross_rules, random_bars
from trading.backtest.run import Costs, run
from trading.backtest.sweep import run_grid
from trading.errors import InvalidRules
from trading.model.instruments import typical_instrument

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
