"""What a symbol's name says about its two currencies."""

from __future__ import annotations

import re

from trading.model.instrument import Instrument


def split_symbol(symbol: str) -> tuple[str, str]:
    """
    Return base and quote of a symbol's name; separators and a broker's suffix are ignored.

    :raises ValueError: where the name has fewer than six letters.

    >>> split_symbol("EURUSD.pro"), split_symbol("BTC/USD")
    (('EUR', 'USD'), ('BTC', 'USD'))
    """
    letters = re.sub(r"[^A-Z]", "", symbol.upper().split(".")[0])
    if len(letters) < 6:
        raise ValueError(f"{symbol} is no pair of two currencies")
    return letters[:3], letters[3:6]


def currencies_of(instrument: Instrument) -> tuple[str, str]:
    """Return base and quote: what the terminal says, else what the name says."""
    base, quote = instrument.currency_base, instrument.currency_profit
    if base and quote and base != quote:
        return base, quote
    return split_symbol(instrument.name)
