"""Resampled challenges: the kernel against the day-by-day simulation, and the laws of its probabilities."""

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.trading.backtest.tracks import HOUR, SIZE, day_ends, draw, pack
from tests.unit.trading.making import cross_rules, random_bars
from trading import jit
from trading.backtest.challenge import simulate
from trading.backtest.challenge_day import Account
from trading.backtest.challenge_kernel import FAILED, PASSED, UNFINISHED, walk_phase
from trading.backtest.challenge_odds import BY_DAY, BY_TRADE, Plan, Sampler, walk_phases
from trading.backtest.challenge_pool import pool_of_days, pool_of_trades, rules_of
from trading.backtest.challenge_report import Reason, Status
from trading.backtest.challenge_risk import find_best_risk
from trading.backtest.challenge_starts import begin_every_day
from trading.backtest.run import Costs, run
from trading.backtest.shares import wilson
from trading.backtest.track import track_result
from trading.errors import InvalidValue
from trading.model.instruments import typical_instrument
from trading.model.timeframe import Timeframe
from trading.risk.presets import preset, presets

D = Decimal
EURUSD = typical_instrument("EURUSD")
ACCOUNT = Account(size=D(SIZE), compounding=False)
STATUSES = {PASSED: Status.PASSED, FAILED: Status.FAILED, UNFINISHED: Status.UNFINISHED}
SMALL = Plan(paths=150, days=60, seed=7)


def _in_order(track, rules, account, phase=0):
    """Walk the days as they came, on one path."""
    pool = pool_of_days(track, rules.zone, rules.resets, compounding=account.compounding)
    draws = np.arange(len(pool.first), dtype=np.int32).reshape(1, 1, -1)
    numbers = rules_of(rules, rules.phases[phase], account)
    return walk_phases(pool, draws, [numbers], account.risk_scale, compounding=account.compounding)[0]


def _track(seed, count=500, lots=1.0):
    bars = random_bars(seed, count, timeframe=Timeframe.M15)
    document = cross_rules(exit={"stopLoss": 15, "takeProfit": 30}, risk={"lotSize": lots})
    result = run(bars, document, EURUSD, Costs(D(1)), D(100_000))
    return track_result(result, 100_000.0, bars=bars, instrument=EURUSD)


# A pause closes at the bar's end in one and at the segment's in the other.
@pytest.mark.parametrize(
    "name", [n for n, p in presets().items() if not p.gaps and (p.daily_loss is None or p.daily_loss.is_hard)]
)
@pytest.mark.parametrize("scale", [1.0, 4.0, 15.0])
@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_the_kernel_and_the_simulation_decide_alike(name, scale, seed):
    rules, track = preset(name), _TRACKS[seed]
    account = Account(size=D(50_000), risk_scale=scale, compounding=False)

    walked, exact = _in_order(track, rules, account), simulate(track, rules, account).phases[0]

    assert STATUSES[int(walked.status[0])] is exact.status
    if exact.status is not Status.UNFINISHED:
        assert walked.days[0] == (exact.ended_on - exact.started_on).days + 1
    assert float(walked.balance[0]) * 50_000 == pytest.approx(float(exact.end_balance), abs=0.5 * len(exact.rows)) or (
        exact.status is Status.FAILED
    )


_TRACKS = {seed: _track(seed) for seed in (1, 2, 3, 4)}


