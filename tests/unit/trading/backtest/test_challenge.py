"""A backtest against a rule pack: every way a phase can end, computed by hand."""

from datetime import UTC, datetime
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.trading.backtest.tracks import HOUR, MONDAY, SIZE, day_ends, draw, pack
from tests.unit.trading.making import cross_rules, random_bars
from trading.backtest.challenge import simulate
from trading.backtest.challenge_day import Account
from trading.backtest.challenge_report import Reason, Status
from trading.backtest.portfolio import Leg, run_portfolio
from trading.backtest.run import Costs, run
from trading.backtest.track import CLOSES, track_portfolio, track_result
from trading.errors import InvalidValue
from trading.model.instruments import typical_instrument
from trading.model.timeframe import Timeframe
from trading.risk.packs import IncompletePack
from trading.risk.presets import preset, presets

D = Decimal
ACCOUNT = Account(size=D(SIZE), compounding=False)


def _only(track, rules, account=ACCOUNT):
    return simulate(track, rules, account).phases[0]


def test_a_target_reached_on_closed_trades_passes_that_day():
    outcome = _only(day_ends(104_000, 109_999.99, 110_000, 90_000), pack())

    assert (outcome.status, outcome.reason, outcome.days, outcome.trading_days) == (Status.PASSED, Reason.TARGET, 3, 3)
    assert [row.profit for row in outcome.rows] == [D(4000), D("5999.99"), D("0.01")]
    assert outcome.profit == 10_000


def test_a_target_reached_by_an_open_position_only_is_not_yet_passed():
    track = draw({"equity": 111_000, "open": True}, {"equity": 109_000}, every_s=24 * HOUR)

    assert _only(track, pack()).status is Status.UNFINISHED
    assert _only(track, pack()).waits_for == ("profit: 9000.00 of 10000.00",)


def test_the_target_waits_for_trading_days():
    rules = pack(phase={"min_trading_days": 4})
    idle = draw(*({"equity": 110_000, "entries": entries} for entries in (1, 0, 1, 0, 1, 1)), every_s=24 * HOUR)

    assert _only(idle, rules).days == 8  # Monday to Monday, with a weekend
    assert _only(day_ends(110_000, 110_000), rules).waits_for == ("trading days: 2 of 4",)


def test_equity_on_the_floor_stands_and_one_cent_below_falls():
    on, below = day_ends(95_000), day_ends(94_999.99)

    assert _only(on, pack()).status is Status.UNFINISHED
    outcome = _only(below, pack())
    assert (outcome.status, outcome.reason) == (Status.FAILED, Reason.DAILY_LOSS)
    assert (outcome.breach.figure, outcome.breach.limit) == (D("94999.99"), D("95000.00"))
    assert "equity 94999.99 against a floor of 95000.00 (2026-01-06 00:00 UTC)" in outcome.breach.sentence()
    assert _only(on, pack(breach_on_touch=True)).status is Status.FAILED


def test_a_fall_inside_a_bar_fails_at_that_bar_though_its_close_is_fine():
    track = draw({"equity": 100_500}, {"equity": 100_200, "low": 94_000}, {"equity": 120_000})

    outcome = _only(track, pack())

    assert outcome.breach.at == datetime(2026, 1, 5, 12, tzinfo=UTC)
    assert outcome.breach.figure == 94_000


def test_the_floor_comes_before_the_target_in_one_bar():
    assert _only(draw({"equity": 112_000, "low": 94_000}), pack()).status is Status.FAILED


def test_the_higher_of_two_floors_breaks_first():
    # 94,000 yesterday: today's daily floor is 89,000, below the 90,000 of the maximum loss
    outcome = _only(day_ends(95_500, 88_000), pack())

    assert (outcome.reason, outcome.breach.limit) == (Reason.DAILY_LOSS, D(90_500))
    outcome = _only(day_ends(95_000, 92_000, 87_000), pack())
    assert (outcome.reason, outcome.breach.limit) == (Reason.MAX_LOSS, D(90_000))


def test_yesterdays_floating_loss_counts_against_the_new_days_floor():
    # FTMO's academy: +4,000 closed yesterday, so the floor is 99,000 today, whatever floated at midnight.
    track = draw(
        {"equity": 104_000}, {"equity": 103_000, "open": True}, {"equity": 98_900, "open": True}, every_s=12 * HOUR
    )

    outcome = _only(track, pack())

    assert (outcome.breach.limit, outcome.breach.day.day) == (D(99_000), 6)


def test_the_higher_of_balance_and_equity_makes_a_higher_floor():
    rules = pack(daily={"pct_of": "reference", "reference": "max_balance_equity"})
    track = draw({"equity": 102_000, "open": True}, {"equity": 101_000}, every_s=24 * HOUR)

    assert _only(track, rules).rows[1].daily_floor == D("96900.00")  # The5ers: 102,000 less 5 %


