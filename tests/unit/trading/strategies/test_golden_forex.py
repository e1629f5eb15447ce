"""Constructed bars and the exact wishes of the strategies that know currency pairs and their calendar."""

from datetime import UTC, datetime
from itertools import pairwise

import pytest

from tests.unit.trading.making import MONDAY
from tests.unit.trading.strategies.making import bars_of, every_wish, signals
from trading.engine.source import CLOSE_BUYS
from trading.errors import InvalidValue
from trading.indicators.arrays import rsi
from trading.model.bars import Bars
from trading.model.instruments import typical_instrument
from trading.model.timeframe import Timeframe
from trading.strategies.calendar_rows import polarity, read_calendar
from trading.strategies.forex_news import Release
from trading.strategies.pair import split_symbol
from trading.strategies.registry import build
from trading.strategies.session_clock import session_at

DAY = 86_400
CALM = [110_000 + (10 if place % 2 else -10) for place in range(160)]


def iso(time_s):
    return datetime.fromtimestamp(time_s, UTC).isoformat().replace("+00:00", "Z")


def day(place):
    return iso(MONDAY + DAY * place)[:10]


def days(closes=CALM, **more):
    return bars_of(closes, Timeframe.D1, shadow=20, **more)


def carry(base=5.0, quote=1.0, **more):
    rates = {"EUR": [{"from": "2020-01-01", "percent": base}], "USD": [{"from": "2020-01-01", "percent": quote}]}
    return {"rates": rates, **more}


# --- carry ------------------------------------------------------------------------------------------------------


def test_the_currency_that_pays_more_is_held_and_not_asked_for_again_within_a_week():
    found = signals("ForexCarryTradeStrategy", days(), carry())

    assert found[0][:2] == (109, 1)
    assert {side for _, side, _ in found} == {1}
    assert all(later - earlier >= 7 for (earlier, *_), (later, *_) in pairwise(found))
    assert {side for _, side, _ in signals("ForexCarryTradeStrategy", days(), carry(1.0, 5.0))} == {-1}


def test_the_score_of_a_carry_is_that_of_the_formula():
    bars = days()
    wish = every_wish("ForexCarryTradeStrategy", bars, carry())[109]

    # d = 4: 0.7 * 0.8 + 0.3 * (2 - 1) / 2 = 0.71. One tick in ten thousand from the average; returns of 20 ticks up and down.
    off_centre = abs(rsi(bars.close, 14)[109] - 50) / 10
    technical = 0.4 * (1 - 10 * 10 / 110_000) + 0.3 * (1 - off_centre) + 0.3 * (1 - (20 / 110_000) / 0.02)
    assert wish.confidence == pytest.approx(0.3 * 0.71 + 0.7 * technical, abs=1e-4)
    # 4 % a year of 1.1 over 365 nights are 1.2 pips.
    assert wish.reason == "rates differ by +4.00 points, about 1.21 pips a night"


@pytest.mark.parametrize(
    "told",
    [
        carry(1.5, 1.0),
        {"rates": {"EUR": [{"from": "2020-01-01", "percent": 5.0}]}},
        carry(long_swap_points=-3.0, short_swap_points=1.0),
        carry(risk_scores={"EUR": [{"from": "2020-01-01", "percent": 5.0}]}),
        carry(held_symbols=["GBPUSD"]),
        carry(max_volatility=0.0001),
    ],
    ids=["rates alike", "a rate missing", "the swap costs", "too risky", "a held pair unknown", "too wild"],
)
def test_there_is_no_carry(told):
    assert signals("ForexCarryTradeStrategy", days(), told, others={"GBPUSD": days().part(0, 5)}) == []


def test_a_pair_too_alike_with_a_held_one_is_not_entered():
    told = carry(held_symbols=["GBPUSD"])

    assert signals("ForexCarryTradeStrategy", days(), told, others={"GBPUSD": days()}) == []
    # Alternating the other way in pairs of days: hardly correlated.
    other = days([130_000 + (10 if place % 4 < 2 else -10) for place in range(160)])
    assert signals("ForexCarryTradeStrategy", days(), told, others={"GBPUSD": other})


def test_rates_that_no_longer_pay_close_the_carry_after_the_holding_period():
    rates = {
        "EUR": [{"from": "2020-01-01", "percent": 5.0}, {"from": day(112), "percent": 1.2}],
        "USD": [{"from": "2020-01-01", "percent": 1.0}],
    }
    wishes = every_wish("ForexCarryTradeStrategy", days(), {"rates": rates})
    closes = [(place, wish.closes) for place, wish in enumerate(wishes) if wish.closes]

    assert wishes[109].side == 1
    assert closes == [(116, CLOSE_BUYS)]


