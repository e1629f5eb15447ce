"""Strategies over several symbols. Each runs once per leg: every instance sees the same bars and wishes its own leg's side."""

from __future__ import annotations

from typing import Any

from trading.strategies.parameters import Parameter
from trading.strategies.spec import Alias, Parameters, StrategySpec
from trading.strategies.specs.common import GUIDE, careful_risk

_FEE = Parameter("float", 0.0, 0, 0.05, help="fee of one leg, fraction of its value")
_SPREAD = Parameter("float", 0.0001, 0, 0.05, help="spread of a symbol whose bars carry none, fraction of its price")
_SLIPPAGE = Parameter("float", 0.0, 0, 0.05, help="slippage of one leg, fraction of its price")
_CLOSE = Parameter("float", 0.0, -0.05, 0.05, help="close where the gap before costs has come down to this fraction")
# A stop for the worst case only, in percent: it fits coins and currencies. No target: that would take one leg out alone.
_EXIT = {"type": "stop_target", "stopLoss": {"value": 2, "unit": "percent"}}
_LEGS = "run it on every leg's symbol; alert and paper only unless each leg has its own funds and somebody unwinds a lost leg"


def _profit(default: float) -> Parameter:
    return Parameter("float", default, 0.000001, 0.5, help="profit after all costs that opens, fraction")


def _delay(default: int) -> Parameter:
    return Parameter("int", default, 0, 86400, help="largest age of another symbol's last bar beside ours, seconds")


def _three(given: Parameters) -> tuple[str, str] | None:
    symbols = [symbol.upper() for symbol in given["symbols"]]
    if len(set(symbols)) == 3:
        return None
    return "symbols", f"must be three different symbols, not {', '.join(symbols) or 'none'}"


CROSS_MARKET = StrategySpec(
    name="CrossMarketArbitrageStrategy",
    title="One instrument, two venues",
    summary="Buys where an instrument is cheap against the same instrument at another venue, sells where it is dear, closes when they agree.",
    implementation="trading.strategies.cross_market_arbitrage:CrossMarketArbitrageStrategy",
    parameters={
        "other_symbol": Parameter("name", required=True, help="the same instrument at the other venue"),
        "min_profit_threshold": _profit(0.005),
        "max_execution_time_seconds": _delay(30),
        "fee_fraction": _FEE,
        "other_fee_fraction": _FEE,
        "slippage_fraction": _SLIPPAGE,
        "spread_fraction": _SPREAD,
        "close_at_fraction": _CLOSE,
    },
    aliases={
        "price_threshold": Alias("min_profit_threshold"),
        "execution_speed": Alias("max_execution_time_seconds", note="in seconds"),
    },
    default_exit=_EXIT,
    default_risk=careful_risk(0.25),
    symbols=_LEGS,
    source=GUIDE,
    mended=(
        "It can be run; the original offered an abstract class as a strategy.",
        "Bid of one against ask of the other, after both fees and slippage.",
        "The other venue's bar must be of the same moment; there is no stale quote.",
    ),
)

TRIANGULAR = StrategySpec(
    name="TriangularArbitrageStrategy",
    title="Triangle of currencies",
    summary="Trades its leg of a triangle of three pairs where going round it pays more than it costs, and closes when it no longer does.",
    implementation="trading.strategies.triangular_arbitrage:TriangularArbitrageStrategy",
    parameters={
        "symbols": Parameter(
            "names",
            ["EURUSD", "USDJPY", "EURJPY"],
            shortest=3,
            longest=3,
            help="the three pairs, the own one among them",
        ),
        "min_profit_after_slippage": _profit(0.003),
        "max_slippage_per_step": Parameter("float", 0.001, 0, 0.05, help="slippage of each leg, fraction of its price"),
        "max_step_delay_seconds": _delay(2),
        "fee_fraction": _FEE,
        "spread_fraction": _SPREAD,
        "close_at_fraction": _CLOSE,
    },
    aliases={
        "min_profit_threshold": Alias("min_profit_after_slippage"),
        "base_currencies": Alias(None, note="name the three pairs in symbols"),
        "currency_triplets": Alias(None, note="name one triplet in symbols, and run the strategy once per triplet"),
    },
    rules=(_three,),
    default_exit=_EXIT,
    default_risk=careful_risk(0.25),
    symbols=_LEGS,
    source=GUIDE,
    mended=(
        "The return of the cycle is the product of bid and ask rates after fees, the right way round for each pair; the original compared closes.",
        "Both directions of one triangle are two cycles; the original counted rotations several times.",
    ),
)


def _as_symbols(value: Any) -> Any:
    if not isinstance(value, list | tuple) or not all(isinstance(symbol, str) for symbol in value):
        raise ValueError("must be a list of symbols")
    return [symbol.replace("/", "") for symbol in value]


def _route(given: Parameters) -> tuple[str, str] | None:
    crypto, forex = given["crypto_pairs"], given["forex_pairs"]
    if len(crypto) == 2 and len(forex) == 1 and len({*crypto, *forex}) == 3:
        return None
    return "crypto_pairs", "must be two different pairs of one coin, with one pair of their currencies in forex_pairs"


CRYPTO_FOREX = StrategySpec(
    name="CryptoForexArbitrageStrategy",
    title="Coin against currencies",
    summary="Sells a coin for one currency and buys it for another where the exchange rate between them makes it pay.",
    implementation="trading.strategies.crypto_forex_arbitrage:CryptoForexArbitrageStrategy",
    parameters={
        "crypto_pairs": Parameter(
            "names", ["BTCUSD", "BTCEUR"], shortest=2, longest=2, help="the coin in two currencies"
        ),
        "forex_pairs": Parameter("names", ["EURUSD"], shortest=1, longest=1, help="the pair of the two currencies"),
        "min_profit_threshold": _profit(0.005),
        "max_conversion_spread": Parameter(
            "float", 0.002, 0.000001, 0.01, help="largest spread of the currency pair, fraction"
        ),
        "max_crypto_volatility": Parameter(
            "float", 0.05, 0.001, 1, help="largest range of the coin's bar, fraction of its price"
        ),
        "max_execution_time_seconds": _delay(30),
        "crypto_fee_fraction": Parameter("float", 0.001, 0, 0.05, help="fee of a coin's leg, fraction of its value"),
        "forex_fee_fraction": Parameter(
            "float", 0.0002, 0, 0.05, help="fee of the currency leg, fraction of its value"
        ),
        "slippage_fraction": _SLIPPAGE,
        "spread_fraction": _SPREAD,
        "close_at_fraction": _CLOSE,
    },
    aliases={
        "spread_threshold": Alias("min_profit_threshold"),
        "supported_cryptos": Alias(None, note="name the two pairs of one coin in crypto_pairs"),
        "supported_fiats": Alias(None, note="name the pair of the two currencies in forex_pairs"),
    },
    rules=(_route,),
    default_exit=_EXIT,
    default_risk=careful_risk(0.25),
    symbols=_LEGS,
    source=GUIDE,
    mended=(
        "Symbols are compared without separators, so BTC/USD is BTCUSD; the original's never matched.",
        "The route coin, currency, currency, coin is priced by the same cycle; the original invented 0.1 % for it.",
    ),
)

SPECS = (CROSS_MARKET, TRIANGULAR, CRYPTO_FOREX)