def test_a_trailing_floor_follows_the_balances_at_the_reset_only():
    # FTMO 1-Step's own example: midnight balances 104,000 and 103,000
    rules = pack(total={"mode": "trailing_eod"}, daily={"pct": 50})
    track = draw(
        *({"equity": equity} for equity in (106_000, 104_000, 104_500, 103_000, 103_000, 103_000)), every_s=12 * HOUR
    )

    assert [row.total_floor for row in _only(track, rules).rows] == [90_000, 94_000, 94_000]


def test_a_closed_balance_raises_the_floor_at_once_and_locks_at_the_initial_balance():
    rules = pack(total={"mode": "trailing_closed", "pct": 6, "lock_floor_at": "initial"}, daily={"pct": 50})

    fine = _only(draw({"equity": 103_000}, {"equity": 97_000}), rules)
    fallen = _only(draw({"equity": 103_000}, {"equity": 96_999}), rules)
    locked = _only(draw({"equity": 108_000}, {"equity": 99_999}), rules)

    assert fine.status is Status.UNFINISHED
    assert (fallen.breach.limit, locked.breach.limit) == (D(97_000), D(100_000))


def test_an_intraday_trail_follows_open_profit():
    # Apex 50,000: peak equity 51,200, floor 49,200
    apex = preset("apex_intraday")
    track = draw({"equity": 51_000, "high": 51_200, "open": True}, {"equity": 49_199, "open": True}, initial=50_000)

    outcome = _only(track, apex, Account(size=D(50_000), compounding=False))

    assert (outcome.reason, outcome.breach.limit) == (Reason.MAX_LOSS, D(49_200))


def test_a_pause_closes_at_the_floor_and_trading_goes_on_the_next_day():
    rules = pack(daily={"kind": "pause", "pct": 3})
    track = draw(
        {"equity": 98_000}, {"equity": 99_000, "low": 96_500}, {"equity": 105_000}, {"equity": 105_000},
        {"equity": 106_000},
    )  # fmt: skip

    outcome = _only(track, rules)

    assert [(row.end_equity, row.is_paused) for row in outcome.rows] == [(D(97_000), True), (D(98_000), False)]
    assert (outcome.status, outcome.paused_days) == (Status.UNFINISHED, 1)


def test_a_best_day_that_is_too_large_makes_the_phase_wait():
    rules = pack(consistency={"type": "best_day_pct_of_total_profit", "pct": 50, "applies": ["evaluation"]})

    outcome = _only(day_ends(104_000, 110_000, 111_000, 112_000), rules)

    assert (outcome.status, outcome.days) == (Status.PASSED, 4)  # 6,000 of 12,000
    assert _only(day_ends(104_000, 110_000), rules).waits_for == (
        "consistency: the best day brought 6000.00 of 10000.00",
    )


def test_profitable_days_count_when_they_are_over():
    rules = pack(phase={"min_profitable_days": 2, "profitable_day_pct_of_initial": 0.5})
    track = draw(*({"equity": 110_000},) * 4, *({"equity": 110_400},) * 4)

    outcome = _only(track, rules)

    assert outcome.status is Status.UNFINISHED  # 400 is less than 500
    assert outcome.waits_for == ("profitable days: 1 of 2",)
    assert _only(day_ends(110_000, 110_400, 110_900), rules).days == 3


@pytest.mark.parametrize(
    "rules, days, reason",
    [
        (pack(time_limit_days=3), 3, Reason.TIME_LIMIT),
        (pack(phase={"time_limit_days": 3}, time_limit_days=9), 3, Reason.TIME_LIMIT),
        (pack(inactivity_days=2), 3, Reason.INACTIVITY),
    ],
)
def test_days_run_out(rules, days, reason):
    track = draw({"equity": 100_100}, *({"equity": 100_100, "entries": 0},) * 5, every_s=24 * HOUR)

    outcome = _only(track, rules)

    assert (outcome.status, outcome.reason, outcome.days) == (Status.FAILED, reason, days)


def test_phases_follow_each_other_from_the_next_day_with_a_fresh_account():
    ftmo = preset("ftmo_2step")
    rising = day_ends(*(100_000 + 2_000 * number for number in range(1, 20)), start=MONDAY - HOUR)  # midnight in Prague

    report = simulate(rising, ftmo, ACCOUNT)

    assert [(o.phase, o.status, len(o.rows)) for o in report.phases] == [
        ("challenge", Status.PASSED, 5), ("verification", Status.PASSED, 4), ("funded", Status.UNFINISHED, 10),
    ]  # fmt: skip
    assert report.phases[1].rows[0].start_balance == SIZE
    assert report.is_passed
    assert report.days == sum(o.days for o in report.phases[:2])
    assert any("news" in rule for rule in report.not_judged)


