"""What other limits would have made of a recorded history; and that the same limits make nothing else of it."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.trading.risk.cases import AT, LIMITS, asked, state
from trading.risk.case import Case
from trading.risk.exposure import Exposure
from trading.risk.judge import judge
from trading.risk.limits import parse_limits
from trading.risk.replay import Change, DayBase, Outcome, Recorded, replay
from trading.risk.what_if import View, ask_what_if

D = Decimal
DAY = DayBase(day=date(2026, 3, 4), starts_at=AT - timedelta(hours=12), balance=D(100_000), equity=D(100_000))
NEXT = DayBase(day=date(2026, 3, 5), starts_at=AT + timedelta(hours=12), balance=D(99_800), equity=D(99_800))


def other(**changes):
    return parse_limits({**LIMITS.as_document(), **changes})


def recorded(minute=0, *, lots="1", pnl=None, closes=None, limits=LIMITS, key=None, day=None, **facts):
    at = AT + timedelta(minutes=minute)
    case = Case(
        asked(requested_lots=D(lots)),
        state(snapshot_at=at, day_ends_at=NEXT.starts_at + timedelta(days=1), **facts, **({"day": day} if day else {})),
        limits,
        at,
        at,
    )
    verdict = judge(case.asked, case.state, limits, at, at)
    outcome = None
    if pnl is not None:
        closed_at = None if closes is None else AT + timedelta(minutes=closes)
        outcome = Outcome(opened_at=at, closed_at=closed_at, pnl=D(pnl))
    return Recorded(
        key=key or str(minute), case=case, approved=verdict.approved, reason=verdict.reason_code, lots=verdict.lots,
        risk=verdict.risk_amount, outcome=outcome,
    )  # fmt: skip


def changes(result):
    return [one.change for one in result.trades]


HISTORIES = st.lists(
    st.tuples(
        st.integers(0, 500),
        st.sampled_from(["0.10", "1", "3", "40"]),
        st.none() | st.integers(-900, 900),
        st.none() | st.integers(0, 600),
        st.sampled_from([0, 150, 2400]),
    ),
    max_size=8,
)


@given(HISTORIES)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_the_limits_that_held_change_nothing(history):
    rows = [
        recorded(minute, lots=lots, pnl=pnl, closes=closes, equity=D(100_000) - loss)
        for minute, lots, pnl, closes, loss in sorted(history, key=lambda one: one[0])
    ]
    result = ask_what_if(rows, [DAY], [], LIMITS)

    assert set(changes(result)) <= {Change.SAME}
    assert result.pnl_now == result.pnl_then


@given(HISTORIES, st.sampled_from(["0.0001", "0.0005", "0.001"]))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_less_risk_per_trade_never_gives_a_trade_more_lots(history, fraction):
    rows = [
        recorded(minute, lots=lots, pnl=0, closes=closes)
        for minute, lots, _, closes, _ in sorted(history, key=lambda one: one[0])
    ]
    result = ask_what_if(rows, [DAY], [], other(max_risk_per_trade_fraction=fraction))

    assert all(one.kept <= 1 for one in result.trades)
    assert all(one.verdict.risk_amount <= D(100_000) * D(fraction) for one in result.trades)


def test_a_trade_that_would_have_been_denied_takes_its_result_with_it():
    rows = [recorded(0, pnl=-150, closes=5), recorded(1, pnl=80, closes=9)]
    result = ask_what_if(rows, [DAY], [], other(max_open_positions=0))

    assert changes(result) == [Change.DENIED, Change.DENIED]
    assert (result.pnl_then, result.pnl_now) == (-70, 0)
    assert result.trades[0].verdict.reason_code == "MAX_POSITIONS"
    assert result.days[0].changes == {Change.DENIED: 2}


def test_a_shrunk_trade_keeps_its_share_of_the_result():
    result = ask_what_if([recorded(pnl=-200, closes=5)], [DAY], [], other(max_risk_per_trade_fraction="0.001"))

    assert changes(result) == [Change.SHRUNK]
    assert result.trades[0].kept == D("0.5")
    assert result.pnl_now == -100


def test_a_denied_trade_that_would_have_been_placed_has_no_known_result():
    strict = other(max_open_positions=0)
    result = ask_what_if([recorded(limits=strict)], [DAY], [], LIMITS)

    assert changes(result) == [Change.ALLOWED]
    assert result.pnl_now == 0


def test_what_the_day_risked_is_counted_anew_after_each_answer():
    limits = other(max_daily_risk_fraction="0.0042")  # 420: two trades of 200
    loose = other(max_daily_risk_fraction=None)
    rows = [recorded(n, pnl=0, risked_today=D(200 * n), limits=loose) for n in range(4)]

    assert changes(ask_what_if(rows, [DAY], [], limits)) == [Change.SAME, Change.SAME, Change.DENIED, Change.DENIED]
    halved = other(max_daily_risk_fraction="0.0042", max_risk_per_trade_fraction="0.001")
    assert [one.verdict.approved for one in ask_what_if(rows, [DAY], [], halved).trades] == [True] * 4


def test_a_loss_that_would_not_have_been_made_leaves_room_for_later_trades():
    limits = other(daily_loss_fraction="0.01", max_open_positions=1)  # 1000
    rows = [
        recorded(0, pnl=0),
        recorded(1, pnl=-900, closes=5, exposure=Exposure(count=1)),  # denied under the other limits
        recorded(6, pnl=0, equity=D(99_100), balance=D(99_100), exposure=Exposure(count=0)),
    ]
    result = ask_what_if(rows, [DAY], [], limits)

    assert changes(result) == [Change.SAME, Change.DENIED, Change.SAME]
    alone = judge(rows[2].case.asked, rows[2].case.state, limits, AT, AT + timedelta(minutes=6))
    assert alone.approved is False  # in the recorded state there was no room left


def test_an_open_trade_that_would_not_be_there_is_taken_out_with_its_planned_risk():
    limits = other(max_open_positions=1)
    held = Exposure(worst_loss=D(400), count=2, by_symbol={"EURUSD": D(400)})
    rows = [
        recorded(0, pnl=10, closes=3),
        recorded(1, pnl=0, exposure=Exposure(count=1, worst_loss=D(200), by_symbol={"EURUSD": D(200)})),
        recorded(4, pnl=0, exposure=replace(held, count=1, worst_loss=D(200), by_symbol={"EURUSD": D(200)})),
    ]
    result = ask_what_if(rows, [DAY], [], limits)

    assert changes(result) == [Change.SAME, Change.DENIED, Change.SAME]  # the second one's place is free
    world = replay(rows, [DAY], limits)
    assert world.list_open(AT + timedelta(minutes=4)) == [world.rejudged[1]]


def test_a_reservation_that_would_not_be_there_frees_its_money_and_its_place():
    rows = [
        recorded(0, pnl=0),
        recorded(1, pnl=0, reserved=D(200), reserved_by_symbol={"EURUSD": D(200)}, held=1),
    ]
    result = ask_what_if(rows, [DAY], [], other(max_risk_per_trade_fraction="0.00001", max_open_positions=1))
    assert changes(result) == [Change.DENIED, Change.DENIED]
    assert [one.verdict.reason_code for one in result.trades] == ["BELOW_MIN_LOT", "BELOW_MIN_LOT"]


def test_the_deepest_use_of_each_limit_is_found_in_the_views_with_what_would_be_different():
    views = [View(market_at=AT + timedelta(minutes=n), equity=D(100_000 - 100 * n)) for n in range(11)]
    rows = [recorded(0, pnl=-500, closes=5)]
    same = ask_what_if(rows, [DAY], views, LIMITS).days[0]
    assert (same.daily.used, same.daily.market_at) == (D("0.4"), AT + timedelta(minutes=10))  # 1000 of 2500
    assert same.total.used == D("0.2")

    none = ask_what_if(rows, [DAY], views, other(max_open_positions=0)).days[0]
    assert none.daily.used == D("0.2")  # the 500 would not be lost
    assert none.daily.market_at == AT + timedelta(minutes=10)


def test_each_day_stands_by_itself_and_begins_with_what_the_days_before_would_have_left():
    rows = [
        recorded(0, pnl=-200, closes=5),
        recorded(800, pnl=50, closes=810, day=NEXT.day, balance=D(99_800), equity=D(99_800), day_balance=D(99_800)),
    ]
    views = [View(market_at=NEXT.starts_at + timedelta(minutes=1), equity=D(99_800))]
    result = ask_what_if(rows, [DAY, NEXT], views, other(max_open_positions=0))

    assert [(day.day.day, day.asked, day.pnl_then, day.pnl_now) for day in result.days] == [
        (4, 1, -200, 0),
        (5, 1, 50, 0),
    ]
    assert result.days[1].daily.used == 0  # it would have begun with 100 000, and stood there
    assert result.days[1].total.used == 0


@pytest.mark.parametrize("equity, broken", [(97_400, True), (97_600, False)])
def test_equity_seen_below_the_other_floor_is_a_broken_day(equity, broken):
    views = [View(market_at=AT, equity=D(equity))]
    assert ask_what_if([recorded()], [DAY], views, LIMITS).days[0].is_broken is broken


def test_an_empty_period_has_days_without_trades():
    result = ask_what_if([], [DAY, NEXT], [], LIMITS)
    assert [(day.asked, day.daily.market_at) for day in result.days] == [(0, None), (0, None)]
