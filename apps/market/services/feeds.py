"""The latest quotes and closed bars, as agents tell them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from apps.accounts.models import Account
from apps.common.codes import Code
from apps.common.errors import Impossible
from apps.common.nudges import after_commit
from apps.market.correlation import closes_an_hour
from apps.market.models import Bar, Quote
from trading.errors import UnknownTimeframe
from trading.model.timeframe import Timeframe
from trading.protocol import BarsMessage, QuoteMessage

MAX_BARS = 5000
KEEP_M1 = timedelta(days=90)


def store_quotes(*, account: Account, quotes: Sequence[QuoteMessage], at: datetime) -> int:
    """Store the latest quotes of an account; what is not a price (nothing, negative, ask below bid) is left out."""
    return store_all_quotes({account.pk: quotes}, at=at)


def store_all_quotes(told: Mapping[UUID, Sequence[QuoteMessage]], *, at: datetime) -> int:
    """Store what `store_quotes` does for the accounts of many agents, in one statement."""
    rows = []
    for account_id, quotes in sorted(told.items()):
        latest = {q.symbol[:32]: q for q in sorted(quotes, key=lambda q: q.market_at) if 0 < q.bid <= q.ask}
        for name, q in sorted(latest.items()):
            rows.append(
                Quote(account_id=account_id, symbol=name, bid=q.bid, ask=q.ask, market_at=q.market_at, received_at=at)
            )
    Quote.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["account", "symbol"],
        update_fields=["bid", "ask", "market_at", "received_at"],
    )
    return len(rows)


def store_bars(*, account: Account, message: BarsMessage) -> int:
    """
    Store closed bars; one that is stored already is replaced by what the agent says now.

    :raises Impossible: UNKNOWN_TIMEFRAME, or FIELD_INVALID for bars that are none (too many, misaligned, high below low).
    """
    try:
        frame = Timeframe.parse(message.timeframe)
    except UnknownTimeframe as error:
        raise Impossible(error.code, error.message, "timeframe", error.extra) from error
    if len(message.bars) > MAX_BARS:
        raise Impossible(Code.FIELD_INVALID, f"At most {MAX_BARS} bars at once.", "bars")
    rows = {}
    for position, bar in enumerate(message.bars):
        low, high = min(bar.open, bar.close), max(bar.open, bar.close)
        if not (0 < bar.low <= low and high <= bar.high) or not frame.is_aligned(bar.opens_at) or bar.volume < 0:
            raise Impossible(Code.FIELD_INVALID, "This is no closed bar of that timeframe.", f"bars[{position}]")
        rows[bar.opens_at] = Bar(
            account=account,
            symbol=message.symbol[:32],
            timeframe=str(frame),
            opens_at=datetime.fromtimestamp(bar.opens_at, UTC),
            open=bar.open,
            high=bar.high,
            low=bar.low,
            close=bar.close,
            volume=bar.volume,
            spread_points=bar.spread_points,
        )
    Bar.objects.bulk_create(
        [rows[time] for time in sorted(rows)],
        update_conflicts=True,
        unique_fields=["account", "symbol", "timeframe", "opens_at"],
        update_fields=["open", "high", "low", "close", "volume", "spread_points"],
    )
    if closes_an_hour(frame, rows):
        after_commit("apps.market.tasks.correlate", account_id=str(account.pk), symbol=message.symbol[:32])
    return len(rows)


def prune_bars(*, at: datetime) -> int:
    """Delete M1 bars that were stored more than 90 days ago (whatever their market's year); return how many."""
    return Bar.objects.filter(timeframe="M1", received_at__lt=at - KEEP_M1).delete()[0]
