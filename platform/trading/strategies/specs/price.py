"""Strategies that read the price of one symbol."""

from __future__ import annotations

from typing import Any

from trading.strategies.parameters import Parameter
from trading.strategies.spec import Alias, RiskTemplate, StrategySpec, below
from trading.strategies.specs.common import GUIDE, careful_risk, confidence, exits, scaled

_MACD = {
    "macd_fast": Parameter("int", 12, 2, 100, help="bars of the MACD's fast average"),
    "macd_slow": Parameter("int", 26, 3, 200, help="bars of the MACD's slow average"),
    "macd_signal": Parameter("int", 9, 2, 100, help="bars of the MACD's signal line"),
}
_RSI = Parameter("int", 14, 2, 50, help="bars of Wilder's RSI")
_STOCHASTIC = Parameter("int", 14, 2, 100, help="bars of the stochastic")

MOVING_AVERAGE = StrategySpec(
    name="MovingAverageStrategy",
    title="Moving average cross",
    summary="Buys where the short simple average crosses above the long one, sells where it crosses below.",
    implementation="trading.strategies.moving_average:MovingAverageStrategy",
    parameters={
        "short_window": Parameter("int", 10, 2, 50, help="bars of the short average"),
        "long_window": Parameter("int", 30, 10, 200, help="bars of the long average"),
        "min_confidence": confidence(0.7),
        "cooldown_seconds": Parameter("int", 3600, 0, 604800, help="between two signals of one side, in market time"),
    },
    aliases={"short_period": Alias("short_window"), "long_period": Alias("long_window")},
    rules=(below("short_window", "long_window"),),
    risk=RiskTemplate(0.10, 5),
    default_exit=exits(50, 100),
    default_risk=careful_risk(),
    source=GUIDE,
    mended=(
        "Separation and slope are measured in ATR, not in percent of the price: the original lost nearly every cross of a currency pair.",
        "The 0.05 for volume is given only where the volume is above its mean; the original gave it always.",
    ),
)

RSI = StrategySpec(
    name="RSIStrategy",
    title="RSI extremes",
    summary="Buys where the RSI is oversold, sells where it is overbought.",
    implementation="trading.strategies.rsi:RSIStrategy",
    parameters={
        "rsi_period": _RSI,
        "oversold_threshold": Parameter(
            "float", 30, 1, 49, help="buy at or below; at confidence 0.7 in effect two thirds of it"
        ),
        "overbought_threshold": Parameter("float", 70, 51, 99, help="sell at or above"),
        "min_confidence": confidence(0.7),
        "cooldown_seconds": Parameter("int", 1800, 0, 604800, help="between two signals of one side, in market time"),
    },
    aliases={
        "period": Alias("rsi_period"),
        "oversold": Alias("oversold_threshold"),
        "overbought": Alias("overbought_threshold"),
    },
    rules=(below("oversold_threshold", "overbought_threshold"),),
    risk=RiskTemplate(0.15, 8),
    default_exit=exits(40, 60),
    default_risk=careful_risk(),
    source=GUIDE,
    mended=("Wilder's smoothing, and 50 for a market that never moved; the original averaged plainly and said 100.",),
)

MEAN_REVERSION = StrategySpec(
    name="MeanReversionStrategy",
    title="Mean reversion",
    summary="Trades back to the mean where enough signs of an exhausted move agree.",
    implementation="trading.strategies.mean_reversion:MeanReversionStrategy",
    parameters={
        "bb_period": Parameter("int", 20, 15, 30, help="bars of the Bollinger bands"),
        "bb_std_dev": Parameter("float", 2.5, 2.0, 3.0, help="width of the bands in standard deviations"),
        "rsi_period": _RSI,
        "rsi_extreme_oversold": Parameter("float", 20, 10, 25, help="RSI at or below votes for a buy"),
        "rsi_extreme_overbought": Parameter("float", 80, 75, 90, help="RSI at or above votes for a sell"),
        "stoch_period": _STOCHASTIC,
        "deviation_threshold": Parameter("float", 2.0, 1.5, 3.0, help="distance from a mean that counts, percent"),
        "volume_confirmation": Parameter("float", 1.5, 1.2, 2.5, help="volume that confirms, times its mean"),
        "mean_periods": Parameter("ints", [10, 20, 50], 2, 500, shortest=2, longest=8, help="bars of the means"),
        "min_confluence": Parameter("int", 4, 3, 7, help="votes needed"),
        "min_confidence": confidence(0.87, 0.8),
        "cooldown_seconds": Parameter("int", 2700, 0, 604800, help="between two signals of any side, in market time"),
    },
    aliases={"lookback_period": Alias("bb_period"), "std_dev_threshold": Alias("bb_std_dev")},
    rules=(below("rsi_extreme_oversold", "rsi_extreme_overbought"),),
    risk=RiskTemplate(0.10, 3),
    default_exit=exits(40, 60),
    default_risk=careful_risk(),
    source=GUIDE,
    mended=(
        "Confidence begins at 0.55, so that min_confidence means something; the original's four votes already gave 0.97.",
        "Wicks are measured from the real open, and in ATR; the original took the close for the open, and 2 % of the price.",
        "Nearness to a support or an extreme is measured in ATR; 1 % of a currency's price is always near.",
    ),
)

