"""The Mikrobot strategy."""

from __future__ import annotations

from trading.strategies.parameters import Parameter
from trading.strategies.spec import Alias, StrategySpec, below

PHASES = ("IDLE", "M5_BOS", "M1_MONITORING", "M1_BREAK", "M1_RETEST", "YLIPIP_TRIGGER")

MIKROBOT = StrategySpec(
    name="MikrobotStrategy",
    title="Mikrobot FastVersion",
    summary="A five-minute close breaks the structure; one-minute bars break the level, come back to it, and go 0.6 ylipip beyond: then it trades, stop one ATR, target 1:1.",
    implementation="trading.strategies.mikrobot:MikrobotStrategy",
    parameters={
        "ylipip_trigger": Parameter(
            "float", 0.6, 0.01, 100, help="pips beyond the trigger's reference that start the trade"
        ),
        "atr_min_pips": Parameter(
            "float", 4, 0, 100000, help="least ATR of the last one-minute bars, both ends allowed"
        ),
        "atr_max_pips": Parameter("float", 15, 0.01, 100000, help="largest ATR"),
        "atr_period": Parameter("int", 14, 2, 200, help="true ranges in the plain mean"),
        "bos_lookback": Parameter("int", 11, 3, 100, help="closed bars of the structure before the breaking one"),
        "bos_min_pips": Parameter("float", 1.0, 0, 1000, help="how far the close must be beyond the structure"),
        "bos_filter": Parameter(
            "choice", "none", choices=("none", "contextual"), help="contextual: only against the trend of the swings"
        ),
        "structure_timeframe": Parameter(
            "choice", "M5", choices=("M5", "M15", "M30", "H1", "H4"), help="bars of the structure"
        ),
        "retest_tolerance_pips": Parameter("float", 0.5, 0, 1000, help="how near the level counts as a retest"),
        "min_pattern_candles": Parameter("int", 3, 2, 50, help="bars from the break to the retest, both counted"),
        "timeout_candles": Parameter(
            "int", 120, 5, 5000, help="bars from the break of structure after which a setup expires"
        ),
        "trigger_reference": Parameter(
            "choice", "BREAK_CANDLE", choices=("BREAK_CANDLE", "RETEST_LEVEL"), help="what the trigger is measured from"
        ),
        "stop_mode": Parameter(
            "choice", "ATR", choices=("ATR", "BOX"), help="one ATR away, or half an ATR beyond the retest's extreme"
        ),
        "reward_ratio": Parameter("float", 1.0, 0.1, 10, help="target in multiples of the stop"),
    },
    aliases={
        "risk_per_trade": Alias(None, note="it is risk.maxRisk of the document, 0.55 percent"),
        "bos_lookback_candles": Alias("bos_lookback"),
    },
    rules=(below("atr_min_pips", "atr_max_pips"),),
    default_exit={"type": "stop_target", "stopLoss": 15, "takeProfit": 15},
    default_risk={"maxRisk": 0.55, "maxDailyLoss": 5, "maxOpenTrades": 1},
    sets_stop=True,
    timeframes=("M1", "M5", "M15", "M30", "H1"),
    phases=PHASES,
    source="Mikrobot FastVersion API and technical specification; the readings' recommended rules",
    mended=(
        "The retest is required; the reference engine leaves it out.",
        "Breaks and retests are judged on closed bars only, and in whole ticks: a break of exactly one pip is one.",
        "Every symbol has its own setup; the reference engine shares one among all.",
        "A pip belongs to the instrument: the manual's 1.1000 to 1.1006 is 1.10006.",
        "A setup the price has left by more than one ATR is invalidated.",
    ),
)

SPECS = (MIKROBOT,)
