"""Before the day turns: the next floor, and exactly the lots that must go."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.trading.risk.cases import AT, EURUSD, LIMITS, asked, state
from trading.risk.exposure import Exposure, Holding
from trading.risk.forecast import forecast_reset
from trading.risk.judge import judge
from trading.risk.limits import parse_limits

D = Decimal


def position(profit, lots="1.00", number=1, symbol="EURUSD"):
    return Holding(
        symbol=symbol, side="BUY", volume_lots=D(lots), entry_price=D("1.1"), price=D("1.1"), stop_loss=D("1.0"),
        profit=D(profit), position_id=number,
    )  # fmt: skip


def forecast(holdings, limits=LIMITS, balance=100_000, peak=100_000, terms=None, **more):
    equity = D(balance) + sum((one.profit for one in holdings), D(0))
    return forecast_reset(
        limits, initial_balance=D(100_000), balance=D(balance), equity=equity, peak=D(peak), holdings=holdings,
        terms={"EURUSD": EURUSD} if terms is None else terms, **more,
    )  # fmt: skip


def test_a_quiet_account_opens_with_its_whole_limit():
    found = forecast([], at_risk=D(400))

    assert (found.opening.daily_floor, found.opening.headroom, found.worst_headroom) == (97_500, 2_500, 2_100)
    assert (found.cuts, found.is_enough) == ((), True)


def test_a_loss_that_floats_over_the_reset_counts_whole_against_the_new_day():
    found = forecast([position(-2000)])

    assert found.opening.headroom == 500
    assert not found.cuts


def test_the_fewest_lots_go_and_then_the_day_opens_on_its_floor_or_above():
    found = forecast([position(-2750, "1.00")])  # 250 too much: a tenth of the position is 275

    assert found.opening.headroom == -250
    (cut,) = found.cuts
    assert (cut.close_lots, cut.realises) == (D("0.10"), D("-275.000"))
    assert found.after.headroom == 25
    assert found.is_enough


def test_the_dearest_lots_go_first_and_gains_stay():
    found = forecast([position(-1000, "2.00", 1), position(-2000, "1.00", 2), position(100, "1.00", 3)])

    assert [cut.position_id for cut in found.cuts] == [2]


def test_a_rest_below_the_brokers_smallest_lot_goes_too():
    coarse = replace(EURUSD, volume_min=D("0.50"))

    assert forecast([position(-2750)], terms={"EURUSD": coarse}).cuts[0].close_lots == D("0.50")
    assert forecast([position(-2750, "0.80")], terms={"EURUSD": coarse}).cuts[0].close_lots == D("0.80")


def test_a_position_whose_symbol_nobody_told_goes_whole():
    assert forecast([position(-2750)], terms={}).cuts[0].close_lots == D("1.00")


def test_a_day_that_starts_from_equity_has_no_cliff():
    limits = parse_limits({**LIMITS.as_document(), "daily_base": "EQUITY", "total_drawdown_fraction": "0.5"})

    assert forecast([position(-9000)], limits).opening.headroom == 2_500


def test_the_higher_of_balance_and_equity_counts_a_floating_gain_as_the_new_start():
    limits = parse_limits({**LIMITS.as_document(), "daily_base": "HIGHER"})

    assert forecast([position(1000)], limits).opening.daily_floor == 98_500
    assert forecast([position(-1000)], limits).opening.daily_floor == 97_500


def test_a_trailing_floor_rises_with_the_balance_at_the_days_end():
    limits = parse_limits({**LIMITS.as_document(), "drawdown_mode": "TRAILING_EOD"})

    assert forecast([], limits, balance=104_000).opening.total_floor == 99_000


def test_what_no_closing_can_help_is_said():
    found = forecast([position(-3000, number=1)], balance=96_000)  # the total floor of 95,000 does not move

    assert found.opening.floor == 95_000
    assert not found.is_enough
    assert found.cuts == ()


def test_the_floor_is_the_one_the_judge_holds_against_a_trade_near_the_reset():
    state_now = state(
        balance=D(100_000),
        equity=D(97_600),
        exposure=Exposure(),
        day_ends_at=AT + timedelta(seconds=60),
        day_balance=D(98_000),
        day_equity=D(98_000),
    )
    verdict = judge(asked(requested_lots=D("0.60")), state_now, replace(LIMITS, daily_base="HIGHER"), AT, AT)

    assert verdict.reason_code == "DAILY_LOSS_NEXT_DAY"
    denied = next(check for check in verdict.checks if check.status == "FAILED")
    found = forecast([position(-2400)], replace(LIMITS, daily_base="HIGHER"))
    assert denied.figures["next_floor"] == found.opening.daily_floor == 97_500


money = st.integers(-4000, 2000)


@settings(deadline=None)
@given(
    st.lists(st.tuples(money, st.integers(1, 300)), min_size=1, max_size=6),
    st.sampled_from(["BALANCE", "EQUITY", "HIGHER"]),
    st.sampled_from(["INITIAL", "REFERENCE"]),
    st.sampled_from(["0", "3.5"]),
)
def test_the_cuts_are_enough_and_one_step_less_is_not(rows, base, fraction_of, commission):
    limits = parse_limits(
        {**LIMITS.as_document(), "daily_base": base, "daily_fraction_of": fraction_of, "total_drawdown_fraction": "1"}
    )
    terms = {"EURUSD": replace(EURUSD, commission_per_lot=D(commission))}
    holdings = [position(profit, D(lots) / 100, number) for number, (profit, lots) in enumerate(rows, 1)]
    found = forecast(holdings, limits, terms=terms)

    assert found.is_enough == (not found.after.is_breached)
    held = {one.position_id: one.volume_lots for one in holdings}
    assert all(0 < cut.close_lots <= held[cut.position_id] for cut in found.cuts)
    if not found.opening.is_breached:
        assert not found.cuts
    if not found.cuts:
        return
    booked = sum(cut.realises for cut in found.cuts)
    costs = sum(cut.close_lots for cut in found.cuts) * D(commission)
    # The account as it would be, asked again: what the forecast promised is so.
    again = forecast_reset(
        limits, initial_balance=D(100_000), balance=D(100_000) + booked - costs, equity=found.opening.equity - costs,
        peak=D(100_000),
    )  # fmt: skip
    assert abs(again.opening.headroom - found.after.headroom) < D("0.000001")
    last = found.cuts[-1]
    if found.is_enough and last.close_lots > D("0.01"):
        less = last.close_lots - D("0.01")
        fewer_booked = booked - last.realises + last.realises * less / last.close_lots
        fewer_costs = costs - D("0.01") * D(commission)
        short = forecast_reset(
            limits, initial_balance=D(100_000), balance=D(100_000) + fewer_booked - fewer_costs,
            equity=found.opening.equity - fewer_costs, peak=D(100_000),
        )  # fmt: skip
        assert short.opening.is_breached


@pytest.mark.parametrize("locks", [False, True])
def test_closing_losers_lowers_a_trailing_mark_only_down_to_the_old_one(locks):
    limits = parse_limits(
        {
            **LIMITS.as_document(),
            "drawdown_mode": "TRAILING_EOD",
            "drawdown_locks_at_initial": locks,
            "daily_loss_fraction": "0.5",
        }
    )
    found = forecast([position(-6000)], limits, balance=106_000, peak=101_000)

    if locks:  # the floor stands at 100,000 and equity is there
        assert (found.opening.headroom, found.cuts) == (0, ())
    else:  # 101,000 is the floor of 106,000; a balance of 105,000 has 100,000
        assert found.opening.headroom == -1_000
        assert found.after.headroom >= 0
        assert found.cuts[0].close_lots == D("0.17")
