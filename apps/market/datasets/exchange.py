"""Candles of crypto exchanges, through ccxt: page by page, closed ones only, within the exchange's own rate limit."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trading.data.columns import MOST_BARS
from trading.data.errors import DataEmpty, DataTooLarge
from trading.errors import TradingError
from trading.model.timeframe import Timeframe

_NAMES = {"M1": "1m", "M5": "5m", "M15": "15m", "M30": "30m", "H1": "1h", "H4": "4h", "D1": "1d", "W1": "1w"}
_PAGE = 1000
_TIMEOUT_MS = 15_000
# Exchanges leave out candles without trades; after so many empty pages in a row there is nothing more.
_MOST_EMPTY = 50


class ExchangeUnknown(TradingError):
    """An exchange that ccxt does not know, or one without candles."""

    code = "EXCHANGE_UNKNOWN"


class ExchangeUnreachable(TradingError):
    """The exchange did not answer, or asked to wait: asking again later is right."""

    code = "EXCHANGE_UNREACHABLE"


class ExchangeRefused(TradingError):
    """The exchange answered with a refusal: no such symbol, no such timeframe."""

    code = "EXCHANGE_REFUSED"


def connect(name: str, options: dict[str, Any] | None = None) -> Any:
    """
    Return a client of the exchange; nothing is sent yet.

    :param options: ccxt's own, such as other addresses.
    :raises ExchangeUnknown: for a name ccxt does not have.
    """
    import ccxt  # it takes half a second and 60 MB: only processes that fetch pay for it

    if name not in ccxt.exchanges:
        raise ExchangeUnknown(f"no exchange is called {name!r}: use ccxt's names, such as kraken", field="exchange")
    return getattr(ccxt, name)({"enableRateLimit": True, "timeout": _TIMEOUT_MS, **(options or {})})


def fetch_candles(
    client: Any,
    symbol: str,
    timeframe: Timeframe,
    *,
    start: datetime,
    end: datetime,
    on_progress: Callable[[float], None] | None = None,
    most_bars: int = MOST_BARS,
) -> NDArray[np.float64]:
    """
    Return rows ``time_s, open, high, low, close, volume`` of the candles that open in ``start <= time`` and close by ``end``.

    :raises ExchangeRefused: where the exchange has no such symbol, timeframe or history.
    :raises ExchangeUnreachable: where it does not answer.
    :raises DataEmpty: where it has no candle there.
    :raises DataTooLarge: for more than ``most_bars``.
    """
    first_s, last_s = int(start.timestamp()), int(end.timestamp()) - timeframe.seconds
    if (last_s - first_s) // timeframe.seconds > most_bars:
        raise DataTooLarge(f"the span holds more than {most_bars:,} bars", extra={"limit": most_bars})
    rows: list[list[float]] = []
    since_s, empty = first_s, 0
    while since_s <= last_s and empty < _MOST_EMPTY:
        page = _fetch_page(client, symbol, _NAMES[timeframe], since_s)
        fresh = [row for row in page if row[0] // 1000 >= since_s]
        empty = 0 if fresh else empty + 1
        rows += [[row[0] // 1000, *row[1:6]] for row in fresh if row[0] // 1000 <= last_s]
        since_s = (
            max(row[0] for row in fresh) // 1000 + timeframe.seconds if fresh else since_s + _PAGE * timeframe.seconds
        )
        if on_progress:
            on_progress(min((since_s - first_s) / max(last_s - first_s, 1), 1.0))
    if not rows:
        raise DataEmpty(f"{client.id} has no {timeframe} candles of {symbol} in that span")
    return np.array([[np.nan if value is None else value for value in row] for row in rows], dtype=np.float64)


def _fetch_page(client: Any, symbol: str, timeframe: str, since_s: int) -> list[list[Any]]:
    import ccxt

    try:
        page: list[list[Any]] = client.fetch_ohlcv(symbol, timeframe, since=since_s * 1000, limit=_PAGE)
    except ccxt.NetworkError as error:
        message = f"{client.id} cannot be reached from here, or asks to wait"
        raise ExchangeUnreachable(message, extra={"problem": str(error)[:200]}) from error
    except ccxt.BaseError as error:
        raise ExchangeRefused(f"{client.id} refuses: {str(error)[:200]}", field="symbol") from error
    return page
