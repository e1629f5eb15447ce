"""Fills computed by hand. SMA_2 over SMA_3: three flat bars, and a fourth that rises or falls, give a signal at its close."""

from datetime import UTC, datetime
from decimal import Decimal

import numpy as np
import pytest

from tests.unit.trading.making import MONDAY, cross_rules, flat_then
from trading.backtest.run import Costs, run
from trading.errors import InvalidBars, InvalidRules, InvalidValue
from trading.model.bars import Bars
from trading.model.instruments import typical_instrument
from trading.model.timeframe import Timeframe

EURUSD = typical_instrument("EURUSD")
FLAT = [(1.1, 1.1, 1.1, 1.1)] * 3
RISE, FALL = (1.1, 1.101, 1.1, 1.101), (1.1, 1.1, 1.099, 1.099)
QUIET_UP = (1.101, 1.1012, 1.1008, 1.101)

# One pip of spread. BUY at the open after the rise: 1.1010 + 0.0001 = 1.1011, stop 1.1001, target 1.1031. 0.1 lots: 1 USD per pip.
BOTH_ENDS = {"type": "stop_target", "stopLoss": 10, "takeProfit": 20}


def _run(*after, first=RISE, exit=BOTH_ENDS, direction="both", costs=None, **options):
    document = cross_rules("SMA_2", "SMA_3", direction, exit=exit, risk={"maxOpenTrades": 1, **options.pop("risk", {})})
    bars = flat_then([*FLAT, first, *after])
    return run(bars, document, EURUSD, costs or Costs(Decimal(1)), Decimal(10_000), **options)


def _first(*after, **options):
    trade = _run(*after, **options).trades[0]
    return str(trade.side), trade.entry_price, trade.exit_price, trade.pnl, str(trade.exit_reason)


def _d(*numbers):
    return tuple(Decimal(number) for number in numbers)


@pytest.mark.parametrize(
    ("bar", "options", "exit_price", "pnl", "reason"),
    [
        # up bar: open, low 1.1009, high 1.1032 >= 1.1031: target, 20 pips
        ((1.1010, 1.1032, 1.1009, 1.1020), {}, "1.10310", "20.00", "TAKE_PROFIT"),
        # up bar that reaches both: the low comes first
        ((1.1010, 1.1035, 1.1000, 1.1020), {}, "1.10010", "-10.00", "STOP_LOSS"),
        # down bar that reaches both: the high comes first
        ((1.1010, 1.1035, 1.1000, 1.1005), {}, "1.10310", "20.00", "TAKE_PROFIT"),
        # ... unless asked to assume the worst
        ((1.1010, 1.1035, 1.1000, 1.1005), {"pessimistic": True}, "1.10010", "-10.00", "STOP_LOSS"),
        # the low is exactly the stop
        ((1.1010, 1.1012, 1.1001, 1.1011), {}, "1.10010", "-10.00", "STOP_LOSS"),
    ],
)
def test_a_buy_inside_its_first_bar(bar, options, exit_price, pnl, reason):
    assert _first(bar, **options) == ("BUY", *_d("1.10110", exit_price, pnl), reason)


@pytest.mark.parametrize(
    ("bar", "exit_price", "pnl", "reason"),
    [
        # opens 11 pips under the stop: 1.0990 - 1.1011 = -21 pips
        ((1.0990, 1.0995, 1.0985, 1.0990), "1.09900", "-21.00", "STOP_LOSS"),
        # opens 9 pips over the target: 1.1040 - 1.1011 = 29 pips
        ((1.1040, 1.1041, 1.1000, 1.1005), "1.10400", "29.00", "TAKE_PROFIT"),
    ],
)
def test_a_gap_fills_at_the_open_for_worse_or_better(bar, exit_price, pnl, reason):
    assert _first(QUIET_UP, bar) == ("BUY", *_d("1.10110", exit_price, pnl), reason)


