"""Luck among many tries: the papers' own numbers, laws, and what is said in words."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trading.backtest.deflated import (
    Evidence,
    Moments,
    deflated_sharpe,
    effective_trials,
    expected_best_sharpe,
    moments,
    overfitting_probability,
    probabilistic_sharpe,
    warn_overfitting,
    weigh,
)
from trading.errors import InvalidValue


def _noise(periods, trials, seed=0):
    return np.random.default_rng(seed).normal(size=(periods, trials))


def test_the_expected_best_of_noise_is_what_noise_shows():
    best = [max(np.random.default_rng(seed).normal(size=50)) for seed in range(2000)]

    assert expected_best_sharpe(50, 1.0) == pytest.approx(np.mean(best), abs=0.05)


@settings(max_examples=60)
@given(
    count=st.integers(3, 5000), sharpe=st.floats(-1, 1), skewness=st.floats(-2, 2), kurtosis=st.floats(1, 20),
    trials=st.floats(1, 1e6), variance=st.floats(0, 1),
)  # fmt: skip
def test_deflating_never_raises_a_probability(count, sharpe, skewness, kurtosis, trials, variance):
    found = Moments(count, sharpe, skewness, kurtosis)

    plain, deflated = probabilistic_sharpe(found), deflated_sharpe(found, trials=trials, variance=variance)

    assert 0 <= deflated <= plain <= 1


@settings(max_examples=40)
@given(few=st.floats(1, 1000), more=st.floats(1, 1000))
def test_more_trials_expect_a_better_best(few, more):
    assert expected_best_sharpe(few, 1.0) <= expected_best_sharpe(few * more, 1.0) + 1e-12


def test_moments_of_a_known_sample():
    found = moments(np.array([0.01, 0.03, 0.02, 0.02]))

    assert found.sharpe == pytest.approx(0.02 / (0.02 / math.sqrt(6)))
    assert (found.count, found.skewness) == (4, pytest.approx(0, abs=1e-9))
    assert found.kurtosis == pytest.approx(2.0)
    assert moments(np.array([0.01, 0.01, 0.01])) is None
    assert moments(np.array([0.01])) is None


def test_independent_trials_count_in_full_and_copies_once():
    assert effective_trials(_noise(2000, 20)) == pytest.approx(20, abs=1)
    assert effective_trials(_noise(200, 1).repeat(20, axis=1)) == pytest.approx(1)
    assert effective_trials(_noise(200, 1)) == 1
    half = _noise(4000, 20) + _noise(4000, 1, seed=9)  # correlation 0.5
    assert effective_trials(half) == pytest.approx(10.5, abs=1)


def test_noise_is_overfitted_half_the_time_and_skill_is_not():
    noise = np.mean([overfitting_probability(_noise(200, 20, seed)) for seed in range(15)])
    skilled = _noise(400, 20)
    skilled[:, 3] += 0.8

    assert noise == pytest.approx(0.5, abs=0.12)
    assert overfitting_probability(skilled) == 0


def test_what_wins_in_one_half_only_is_overfitted():
    # Each trial earns in one stretch and loses as much in the others, so the best of any half is bad in the other.
    returns = np.full((100, 10), -1.0) + 0.01 * _noise(100, 10)
    for trial in range(10):
        returns[trial * 10 : trial * 10 + 10, trial] += 12.0

    assert overfitting_probability(returns) > 0.9


@settings(max_examples=20, deadline=None)
@given(periods=st.integers(1, 60), trials=st.integers(0, 6), blocks=st.sampled_from([4, 6, 8]), seed=st.integers(0, 99))
def test_probabilities_stay_probabilities(periods, trials, blocks, seed):
    found = overfitting_probability(_noise(periods, trials, seed), blocks=blocks)

    assert found is None or 0 <= found <= 1
    assert (found is None) == (trials < 2 or periods // blocks < 2)


@pytest.mark.parametrize(
    "call",
    [
        lambda: overfitting_probability(_noise(50, 4), blocks=5),
        lambda: overfitting_probability(_noise(50, 4), blocks=18),
        lambda: overfitting_probability(np.zeros(5)),
        lambda: effective_trials(np.array([[np.nan, 1.0]])),
        lambda: moments(np.array([1.0, np.inf, 2.0])),
        lambda: expected_best_sharpe(0.5, 1.0),
        lambda: expected_best_sharpe(5, -1.0),
    ],
)
def test_impossible_input_is_refused(call):
    with pytest.raises(InvalidValue):
        call()


def test_a_search_of_noise_is_warned_of_and_real_skill_is_not():
    noise = _noise(250, 100) * 0.01
    best = noise[:, int(np.argmax(noise.mean(axis=0)))]
    skill = noise.copy()
    skill[:, 0] += 0.005

    lucky = weigh(best, noise, trades=200, parameters=2)
    good = weigh(skill[:, 0], skill, trades=200, parameters=2)

    assert lucky.probabilistic_sharpe > 0.95 > lucky.deflated_sharpe
    assert any("After 100 tries" in sentence for sentence in warn_overfitting(lucky))
    assert warn_overfitting(good) == []


def test_trials_beyond_those_kept_count_too():
    noise = _noise(250, 20) * 0.01

    few, many = (weigh(noise[:, 0], noise, trades=200, parameters=2, trials=trials) for trials in (None, 5000))

    assert (few.trials, many.trials) == (20, 5000)
    assert many.effective_trials > few.effective_trials
    assert many.deflated_sharpe < few.deflated_sharpe


@pytest.mark.parametrize(
    "evidence, words",
    [
        ({"trades": 29}, "too few to tell skill from luck"),
        ({"trades": 60, "parameters": 8}, "8 free parameters"),
        ({"deflated_sharpe": 0.5, "trials": 1200}, "After 1,200 tries"),
        ({"probabilistic_sharpe": 0.8}, "The record is short"),
        ({"overfitting_probability": 0.4}, "hardly helps"),
        ({"out_of_sample_return": -0.031}, "the choices lost 3.1 %"),
        ({"walk_forward_efficiency": 0.2, "out_of_sample_return": 0.1}, "20 % of the pace"),
    ],
)
def test_every_warning_is_said_in_words(evidence, words):
    found = warn_overfitting(Evidence(**{"trades": 200, "parameters": 2, "trials": 1, **evidence}))

    assert len(found) == 1
    assert words in found[0]