# --- sessions ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name, moment, hours",
    [
        ("london", "2026-01-05T07:59:59", None),
        ("london", "2026-01-05T08:00:00", (8, 17)),
        ("london", "2026-01-05T17:00:00", None),
        ("london", "2026-07-06T07:00:00", (7, 16)),
        ("new_york", "2026-03-09T12:00:00", (12, 21)),
        ("new_york", "2026-03-06T12:00:00", None),
        ("tokyo", "2026-01-05T00:00:00", (0, 9)),
        ("sydney", "2026-01-04T22:00:00", (21, 6)),
        ("london", "2026-01-04T12:00:00", None),
    ],
)
def test_sessions_have_the_hours_of_their_cities(name, moment, hours):
    found = session_at(name, int(datetime.fromisoformat(moment + "+00:00").timestamp()))

    assert (found and tuple(datetime.fromtimestamp(edge, UTC).hour for edge in found)) == hours


def rising_hours(count=400):
    # Three up, one down: a trend that leaves the RSI below 70.
    level, closes = 110_000, []
    for place in range(count):
        level += -30 if place % 4 == 3 else 14
        closes.append(level + 4 * place)
    return bars_of(closes, Timeframe.H1, shadow=10)


def hours_of(told):
    bars = rising_hours()
    found = signals("ForexSessionStrategy", bars, {"min_volatility_threshold": 0.00001, **told})
    assert {side for _, side, _ in found} <= {1}
    return {datetime.fromtimestamp(bars[place].time + 3600, UTC).hour for place, _, _ in found}


def test_the_trend_is_followed_while_a_preferred_session_overlaps_another():
    # London with Tokyo at 8 and with New York from 13 to 17; New York with Sydney at 21.
    assert hours_of({}) <= {8, 13, 14, 15, 16, 21}
    assert hours_of({"min_overlap_minutes": 61}) <= {13, 14, 15, 16}
    assert 13 in hours_of({"min_overlap_minutes": 61})


def test_without_overlap_only_a_preferred_session_is_enough():
    hours = hours_of({"overlap_only": False, "preferred_sessions": ["tokyo"]})

    assert hours
    assert hours <= set(range(9))


def test_an_overlap_that_is_too_short_does_not_count():
    # Tokyo and London overlap for one hour of the winter's day, Sydney and Tokyo for six.
    told = {"min_volatility_threshold": 0.00001, "preferred_sessions": ["tokyo"], "min_overlap_minutes": 400}

    assert signals("ForexSessionStrategy", rising_hours(), told) == []


def test_an_overbought_market_is_not_bought():
    told = {"min_volatility_threshold": 0.00001, "rsi_overbought": 51}

    assert signals("ForexSessionStrategy", rising_hours(), told) == []


# --- news -------------------------------------------------------------------------------------------------------

QUIET = [110_000 + (5 if place % 2 else -5) for place in range(150)]
RELEASE = MONDAY + 300 * 150  # where bar 150 opens


def calendar(title="Retail Sales", currency="EUR", impact="high", time_s=RELEASE, **figures):
    figures = {"forecast": 1.0, "previous": 0.8, **figures}
    event = {"currency": currency, "title": title, "impact": impact, "time": iso(time_s)}
    return [event | {name: value for name, value in figures.items() if value is not None}]


def news(way, closes, **more):
    events = more.pop("events", None) or calendar()
    return signals("ForexNewsStrategy", bars_of(closes), {"news_strategy": way, "events": events, **more})


def test_before_a_release_the_forecast_against_the_previous_figure_decides():
    # The window is half an hour before: bars that close at 30 to 5 minutes before the release.
    assert news("pre_news", QUIET) == [(143, 1, 0.6), (144, 1, 0.6)]
    assert news("pre_news", QUIET, events=calendar(currency="USD"))[0][1] == -1
    assert news("pre_news", QUIET, events=calendar(title="Unemployment Rate"))[0][1] == -1
    assert news("pre_news", QUIET, events=calendar(title="Somebody speaks")) == []
    assert news("pre_news", QUIET, events=calendar(previous=None)) == []
    assert news("pre_news", QUIET, events=calendar(currency="JPY")) == []
    assert news("pre_news", QUIET, events=calendar(impact="low")) == []


