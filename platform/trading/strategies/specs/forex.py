"""Strategies that know what a currency pair is."""

from __future__ import annotations

from trading.strategies.parameters import Parameter
from trading.strategies.spec import Alias, StrategySpec, below
from trading.strategies.specs.common import GUIDE, careful_risk, confidence, exits, percent_points

SESSIONS = ("sydney", "tokyo", "london", "new_york")
IMPACTS = ("low", "medium", "high")
NEWS_STRATEGIES = ("pre_news", "post_news", "breakout", "fade")

CARRY_TRADE = StrategySpec(
    name="ForexCarryTradeStrategy",
    title="Carry trade",
    summary="Holds the currency that pays more, in calm markets, for at least a week. Daily bars only.",
    implementation="trading.strategies.forex_carry_trade:ForexCarryTradeStrategy",
    parameters={
        "rates": Parameter(
            "rates",
            required=True,
            help="dated policy rates of both currencies, percent a year; without a rate there is no trade",
        ),
        "min_rate_differential": Parameter("float", 1.0, 0.01, 50, help="difference of the rates, percentage points"),
        "max_risk_score": Parameter("float", 2.0, 0.1, 10, help="largest mean of the two currencies' risk scores"),
        "risk_scores": Parameter(
            "rates",
            {},
            help="dated risk scores of currencies, 0 safe to 5; a currency without one has 1.0 if major, else 2.0",
        ),
        "trend_period": Parameter("int", 50, 10, 300, help="bars of the trend's average"),
        "volatility_period": Parameter("int", 20, 5, 100, help="bars of the volatility"),
        "max_volatility": Parameter("float", 0.02, 0.0001, 0.2, help="largest deviation of a bar's return"),
        "rsi_period": Parameter("int", 14, 2, 50, help="bars of Wilder's RSI"),
        "rsi_neutral_min": Parameter("float", 40, 1, 99, help="RSI must be above"),
        "rsi_neutral_max": Parameter("float", 60, 1, 99, help="RSI must be below"),
        "min_holding_days": Parameter("int", 7, 1, 365, help="no exit and no second entry before"),
        "held_symbols": Parameter(
            "names", [], longest=20, help="symbols already held; too alike with one of them: no trade"
        ),
        "correlation_threshold": Parameter(
            "float", 0.7, 0.1, 1.0, help="correlation of daily log returns that is too alike"
        ),
        "swap_importance": Parameter("float", 0.3, 0, 1, help="weight of the rates against the technical score"),
        "long_swap_points": Parameter(
            "float", 0, -1e6, 1e6, help="the broker's swap of a BUY a night, points; 0 and 0: unknown"
        ),
        "short_swap_points": Parameter("float", 0, -1e6, 1e6, help="the broker's swap of a SELL a night, points"),
    },
    aliases={
        "interest_rate_threshold": Alias(
            "min_rate_differential", percent_points, "a fraction became percentage points"
        ),
        "currency_pairs": Alias(None, note="activate it on each pair; held_symbols keeps alike pairs apart"),
    },
    rules=(below("rsi_neutral_min", "rsi_neutral_max"),),
    default_exit=exits(300, 600),
    default_risk=careful_risk(),
    timeframes=("D1",),
    source=GUIDE,
    mended=(
        "Rates are dated data given as a parameter, and a missing rate means no trade; the original had constants and took 0 %.",
        "The expected swap follows the price, and the broker's own swap is preferred where given: no trade that pays.",
        "The holding period and the correlation are enforced; the original never read them.",
        "Daily bars only; the original took any timeframe.",
    ),
)