MULTI_INDICATOR = StrategySpec(
    name="MultiIndicatorStrategy",
    title="Several indicators",
    summary="Trades where enough of nine signs agree: averages, RSI, bands, MACD, stochastic, volume, levels, momentum.",
    implementation="trading.strategies.multi_indicator:MultiIndicatorStrategy",
    parameters={
        "ma_fast": Parameter("int", 8, 3, 20, help="bars of the fast average"),
        "ma_slow": Parameter("int", 21, 10, 50, help="bars of the slow average"),
        "rsi_period": Parameter("int", 14, 5, 30, help="bars of Wilder's RSI"),
        "rsi_oversold": Parameter("float", 30, 20, 40, help="RSI from here to 10 above votes for a buy"),
        "rsi_overbought": Parameter("float", 70, 60, 80, help="RSI from here to 10 below votes for a sell"),
        "bb_period": Parameter("int", 20, 10, 30, help="bars of the Bollinger bands"),
        "bb_std": Parameter("float", 2.0, 1.5, 3.0, help="width of the bands in standard deviations"),
        **_MACD,
        "volume_threshold": Parameter("float", 1.2, 1.0, 3.0, help="volume that confirms, times its mean"),
        "min_confluence": Parameter("int", 4, 1, 8, help="votes needed"),
        "min_confidence": confidence(0.85, 0.7),
        "cooldown_seconds": Parameter("int", 1800, 0, 604800, help="between two signals of one side, in market time"),
    },
    aliases={
        "threshold": Alias("min_confluence", note="the number of signs that must agree"),
        "indicators": Alias(None, note="the nine signs are fixed; min_confluence says how many must agree"),
        "weights": Alias(None, note="the weights are fixed; min_confluence says how many signs must agree"),
    },
    rules=(below("ma_fast", "ma_slow"), below("macd_fast", "macd_slow")),
    risk=RiskTemplate(0.08, 3),
    default_exit=exits(40, 80),
    default_risk=careful_risk(),
    source=GUIDE,
    mended=(
        "The MACD histogram is measured in ATR; the original compared it with 0.1 of any currency.",
        "Both sides are counted and the larger wins; the original asked the long side first.",
        "Nearness to a level is measured in ATR.",
    ),
)

ADVANCED_MOMENTUM = StrategySpec(
    name="AdvancedMomentumStrategy",
    title="Momentum",
    summary="Follows a move that several periods, MACD, volume, velocity and acceleration confirm; divergences count double.",
    implementation="trading.strategies.advanced_momentum:AdvancedMomentumStrategy",
    parameters={
        "momentum_periods": Parameter("ints", [5, 10, 20], 1, 500, shortest=2, longest=8, help="bars of each momentum"),
        "roc_periods": Parameter("ints", [3, 7, 14], 1, 500, shortest=2, longest=8, help="bars of each rate of change"),
        "reference_period": Parameter(
            "int", 10, 2, 100, help="bars of the momentum that volume, velocity and acceleration use"
        ),
        "rsi_period": _RSI,
        "stoch_k_period": Parameter("int", 14, 2, 100, help="bars of the stochastic's %K"),
        "stoch_d_period": Parameter("int", 3, 1, 50, help="bars of its mean %D"),
        **_MACD,
        "volume_ma_period": Parameter("int", 20, 2, 200, help="bars of the mean volume"),
        "momentum_threshold": Parameter("float", 2.0, 0.05, 5.0, help="move that counts as momentum, percent"),
        "roc_threshold": Parameter("float", 1.0, 0.02, 5.0, help="rate of change that counts, percent"),
        "divergence_lookback": Parameter("int", 10, 6, 50, help="bars in which two pivots make a divergence"),
        "min_confidence": confidence(0.88, 0.8),
        "cooldown_seconds": Parameter("int", 1800, 0, 604800, help="between two signals of any side, in market time"),
    },
    aliases={
        "momentum_period": Alias("momentum_periods", scaled((5, 10, 20), 10), "half of it, itself, and twice it"),
        "confirmation_period": Alias(None, note="nothing reads it, nor did the original; roc_periods confirm"),
    },
    rules=(below("macd_fast", "macd_slow"),),
    risk=RiskTemplate(0.12, 4),
    default_exit=exits(50, 100),
    default_risk=careful_risk(),
    source=GUIDE,
    mended=(
        "reference_period replaces the literal 10: the original lost three votes where 10 was not in the list.",
        "Velocity and acceleration are differences of adjacent bars; the original compared with two calls ago.",
        "The thresholds reach down to what currencies do inside a day; 1 % in three bars is a crash there.",
    ),
)

