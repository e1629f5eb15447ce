"""The seeded and the replayed market, and what is added up from them."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from simulator.market import sessions
from simulator.market.feed import Feed, NoBars
from simulator.market.replay import ReplayedMarket, ReplayError, name_symbol, read_recording
from simulator.market.seeded import SeededMarket
from simulator.market.source import BaseBars
from simulator.market.symbols import list_typical_terms, typical_terms
from simulator.market.zone import ServerZone, UnknownZone

START = datetime(2026, 1, 14, 12, tzinfo=UTC).timestamp()
WEEK = sessions.find_week(START)
M1, M5, H1, D1, W1, MN1 = 1, 5, 16385, 16408, 32769, 49153


def make_market(seed: int = 1, **options: int) -> SeededMarket:
    return SeededMarket(list_typical_terms(), seed=seed, history_weeks=options.get("history_weeks", 30), start=START)


def same(first: BaseBars, second: BaseBars) -> bool:
    return all(np.array_equal(getattr(first, name), getattr(second, name)) for name in BaseBars.__slots__)


def test_a_minute_depends_on_nothing_but_seed_symbol_and_time() -> None:
    one, other = make_market(), make_market(history_weeks=10)
    for week in range(WEEK - 3, WEEK + 1):
        one.load("GBPUSD", week)

    assert same(one.load("EURUSD", WEEK), other.load("EURUSD", WEEK))
    assert not same(one.load("EURUSD", WEEK), make_market(seed=2).load("EURUSD", WEEK))
    assert not same(one.load("EURUSD", WEEK), one.load("EURUSD", WEEK - 1))


@pytest.mark.parametrize("terms", list_typical_terms(), ids=lambda terms: terms.name)
def test_seeded_bars_are_bars_a_market_could_make(terms) -> None:  # type: ignore[no-untyped-def]
    bars = make_market().load(terms.name, WEEK)

    assert (bars.high >= np.maximum(bars.open, bars.close)).all()
    assert (bars.low <= np.minimum(bars.open, bars.close)).all()
    assert (bars.low > 0).all()
    assert (bars.spread >= 1).all()
    assert (np.diff(bars.utc) >= 60).all()
    assert np.array_equal(bars.close, np.round(bars.close, terms.digits))
    assert 0.3 < bars.close[-1] / terms.price < 3
    assert (bars.volume > 0).all()


def test_sessions_follow_new_york_through_its_clock_change() -> None:
    market = make_market()
    # 2026-03-08: New York's clock goes forward; the week then opens and closes an hour earlier in UTC
    for day, hour in ((datetime(2026, 1, 18, tzinfo=UTC), 22), (datetime(2026, 3, 15, tzinfo=UTC), 21)):
        bars = market.load("EURUSD", sessions.find_week(day.timestamp() + 86400))
        first, last = (datetime.fromtimestamp(int(bars.utc[index]), UTC) for index in (0, -1))
        assert (first.weekday(), first.hour, first.minute) == (6, hour, 5)
        assert (last.weekday(), last.hour, last.minute) == (4, hour - 1, 59)
    gold = market.load("XAUUSD", WEEK)
    assert np.diff(gold.utc).max() == 61 * 60
    assert len(market.load("BTCUSD", WEEK)) == 7 * 1440


def test_the_night_is_calm_and_dear() -> None:
    market = make_market()
    weeks = [market.load("EURUSD", week) for week in range(WEEK - 5, WEEK + 1)]
    hour = np.concatenate([(bars.utc + 2 * 3600) % 86400 // 3600 for bars in weeks])
    size = np.concatenate([bars.high - bars.low for bars in weeks])
    spread = np.concatenate([bars.spread for bars in weeks])

    assert size[hour == 16].mean() > 2 * size[hour == 1].mean()
    assert spread[hour == 0].mean() > 2 * spread[hour == 12].mean()


def naive(bars: BaseBars, seconds: int, at: float) -> dict[int, tuple[float, float, float, float]]:
    rows: dict[int, tuple[float, float, float, float]] = {}
    for utc, opened, high, low, closed in zip(bars.utc, bars.open, bars.high, bars.low, bars.close, strict=True):
        if utc + 60 > at:
            break
        key = int(utc) // seconds * seconds
        if key in rows:
            o, h, x, _ = rows[key]
            rows[key] = (o, max(h, high), min(x, low), closed)
        else:
            rows[key] = (opened, high, low, closed)
    return rows


@pytest.mark.parametrize(("timeframe", "seconds"), [(M1, 60), (M5, 300), (H1, 3600), (D1, 86400)])
def test_coarser_bars_are_added_up_from_minutes(timeframe: int, seconds: int) -> None:
    market = make_market()
    feed = Feed(market, ServerZone("UTC"))
    at = sessions.find_week_start(WEEK) + 3 * 86400 + 12 * 3600 + 600.0
    expected = naive(market.load("EURUSD", WEEK), seconds, at)

    # the series grows forward in uneven steps and must come out the same
    for early in (at - 7200, at - 3599, at - 61):
        feed.read_rates("EURUSD", timeframe, early, 10)
    rates = feed.read_rates("EURUSD", timeframe, at, 100)[:-1]
    rates = rates[rates["time"] >= min(expected)]

    assert len(rates) > 1
    for row in rates:
        assert tuple(row)[1:5] == expected[int(row["time"])]


def test_the_forming_bar_knows_only_what_has_happened() -> None:
    market = make_market()
    feed = Feed(market, ServerZone("UTC"))
    bars = market.load("EURUSD", WEEK)
    index = int(np.searchsorted(bars.utc, START))
    (forming,) = feed.read_rates("EURUSD", M1, START, 1)

    assert (forming["open"], forming["high"], forming["low"], forming["close"]) == (bars.open[index],) * 4
    (whole,) = feed.read_rates("EURUSD", M1, START + 59.999, 1)
    assert (whole["high"], whole["low"]) == (bars.high[index], bars.low[index])
    assert feed.find_quote("EURUSD", START).bid == bars.open[index]  # type: ignore[union-attr]


def test_days_and_weeks_open_on_the_servers_clock() -> None:
    feed = Feed(make_market(), ServerZone("SERVER_NY+7"))
    summer = datetime(2026, 7, 15, 12, tzinfo=UTC).timestamp()

    for at in (START, summer):
        days = feed.read_rates("EURUSD", D1, at, 20)
        assert (days["time"] % 86400 == 0).all()
        # New York's evening is the server's midnight: no bar on Saturday or Sunday
        assert set((days["time"] // 86400 + 4) % 7) == {1, 2, 3, 4, 5}
        assert set((feed.read_rates("EURUSD", W1, at, 5)["time"] // 86400 + 4) % 7) == {0}
    months = feed.read_rates("EURUSD", MN1, summer, 3)["time"]
    assert [datetime.fromtimestamp(int(time), UTC).day for time in months] == [1, 1, 1]


def test_times_of_bars_rise_through_both_clock_changes() -> None:
    feed = Feed(make_market(), ServerZone("Europe/Athens"))
    rates = feed.read_rates("BTCUSD", H1, datetime(2026, 11, 20, tzinfo=UTC).timestamp(), 8000)

    assert (np.diff(rates["time"]) > 0).all()


def test_ticks_lie_within_their_bars() -> None:
    feed = Feed(make_market(), ServerZone("UTC"))
    ticks = feed.read_ticks("EURUSD", START, START - 600, START, 1000)
    rates = feed.read_rates("EURUSD", M1, START, 11)[:-1]

    for row in rates:
        inside = ticks[(ticks["time"] >= row["time"]) & (ticks["time"] < row["time"] + 60)]
        assert (inside["bid"].max(), inside["bid"].min()) == (row["high"], row["low"])
        assert (inside["bid"][0], inside["bid"][-1]) == (row["open"], row["close"])
    assert len(feed.read_ticks("EURUSD", START, START - 600, START, 7)) == 7


def test_an_unknown_zone_is_refused() -> None:
    for name in ("Mars/Base", "../etc/passwd", ""):
        with pytest.raises(UnknownZone):
            ServerZone(name)


def test_a_server_moment_turns_back_into_its_utc_moment() -> None:
    for zone in (ServerZone("SERVER_NY+7"), ServerZone("Europe/Athens"), ServerZone("UTC")):
        for moment in np.arange(START, START + 300 * 86400, 7 * 3600 + 11):
            assert zone.to_utc(zone.to_server(float(moment))) in (
                float(moment),
                float(moment) - 3600,
                float(moment) + 3600,
            )
            if zone.name != "Europe/Athens":
                assert abs(zone.to_utc(zone.to_server(float(moment))) - moment) in (0.0, 3600.0)


# replay --------------------------------------------------------------------------------------------------------------

ROWS = [f"2026-01-1{4 + i // 1440} {i % 1440 // 60:02}:{i % 60:02}" for i in range(60)]


def write(path: Path, lines: list[str]) -> Path:
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def test_three_kinds_of_files_hold_the_same_bars(tmp_path: Path) -> None:
    plain = [f"{time},1.1,1.2,1.0,1.15,{n}" for n, time in enumerate(ROWS)]
    headed = ["time,open,high,low,close,volume", *(f"{time}:00,1.1,1.2,1.0,1.15,{n}" for n, time in enumerate(ROWS))]
    exported = ["<DATE>\t<TIME>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\t<VOL>\t<SPREAD>"] + [
        "\t".join([time[:10].replace("-", "."), f"{time[11:]}:00", "1.1", "1.2", "1.0", "1.15", str(n), "0", "14"])
        for n, time in enumerate(ROWS)
    ]
    utc = ServerZone("UTC")

    bars = [
        read_recording(write(tmp_path / f"EURUSD_{i}.csv", lines), utc)
        for i, lines in enumerate((plain, headed, exported))
    ]

    assert [recording.base_s for recording in bars] == [60, 60, 60]
    for recording in bars[1:]:
        assert np.array_equal(recording.bars.utc, bars[0].bars.utc)
        assert np.array_equal(recording.bars.close, bars[0].bars.close)
        assert np.array_equal(recording.bars.volume, bars[0].bars.volume)
    assert set(bars[2].bars.spread) == {14}
    assert bars[0].bars.utc[0] == datetime(2026, 1, 14, tzinfo=UTC).timestamp()


def test_the_times_of_a_file_are_the_servers_clock(tmp_path: Path) -> None:
    path = write(tmp_path / "EURUSD.csv", [f"{time},1.1,1.2,1.0,1.15,5" for time in ROWS])

    recording = read_recording(path, ServerZone("SERVER_NY+7"))

    assert recording.bars.utc[0] == datetime(2026, 1, 13, 22, tzinfo=UTC).timestamp()


def test_impossible_lines_are_left_out_and_told(tmp_path: Path) -> None:
    lines = [f"{time},1.1,1.2,1.0,1.15,5" for time in ROWS]
    lines[10] = lines[9]
    lines[20] = f"{ROWS[20]},1.1,1.05,1.0,1.15,5"
    lines[30] = f"{ROWS[30]},1.1,1.2,1.0,nan,5"

    recording = read_recording(write(tmp_path / "EURUSD.csv", lines), ServerZone("UTC"))

    assert len(recording.bars) == 57
    assert [text.split(":")[0] for text in recording.left_out] == ["line 11", "line 21", "line 31"]


@pytest.mark.parametrize("line", ["yesterday,1,1,1,1,1", "2026-01-14 00:00,1.1,x,1.0,1.1,1", "2026-01-14 00:00,1.1"])
def test_a_file_that_can_not_be_read_is_refused_with_its_line(tmp_path: Path, line: str) -> None:
    with pytest.raises(ReplayError, match="line 1"):
        read_recording(write(tmp_path / "EURUSD.csv", [line] * 20), ServerZone("UTC"))


def test_a_replay_starts_after_its_warm_up_and_has_no_finer_bars(tmp_path: Path) -> None:
    lines = [f"2026-01-14 {h:02}:{m:02},1.1,1.2,1.0,1.15,5" for h in range(10) for m in range(0, 60, 5)]
    recording = read_recording(write(tmp_path / "EURUSD_M5.csv", lines), ServerZone("UTC"))
    market = ReplayedMarket(typical_terms("EURUSD"), recording, spread_points=12)
    feed = Feed(market, ServerZone("UTC"))

    assert market.starts_at == recording.bars.utc[24]
    assert len(feed.read_rates("EURUSD", M5, market.starts_at, 100)) == 25
    assert len(feed.read_rates("EURUSD", H1, market.starts_at, 100)) == 3
    assert feed.find_quote("EURUSD", market.starts_at).spread_points == 12  # type: ignore[union-attr]
    with pytest.raises(NoBars):
        feed.read_rates("EURUSD", M1, market.starts_at, 1)
    assert market.ends_at == recording.bars.utc[-1] + 300
    assert not feed.is_open("EURUSD", market.ends_at)


def test_a_symbol_is_read_from_a_files_name() -> None:
    assert [name_symbol(Path(name)) for name in ("EURUSD_M1_2020Q3.csv", "XAUUSD.csv", "US30-M5.csv")] == [
        "EURUSD",
        "XAUUSD",
        "US30",
    ]
