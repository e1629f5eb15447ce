"""The family of errors of the core. Every one carries a stable `code`; a door maps the code, people read the message."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar


class TradingError(Exception):
    """
    The root of all anticipated failures of the core.

    :param message: one sentence that says what is wrong and what would be right.
    :param field: the path of the offending field, where there is one (``exit.stopLoss``).
    :param extra: further facts for a program (``allowed`` values, numbers).

    >>> TradingError("no such thing", field="a.b").as_dict()
    {'code': 'TRADING_ERROR', 'message': 'no such thing', 'field': 'a.b'}
    """

    code: ClassVar[str] = "TRADING_ERROR"

    def __init__(self, message: str, *, field: str | None = None, extra: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.extra: dict[str, Any] = dict(extra or {})

    def as_dict(self) -> dict[str, Any]:
        """Return the error in the form of the API: ``{code, message, field?, extra?}``."""
        shape: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.field is not None:
            shape["field"] = self.field
        if self.extra:
            shape["extra"] = self.extra
        return shape


class InvalidValue(TradingError):
    """A number, time or text that can never be right: NaN, negative, oversized, naive time."""

    code = "INVALID_VALUE"


class UnknownTimeframe(TradingError):
    """A timeframe nobody knows. Never silently another one."""

    code = "UNKNOWN_TIMEFRAME"


class UnknownSymbol(TradingError):
    """A symbol without a specification."""

    code = "UNKNOWN_SYMBOL"


class InvalidInstrument(TradingError):
    """A symbol specification no order may be computed from."""

    code = "INSTRUMENT_INVALID"


class InvalidBars(TradingError):
    """Bars that are not bars: out of order, repeated, not finite, high below low."""

    code = "BARS_INVALID"


class IllegalTransition(TradingError):
    """A state asked to become one it may not become."""

    code = "ILLEGAL_TRANSITION"


class InvalidRules(TradingError):
    """A rule document with unknown names or impossible values; ``extra["problems"]`` lists all of them."""

    code = "RULES_INVALID"
