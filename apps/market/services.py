"""What brokers say of their symbols, the latest quotes, closed bars."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from django.db import transaction

from apps.accounts.models import Account
from apps.common.codes import Code
from apps.common.errors import Impossible
from apps.common.nudges import after_commit
from apps.common.outbox import tell
from apps.market.correlation import closes_an_hour
from apps.market.models import Bar, Quote, SymbolSpecification
from trading.errors import UnknownTimeframe
from trading.model.timeframe import Timeframe
from trading.protocol import BarsMessage, QuoteMessage, SymbolSpec
from trading.protocol.codec import from_plain, to_plain

MAX_BARS = 5000
KEEP_M1 = timedelta(days=90)
MOVING = frozenset({"tick_value", "tick_value_profit", "tick_value_loss", "margin_per_lot", "loss_per_lot_check"})


@transaction.atomic
def store_specifications(*, account: Account, specs: Sequence[SymbolSpec], at: datetime) -> list[str]:
    """Store the specifications and return the symbols whose contract changed; a change is told."""
    names = sorted({spec.name[:32] for spec in specs})
    rows = SymbolSpecification.objects.select_for_update(no_key=True).filter(account=account, symbol__in=names)
    stored = {row.symbol: row for row in rows.order_by("symbol")}
    fresh, changed = [], []
    for name, spec in sorted({spec.name[:32]: spec for spec in specs}.items()):
        document = to_plain(spec)
        content_hash = _hash(document)
        row = stored.get(name) or SymbolSpecification(account=account, symbol=name, changed_at=at)
        if name in stored and row.content_hash != content_hash:
            changed.append(name)
            row.changed_at = at
        row.document, row.content_hash, row.read_at = document, content_hash, at
        fresh.append(row)
    SymbolSpecification.objects.bulk_create(
        fresh,
        update_conflicts=True,
        unique_fields=["account", "symbol"],
        update_fields=["document", "content_hash", "read_at", "changed_at"],
    )
    for name in changed:
        tell(team_id=account.team_id, account_id=account.pk, kind="symbol.changed", data={"symbol": name})
    return changed


def store_quotes(*, account: Account, quotes: Sequence[QuoteMessage], at: datetime) -> int:
    """Store the latest quotes of an account; what is not a price (nothing, negative, ask below bid) is left out."""
    latest = {q.symbol[:32]: q for q in sorted(quotes, key=lambda q: q.market_at) if 0 < q.bid <= q.ask}
    rows = [
        Quote(account=account, symbol=name, bid=q.bid, ask=q.ask, market_at=q.market_at, received_at=at)
        for name, q in sorted(latest.items())
    ]
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


def _hash(document: dict[str, object]) -> str:
    """Hash what the contract says; what moves with the rates is no change of it."""
    contract = {name: value for name, value in document.items() if name not in MOVING}
    return hashlib.sha256(json.dumps(contract, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def to_numbers(document: dict[str, object]) -> dict[str, object]:
    """Return a stored specification with its numbers as numbers (they are stored as text, to lose no digit)."""
    spec = from_plain(document, SymbolSpec)
    return {name: getattr(spec, name) for name in SymbolSpec.__struct_fields__}
