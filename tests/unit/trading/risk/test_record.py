"""A case that was written down is the same case when it is read, for every state there can be."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.trading.risk.cases import AT, EURUSD, LIMITS, asked, managed, state
from trading.risk.exposure import Exposure
from trading.risk.judge import judge
from trading.risk.record import UnreadableRecord, Written, mark_checks, read_case, write_asked, write_state, write_terms

MONEY = st.decimals(min_value=-1_000_000, max_value=1_000_000, places=8)
ABOVE = st.decimals(min_value="0.00000001", max_value=1_000_000, places=8)
INSTANTS = st.datetimes(datetime(2026, 3, 1), datetime(2026, 3, 9), timezones=st.just(UTC))
EXPOSURES = st.builds(
    Exposure,
    worst_loss=MONEY,
    count=st.integers(0, 300),
    by_symbol=st.dictionaries(st.sampled_from(["EURUSD", "GBPUSD", "#SPX"]), MONEY),
    problem=st.sampled_from(["", "EXPOSURE_UNKNOWN"]),
    message=st.text(max_size=20),
)
STATES = st.builds(
    lambda base, **changes: replace(base, **changes),
    st.sampled_from([state(), managed()]),
    latches=st.lists(st.tuples(st.sampled_from(["team", "day"]), st.text(max_size=9)), max_size=2).map(tuple),
    bot_tags=st.lists(st.sampled_from(["@scalping", "@slow"]), max_size=2).map(tuple),
    day_ends_at=st.none() | INSTANTS,
    snapshot_at=st.none() | INSTANTS,
    equity=MONEY,
    balance=MONEY,
    free_margin=st.none() | MONEY,
    reserved=MONEY,
    risked_today=MONEY,
    reserved_by_symbol=st.dictionaries(st.sampled_from(["EURUSD", "XAUUSD"]), MONEY),
    exposure=EXPOSURES,
    terms=st.none()
    | st.builds(
        lambda **changes: replace(EURUSD, **changes),
        bid=st.none() | ABOVE,
        ask=st.none() | ABOVE,
        volume_open=ABOVE,
        profit_rate=st.none() | ABOVE,
        tick_value_loss=ABOVE,
    ),
)
ASKED = st.builds(
    lambda **changes: asked(**changes),
    entry_price=st.sampled_from([Decimal("NaN"), Decimal("-Infinity"), Decimal("1E+9")]) | ABOVE,
    requested_lots=ABOVE,
    take_profit=st.none() | ABOVE,
    executor_id=st.none() | st.just("exr_1"),
    fence=st.none() | st.integers(0, 2**62),
)
encoder = msgspec.json.Encoder(decimal_format="number", order="sorted")


def through_json(content):
    return json.loads(encoder.encode(content), parse_float=Decimal)


def written_and_read(request, facts, market_at=AT):
    return read_case(
        asked=through_json(write_asked(request)),
        state=through_json(write_state(facts)),
        limits=LIMITS,
        terms=through_json(write_terms(facts.terms)) if facts.terms else None,
        at=AT,
        market_at=market_at,
    )


def decide(request, facts, market_at):
    verdict = judge(request, facts, LIMITS, AT, market_at)
    return verdict.approved, verdict.reason_code, verdict.lots, verdict.risk_amount, mark_checks(verdict)


@given(ASKED, STATES, INSTANTS)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_record_read_back_is_the_case_and_gets_the_same_verdict(request, facts, market_at):
    case = written_and_read(request, facts, market_at)

    assert case.state == facts
    assert str(case.asked.entry_price.normalize()) == str(request.entry_price.normalize())
    assert replace(case.asked, entry_price=0) == replace(request, entry_price=0)
    assert decide(case.asked, case.state, market_at) == decide(request, facts, market_at)


def test_position_ids_are_left_out_because_no_check_reads_them():
    facts = state(exposure=Exposure(worst_loss=Decimal(5), count=1, position_ids=frozenset({7})))

    assert written_and_read(asked(), facts).state.exposure == replace(facts.exposure, position_ids=frozenset())


def test_what_equals_a_default_takes_no_room():
    plain = write_state(state())

    assert "bot_tags" not in plain
    assert plain["moving"].keys() == {"bid", "ask"}
    assert len(encoder.encode(plain)) < 700


@pytest.mark.parametrize(
    "spoil",
    [
        {"surprise": 1},
        {"halt_epoch": "three"},
        {"day_ends_at": "soon"},
        {"exposure": []},
        {"equity": "much"},
        {"latches": [["team"]]},
    ],
)
def test_a_record_that_is_none_of_ours_is_refused_in_words(spoil):
    with pytest.raises((UnreadableRecord, ValueError), match=r"surprise|halt_epoch|day_ends_at|exposure|equity|zip"):
        read_case(
            asked=write_asked(asked()), state={**write_state(state()), **spoil}, limits=LIMITS, terms=None, at=AT,
            market_at=AT + timedelta(hours=1),
        )  # fmt: skip


def test_what_was_written_of_one_state_is_taken_for_the_next_only_where_it_is_the_same():
    first = state()
    later = [
        replace(first, reserved=Decimal("12.50"), held=first.held + 1),
        replace(first, reserved_by_symbol={"EURUSD": Decimal(7)}, held_sides={"EURUSD": "BUY"}),
        replace(first, reserved=Decimal("12.50"), held_sides={}, opposite="Account A holds EURUSD long"),
        first,
    ]
    written = Written()

    assert [write_state(one, written) for one in [first, *later]] == [write_state(one) for one in [first, *later]]
