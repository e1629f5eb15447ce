"""Constructed bars and the exact wishes of the strategies that read one price."""

import numpy as np
import pytest

from tests.unit.trading.strategies.cases import waves
from tests.unit.trading.strategies.making import ZIGZAG, bars_of, every_wish, signals
from trading.indicators.arrays import rsi
from trading.model.instruments import typical_instrument
from trading.model.timeframe import Timeframe
from trading.strategies.features import NAMES, describe, label
from trading.strategies.folds import Window
from trading.strategies.forest import Model
from trading.strategies.registry import build

RISE = [110_000 + 20 * step for step in range(1, 30)]
FALL = [110_000 - 30 * step for step in range(1, 20)]


def mirrored(closes):
    return [220_000 - close for close in closes]


def test_a_moving_average_cross_is_signalled_once_with_its_confidence():
    # At the cross SMA10 = 110002.5, SMA30 = 110000.83, ATR = 14 + 5/14; SMA10 rose 2.5 in two bars.
    atr = 14 + 5 / 14
    expected = 0.60 + 0.20 * (2.5 - 25 / 30) / (0.25 * atr) + 0.15 * 2.5 / (0.5 * atr)

    assert signals("MovingAverageStrategy", bars_of(ZIGZAG + RISE)) == [(300, 1, round(expected, 4))]
    assert signals("MovingAverageStrategy", bars_of(mirrored(ZIGZAG + RISE))) == [(300, -1, round(expected, 4))]


def test_more_volume_than_usual_adds_to_a_cross_and_a_constant_one_does_not():
    volumes = [100] * 300 + [200] * 29

    confidence = signals("MovingAverageStrategy", bars_of(ZIGZAG + RISE, volumes=volumes))[0][2]

    assert confidence == pytest.approx(signals("MovingAverageStrategy", bars_of(ZIGZAG + RISE))[0][2] + 0.05, abs=1e-4)


def test_a_cross_below_the_confidence_is_dropped():
    assert signals("MovingAverageStrategy", bars_of(ZIGZAG + RISE), {"min_confidence": 0.75}) == []


def test_an_oversold_rsi_buys_and_repeats_only_after_the_cooldown():
    bars = bars_of(ZIGZAG + FALL)
    values = rsi(bars.close, 14)

    found = signals("RSIStrategy", bars)

    # 30 minutes are six bars; 21.7 is the first value whose confidence reaches 0.7.
    assert [place for place, _, _ in found] == [304, 310, 316]
    for place, side, confidence in found:
        assert side == 1
        assert confidence == round(0.60 + 0.30 * (30 - values[place]) / 30 + 0.05, 4)
    assert 0.60 + 0.30 * (30 - values[303]) / 30 + 0.05 < 0.7
    assert [(p, -s, c) for p, s, c in signals("RSIStrategy", bars_of(mirrored(ZIGZAG + FALL)))] == found


def test_a_flat_market_is_neither_overbought_nor_oversold():
    assert signals("RSIStrategy", bars_of([110_000] * 200, shadow=0)) == []


def test_mean_reversion_needs_several_signs_of_an_exhausted_fall():
    bars = bars_of(ZIGZAG + FALL, volumes=[100] * 300 + [300] * 19)

    # Bands, stochastic, z-score, pivots and the extreme of 20 bars agree: 0.55 + 5 * 0.04 + 0.21.
    assert signals("MeanReversionStrategy", bars) == [(302, 1, 0.96)]
    assert signals("MeanReversionStrategy", bars, {"min_confluence": 7}) == []


def test_the_confidence_of_mean_reversion_can_fall_short():
    bars = bars_of(ZIGZAG + FALL, volumes=[100] * 300 + [300] * 19)

    assert signals("MeanReversionStrategy", bars, {"min_confidence": 0.97})[0][0] > 302


def test_several_indicators_are_counted_for_both_sides_alike():
    volumes = [100] * 300 + [150] * 29
    up = signals("MultiIndicatorStrategy", bars_of(ZIGZAG + RISE, volumes=volumes))
    down = signals("MultiIndicatorStrategy", bars_of(mirrored(ZIGZAG + RISE), volumes=volumes))

    assert [(place, side) for place, side, _ in up] == [(300, 1), (306, 1)]
    assert [(place, -side) for place, side, _ in down] == [(300, 1), (306, 1)]


def test_momentum_follows_a_rise_that_everything_confirms():
    low = {"momentum_threshold": 0.1, "roc_threshold": 0.05}
    bars = bars_of(ZIGZAG + RISE, volumes=[100] * 300 + [150] * 29)

    # Five votes: 0.60 + 0.15 for votes + 0.15 for strength.
    assert signals("AdvancedMomentumStrategy", bars, low) == [(306, 1, 0.9), (312, 1, 0.9)]