def test_a_breakout_after_a_release_is_beyond_the_range_before_it():
    jump = [*QUIET, 110_040, 110_040, 110_040, 110_040]

    # Highest high before is 110007, ATR 14: 33 / 14 - 1.5 = 0.86 beyond; twice for one release.
    assert news("breakout", jump) == [
        (150, 1, round(0.6 + 0.1 * (33 / 14 - 1.5), 4)),
        (151, 1, round(0.6 + 0.1 * (33 / 14 - 1.5), 4)),
    ]
    assert news("breakout", jump, max_news_exposure=1) == news("breakout", jump)[:1]
    assert news("breakout", [*QUIET, 110_027]) == []
    assert news("breakout", jump, events=calendar(time_s=RELEASE - 4000)) == []


def test_a_surprise_against_the_move_forbids_it_and_is_not_known_before_its_time():
    jump = [*QUIET, 110_040]

    assert news("breakout", jump, events=calendar(actual=1.2))
    assert news("breakout", jump, events=calendar(actual=0.9)) == []
    before = calendar(actual=5.0, forecast=None, previous=None)
    assert news("pre_news", QUIET, events=before) == []


def test_after_a_release_the_move_is_followed_or_faded():
    jump = [*QUIET, 110_165]

    # 160 ticks from 110005: 0.1454 %, 2.9 thresholds of 0.05 %.
    times = (110_165 / 110_005 - 1) / 0.0005
    assert news("post_news", jump) == [(150, 1, round(0.35 + 0.15 * times, 4))]
    assert news("fade", jump) == [(150, -1, round(0.45 + 0.05 * times, 4))]
    assert news("post_news", [*QUIET, 110_055]) == []
    assert news("fade", [*QUIET, 110_110]) == []


def test_the_bar_that_closes_at_the_release_has_seen_nothing_of_it():
    jump = [*QUIET[:-1], 110_165]

    assert news("post_news", jump) == []


def test_a_release_before_the_first_bars_has_no_market_before_it():
    closes = [110_000] * 10 + [110_200] * 60
    events = calendar(time_s=MONDAY + 60)

    assert news("post_news", closes, events=events, support_resistance_period=5, post_news_minutes=1440) == []


def test_the_stop_is_a_multiple_of_the_range():
    wish = every_wish("ForexNewsStrategy", bars_of([*QUIET, 110_040]), {"events": calendar()})[150]

    assert wish.stop_distance == pytest.approx(2 * (14 + (39 - 14) / 14) * 1e-5, rel=1e-4)


def test_the_sign_of_an_indicator_and_of_its_currency_make_the_direction():
    release = Release(0, -1, polarity("Initial Jobless Claims"), 3, "", 200.0, None, None)

    assert release.direction(210.0, 200.0) == 1
    assert release.direction(200.0, 200.0) == 0


def test_a_calendar_file_becomes_events_in_order():
    text = "Date,Time,Currency,Impact,Event,Actual,Forecast,Previous\n2026/01/09,13:30,usd,High,Nonfarm Payrolls,216K,170K,173K\n2026-01-08,10:00,EUR,low,Retail Sales,,0.3%,-\n"

    assert read_calendar(text) == [
        {"currency": "EUR", "title": "Retail Sales", "impact": "low", "time": "2026-01-08T10:00:00Z", "forecast": 0.3},
        {
            "currency": "USD",
            "title": "Nonfarm Payrolls",
            "impact": "high",
            "time": "2026-01-09T13:30:00Z",
            "forecast": 170_000.0,
            "previous": 173_000.0,
            "actual": 216_000.0,
        },
    ]


@pytest.mark.parametrize(
    "text, wrong",
    [
        ("time,currency,title\n", "lacks the column impact"),
        ("time,currency,impact\n", "lacks the column title"),
        ("time,currency,impact,title\nsoon,USD,high,GDP\n", "line 2: 'soon' is no time"),
        ("time,currency,impact,title\n2026-01-09 13:30,Dollar,high,GDP\n", "line 2: 'Dollar' is no currency"),
        ("time,currency,impact,title\n2026-01-09 13:30,USD,huge,GDP\n", "impact must be"),
        ("time,currency,impact,title,actual\n2026-01-09 13:30,USD,high,GDP,much\n", "actual 'much' is no figure"),
        ("time,currency,impact,title\n2026-01-09 13:30,USD,high,\n", "the title is missing"),
    ],
)
def test_a_calendar_that_cannot_be_read_says_where(text, wrong):
    with pytest.raises(InvalidValue, match=wrong):
        read_calendar(text)


def test_a_symbol_that_is_no_pair_is_refused():
    with pytest.raises(ValueError, match="no pair"):
        split_symbol("US30")


def test_bars_of_another_timeframe_are_empty_but_valid():
    strategy = build("ForexSessionStrategy", {}, typical_instrument("EURUSD"), Timeframe.M1)

    assert len(strategy.plan(Bars.empty(Timeframe.M1), {}).side) == 0
