"""Numbers as people read them: a true minus, grouped thousands, fixed digits, never a rounded minus zero."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from django.utils.html import format_html
from django.utils.safestring import SafeString

MINUS = "\u2212"
NOTHING = "\u2013"
SYMBOLS = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥"}
WITHOUT_CENTS = frozenset({"JPY", "HUF", "KRW", "CLP"})


def _to_decimal(value: object) -> Decimal | None:
    if value is None or value == "":
        return None
    number = value if isinstance(value, Decimal) else Decimal(str(value))
    return number if number.is_finite() else None


def count_digits(currency: str) -> int:
    """Return how many digits the currency's money is shown with."""
    return 0 if currency in WITHOUT_CENTS else 2


def format_amount(value: object, digits: int = 2) -> str:
    """
    Return a number with grouped thousands and fixed digits; a dash where there is none.

    >>> format_amount("-1234.5")
    '−1,234.50'
    >>> format_amount("-0.001")
    '0.00'
    """
    number = _to_decimal(value)
    if number is None:
        return NOTHING
    rounded = number.quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_EVEN)
    sign = MINUS if rounded < 0 else ""
    return f"{sign}{abs(rounded):,.{digits}f}"


def format_price(value: object, digits: int | None = None) -> str:
    """
    Return a price at its digits; without them, as it was given but without empty digits (at least two stay).

    >>> format_price("1.14375000"), format_price("1998.1", 2)
    ('1.14375', '1,998.10')
    """
    number = _to_decimal(value)
    if number is None:
        return NOTHING
    if digits is None:
        digits = count_price_digits(number)
    return format_amount(number, digits)


def count_price_digits(*prices: object) -> int:
    """
    Return how many digits show all prices without loss: at least two, at most eight.

    >>> count_price_digits("1.14500000", "1.14375", None)
    5
    """
    numbers = [number for price in prices if (number := _to_decimal(price)) is not None]
    return min(8, max([2, *(-int(number.normalize().as_tuple().exponent) for number in numbers)]))


def format_lots(value: object) -> str:
    """
    Return a volume with at least two digits.

    >>> format_lots("0.10000000"), format_lots("1.234")
    ('0.10', '1.234')
    """
    return format_price(value)


def format_percent(fraction: object, digits: int = 1) -> str:
    """
    Return a fraction as percent.

    >>> format_percent("0.0451")
    '4.5 %'
    """
    number = _to_decimal(fraction)
    return NOTHING if number is None else f"{format_amount(number * 100, digits)} %"


def format_signed_percent(fraction: object, digits: int = 1) -> str:
    """
    Return a fraction as percent, always signed; a dash where there is none.

    >>> format_signed_percent(0.273), format_signed_percent("-0.034"), format_signed_percent(None)
    ('+27.3 %', '−3.4 %', '–')
    """
    text = format_percent(fraction, digits)
    return text if text[0] in MINUS + NOTHING or not text.strip("0., %") else f"+{text}"


def say_spread(costs: Mapping[str, Any]) -> str:
    """
    Return the spread of a backtest in words.

    >>> say_spread({"spread_pips": "0.8"}), say_spread({"spread_pips": None})
    ('0.8 pips', 'as recorded')
    """
    return "as recorded" if costs.get("spread_pips") is None else f"{costs['spread_pips']} pips"


def with_symbol(value: object, currency: str) -> str:
    """
    Return an amount with its currency's sign before it, or its letters behind.

    >>> with_symbol("1272.4", "USD"), with_symbol("5", "CHF")
    ('$1,272.40', '5.00 CHF')
    """
    number = _to_decimal(value)
    if number is None:
        return NOTHING
    text = format_amount(abs(number), count_digits(currency))
    sign = MINUS if number < 0 and text.strip("0.,") else ""
    symbol = SYMBOLS.get(currency)
    return f"{sign}{symbol}{text}" if symbol else f"{sign}{text} {currency}".strip()


def render_money(value: object, currency: str = "", digits: int | None = None) -> SafeString:
    """Return a result: always signed, coloured beside the sign, quiet at zero."""
    number = _to_decimal(value)
    if number is None:
        return format_html('<span class="muted">{}</span>', NOTHING)
    text = format_amount(number, count_digits(currency) if digits is None else digits)
    if not text.strip("0.,"):
        return format_html('<span class="muted">{}</span>', text)
    if text.startswith(MINUS):
        return format_html('<span class="neg">{}</span>', text)
    return format_html('<span class="pos">+{}</span>', text)
