import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.trading.making import MONDAY, random_bars
from trading.errors import InvalidBars
from trading.model.bars import Bars
from trading.model.timeframe import Timeframe

GOOD = (1.1, 1.2, 1.0, 1.15)


def _bars(*rows, timeframe=Timeframe.M1):
    return Bars.from_rows(timeframe, rows)


@pytest.mark.parametrize(
    ("rows", "what"),
    [
        ([(60, *GOOD), (60, *GOOD)], "repeats"),
        ([(120, *GOOD), (60, *GOOD)], "older"),
        ([(60, 1.1, float("nan"), 1.0, 1.1)], "finite"),
        ([(60, 1.1, float("inf"), 1.0, 1.1)], "finite"),
        ([(60, 0.0, 1.0, 0.0, 1.0)], "above 0"),
        ([(60, 1.1, 1.05, 1.0, 1.1)], "outside"),
        ([(61, *GOOD)], "no M1 bar opens"),
        ([(60, *GOOD, -1.0)], "not negative"),
    ],
)
def test_what_is_no_bar_is_refused(rows, what):
    with pytest.raises(InvalidBars, match=what):
        _bars(*rows)


@pytest.mark.parametrize(
    ("timeframe", "opens_s"), [(Timeframe.H4, 22 * 3600), (Timeframe.D1, 21 * 3600), (Timeframe.W1, 22 * 3600)]
)
def test_a_brokers_day_need_not_be_that_of_utc(timeframe, opens_s):
    assert len(_bars((opens_s, *GOOD), timeframe=timeframe)) == 1


def test_arrays_cannot_be_written_to():
    bars = _bars((60, *GOOD))

    with pytest.raises(ValueError):
        bars.close[0] = 2.0


def test_a_coarse_bar_adds_up_its_fine_bars_and_nothing_else():
    # Two hours-of-five-minutes bars: the first whole, the second cut off after two minutes.
    fine = _bars(
        (0, 1.0, 1.1, 0.9, 1.05, 10, 3),
        (60, 1.05, 1.3, 1.0, 1.2, 20, 4),
        (240, 1.2, 1.2, 0.8, 0.85, 5, 5),  # two minutes without a tick are no bars
        (300, 0.85, 0.9, 0.85, 0.9, 7, 6),
        (360, 0.9, 0.95, 0.9, 0.95, 7, 6),
    )

    coarse = fine.resample(Timeframe.M5)

    assert [(b.time, b.open, b.high, b.low, b.close, b.volume, b.spread_points) for b in coarse] == [
        (0, 1.0, 1.3, 0.8, 0.85, 35.0, 3)
    ]


def test_a_bar_still_forming_appears_once_its_time_is_over():
    fine = _bars((300, *GOOD), (360, *GOOD))

    assert len(fine.resample(Timeframe.M5)) == 0
    assert len(fine.resample(Timeframe.M5, complete_until_s=599)) == 0
    assert len(fine.resample(Timeframe.M5, complete_until_s=600)) == 1


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([Timeframe.M5, Timeframe.H1, Timeframe.W1]), st.integers(1, 400))
def test_resampling_is_causal(seed, to, seen):
    bars = random_bars(seed, 400)

    early, late = bars.part(0, seen).resample(to), bars.resample(to)

    for name in ("time", "open", "high", "low", "close", "volume"):
        assert np.array_equal(getattr(early, name), getattr(late, name)[: len(early)])


def test_finer_bars_cannot_be_made():
    with pytest.raises(InvalidBars, match="cannot be added up"):
        _bars((300, *GOOD), timeframe=Timeframe.M5).resample(Timeframe.M1)


def test_between_takes_the_start_and_leaves_the_end():
    bars = random_bars(1, 50)

    part = bars.between(int(bars.time[10]), int(bars.time[20]))

    assert part.time.tolist() == bars.time[10:20].tolist()
    assert len(bars.between(0, MONDAY)) == 0