@pytest.mark.parametrize(
    "track, rules",
    [
        (day_ends(104_000, 110_000), pack()),
        (day_ends(95_000), pack()),
        (day_ends(94_999.99), pack()),
        (day_ends(95_000, 90_000.01, 89_999.98), pack()),
        (day_ends(103_000, 97_000), pack(total={"mode": "trailing_closed", "pct": 6}, daily={"pct": 50})),
        (day_ends(103_000, 96_999), pack(total={"mode": "trailing_closed", "pct": 6}, daily={"pct": 50})),
        (day_ends(103_000, 96_999), pack(total={"mode": "trailing_eod", "pct": 6}, daily={"pct": 50})),
        (day_ends(103_000, 98_000, 96_999), pack(total={"mode": "trailing_eod", "pct": 6}, daily={"pct": 50})),
        (day_ends(96_000, 106_000, 116_000), pack(daily={"kind": "pause", "pct": 3})),
        (day_ends(96_900, 106_000, 109_900, 113_200), pack(daily={"kind": "pause", "pct": 3})),
        (day_ends(110_000, 111_000, 112_000), pack(phase={"min_trading_days": 3})),
        (day_ends(104_000, 110_000, 111_000, 112_000), pack(consistency={"type": "best_day_pct_of_total_profit", "pct": 50})),
        (day_ends(110_000, 110_400, 110_900), pack(phase={"min_profitable_days": 2, "profitable_day_pct_of_initial": 0.5})),
        (day_ends(100_100, 100_200, 100_300, 120_000), pack(time_limit_days=3)),
        (day_ends(110_000), pack(breach_on_touch=True)),
        (day_ends(95_000), pack(breach_on_touch=True)),
    ],
)  # fmt: skip
@pytest.mark.parametrize("compounding", [True, False])
def test_the_kernel_agrees_on_days_computed_by_hand(track, rules, compounding):
    account = Account(size=D(SIZE), compounding=compounding)

    walked, exact = _in_order(track, rules, account), simulate(track, rules, account).phases[0]

    assert STATUSES[int(walked.status[0])] is exact.status
    assert exact.status is Status.UNFINISHED or walked.days[0] == exact.days
    if exact.status is not Status.FAILED:
        assert walked.balance[0] * SIZE == pytest.approx(float(exact.end_balance), abs=0.02)


def test_an_intraday_fall_from_open_profit_is_seen_inside_a_segment():
    track = draw(
        {"equity": 51_000, "high": 51_200, "open": True},
        {"equity": 49_199, "open": True},
        {"equity": 52_000},
        initial=50_000,
    )

    walked = _in_order(track, preset("apex_intraday"), Account(size=D(50_000), compounding=False))

    assert walked.status[0] == FAILED


def test_the_compiled_kernel_is_the_plain_one():
    pool = pool_of_days(_TRACKS[1], "UTC", preset("ftmo_2step").resets, compounding=True)
    rules = rules_of(preset("the5ers_hyper_growth"), preset("the5ers_hyper_growth").phases[0], ACCOUNT)
    draws = np.random.default_rng(1).integers(0, len(pool.first), (50, 30), dtype=np.int32)
    answers = []
    for function in (walk_phase, jit.compiled(walk_phase)):
        out = np.zeros(50, np.int8), np.zeros(50, np.int8), np.zeros(50, np.int32), np.ones(50)
        function(pool, draws, rules, 5.0, True, np.ones(50, dtype=np.bool_), *out)
        answers.append(out)

    assert all((plain == fast).all() for plain, fast in zip(*answers, strict=True))
    assert len(set(answers[0][0].tolist())) > 1


# --- laws -------------------------------------------------------------------------------------------------------

SAMPLERS = {by: Sampler(_TRACKS[2], preset("ftmo_2step"), ACCOUNT, replace(SMALL, by=by)) for by in (BY_DAY, BY_TRADE)}


@pytest.mark.parametrize("by", [BY_DAY, BY_TRADE])
def test_equal_seeds_give_equal_answers_and_others_do_not(by):
    again = Sampler(_TRACKS[2], preset("ftmo_2step"), ACCOUNT, replace(SMALL, by=by))
    other = Sampler(_TRACKS[2], preset("ftmo_2step"), ACCOUNT, replace(SMALL, by=by, seed=8))

    assert SAMPLERS[by].odds(5.0, histories=2) == again.odds(5.0, histories=2)
    assert (again.draws != other.draws).any()


@settings(max_examples=25, deadline=None)
@given(scale=st.floats(0.01, 60), by=st.sampled_from([BY_DAY, BY_TRADE]))
def test_probabilities_are_probabilities(scale, by):
    odds = SAMPLERS[by].odds(scale, histories=2, paths_each=20)

    for share in (odds.passed, *(p.passed for p in odds.phases), *(p.survived for p in odds.phases)):
        assert 0 <= share.low <= share.share <= share.high <= 1
    assert 0 <= odds.history[0] <= odds.history[1] <= 1
    assert odds.phases[0].passed.of == SMALL.paths
    for before, after in zip(odds.phases, odds.phases[1:], strict=False):
        assert after.passed.of == before.passed.hits
    for phase in odds.phases:
        assert sum(phase.reasons.values()) == phase.passed.of
        assert list(phase.days) == sorted(phase.days)
    assert odds.passed.hits == odds.phases[1].passed.hits