@pytest.mark.parametrize(
    ("bar", "exit_price", "pnl", "reason"),
    [
        # SELL at the bid 1.0990, stop 1.1000, target 1.0970; it leaves at the ask, one pip above the bid
        ((1.0990, 1.0999, 1.0985, 1.0990), "1.10000", "-10.00", "STOP_LOSS"),  # ask 1.1000
        ((1.0990, 1.0998, 1.0969, 1.0975), "1.09700", "20.00", "TAKE_PROFIT"),  # ask 1.0970
        ((1.0990, 1.0998, 1.0970, 1.0980), "1.09810", "9.00", "END_OF_DATA"),  # ask 1.0971 missed; closed at ask 1.0981
    ],
)
def test_a_sell_is_matched_at_the_ask(bar, exit_price, pnl, reason):
    assert _first(bar, first=FALL) == ("SELL", *_d("1.09900", exit_price, pnl), reason)


TRAIL = {"type": "stop_target", "stopLoss": 30, "trailingStop": True, "trailingStopDistance": 10}


def test_a_trailed_stop_fills_on_the_next_bar_and_says_so():
    # entry 1.1011; the bar's best is 1.1030, so from its close the stop is 1.1020; the next bar falls through it
    after = [(1.1010, 1.1030, 1.1009, 1.1028), (1.1028, 1.1029, 1.1015, 1.1025)]

    assert _first(*after, exit=TRAIL) == ("BUY", *_d("1.10110", "1.10200", "9.00"), "TRAILING_STOP")


def test_a_trailed_stop_is_not_in_force_inside_the_bar_that_moves_it():
    # the bar reaches 1.1030 and falls to 1.1012 before it closes: no exit in it
    after = [(1.1013, 1.1030, 1.1012, 1.1025), (1.1025, 1.1030, 1.1021, 1.1030)]

    assert _run(*after, exit=TRAIL).trades[0].exit_reason == "END_OF_DATA"


def test_a_new_stop_already_passed_closes_at_the_next_open():
    # best 1.1030 -> stop 1.1020, but the next bar opens at 1.1016
    after = [(1.1010, 1.1030, 1.1009, 1.1015), (1.1016, 1.1018, 1.1012, 1.1017)]

    assert _first(*after, exit=TRAIL) == ("BUY", *_d("1.10110", "1.10160", "5.00"), "TRAILING_STOP")


def test_the_opposite_signal_closes_and_turns_at_the_same_open():
    # bar 5 closes at 1.0990: SMA2 1.1000 falls under SMA3 1.10033; both happen at the open of bar 6, 1.0991
    after = [QUIET_UP, (1.101, 1.101, 1.099, 1.099), (1.0991, 1.0993, 1.0989, 1.0991)]

    closed, turned = _run(*after, exit={"type": "opposite_signal", "stopLoss": 40}).trades

    # 1.0991 - 1.1011 = -20 pips
    assert (closed.exit_price, closed.pnl, closed.exit_reason) == (*_d("1.09910", "-20.00"), "OPPOSITE_SIGNAL")
    assert (turned.side, turned.entry_price, turned.opened_at) == ("SELL", Decimal("1.09910"), closed.closed_at)


def test_trades_carry_the_opening_times_of_their_bars():
    trade = _run(QUIET_UP, (1.1010, 1.1032, 1.1009, 1.1020)).trades[0]

    assert trade.opened_at == datetime.fromtimestamp(MONDAY + 4 * 60, UTC)
    assert trade.closed_at == datetime.fromtimestamp(MONDAY + 5 * 60, UTC)


def test_what_is_open_at_the_end_is_closed_at_the_last_bid():
    trade = _run(QUIET_UP).trades[0]

    assert (trade.exit_price, trade.pnl, trade.exit_reason) == (*_d("1.10100", "-1.00"), "END_OF_DATA")
    assert trade.closed_at == datetime.fromtimestamp(MONDAY + 5 * 60, UTC)


def test_equity_is_marked_at_the_bid_of_every_close():
    result = _run(QUIET_UP, (1.1010, 1.1020, 1.1008, 1.1020))

    # 10,000; then 1.1010 - 1.1011 = -1 pip; then 1.1020 - 1.1011 = 9 pips, closed there
    assert result.equity.tolist() == [10_000.0] * 4 + [9_999.0, 10_009.0]
    assert result.final_balance == 10_009.0