def test_a_failed_phase_is_the_last():
    report = simulate(day_ends(80_000, 200_000), preset("ftmo_2step"), ACCOUNT)

    assert [o.status for o in report.phases] == [Status.FAILED]
    assert not report.is_passed


def test_the_first_day_is_the_first_entry_and_a_new_phase_waits_until_nothing_is_open():
    rules = pack(phases=[{"name": "one", "profit_target_pct": 10}, {"name": "two", "profit_target_pct": 5}])
    idle = [{"equity": 100_000, "entries": 0}] * 2
    held = [{"equity": 111_000, "open": True}] * 2

    report = simulate(
        draw(*idle, {"equity": 110_000}, *held, {"equity": 111_000}, {"equity": 120_000}, every_s=12 * HOUR),
        rules,
        ACCOUNT,
    )

    assert [(o.started_on.day, o.profit) for o in report.phases] == [(6, D(10_000)), (8, D(9_000))]


def test_the_account_is_scaled_to_its_size_and_risk():
    track = day_ends(10_100, 10_201, start=MONDAY)
    track = type(track)(10_000.0, *(getattr(track, name) for name in ("closes_s", "equity", "balance", "low", "high", "entries", "is_open", "measured")))  # fmt: skip

    fixed = _only(track, pack(), Account(size=D(50_000), risk_scale=2, compounding=False))
    compounding = _only(track, pack(), Account(size=D(50_000), risk_scale=2))

    assert [row.profit for row in fixed.rows] == [D(1000), D(1010)]
    assert [row.profit for row in compounding.rows] == [D(1000), D(1020)]  # 2 % of 50,000, then of 51,000


def test_approaches_name_the_nearest_moment():
    outcome = _only(draw({"equity": 99_000, "low": 96_000}, {"equity": 99_500}, {"equity": 99_000}), pack())

    nearest = {approach.rule: (approach.room, approach.at.hour) for approach in outcome.approaches}
    assert nearest == {Reason.DAILY_LOSS: (D(1000), 6), Reason.MAX_LOSS: (D(6000), 6)}


def test_a_weekend_held_where_it_is_forbidden_is_counted():
    rules = pack(weekend_holding={"all": False})
    bars = [{"equity": 100_000, "open": True}] * 7

    assert _only(draw(*bars, every_s=24 * HOUR), rules).weekends_held == 1


def test_the_day_with_23_hours_ends_on_time():
    # Sunday 29 March 2026 in Prague: midnight is 23:00 UTC before and 22:00 UTC after
    rules = pack(daily={"reset": {"time": "00:00", "tz": "Europe/Prague"}})
    start = int(datetime(2026, 3, 28, 22, tzinfo=UTC).timestamp())
    bars = [{"equity": 100_000 + number} for number in range(30)]

    outcome = _only(draw(*bars, every_s=HOUR, start=start, skip_weekends=False), rules)

    assert [(row.day.day, row.entries) for row in outcome.rows] == [(28, 1), (29, 23), (30, 6)]


@pytest.mark.parametrize("size, scale", [("0", 1), ("NaN", 1), ("1e12", 1), ("1000", -1), ("1000", float("nan"))])
def test_impossible_accounts_are_refused(size, scale):
    with pytest.raises(InvalidValue):
        Account(size=D(size), risk_scale=scale)


def test_a_size_that_is_not_sold_and_an_open_figure_are_refused():
    with pytest.raises(IncompletePack, match="50000"):
        simulate(day_ends(100_000), preset("topstep_combine"), Account(size=D(70_000)))
    with pytest.raises(IncompletePack):
        simulate(day_ends(100_000), preset("blue_guardian_2step"), ACCOUNT)


# --- from real runs ---------------------------------------------------------------------------------------------

EURUSD = typical_instrument("EURUSD")


DOCUMENT = cross_rules(exit={"stopLoss": 15, "takeProfit": 30}, risk={"lotSize": 1.0})


def _result(seed=3, count=3000):
    bars = random_bars(seed, count, timeframe=Timeframe.M15)
    return bars, run(bars, DOCUMENT, EURUSD, Costs(D(1)), D(100_000))


def test_a_track_of_a_run_ends_where_the_run_ends():
    bars, result = _result()

    track = track_result(result, 100_000.0, bars=bars, instrument=EURUSD)

    assert track.entries.sum() == len(result.trades)
    assert track.balance[-1] == pytest.approx(result.final_balance)
    flat = ~track.is_open
    assert np.allclose(track.equity[flat], track.balance[flat], atol=0.011)
    assert (track.low <= track.equity).all()
    assert (track.high >= track.equity).all()
    assert (track.low < np.minimum(np.concatenate(([100_000.0], track.equity[:-1])), track.equity) - 1).any()


