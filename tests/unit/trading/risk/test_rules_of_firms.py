"""The judge on what firms ask beyond losses: each rule alone denies, at its edge, and only where it is set."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.trading.risk.cases import AT, EURUSD, EVERY_LIMIT, LIMITS, asked, state
from trading.risk.exposure import Exposure
from trading.risk.judge import CHECKS, judge
from trading.risk.limits import LIMIT_CHECKS, OFF, SHADOW
from trading.risk.pairs import BOTH, correlate, currency_legs, effective_correlation, instrument_of, opposes
from trading.risk.sessions import flat_instant, weekend_at

D = Decimal
FRIDAY_CLOSE = datetime(2026, 3, 6, 22, tzinfo=UTC)
NEWS = {"news_at": AT + timedelta(seconds=120), "news_what": "USD Non-Farm Payrolls"}


def verdict(request=None, facts=None, limits=LIMITS, market_at=AT):
    facts = facts or state()
    moved = replace(facts, day_ends_at=market_at + timedelta(hours=10)) if market_at != AT else facts
    return judge(request or asked(), moved, limits, AT, market_at)


def held(symbol, side, **more):
    return state(held_sides={symbol: side}, **more)


RULES = [
    # check, code, limit, what breaks it, what just keeps it
    ("open_risk", "OPEN_RISK_LIMIT", {"max_open_risk_fraction": D("0.01")}, {"reserved": D("800.01")}, {"reserved": D(800)}),
    (
        "correlation", "CORRELATION_LIMIT", {"max_correlation": D("0.7")},
        {"held_sides": {"GBPUSD": "BUY"}, "correlations": {"GBPUSD": D("0.7001")}},
        {"held_sides": {"GBPUSD": "BUY"}, "correlations": {"GBPUSD": D("0.7")}},
    ),
    (
        "currency", "CURRENCY_RISK", {"max_currency_risk_fraction": D("0.01")},
        {"currency_risk": {"USD": D("-800.01")}}, {"currency_risk": {"USD": D(-800), "GBP": D(9000)}},
    ),
    ("opposite", "OPPOSITE_POSITION", {}, {"opposite": "Account acc-2 holds EURUSD short"}, {}),
    (
        "consistency", "CONSISTENCY_LIMIT", {"consistency_fraction": D("0.4"), "profit_target_fraction": D("0.1")},
        {"day_profit": D(4000)}, {"day_profit": D("3999.99")},
    ),
    ("news", "NEWS_WINDOW", {"news_before_s": 120}, NEWS, {**NEWS, "news_at": AT + timedelta(seconds=121)}),
    (
        "news", "NEWS_WINDOW", {"news_after_s": 120},
        {**NEWS, "news_at": AT - timedelta(seconds=120)}, {**NEWS, "news_at": AT - timedelta(seconds=121)},
    ),
    ("news", "NEWS_CALENDAR_MISSING", {"news_before_s": 120}, {"news_covered": False}, {}),
    (
        "flat_by", "FLAT_BY_TIME", {"flat_by": "15:10 America/Chicago", "flat_guard_s": 0},
        {"day_ends_at": AT + timedelta(hours=1)}, {"day_ends_at": AT + timedelta(hours=11)},
    ),
]  # fmt: skip


@pytest.mark.parametrize("check, code, limit, broken, kept", RULES)
def test_each_rule_denies_from_its_edge_on_where_it_is_set(check, code, limit, broken, kept):
    limits = replace(LIMITS, **limit)

    denied = verdict(facts=state(**broken), limits=limits)

    assert (denied.approved, denied.reason_code) == (False, code)
    assert next(one.status for one in denied.checks if one.name == check) == "FAILED"
    assert verdict(facts=state(**kept), limits=limits).approved
    if limit:
        assert verdict(facts=state(**broken)).approved


@pytest.mark.parametrize("check, code, limit, broken, kept", RULES)
def test_each_rule_can_watch_before_it_is_enforced(check, code, limit, broken, kept):
    watching = verdict(facts=state(**broken), limits=replace(LIMITS, **limit, modes=((check, SHADOW),)))

    assert watching.approved
    assert watching.shadow_codes == (code,)
    assert any(warning.startswith(f"{code}:") for warning in watching.warnings)
    off = verdict(facts=state(**broken), limits=replace(LIMITS, **limit, modes=((check, OFF),)))
    assert (off.approved, off.shadow_codes) == (True, ())


def test_a_denial_says_what_the_watching_limits_would_have_said_before_it():
    limits = replace(LIMITS, modes=(("daily_loss", SHADOW),))

    answer = verdict(facts=state(reserved=D(2400), held=20), limits=limits)

    assert (answer.reason_code, answer.shadow_codes) == ("MAX_POSITIONS", ("DAILY_LOSS_LIMIT",))


def test_the_milder_of_both_modes_holds():
    assert replace(LIMITS, mode=SHADOW).mode_of("cluster") == SHADOW
    assert replace(LIMITS, mode=SHADOW, modes=(("cluster", OFF),)).mode_of("cluster") == OFF
    assert replace(LIMITS, mode=OFF, modes=(("cluster", SHADOW),)).mode_of("cluster") == OFF
    assert replace(LIMITS, mode=OFF).mode_of("latches") == "ENFORCE"
    assert {name for name, _ in CHECKS} >= LIMIT_CHECKS


def test_the_trade_that_every_limit_allows_passes_every_check():
    answer = verdict(limits=EVERY_LIMIT)

    assert answer.approved
    assert {check.name: check.status for check in answer.checks if check.status != "PASSED"} == {
        "lease": "SKIPPED", "spread": "SKIPPED",
    }  # fmt: skip
    assert answer.warnings == ("MIN_DAYS: 0 of 4 trading days so far.",)


# --- correlation ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "symbol, side, known, code",
    [
        ("GBPUSD", "BUY", {}, "CORRELATION_LIMIT"),  # not known: counts as 1
        ("GBPUSD", "SELL", {}, "CORRELATION_LIMIT"),
        ("EURUSD", "BUY", {}, "CORRELATION_LIMIT"),  # the same again
        ("EURUSD", "SELL", {}, "APPROVED"),
        ("EURUSD", BOTH, {}, "CORRELATION_LIMIT"),
        ("GBPUSD", "SELL", {"GBPUSD": D("0.9")}, "APPROVED"),
        ("USDCHF", "SELL", {"USDCHF": D("-0.9")}, "CORRELATION_LIMIT"),
        ("USDCHF", "BUY", {"USDCHF": D("-0.9")}, "APPROVED"),
        ("USDCHF", BOTH, {"USDCHF": D("-0.9")}, "CORRELATION_LIMIT"),
    ],
)
def test_correlation_counts_by_direction_and_unknown_counts_whole(symbol, side, known, code):
    limits = replace(LIMITS, max_correlation=D("0.7"))

    assert verdict(facts=held(symbol, side, correlations=known), limits=limits).reason_code == code


def test_a_close_relative_below_the_limit_is_said():
    answer = verdict(
        facts=held("GBPUSD", "BUY", correlations={"GBPUSD": D("0.65")}),
        limits=replace(LIMITS, max_correlation=D("0.7")),
    )

    assert answer.approved
    assert answer.warnings[0].startswith("CORRELATED: 0.65 with GBPUSD")


closes = st.lists(st.floats(0.5, 2.0), min_size=40, max_size=140)


@given(closes, closes)
def test_correlation_is_symmetric_bounded_and_one_with_itself(one, other):
    first, second = dict(enumerate(one)), dict(enumerate(other))

    found = correlate(first, second)

    assert found == correlate(second, first)
    assert found is None or -1 <= found <= 1
    assert correlate(first, first) in (None, D("1.0000"))


def test_correlation_looks_at_the_last_hundred_common_hours_only():
    together = {hour: 1 + 0.001 * (hour * 7 % 13) for hour in range(200, 301)}
    apart = {hour: 1 + 0.001 * (hour * 5 % 11) for hour in range(200)}
    first, second = {**apart, **together}, {**{hour: 2 - close for hour, close in apart.items()}, **together}

    assert correlate(first, second) == D("1.0000")
    assert correlate({**first, 400: 1.0}, second) == D("1.0000")  # an hour only one of them has is no common hour


@pytest.mark.parametrize("count, known", [(30, False), (31, True)])
def test_below_thirty_returns_nobody_knows(count, known):
    few = {hour: 1 + 0.001 * (hour * 7 % 13) for hour in range(count)}

    assert (correlate(few, few) is not None) is known
    assert correlate(few, dict.fromkeys(few, 1.0)) is None


@given(st.decimals("-1", "1", places=4), st.sampled_from(["BUY", "SELL"]), st.sampled_from(["BUY", "SELL", BOTH]))
def test_a_hedged_symbol_never_counts_less_than_one_side_of_it(known, side, held_side):
    found = effective_correlation("EURUSD", side, "GBPUSD", held_side, {"GBPUSD": known})

    assert abs(found) == abs(known)
    assert effective_correlation("EURUSD", side, "GBPUSD", BOTH, {"GBPUSD": known}) >= found


# --- currencies -------------------------------------------------------------------------------------------------------


def test_a_trade_that_lowers_what_a_currency_carries_is_not_held_back_by_it():
    limits = replace(LIMITS, max_currency_risk_fraction=D("0.01"))
    long_dollars = state(currency_risk={"USD": D(5000), "EUR": D(-5000)})

    assert verdict(facts=long_dollars, limits=limits).approved  # buying EURUSD sells dollars
    sell = asked(side="SELL", entry_price=EURUSD.bid, stop_loss=EURUSD.bid + D("0.002"), take_profit=None)
    assert verdict(sell, long_dollars, limits).reason_code == "CURRENCY_RISK"


def test_what_nobody_can_assign_to_a_currency_counts_against_each():
    limits = replace(LIMITS, max_currency_risk_fraction=D("0.01"))
    unnamed = state(terms=replace(EURUSD, currency_base=""), currency_risk={"JPY": D("801")})

    assert verdict(facts=state(currency_unknown=D("800.01")), limits=limits).reason_code == "CURRENCY_RISK"
    assert verdict(facts=unnamed, limits=limits).reason_code == "CURRENCY_RISK"


def test_an_index_in_its_own_currency_carries_none():
    assert currency_legs("BUY", "USD", "USD", D(100)) == {}


# --- other accounts ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "symbol, side, other, other_side, expected",
    [
        ("EURUSD", "BUY", "EURUSD.r", "SELL", True),
        ("EURUSD", "BUY", "EURUSDm", "BUY", False),
        ("US30", "SELL", "#US30", "BUY", True),
        ("EURUSD", "BUY", "EURGBP", "SELL", False),
        ("XAUUSD", "BUY", "XAUUSD-ecn", BOTH, True),
    ],
)
def test_one_instrument_under_two_names_is_one(symbol, side, other, other_side, expected):
    assert opposes(symbol, side, other, other_side) is expected


@given(st.text(max_size=20))
def test_every_text_has_an_instrument(symbol):
    assert instrument_of(instrument_of(symbol)) == instrument_of(symbol)


# --- consistency ------------------------------------------------------------------------------------------------------


def test_consistency_allows_more_as_the_whole_profit_grows():
    limits = replace(LIMITS, consistency_fraction=D("0.4"), profit_target_fraction=D("0.1"))

    assert verdict(facts=state(day_profit=D(4500), total_profit=D(9000)), limits=limits).approved
    assert verdict(facts=state(day_profit=D(-4500), total_profit=D(-9000)), limits=limits).approved


def test_consistency_without_a_target_only_warns():
    limits = replace(LIMITS, consistency_fraction=D("0.4"))

    answer = verdict(facts=state(day_profit=D(100), total_profit=D(900), best_day=D(600)), limits=limits)

    assert answer.approved
    assert answer.warnings[0].startswith("CONSISTENCY: the best day brought 600.00; 400.00 of 1000.00")


# --- the week's end ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "market_at, code",
    [
        (FRIDAY_CLOSE - timedelta(seconds=3601), "APPROVED"),
        (FRIDAY_CLOSE - timedelta(seconds=3600), "WEEKEND_CLOSE"),
        (FRIDAY_CLOSE, "WEEKEND_CLOSE"),
        (datetime(2026, 3, 7, 12, tzinfo=UTC), "WEEKEND_CLOSE"),
        (datetime(2026, 3, 8, 20, 59, 59, tzinfo=UTC), "WEEKEND_CLOSE"),
        (datetime(2026, 3, 8, 21, tzinfo=UTC), "APPROVED"),
    ],
)
def test_nothing_is_opened_for_the_weekend(market_at, code):
    limits = replace(LIMITS, weekend_holding=False)

    assert verdict(limits=limits, market_at=market_at).reason_code == code
    assert verdict(market_at=market_at).approved


@given(st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC)))
def test_each_weekend_lies_ahead_or_holds_now(at):
    closes, opens = weekend_at(at)

    assert at < opens <= at + timedelta(days=7, hours=1)
    assert timedelta(hours=47) <= opens - closes <= timedelta(hours=49)


@pytest.mark.parametrize("flat_by", ["15:10 America/Chicago", "00:00 UTC", "23:59 SERVER_NY+7", "02:30 Europe/Prague"])
@given(st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC)))
def test_the_hour_by_which_all_is_closed_lies_within_the_day_before_its_end(flat_by, ends_at):
    flat_at = flat_instant(flat_by, ends_at)

    assert ends_at - timedelta(hours=26) <= flat_at < ends_at


# --- news and size ----------------------------------------------------------------------------------------------------


def test_a_position_shrinks_to_the_margin_it_may_bind_and_says_so():
    limits = replace(LIMITS, max_position_fraction=D("0.005"))

    answer = verdict(limits=limits)

    assert (answer.approved, answer.lots) == (True, D("0.50"))
    assert answer.warnings == ("LOTS_ADJUSTED: from 1.00 to 0.50 (position_size).",)
    watching = verdict(limits=replace(limits, modes=(("position_size", SHADOW),)))
    assert (watching.lots, watching.shadow_codes) == (D("1.00"), ("POSITION_SIZE",))


def test_risk_of_all_open_trades_is_of_the_smaller_of_what_was_and_what_is():
    limits = replace(LIMITS, max_open_risk_fraction=D("0.01"))
    rich = state(
        balance=D(200_000), equity=D(200_000), day_balance=D(200_000), exposure=Exposure(worst_loss=D("800.01"))
    )

    assert verdict(facts=rich, limits=limits).reason_code == "OPEN_RISK_LIMIT"
