from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from trading.data.columns import Columns
from trading.data.examine import examine
from trading.data.quality import coverage, find_gaps, inspect
from trading.data.zones import offsets_at
from trading.model.bars import Bars
from trading.model.timeframe import Timeframe

NEW_YORK = ZoneInfo("America/New_York")


def make_bars(time_s, timeframe=Timeframe.M15, **spoiled):
    count = len(time_s)
    close = 1.1 + 0.001 * np.sin(np.arange(count) / 7.0)
    columns = {"open": close, "high": close + 0.0005, "low": close - 0.0005, "close": close} | spoiled
    return Bars(timeframe, time_s, **columns, volume=np.ones(count), spread_points=np.zeros(count))


def market_times(weeks=30, step_s=900, start=datetime(2026, 1, 4, 17, tzinfo=NEW_YORK)):
    """Opening times of a currency market: Sunday 17:00 to Friday 17:00 in New York, whatever its clocks do."""
    times = []
    for week in range(weeks):
        opens = (start + timedelta(weeks=week)).timestamp()
        closes = (start + timedelta(weeks=week, days=5)).timestamp()
        times.append(np.arange(opens, closes, step_s, dtype=np.int64))
    return np.concatenate(times)


def kinds(findings):
    return {str(finding.kind) for finding in findings}


def test_a_clean_market_has_nothing_to_say():
    assert inspect(make_bars(market_times())) == []


def test_what_is_missing_while_the_market_is_open_is_counted():
    times = market_times()
    kept = np.delete(times, [5_000, 5_001, 5_002, 9_000])

    found = find_gaps(make_bars(kept))

    assert (found.count, found.extra["missing_bars"]) == (2, 4)
    assert found.extra["largest"][0] == [int(times[5_000]), int(times[5_003]), 3]
    assert found.level == "NOTE"


def test_a_market_that_never_closes_has_no_weekend():
    times = np.arange(0, 8 * 604_800, 900) + 1_700_006_400
    kept = np.delete(times, np.arange(1_000, 1_100))

    assert find_gaps(make_bars(kept)).extra["missing_bars"] == 100
    assert kinds(inspect(make_bars(times))) == set()


@pytest.mark.parametrize(
    ("timeframe", "step_s"), [(Timeframe.H4, 14_400), (Timeframe.D1, 86_400), (Timeframe.W1, 604_800)]
)
def test_long_bars_have_gaps_too(timeframe, step_s):
    times = np.arange(1_700_006_400, 1_700_006_400 + 60 * 604_800, step_s)
    bars = make_bars(np.delete(times, 20), timeframe)

    assert find_gaps(make_bars(times, timeframe)) is None
    assert find_gaps(bars).extra["missing_bars"] == 1


def test_a_week_or_two_are_judged_without_their_weekend():
    assert find_gaps(make_bars(market_times(weeks=2))) is None


def read_as(times_utc, written_in, read_in):
    """Examine bars written by one clock and read by another."""
    bars = make_bars(times_utc)
    shown = times_utc + offsets_at(times_utc, written_in)
    columns = Columns(shown, bars.open, bars.high, bars.low, bars.close, bars.volume, bars.spread_points)
    return examine(columns, zone=read_in)


@pytest.mark.parametrize("written_in", ["SERVER_NY+7", "UTC", "-05:00", "Europe/Berlin"])
@pytest.mark.parametrize("read_in", ["UTC", "Asia/Tokyo", "America/New_York"])
def test_a_wrong_zone_is_doubted_and_the_likely_one_named(written_in, read_in):
    found = {str(f.kind): f for f in read_as(market_times(50), written_in, read_in).findings}

    if written_in == read_in:
        assert "ZONE_DOUBTFUL" not in found
    else:
        assert found["ZONE_DOUBTFUL"].extra["likely"] == written_in


def test_the_right_zone_gives_the_right_moments_and_no_doubt():
    times = market_times(50)
    examined = read_as(times, "SERVER_NY+7", "SERVER_NY+7")

    assert examined.bars.time.tolist() == times.tolist()
    assert examined.findings == []


def test_bars_on_a_weekend_are_doubted():
    saturday = int(datetime(2026, 3, 7, 12, tzinfo=UTC).timestamp())
    times = np.sort(np.concatenate((market_times(), [saturday])))

    (found,) = [f for f in inspect(make_bars(times)) if f.kind == "WEEKEND_BARS"]
    assert (found.count, found.at) == (1, [saturday])


def test_a_price_that_jumps_out_and_back_is_pointed_at():
    times = market_times(4)
    bars = make_bars(times)
    close = bars.close.copy()
    close[700] *= 1.05
    high = np.maximum(bars.high, close + 0.0005)

    (found,) = inspect(make_bars(times, close=close, open=bars.open, high=high, low=bars.low))

    assert (found.kind, found.at) == ("OUTLIERS", [int(times[700])])


def test_coverage_counts_bars_by_week_against_what_the_market_usually_has():
    times = market_times(8)
    weeks = coverage(make_bars(np.delete(times, np.arange(1_000, 1_040))))

    assert sum(count for _, count, _ in weeks) == len(times) - 40
    assert sum(expected for _, _, expected in weeks) == len(times)
    assert [expected - count for _, count, expected in weeks].count(0) == len(weeks) - 1
