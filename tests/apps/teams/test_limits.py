"""Token buckets: who asks too often waits, and only they."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from apps.teams.limits import RATES, Buckets
from apps.teams.models import Tier
from tests.world import api_client, make_key


@given(gaps_s=st.lists(st.floats(0, 5), max_size=200))
def test_never_more_than_the_burst_and_what_time_gave_back(gaps_s):
    rate, buckets, mono_s, taken = RATES["failures"], Buckets(), 0.0, 0
    for gap_s in gaps_s:
        mono_s += gap_s
        taken += buckets.take("failures", "x", mono_s=mono_s) == 0
        assert taken <= rate.burst + rate.per_s * mono_s + 1e-6


def test_looking_takes_nothing():
    buckets = Buckets()

    for _ in range(100):
        assert buckets.take("failures", "x", mono_s=1.0, tokens=0) == 0


def test_the_wait_it_states_is_long_enough():
    buckets = Buckets()
    while not (wait_s := buckets.take("failures", "x", mono_s=1.0)):
        pass

    assert buckets.take("failures", "x", mono_s=1.0 + wait_s * 0.9) > 0
    assert buckets.take("failures", "x", mono_s=1.0 + wait_s + 0.001) == 0


def test_memory_is_bounded():
    buckets = Buckets(maximum=10)
    for number in range(50):
        buckets.take("browser", str(number), mono_s=1.0)

    assert len(buckets._levels) == 10


def test_a_flood_is_refused_with_the_time_to_wait_and_others_are_not(world):
    world.team.tier = Tier.FREE
    world.team.save()
    flooder, other = api_client(make_key(world.alice)[1]), api_client(make_key(world.alice)[1])

    answers = [flooder.get("/api/v1/teams/me") for _ in range(102)]

    assert answers[99].status_code == 200
    assert answers[-1].status_code == 429
    assert answers[-1].json()["code"] == "RATE_LIMITED"
    assert int(answers[-1]["Retry-After"]) >= 1
    assert other.get("/api/v1/teams/me").status_code == 200