SESSION = StrategySpec(
    name="ForexSessionStrategy",
    title="Trading sessions",
    summary="Follows the short trend while two trading sessions overlap, if the market moves and the RSI does not object.",
    implementation="trading.strategies.forex_session:ForexSessionStrategy",
    parameters={
        "min_volatility_threshold": Parameter("float", 0.0001, 0, 0.1, help="mean absolute return of a bar"),
        "momentum_period": Parameter("int", 20, 4, 200, help="bars of the slow average; the fast one has half"),
        "atr_period": Parameter("int", 14, 2, 100, help="bars of Wilder's ATR"),
        "atr_multiplier": Parameter("float", 2.0, 0.5, 10, help="distance of the stop, in ATR"),
        "rsi_period": Parameter("int", 14, 2, 50, help="bars of Wilder's RSI"),
        "rsi_oversold": Parameter("float", 30, 1, 49, help="RSI at or below forbids a sell"),
        "rsi_overbought": Parameter("float", 70, 51, 99, help="RSI at or above forbids a buy"),
        "overlap_only": Parameter("bool", True, help="trade only while two sessions overlap"),
        "preferred_sessions": Parameter(
            "choices", ["london", "new_york"], choices=SESSIONS, shortest=1, longest=4, help="one of them must be open"
        ),
        "min_overlap_minutes": Parameter("int", 60, 0, 600, help="an overlap must last so long"),
        "min_confidence": confidence(0.6),
        "cooldown_seconds": Parameter("int", 3600, 0, 604800, help="between two signals of one side, in market time"),
    },
    aliases={
        "volatility_filter": Alias("min_volatility_threshold"),
        "session_times": Alias(
            None, note="the sessions have the hours of their cities; preferred_sessions chooses among them"
        ),
    },
    rules=(below("rsi_oversold", "rsi_overbought"),),
    default_exit=exits(30, 60),
    default_risk=careful_risk(),
    sets_stop=True,
    source=GUIDE,
    mended=(
        "Sessions follow the clocks of Sydney, Tokyo, London and New York with their summer time; the original had fixed UTC hours.",
        "Hours are half open, and min_overlap_minutes is honoured.",
        "Momentum is measured in ATR, and the RSI is a veto; the original let the two cancel each other.",
    ),
)

NEWS = StrategySpec(
    name="ForexNewsStrategy",
    title="News",
    summary="Trades around releases of a calendar: the surprise, the move after it, its breakout, or against an overreaction.",
    implementation="trading.strategies.forex_news:ForexNewsStrategy",
    parameters={
        "events": Parameter(
            "events",
            required=True,
            help="the calendar: currency, title, impact, time with zone, forecast, previous, actual",
        ),
        "news_strategy": Parameter("choice", "breakout", choices=NEWS_STRATEGIES, help="what to do around a release"),
        "min_impact_level": Parameter("choice", "medium", choices=IMPACTS, help="lesser events are ignored"),
        "pre_news_minutes": Parameter("int", 30, 1, 1440, help="the window before a release"),
        "post_news_minutes": Parameter("int", 60, 1, 1440, help="the window after a release"),
        "volatility_threshold": Parameter(
            "float", 0.0005, 0.00001, 0.1, help="move since the release that counts, fraction of the price"
        ),
        "breakout_multiplier": Parameter(
            "float", 1.5, 0.1, 10, help="distance beyond the range before the release, in ATR"
        ),
        "support_resistance_period": Parameter("int", 20, 5, 200, help="bars of that range"),
        "atr_period": Parameter("int", 14, 2, 100, help="bars of Wilder's ATR"),
        "max_news_exposure": Parameter("int", 2, 1, 50, help="entries for one release"),
        "news_stop_multiplier": Parameter("float", 2.0, 0.2, 10, help="distance of the stop, in ATR"),
        "min_confidence": confidence(0.5),
    },
    aliases={
        "impact_threshold": Alias("min_impact_level"),
        "news_sources": Alias(
            None, note="give the rows themselves in events; read_calendar turns a CSV file into rows"
        ),
    },
    default_exit=exits(40, 60, opposite=False),
    default_risk=careful_risk(0.5),
    sets_stop=True,
    source=GUIDE,
    mended=(
        "Direction comes from the signed surprise and the sign of the indicator; the original took it from the title, and 'unemployment' holds 'employment'.",
        "A figure is known from its release on, never before.",
        "A breakout is after the release, beyond the range before it by breakout_multiplier ATR; the original's came before it and needed 5 %.",
        "The stop is news_stop_multiplier ATR; the original never read it.",
        "Times carry their zone.",
    ),
)

SPECS = (CARRY_TRADE, SESSION, NEWS)
