import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading import jit
from trading.engine.match import (
    BUY,
    BUY_LIMIT,
    BUY_STOP,
    NO_FILL,
    SELL,
    SELL_LIMIT,
    SELL_STOP,
    STOP_FILL,
    TARGET_FILL,
    match_open,
    match_path,
    match_pending,
    match_segment,
    path_point,
)

TICKS = st.integers(100_000, 120_000)


def _bar(draw):
    points = [draw(TICKS) for _ in range(4)]
    open_, close = points[0], points[1]
    return open_ / 1e5, max(points) / 1e5, min(points) / 1e5, close / 1e5


@pytest.mark.parametrize(
    ("side", "stop", "target", "bid", "ask", "expected"),
    [
        (BUY, 1.10, 1.20, 1.0900, 1.0902, (STOP_FILL, 1.0900)),  # below the stop: the open, not the stop
        (BUY, 1.10, 1.20, 1.1000, 1.1002, (STOP_FILL, 1.1000)),  # on it
        (BUY, 1.10, 1.20, 1.2100, 1.2102, (TARGET_FILL, 1.2100)),  # beyond the target: better than asked for
        (BUY, 1.10, 1.20, 1.1001, 1.1003, (NO_FILL, 0.0)),
        (SELL, 1.20, 1.10, 1.1999, 1.2001, (STOP_FILL, 1.2001)),  # a SELL leaves at the ask, though the bid is below
        (SELL, 1.20, 1.10, 1.0998, 1.1000, (TARGET_FILL, 1.1000)),
        (SELL, 1.20, 1.10, 1.0999, 1.1001, (NO_FILL, 0.0)),
        (BUY, 0.0, 0.0, 0.0001, 0.0002, (NO_FILL, 0.0)),  # no stop, no target
        (SELL, 0.0, 0.0, 9.0, 9.1, (NO_FILL, 0.0)),
    ],
)
def test_a_gap_fills_at_the_open(side, stop, target, bid, ask, expected):
    assert match_open(side, stop, target, bid, ask) == expected


@pytest.mark.parametrize(
    ("close", "pessimistic", "expected"),
    [
        (1.12, False, (STOP_FILL, 1.09)),  # up bar: open, low, high, close
        (1.08, False, (TARGET_FILL, 1.13)),  # down bar: open, high, low, close
        (1.11, False, (STOP_FILL, 1.09)),  # close = open counts as up
        (1.08, True, (STOP_FILL, 1.09)),
    ],
)
def test_the_path_decides_where_a_bar_reaches_both(close, pessimistic, expected):
    assert match_path(BUY, 1.09, 1.13, 1.11, 1.14, 1.07, close, 0.0, pessimistic) == expected


def test_a_sell_is_stopped_by_the_ask():
    # high bid 1.1199 + spread 0.0001 = 1.1200
    assert match_path(SELL, 1.12, 0.0, 1.11, 1.1199, 1.10, 1.11, 0.0001, False) == (STOP_FILL, 1.12)
    assert match_path(SELL, 1.12, 0.0, 1.11, 1.1198, 1.10, 1.11, 0.0001, False) == (NO_FILL, 0.0)


def test_a_sell_needs_the_ask_at_its_target():
    assert match_path(SELL, 0.0, 1.10, 1.11, 1.12, 1.1000, 1.11, 0.0001, False) == (NO_FILL, 0.0)
    assert match_path(SELL, 0.0, 1.10, 1.11, 1.12, 1.0999, 1.11, 0.0001, False) == (TARGET_FILL, 1.10)


@pytest.mark.parametrize(
    ("kind", "price", "bid_from", "bid_to", "expected"),
    [
        (BUY_LIMIT, 1.1000, 1.1010, 1.0990, (True, 1.1000)),
        (BUY_LIMIT, 1.1000, 1.1010, 1.0999, (True, 1.1000)),  # ask 1.1000
        (BUY_LIMIT, 1.1000, 1.1010, 1.1000, (False, 1.1000)),  # ask 1.1001
        (BUY_LIMIT, 1.1000, 1.0990, 1.0990, (True, 1.0991)),  # a gap is a better price
        (SELL_LIMIT, 1.1000, 1.0990, 1.1000, (True, 1.1000)),
        (SELL_LIMIT, 1.1000, 1.0990, 1.0999, (False, 1.1000)),
        (BUY_STOP, 1.1000, 1.0990, 1.0999, (True, 1.1000)),
        (BUY_STOP, 1.1000, 1.1010, 1.1010, (True, 1.1011)),  # a gap is a worse price
        (SELL_STOP, 1.1000, 1.1010, 1.1000, (True, 1.1000)),
        (SELL_STOP, 1.1000, 1.0990, 1.0990, (True, 1.0990)),
    ],
)
def test_waiting_orders_fill_on_their_own_side_of_the_quote(kind, price, bid_from, bid_to, expected):
    filled, at = match_pending(kind, price, bid_from, bid_to, 0.0001)

    assert (filled, round(at, 5)) == expected


@given(st.data(), st.sampled_from([BUY, SELL]), TICKS, TICKS, st.integers(0, 50))
def test_walking_tick_by_tick_point_by_point_fills_like_the_bar(data, side, stop_ticks, target_ticks, spread_ticks):
    """The simulated terminal walks the path; the backtest asks for the whole bar. Both get the same fill."""
    bar = _bar(data.draw)
    stop, target, spread = stop_ticks / 1e5, target_ticks / 1e5, spread_ticks / 1e5
    if match_open(side, stop, target, bar[0], bar[0] + spread)[0] != NO_FILL:
        return

    walked = (NO_FILL, 0.0)
    for number in (1, 2, 3):
        if walked[0] == NO_FILL:
            walked = match_segment(side, stop, target, path_point(number, *bar), spread)

    assert walked == match_path(side, stop, target, *bar, spread, False)


@given(st.data(), st.sampled_from([BUY, SELL]), TICKS, TICKS, st.integers(0, 50))
def test_pessimism_never_improves_a_fill(data, side, stop_ticks, target_ticks, spread_ticks):
    bar = _bar(data.draw)
    stop, target, spread = stop_ticks / 1e5, target_ticks / 1e5, spread_ticks / 1e5
    if (target - stop) * side <= 0 or match_open(side, stop, target, bar[0], bar[0] + spread)[0] != NO_FILL:
        return

    usual, worst = (match_path(side, stop, target, *bar, spread, way) for way in (False, True))

    assert (usual[0] == NO_FILL) == (worst[0] == NO_FILL)
    assert (worst[1] - usual[1]) * side <= 0


def test_machine_code_matches_alike():
    fast = jit.compiled(match_path)

    for close in (1.12, 1.08):
        arguments = (BUY, 1.09, 1.13, 1.11, 1.14, 1.07, close, 0.0, False)
        assert fast(*arguments) == match_path(*arguments)