def test_a_breakout_is_measured_from_the_bar_before():
    wishes = every_wish("ATRVolatilityStrategy", bars_of([*ZIGZAG, 110_060, 110_070, 110_080]))
    found = [(place, wish) for place, wish in enumerate(wishes) if wish.side]

    # The close rose 55 ticks with an ATR of 14 the bar before: 55 / 14 - 2 = 1.9 beyond; now the ATR is 14 + 45 / 14.
    assert [(place, wish.side, wish.reason) for place, wish in found] == [(300, 1, "normal, 1.9 ATR beyond")]
    atr = (14 + 45 / 14) * 1e-5
    assert found[0][1].stop_distance == pytest.approx(1.5 * atr)
    assert found[0][1].target_distance == pytest.approx(3.0 * atr)


def test_a_learned_pattern_is_traded_only_after_training_and_proof():
    bars = waves(560, Timeframe.H1)
    told = {
        "lookback_period": 200,
        "trees": 5,
        "retrain_frequency": 300,
        "prediction_threshold": 0.5,
        "min_confidence": 0.5,
    }

    found = signals("MLPatternStrategy", bars, told)

    # 300 bars after the epoch's last full stretch of 300 hours comes the first training with enough bars behind it.
    hours = bars.time // 3600
    first = next(place for place in range(265, 560) if hours[place] % 300 == 0)
    assert found[0][0] >= first
    assert len({side for _, side, _ in found}) == 2


def test_a_model_that_is_wrong_out_of_sample_does_not_pass_the_proof():
    random = np.random.default_rng(1)
    labels = [int(side) for side in random.choice([-1, 1], 200)]
    rows = [[side + random.normal(0, 0.1), random.normal()] for side in labels]
    model = Model(rows, labels, trees=5, boosted=False)
    strategy = build("MLPatternStrategy", {}, typical_instrument("EURUSD"), Timeframe.H1)

    assert strategy.is_proven(model, rows[100:], labels[100:])
    assert not strategy.is_proven(model, rows[100:], [-side for side in labels[100:]])
    assert not strategy.is_proven(model, rows[:4], labels[:4])


@pytest.mark.parametrize("boosted", [False, True])
@pytest.mark.parametrize("classes", [(-1, 0, 1), (0, 1)])
def test_trees_walked_in_python_say_what_scikit_learn_says(boosted, classes):
    from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier

    random = np.random.default_rng(1)
    rows, labels = random.normal(size=(120, 6)), random.choice(classes, 120)
    rows[:, 0] += labels
    model = Model(rows.tolist(), labels.tolist(), trees=8, boosted=boosted)
    forest = RandomForestClassifier(8, max_depth=10, min_samples_split=5, random_state=42).fit(rows, labels)
    expected = forest.predict_proba(rows)
    if boosted:
        booster = GradientBoostingClassifier(
            n_estimators=8, max_depth=3, learning_rate=0.1, max_features="sqrt", init="zero", random_state=42
        )
        expected = (expected + booster.fit(rows, labels).predict_proba(rows)) / 2

    found = [[model.probabilities(row)[label] for label in classes] for row in rows.tolist()]

    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_a_label_is_the_barrier_that_is_touched_first():
    window = Window(100)
    for bar in bars_of([*ZIGZAG[:30], 110_000, 110_020, 109_900]):
        window.update(bar)

    # The mean range is about 14 ticks: at place 30 the next bar reaches 22 ticks up, the one after 102 down.
    assert label(window, 30, 2, 1.0) == 1
    assert label(window, 30, 2, 3.0) == -1
    assert label(window, 30, 2, 50.0) == 0


def test_features_are_made_of_their_window_alone():
    bars = bars_of([*ZIGZAG[:100], *RISE])
    whole, part = Window(200), Window(60)
    for bar in bars:
        whole.update(bar)
        part.update(bar)

    row = describe(whole, len(whole.time), 60)

    assert row == describe(part, 60, 60)
    assert len(row) == 26
    assert len(NAMES) == 10


def test_the_same_bars_always_train_the_same_model():
    bars = waves(560, Timeframe.H1)
    told = {
        "lookback_period": 200,
        "trees": 5,
        "retrain_frequency": 300,
        "prediction_threshold": 0.5,
        "min_confidence": 0.5,
    }
    first, second = (
        build("MLPatternStrategy", told, typical_instrument("EURUSD"), Timeframe.H1).plan(bars, {}) for _ in range(2)
    )

    np.testing.assert_array_equal(first.side, second.side)