def test_costs_make_a_trade_worse():
    costs = Costs(Decimal(1), commission_per_lot=Decimal("3.50"), slippage_ticks=2)

    # entry 2 ticks worse at 1.10112; stop 1.1001 filled 2 ticks worse at 1.10008: -10.4 pips; 2 * 0.35 commission
    assert _first((1.1010, 1.1012, 1.1000, 1.1011), costs=costs) == (
        "BUY",
        *_d("1.10112", "1.10008", "-11.10"),
        "STOP_LOSS",
    )


def test_the_days_loss_stops_new_entries_until_the_day_turns():
    # 10 lots: the stop costs 1,000 of 10,000; five rises, the limit of 15 % is reached by the second loss
    down_again = [(1.101, 1.101, 1.1, 1.1), (1.1, 1.1, 1.1, 1.1), (1.1, 1.1, 1.1, 1.1)]
    cycle = [*FLAT, RISE, *down_again]
    document = cross_rules("SMA_2", "SMA_3", "above", exit=BOTH_ENDS, risk={"lotSize": 10, "maxDailyLoss": 15})
    day = flat_then(cycle * 4)
    rows = [(bar.time, bar.open, bar.high, bar.low, bar.close) for bar in day]
    next_day = [(time + 86400, *prices) for time, *prices in rows]

    result = run(
        type(day).from_rows(day.timeframe, rows + next_day), document, EURUSD, Costs(Decimal(1)), Decimal(10_000)
    )

    assert result.statistics["skipped_signals"]["max_daily_loss"] == 4
    assert [trade.opened_at.day for trade in result.trades] == [5, 5, 6, 6]


def test_an_account_with_nothing_left_is_closed_by_the_broker():
    crash = (1.101, 1.101, 1.0, 1.0)
    exit_ = {"type": "opposite_signal", "stopLoss": 5000}

    result = _run(QUIET_UP, crash, crash, exit=exit_, risk={"lotSize": 10})

    assert result.trades[-1].exit_reason == "STOP_OUT"
    assert len(result.trades) == 1
    assert result.equity[-1] == result.final_balance < 0


def test_statistics_agree_with_the_trades():
    result = _run(QUIET_UP, (1.1010, 1.1032, 1.1009, 1.1020), *FLAT, FALL, (1.099, 1.1, 1.099, 1.1))
    pnl = [float(trade.pnl) for trade in result.trades]

    assert result.statistics["trades"] == len(pnl)
    assert result.statistics["net_profit"] == pytest.approx(sum(pnl))
    assert result.final_balance == pytest.approx(10_000 + sum(pnl))
    assert 0 < result.statistics["max_drawdown_fraction"] < 1


def test_nothing_traded_has_no_ratios():
    document = cross_rules("SMA_2", "SMA_3")

    result = run(flat_then(FLAT * 5), document, EURUSD, Costs(), Decimal(500))

    assert result.trades == []
    assert (
        result.statistics["profit_factor"] is result.statistics["win_rate"] is result.statistics["sharpe_ratio"] is None
    )
    assert np.array_equal(result.equity, np.full(15, 500.0))


@pytest.mark.parametrize("balance", ["0", "-1", "NaN", "Infinity"])
def test_an_impossible_balance_is_refused(balance):
    with pytest.raises(InvalidValue):
        run(flat_then(FLAT), cross_rules(), EURUSD, Costs(), Decimal(balance))


def test_impossible_costs_are_refused():
    with pytest.raises(InvalidValue):
        Costs(Decimal(-1))


def test_without_bars_there_is_no_run():
    with pytest.raises(InvalidBars):
        run(flat_then([]), cross_rules(), EURUSD, Costs(), Decimal(100))


def test_bars_by_a_brokers_own_clock_run():
    hours = [(MONDAY + 2 * 3600 + 14_400 * i, *prices) for i, prices in enumerate([*FLAT, RISE, QUIET_UP, QUIET_UP])]

    result = run(Bars.from_rows(Timeframe.H4, hours), cross_rules("SMA_2", "SMA_3"), EURUSD, Costs(), Decimal(100))

    assert [at.hour for at in result.closes_at()] == [6, 10, 14, 18, 22, 2]
    assert result.trades[0].opened_at.hour == 18


def test_rules_without_a_size_are_refused():
    document = cross_rules()
    document["risk"] = {}

    with pytest.raises(InvalidRules, match=r"risk\.lotSize"):
        run(flat_then(FLAT), document, EURUSD, Costs(), Decimal(100))
