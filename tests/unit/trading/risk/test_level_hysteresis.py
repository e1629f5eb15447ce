"""A level rises at once and falls slowly, so a light does not flicker."""

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.trading.risk.cases import AT, LIMITS
from trading.risk.levels import STAY, KeptLevel, RiskLevel, follow_level, level_of, stand

D = Decimal
SECOND = timedelta(seconds=1)


def follow(kept, used, after_s=0, **more):
    return follow_level(kept, D(used), market_at=AT + after_s * SECOND, **more)


@pytest.mark.parametrize(
    "used, level",
    [
        ("0.4999", "SAFE"),
        ("0.5", "CAUTION"),
        ("0.7", "WARNING"),
        ("0.85", "CRITICAL"),
        ("0.95", "HALTED"),
        ("1.2", "HALTED"),
    ],
)
def test_a_level_is_entered_at_once_at_its_share(used, level):
    assert follow(KeptLevel(), used).level == level


@pytest.mark.parametrize(
    "entered, kept, left", [("0.5", "0.45", "0.4499"), ("0.7", "0.65", "0.6499"), ("0.95", "0.9", "0.89")]
)
def test_a_level_is_left_only_five_points_below_and_after_a_minute(entered, kept, left):
    there = follow(KeptLevel(), entered)

    assert follow(follow(there, kept), kept, 3600) == KeptLevel(there.level)
    easing = follow(there, left)
    assert (easing.level, easing.calm_since) == (there.level, AT)
    assert follow(easing, left, 59).level == there.level
    assert follow(easing, left, 60).level.rank < there.level.rank


def test_a_rise_in_between_begins_the_minute_anew():
    easing = follow(follow(KeptLevel(), "0.71"), "0.60")
    again = follow(easing, "0.66", 30)

    assert again.calm_since is None
    assert follow(follow(again, "0.60", 40), "0.60", 99).level == "WARNING"


def test_trades_that_could_lose_half_of_a_limit_turn_the_light_yellow_and_no_further():
    assert follow(KeptLevel(), "0", worst_fraction=D("0.5")).level.light == "YELLOW"
    assert follow(KeptLevel(), "0", worst_fraction=D("0.99")).level.light == "YELLOW"
    assert follow(KeptLevel(), "0.75", worst_fraction=D("0.99")).level.light == "ORANGE"


def test_the_share_from_which_nothing_is_added_is_a_setting():
    assert follow(KeptLevel(), "0.8", halted_fraction=D("0.8")).level is RiskLevel.HALTED


@settings(deadline=None)
@given(st.lists(st.tuples(st.decimals("0", "1.5", places=4), st.integers(1, 90)), max_size=40))
def test_a_kept_level_is_never_milder_than_the_share_and_never_flickers(views):
    kept, at, rose_at = KeptLevel(), AT, None
    for used, seconds in views:
        at += seconds * SECOND
        after = follow_level(kept, used, market_at=at)
        assert after.level.rank >= level_of(used, latched=False).rank
        if after.level.rank < kept.level.rank:
            assert rose_at is None or at - rose_at >= STAY
        if after.level.rank > kept.level.rank:
            rose_at = at
        kept = after


def test_worst_used_counts_what_stands_to_be_lost_against_the_nearer_limit():
    standing = stand(
        LIMITS,
        initial_balance=D(100_000),
        day_balance=D(100_000),
        day_equity=D(100_000),
        peak=D(100_000),
        equity=D(99_500),
    )

    assert standing.worst_used(D(750)) == D("0.5")  # 1,250 of 2,500
    assert standing.worst_used(D(0)) == standing.used