def test_a_track_without_bars_says_that_it_knows_closes_only():
    _, result = _result()

    assert track_result(result, 100_000.0).measured == CLOSES


def test_other_bars_than_those_of_the_run_are_refused():
    bars, result = _result()

    with pytest.raises(InvalidValue, match="not the bars"):
        track_result(result, 100_000.0, bars=bars.part(0, 1000), instrument=EURUSD)


def test_finer_bars_than_the_strategys_give_a_row_each():
    bars, _ = _result()
    document = cross_rules(exit={"stopLoss": 15, "takeProfit": 30}, risk={"lotSize": 1.0})
    result = run(bars, document, EURUSD, Costs(D(1)), D(100_000), timeframe=Timeframe.H1)

    track = track_result(result, 100_000.0, bars=bars, instrument=EURUSD)

    assert len(track) == len(bars) > len(result.closes_s)
    assert track.balance[-1] == pytest.approx(result.final_balance)


def test_parts_of_one_position_are_one_entry():
    bars = random_bars(9, 3000, timeframe=Timeframe.M15)
    document = cross_rules(exit={"stopLoss": 15, "takeProfit": 60}, risk={"lotSize": 1.0})
    document["management"] = {"partialExits": [{"at": {"unit": "r", "value": 1}, "fraction": 0.5}]}
    result = run(bars, document, EURUSD, Costs(D(1)), D(100_000))

    track = track_result(result, 100_000.0, bars=bars, instrument=EURUSD)

    positions = len(set(result.trades.columns().position.tolist()))
    assert track.entries.sum() == positions < len(result.trades)
    assert np.allclose(track.equity[~track.is_open], track.balance[~track.is_open], atol=0.011)


def test_a_portfolio_of_one_leg_has_the_track_of_its_run():
    bars, result = _result()
    leg = Leg(name="one", bars=bars, document=DOCUMENT, instrument=EURUSD, costs=Costs(D(1)))

    alone = track_result(result, 100_000.0, bars=bars, instrument=EURUSD)
    together = track_portfolio(run_portfolio([leg], D(100_000)), 100_000.0, [leg])

    for name in ("closes_s", "equity", "balance", "low", "high", "entries", "is_open"):
        assert np.allclose(getattr(alone, name), getattr(together, name), atol=0.011), name
    with pytest.raises(InvalidValue, match="not the legs"):
        track_portfolio(run_portfolio([leg], D(100_000)), 100_000.0, [])


def test_a_portfolio_is_judged_as_one_account():
    legs = [
        Leg(
            name=name,
            bars=random_bars(seed, 1500, timeframe=frame),
            document=DOCUMENT,
            instrument=EURUSD,
            costs=Costs(D(1)),
        )
        for name, seed, frame in (("fast", 3, Timeframe.M15), ("slow", 4, Timeframe.H1))
    ]
    result = run_portfolio(legs, D(100_000))

    track = track_portfolio(result, 100_000.0, legs)

    assert track.entries.sum() == sum(len(set(t.columns().position.tolist())) for t in result.trades.values())
    assert track.balance[-1] == pytest.approx(result.final_balance)
    assert (track.low <= track.equity).all()
    assert np.allclose(track.equity[~track.is_open], track.balance[~track.is_open], atol=0.011)
    assert simulate(track, pack(), Account(size=D(50_000))).phases[0].rows


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 10**6), scale=st.sampled_from([0.0, 0.5, 1.0, 3.0]), compounding=st.booleans())
def test_any_run_against_any_pack_keeps_the_books(seed, scale, compounding):
    bars, result = _result(seed, 400)
    track = track_result(result, 100_000.0, bars=bars, instrument=EURUSD)
    for rules in presets().values():
        if rules.gaps:
            continue
        report = simulate(track, rules, Account(size=D(50_000), risk_scale=scale, compounding=compounding))
        for outcome in report.phases:
            rows = outcome.rows
            if not outcome.paused_days:
                assert abs(sum(row.profit for row in rows) - outcome.profit) <= D("0.01") * len(rows)
            if rows and rules.max_loss:
                floors = [row.total_floor for row in rows]
                assert floors == sorted(floors)
            if scale == 0:
                assert outcome.reason not in (Reason.DAILY_LOSS, Reason.MAX_LOSS, Reason.TARGET)
            if outcome.reason in (Reason.DAILY_LOSS, Reason.MAX_LOSS):
                assert outcome.breach.figure < outcome.breach.limit
                assert min(approach.room for approach in outcome.approaches) < 0