@pytest.mark.parametrize("name", ["ftmo_2step", "e8_one", "apex_intraday", "the5ers_hyper_growth"])
@pytest.mark.parametrize("by", [BY_DAY, BY_TRADE])
def test_without_risk_nothing_is_lost(name, by):
    odds = Sampler(_TRACKS[2], preset(name), Account(size=D(50_000)), replace(SMALL, by=by)).odds(0.0, histories=0)

    assert not {Reason.DAILY_LOSS, Reason.MAX_LOSS, Reason.TARGET} & set(odds.phases[0].reasons)


@settings(max_examples=20, deadline=None)
@given(small=st.floats(0.2, 20), more=st.floats(1, 4), seed=st.integers(0, 1000))
def test_where_both_pass_more_risk_never_takes_more_days(small, more, seed):
    track, rules = _TRACKS[1 + seed % 4], pack()
    pool = pool_of_days(track, rules.zone, rules.resets, compounding=False)
    draws = np.random.default_rng(seed).integers(0, len(pool.first), (40, 1, 40), dtype=np.int32)
    numbers = [rules_of(rules, rules.phases[0], ACCOUNT)]

    calm = walk_phases(pool, draws, numbers, small, compounding=False)[0]
    bold = walk_phases(pool, draws, numbers, small * more, compounding=False)[0]

    both = (calm.status == PASSED) & (bold.status == PASSED)
    assert (bold.days[both] <= calm.days[both]).all()
    assert not ((calm.status == FAILED) & (bold.status == UNFINISHED)).any()


def test_a_coin_that_always_wins_passes_and_one_that_always_loses_fails():
    winning, losing = (
        day_ends(*(100_000 + 2_000 * n for n in range(1, 8))),
        day_ends(*(100_000 - 2_000 * n for n in range(1, 8))),
    )

    sure = Sampler(winning, pack(), ACCOUNT, Plan(paths=50, days=20)).odds(histories=5, paths_each=20)
    lost = Sampler(losing, pack(), ACCOUNT, Plan(paths=50, days=20)).odds(histories=5, paths_each=20)

    assert (sure.passed.share, sure.history) == (1.0, (1.0, 1.0))
    assert sure.days[0] >= 5
    assert (lost.passed.share, lost.phases[0].reasons) == (0.0, {Reason.MAX_LOSS: 50})


def test_a_fair_coin_reaches_ten_before_minus_ten_half_the_time():
    # Steps of 1 %, barriers at +10 % and below -10 % (11 steps): the gambler's ruin gives 11 / 21.
    steps = np.where(np.arange(1000) % 2 == 0, 1000.0, -1000.0)
    track = day_ends(*(SIZE + np.cumsum(steps)))
    rules = pack(total={"pct": 10}, daily={"pct": 50})

    odds = Sampler(track, rules, ACCOUNT, Plan(paths=4000, days=800, mean_block_days=1, seed=3)).odds(histories=0)

    assert odds.passed.low < 11 / 21 < odds.passed.high
    assert odds.phases[0].reasons.get(Reason.END_OF_DATA, 0) < 40


def test_blocks_keep_a_losing_streak_together():
    # Five losing days in a row are 5 %; single days hardly ever fall that far on one another.
    streaks = [400.0] * 15 + [-1000.0] * 5
    track = day_ends(*(SIZE + np.cumsum(streaks * 10)))
    rules = pack(total={"pct": 4.5}, daily={"pct": 50}, phase={"profit_target_pct": 3})

    single = Sampler(track, rules, ACCOUNT, Plan(paths=1500, days=40, mean_block_days=1)).odds(histories=0)
    blocks = Sampler(track, rules, ACCOUNT, Plan(paths=1500, days=40, mean_block_days=20)).odds(histories=0)

    assert blocks.phases[0].survived.high < single.phases[0].survived.low


def test_made_up_days_have_the_trades_of_the_backtest():
    track = draw(
        {"equity": 101_000}, {"equity": 100_500, "low": 99_000}, {"equity": 100_500, "entries": 0}, every_s=12 * HOUR
    )

    pool = pool_of_trades(track, "UTC", pack().resets, compounding=True, seed=1, days=500)

    steps = pool.end - np.where(np.isin(np.arange(len(pool.end)), pool.first), 0, np.concatenate(([0], pool.end[:-1])))
    assert {round(step, 6) for step in steps.tolist()} == {0.01, round(-500 / 101_000, 6), 0.0}
    assert pool.low.min() < -0.019


