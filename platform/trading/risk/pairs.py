"""How symbols hang together: correlation of hourly returns, money at risk by currency, one instrument under many names."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from itertools import pairwise
from typing import Final

from trading.risk.sizing import BUY, SymbolTerms

ZERO, ONE = Decimal(0), Decimal(1)
MOST_RETURNS: Final = 100
LEAST_RETURNS: Final = 30
"""Below this number of common returns a correlation says nothing, and the pair counts as unknown."""

BOTH: Final = "BOTH"
CURRENCIES: Final = frozenset(
    [
        "AUD", "BRL", "CAD", "CHF", "CNH", "CNY", "CZK", "DKK", "EUR", "GBP", "HKD", "HUF", "ILS", "INR", "JPY", "KRW",
        "MXN", "NOK", "NZD", "PLN", "RUB", "SEK", "SGD", "THB", "TRY", "TWD", "USD", "ZAR",
        "XAU", "XAG", "XPD", "XPT", "BTC", "ETH",
    ]
)  # fmt: skip
_STEM = re.compile(r"[^A-Z0-9]*([A-Z0-9]+)")


def correlate(first: Mapping[int, float], second: Mapping[int, float]) -> Decimal | None:
    """
    Return the correlation of two symbols' log returns between their last 101 common closes, to four places.

    None where fewer than 30 returns are common, or one of them never moved: nobody knows then.

    :param first: close by the hour's number [price]; so is ``second``.

    >>> up = {hour: 1 + 0.01 * (hour % 7) for hour in range(60)}
    >>> correlate(up, up), correlate(up, {hour: 1 / close for hour, close in up.items()}), correlate(up, {1: 2.0})
    (Decimal('1.0000'), Decimal('-1.0000'), None)
    """
    hours = sorted(first.keys() & second.keys())[-(MOST_RETURNS + 1) :]
    ones, others = _returns(first, hours), _returns(second, hours)
    if len(ones) < LEAST_RETURNS:
        return None
    found = _pearson(ones, others)
    return None if found is None else round(Decimal(max(-1.0, min(1.0, found))), 4)


def _returns(closes: Mapping[int, float], hours: list[int]) -> list[float]:
    return [math.log(closes[now] / closes[before]) for before, now in pairwise(hours)]


def _pearson(ones: list[float], others: list[float]) -> float | None:
    mean, mean_other = math.fsum(ones) / len(ones), math.fsum(others) / len(others)
    moved = [(one - mean, other - mean_other) for one, other in zip(ones, others, strict=True)]
    square, square_other = (math.fsum(pair[side] ** 2 for pair in moved) for side in (0, 1))
    if not (square > 0 and square_other > 0):
        return None
    return math.fsum(one * other for one, other in moved) / math.sqrt(square * square_other)


def effective_correlation(
    symbol: str, side: str, held: str, held_side: str, correlations: Mapping[str, Decimal]
) -> Decimal:
    """
    Return how far a new trade adds to one that is held: 1 as if it were the same, -1 its opposite.

    :param held_side: BUY, SELL, or BOTH where the symbol is held both ways; that counts as the worse of the two.
    :param correlations: of ``symbol`` with others; who is missing counts as 1.

    >>> effective_correlation("EURUSD", "BUY", "USDCHF", "SELL", {"USDCHF": Decimal("-0.9")})
    Decimal('0.9')
    """
    known = ONE if held == symbol else correlations.get(held)
    if known is None:
        return ONE
    if held_side == BOTH:
        return abs(known)
    return known if held_side == side else -known


def join_sides(legs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """
    Return in which direction each symbol is held, of pairs (symbol, side).

    >>> join_sides([("EURUSD", "BUY"), ("EURUSD", "SELL"), ("XAUUSD", "BUY")])
    {'EURUSD': 'BOTH', 'XAUUSD': 'BUY'}
    """
    found: dict[str, str] = {}
    for symbol, side in legs:
        found[symbol] = side if found.get(symbol, side) == side else BOTH
    return found


def currency_legs(side: str, base: str, profit: str, risk: Decimal) -> dict[str, Decimal]:
    """
    Return the signed money at risk a trade puts on each of its currencies; nothing where both are the same (an index).

    >>> currency_legs("SELL", "EUR", "USD", Decimal(100))
    {'EUR': Decimal('-100'), 'USD': Decimal('100')}
    """
    if base == profit:
        return {}
    signed = risk if side == BUY else -risk
    return {base: signed, profit: -signed}


def instrument_of(symbol: str) -> str:
    """
    Return the instrument behind a broker's name for it: what brokers put before and behind a pair is left out.

    >>> [instrument_of(name) for name in ("EURUSD", "EURUSD.r", "eurusdm", "#US30_c", "US30.cash", "XAUUSD-ecn")]
    ['EURUSD', 'EURUSD', 'EURUSD', 'US30', 'US30', 'XAUUSD']
    """
    found = _STEM.match(symbol.upper())
    stem = found[1] if found else symbol.upper()
    return stem[:6] if {stem[:3], stem[3:6]} <= CURRENCIES else stem


def opposes(symbol: str, side: str, held: str, held_side: str) -> bool:
    """Say whether a trade and what is held elsewhere are one instrument in opposite directions."""
    return held_side != side and instrument_of(symbol) == instrument_of(held)


def join_currencies(
    legs: Iterable[tuple[tuple[str, str], Decimal]], terms: Mapping[str, SymbolTerms]
) -> tuple[dict[str, Decimal], Decimal]:
    """
    Return the signed money at risk in each currency of all that is held, and that of symbols whose currencies nobody told.

    :param legs: (symbol, side) and money at risk [account currency].
    """
    carried: dict[str, Decimal] = {}
    unknown = ZERO
    for (symbol, side), risk in legs:
        known = terms.get(symbol)
        if known is None or not (known.currency_base and known.currency_profit):
            unknown += risk
            continue
        for name, leg in currency_legs(side, known.currency_base, known.currency_profit, risk).items():
            carried[name] = carried.get(name, ZERO) + leg
    return {name: leg for name, leg in carried.items() if leg}, unknown