ATR_VOLATILITY = StrategySpec(
    name="ATRVolatilityStrategy",
    title="ATR volatility",
    summary="Trades breakouts measured in ATR, and the release of a quiet market; stop 1.5 ATR, target 3 ATR.",
    implementation="trading.strategies.atr_volatility:ATRVolatilityStrategy",
    parameters={
        "atr_period": Parameter("int", 14, 7, 30, help="bars of Wilder's ATR"),
        "atr_multiplier": Parameter("float", 2.0, 1.0, 4.0, help="distance of the breakout level, in ATR"),
        "volatility_threshold": Parameter(
            "float", 1.5, 1.0, 3.0, help="ATR over its mean from which volatility is elevated"
        ),
        "squeeze_threshold": Parameter(
            "float", 0.5, 0.2, 0.9, help="ATR over its mean at or below which the market is squeezed"
        ),
        "expansion_threshold": Parameter("float", 2.0, 1.2, 3.0, help="ATR over its mean from which it expands"),
        "volume_correlation": Parameter("float", 0.7, 0.5, 0.9, help="correlation of volume and ATR that counts"),
        "trend_filter": Parameter("bool", True, help="weaken signals while no trend is seen"),
        "lookback_period": Parameter("int", 50, 30, 100, help="bars of history"),
        "min_confidence": confidence(0.86, 0.8),
        "cooldown_seconds": Parameter("int", 2700, 0, 604800, help="between two signals of any side, in market time"),
    },
    rules=(below("squeeze_threshold", "expansion_threshold"),),
    risk=RiskTemplate(0.12, 4),
    default_exit=exits(50, 100, opposite=False),
    default_risk=careful_risk(),
    sets_stop=True,
    source=GUIDE,
    mended=(
        "The breakout level comes from the bar before; the original's came from the current close, which can never be beyond it.",
        "volatility_threshold says from where volatility is elevated; the original never read it.",
    ),
)


def _model_type(value: Any) -> bool:
    if value in ("ensemble", "random_forest"):
        return bool(value == "ensemble")
    raise ValueError("must be random_forest or ensemble")


ML_PATTERN = StrategySpec(
    name="MLPatternStrategy",
    title="Learned patterns",
    summary="Trains a forest on its own past, walking forward, and trades what it holds probable; no model trades without proof out of sample.",
    implementation="trading.strategies.ml_pattern:MLPatternStrategy",
    parameters={
        "lookback_period": Parameter("int", 500, 200, 5000, help="bars each training sees"),
        "feature_window": Parameter("int", 60, 60, 200, help="bars the features of one bar are made of"),
        "horizon": Parameter(
            "int", 5, 2, 50, help="bars ahead that are labelled; also the purge between training and proof"
        ),
        "barrier_atr": Parameter("float", 1.0, 0.2, 5.0, help="move within the horizon that makes a label, in ATR"),
        "prediction_threshold": Parameter("float", 0.6, 0.4, 0.95, help="probability from which a signal is given"),
        "retrain_frequency": Parameter("int", 100, 20, 2000, help="bars between two trainings"),
        "use_ensemble": Parameter("bool", True, help="add gradient boosting to the forest"),
        "trees": Parameter("int", 40, 5, 200, help="trees of each model"),
        "min_confidence": confidence(0.6),
    },
    aliases={
        "model_type": Alias("use_ensemble", _model_type, "random_forest or ensemble"),
        "training_period": Alias("lookback_period"),
        "features": Alias(None, note="the features are fixed and listed in the strategy's documentation"),
    },
    risk=RiskTemplate(0.06, 2),
    default_exit=exits(30, 45),
    default_risk=careful_risk(0.5),
    source=GUIDE,
    mended=(
        "Training and proof are split in time with a purge of the horizon between; the original split overlapping windows at random.",
        "Class columns are found by name; the original took the place for the label.",
        "Labels are barriers in ATR; the original's 2 % in five bars hardly exists in currencies.",
        "Features see at least 60 bars; the original's MACD had too few and was always 0.",
        "A model whose precision out of sample is not above the base rate does not trade.",
        "It retrains every fixed number of bars, so it is a function of closed bars; the original counted its own signals.",
    ),
)

SPECS = (MOVING_AVERAGE, RSI, MEAN_REVERSION, MULTI_INDICATOR, ADVANCED_MOMENTUM, ATR_VOLATILITY, ML_PATTERN)