# --- the best risk ----------------------------------------------------------------------------------------------


def test_the_curve_has_one_top_and_a_careful_point_below_it():
    steps = np.array([600.0, -400.0, 500.0, -450.0, 300.0] * 30)
    sampler = Sampler(
        day_ends(*(SIZE + np.cumsum(steps))), pack(), ACCOUNT, Plan(paths=150, days=120, mean_block_days=1)
    )

    curve = find_best_risk(sampler, risk_fraction=0.01)

    scales = [point.risk_scale for point in curve.points]
    assert scales == sorted(scales)
    assert curve.best.passed.share == max(point.passed.share for point in curve.points)
    assert curve.careful.risk_scale <= curve.best.risk_scale
    assert curve.points[-1].risk_fraction <= 0.1
    assert not curve.is_at_edge
    assert curve.points[0].passed.share < curve.best.passed.share > curve.points[-1].passed.share


def test_a_pack_without_a_target_has_no_best_risk():
    sampler = Sampler(day_ends(101_000), preset("fundednext_stellar_instant"), ACCOUNT, SMALL)

    with pytest.raises(InvalidValue, match="no profit target"):
        find_best_risk(sampler)
    assert sampler.odds(histories=0).passed.share == 0.0


@pytest.mark.parametrize("scales", [(), (2.0, 1.0), (1.0, 1.0), (50.0,)])
def test_scales_that_do_not_rise_are_refused(scales):
    with pytest.raises(InvalidValue, match="must rise"):
        find_best_risk(SAMPLERS[BY_DAY], scales=scales, risk_fraction=0.01)


@pytest.mark.parametrize("plan", [{"by": "hour"}, {"paths": 0}, {"days": 0}, {"paths": 10**6, "days": 1000}])
def test_impossible_plans_are_refused(plan):
    with pytest.raises(InvalidValue):
        Plan(**plan)


def test_a_backtest_without_trades_cannot_be_resampled():
    with pytest.raises(InvalidValue, match="no trade"):
        Sampler(day_ends(100_000, 100_000, entries=0), pack(), ACCOUNT, SMALL)


# --- intervals --------------------------------------------------------------------------------------------------


@given(of=st.integers(0, 100_000), part=st.floats(0, 1), confidence=st.floats(0.5, 0.999))
def test_an_interval_holds_its_share(of, part, confidence):
    share = wilson(int(of * part), of, confidence=confidence)

    assert 0 <= share.low <= share.share <= share.high <= 1
    assert of == 0 or share.high - share.low < 1


def test_impossible_counts_are_refused():
    with pytest.raises(InvalidValue):
        wilson(3, 2)


# --- every start of the history ---------------------------------------------------------------------------------


def test_every_start_is_decided_as_the_simulation_decides_it():
    steps = np.array([1_900.0, -900.0, 2_400.0, 1_500.0, -2_600.0, 3_000.0] * 8)
    equity = SIZE + np.cumsum(steps)
    rules = pack(
        phases=[
            {"name": "one", "profit_target_pct": 8},
            {"name": "two", "profit_target_pct": 5, "min_trading_days": 3},
        ],
        max_loss={"mode": "static", "pct": 2},
    )
    whole = day_ends(*equity)

    starts = begin_every_day(whole, rules, ACCOUNT)

    found = []
    for number in range(len(steps)):
        part = day_ends(
            *(equity[number:] - (equity[number - 1] - SIZE if number else 0)),
            start=int(whole.closes_s[number]) - 86_400,
        )
        report = simulate(part, rules, ACCOUNT)
        lost = any(outcome.status is Status.FAILED for outcome in report.phases)
        found.append("passed" if report.is_passed else "failed" if lost else "undecided")
    assert starts.starts == len(steps)
    assert (starts.passed, starts.failed, starts.undecided) == tuple(
        found.count(end) for end in ("passed", "failed", "undecided")
    )
    assert min(found.count(end) for end in ("passed", "failed", "undecided")) > 0
    assert starts.days[0] >= 3
    assert starts.passed_share == starts.passed / (starts.passed + starts.failed)


def test_a_pack_without_a_target_has_no_starts():
    with pytest.raises(InvalidValue, match="no profit target"):
        begin_every_day(day_ends(101_000), preset("fundednext_stellar_instant"), ACCOUNT)
