"""How an account's symbols move together: worked out from hourly closes when bars arrive, so that no approval has to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction

from apps.market.models import Bar, SymbolSpecification
from trading.model.timeframe import Timeframe
from trading.risk.pairs import MOST_RETURNS, correlate

HOUR_S = 3600
LOOK_BACK = timedelta(days=10)  # holds more than 100 trading hours, a weekend within
FRAMES = [frame for frame in Timeframe if frame.seconds <= HOUR_S]
Closes = dict[int, float]


def closes_an_hour(frame: Timeframe, opens_at_s: Iterable[int]) -> bool:
    """Say whether any of the bars ends on the hour: its close is the hour's."""
    return frame in FRAMES and any(frame.close_time(opens_at) % HOUR_S == 0 for opens_at in opens_at_s)


@transaction.atomic
def correlate_symbol(*, account_id: UUID, symbol: str) -> int:
    """
    Work out the correlation of a symbol with each other of the account; return how many pairs are known.

    A pair that is not known any more is forgotten on both sides: an approval counts it as 1.
    """
    newest = (
        Bar.objects.filter(account_id=account_id, symbol=symbol, timeframe__in=FRAMES).order_by("-opens_at").first()
    )
    rows = SymbolSpecification.objects.select_for_update(no_key=True).filter(account_id=account_id).order_by("symbol")
    by_symbol = {row.symbol: row for row in rows}
    own = by_symbol.get(symbol)
    if newest is None or own is None:
        return 0
    closes = load_hourly_closes(account_id, by_symbol, newest.opens_at)
    found = {name: _pair(closes[symbol], closes[name]) for name in by_symbol if name != symbol}
    own.correlations = {name: pair for name, pair in found.items() if pair}
    for name, pair in found.items():
        others = {other: kept for other, kept in by_symbol[name].correlations.items() if other != symbol}
        by_symbol[name].correlations = {**others, symbol: pair} if pair else others
    SymbolSpecification.objects.bulk_update(by_symbol.values(), ["correlations"], batch_size=200)
    return len(own.correlations)


def load_hourly_closes(account_id: UUID, symbols: Iterable[str], until: datetime) -> dict[str, Closes]:
    """Return each symbol's closes by the number of the hour they end, of bars of any timeframe up to an hour."""
    last = int(until.timestamp()) // HOUR_S + 1
    hours = range(last - int(LOOK_BACK / timedelta(hours=1)), last + 1)
    found: dict[str, Closes] = defaultdict(dict)
    for frame in FRAMES:
        opens = [datetime.fromtimestamp(hour * HOUR_S - frame.seconds, until.tzinfo) for hour in hours]
        rows = Bar.objects.filter(account_id=account_id, symbol__in=list(symbols), timeframe=frame, opens_at__in=opens)
        for name, opens_at, close in rows.values_list("symbol", "opens_at", "close"):
            found[name][(int(opens_at.timestamp()) + frame.seconds) // HOUR_S] = float(close)
    return found


def _pair(one: Closes, other: Closes) -> dict[str, Any] | None:
    value = correlate(one, other)
    if value is None:
        return None
    common = one.keys() & other.keys()
    return {"value": str(value), "returns": min(MOST_RETURNS, len(common) - 1), "until": max(common)}
