"""Every strategy of the catalogue trades through the engine; on real bars where there are some."""

from decimal import Decimal
from pathlib import Path

import pytest

from tests.unit.trading.paper import PaperTerminal
from tests.unit.trading.strategies.cases import CASES, label
from trading.backtest.run import Costs, run
from trading.data.files import read_bars
from trading.engine.runner import StrategyRunner
from trading.engine.source import CLOSE_NONE
from trading.errors import InvalidRules, TradingError
from trading.model.instruments import typical_instrument
from trading.model.orders import ExitReason, Side
from trading.model.timeframe import Timeframe
from trading.strategies.catalogue import CATALOGUE

_BESIDE = [folder / "shared" / "data" for folder in Path(__file__).resolve().parents[5:]]
SHARED = next((folder for folder in _BESIDE if folder.is_dir()), _BESIDE[0])
COSTS = Costs(Decimal("0.8"))
RATES = {"EUR": [{"from": "2010-01-01", "percent": 4}], "USD": [{"from": "2010-01-01", "percent": 1}]}


def trade(case):
    document = CATALOGUE[case.name].document(case.parameters)
    others = {"others": case.others} if case.others else {}
    return run(case.bars, document, typical_instrument(case.symbol), COSTS, Decimal(100_000), **others).trades


@pytest.mark.parametrize("case", CASES, ids=label)
def test_its_own_document_trades_its_wishes(case):
    trades = list(trade(case))

    plan = case.build().plan(case.bars, case.others)
    wished = {
        # A wish at a bar's close is filled at the next bar's open.
        int(case.bars.time[index + 1]): int(side)
        for index, side in enumerate(plan.side[:-1])
        if side
    }
    assert trades
    for one in trades:
        assert wished[int(one.opened_at.timestamp())] == (1 if one.side is Side.BUY else -1)
    if CATALOGUE[case.name].sets_stop:
        assert all(distance > 0 for distance in plan.stop_distance[plan.side != 0])
    if (plan.closes != CLOSE_NONE).any():
        assert ExitReason.SIGNAL in {one.exit_reason for one in trades}


def test_all_legs_of_a_triangle_open_at_the_same_bar():
    legs = [trade(case) for case in CASES if case.name == "TriangularArbitrageStrategy"]

    assert len(legs) == 3
    assert len({tuple(one.opened_at for one in leg) for leg in legs}) == 1


def test_a_strategy_of_several_symbols_refuses_to_run_without_them():
    case = next(case for case in CASES if case.name == "TriangularArbitrageStrategy")

    with pytest.raises(TradingError, match="USDJPY"):
        run(case.bars, CATALOGUE[case.name].document(), typical_instrument("EURUSD"), COSTS, Decimal(100_000))


def test_wrong_parameters_never_reach_the_engine():
    case = next(case for case in CASES if case.name == "RSIStrategy")

    with pytest.raises(InvalidRules, match="rsi_perod is not a parameter"):
        run(
            case.bars,
            CATALOGUE["RSIStrategy"].document({"rsi_perod": 3}),
            typical_instrument("EURUSD"),
            COSTS,
            Decimal(1000),
        )


@pytest.fixture(scope="module")
def hours():
    return read_bars((SHARED / "EURUSD_H1_2012_2020.csv").open("rb")).bars


@pytest.mark.parametrize(
    "name",
    [
        "MovingAverageStrategy",
        "RSIStrategy",
        "MeanReversionStrategy",
        "MultiIndicatorStrategy",
        "AdvancedMomentumStrategy",
        "ATRVolatilityStrategy",
        "ForexSessionStrategy",
    ],
)
@pytest.mark.shared_data
@pytest.mark.skipif(not SHARED.is_dir(), reason="needs ../shared/data")
def test_it_trades_both_sides_of_a_real_market(hours, name):
    trades = run(
        hours.part(0, 3000), CATALOGUE[name].document(), typical_instrument("EURUSD"), COSTS, Decimal(10_000)
    ).trades

    assert {one.side for one in trades} == {Side.BUY, Side.SELL}


@pytest.mark.shared_data
@pytest.mark.skipif(not SHARED.is_dir(), reason="needs ../shared/data")
def test_the_carry_trades_real_days(hours):
    days = hours.resample(Timeframe.D1)
    document = CATALOGUE["ForexCarryTradeStrategy"].document({"rates": RATES})

    trades = run(days, document, typical_instrument("EURUSD"), COSTS, Decimal(10_000)).trades

    assert len(trades) > 3
    assert {one.side for one in trades} == {Side.BUY}


@pytest.mark.shared_data
@pytest.mark.skipif(not SHARED.is_dir(), reason="needs ../shared/data")
def test_mikrobot_trades_real_minutes():
    minutes = read_bars((SHARED / "EURUSD_M1_2026.csv").open("rb")).bars
    # A minute of EURUSD ranges over less than a pip: the standard filter of 4 to 15 pips keeps out of it.
    document = CATALOGUE["MikrobotStrategy"].document({"atr_min_pips": 0.5})

    trades = run(minutes, document, typical_instrument("EURUSD"), COSTS, Decimal(10_000)).trades
    quiet = run(
        minutes, CATALOGUE["MikrobotStrategy"].document(), typical_instrument("EURUSD"), COSTS, Decimal(10_000)
    ).trades

    assert len(trades) >= 3
    assert len(quiet) == 0


ALONE = [case for case in CASES if not case.others and case.name != "MLPatternStrategy"]


@pytest.mark.parametrize("case", ALONE, ids=label)
def test_the_agents_runner_does_the_same_trades(case):
    instrument, document = typical_instrument(case.symbol), CATALOGUE[case.name].document(case.parameters)
    runner = StrategyRunner(document=document, instrument=instrument, timeframe=case.bars.timeframe)
    spread = Decimal("0.8") * instrument.pip_size

    lived = PaperTerminal(runner, instrument, spread=spread, balance=Decimal(100_000)).play(case.bars)

    keys = ("opened_at", "closed_at", "side", "volume_lots", "entry_price", "exit_price", "exit_reason")
    assert [[getattr(one, key) for key in keys] for one in lived] == [
        [getattr(one, key) for key in keys] for one in trade(case)
    ]
