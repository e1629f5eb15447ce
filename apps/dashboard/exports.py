"""Lists as CSV files that a spreadsheet cannot mistake for formulas."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from django.db.models import QuerySet

from apps.trades.models import Trade

COLUMNS = (
    "trade_id", "account", "currency", "bot", "position_id", "magic", "symbol", "side", "volume_lots", "opened_at",
    "closed_at", "entry_price", "exit_price", "stop_loss", "take_profit", "profit", "commission", "swap", "fee", "pnl",
    "planned_risk", "actual_risk", "exit_reason", "source", "approval_id",
)  # fmt: skip
_DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "\n")


class _Echo:
    """A file that gives back what is written to it."""

    def write(self, line: str) -> str:
        return line


def guard_cell(value: Any) -> str:
    """
    Return a cell's text. A text that a spreadsheet would run is quoted; numbers stay numbers.

    >>> guard_cell('=HYPERLINK("http://x")'), guard_cell(Decimal("-1.50"))
    ('\\'=HYPERLINK("http://x")', '-1.50')
    """
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return f"{value:f}"
    text = str(value)
    if isinstance(value, str) and text.lstrip().startswith(_DANGEROUS):
        return f"'{text}"
    return text


def stream_trades(rows: QuerySet[Trade]) -> Iterator[str]:
    """Yield the lines of a file with all rows, read in pieces."""
    writer = csv.writer(_Echo())
    yield writer.writerow(COLUMNS)
    for trade in rows.iterator(chunk_size=500):
        yield writer.writerow([guard_cell(value) for value in _cells(trade)])


def _cells(trade: Trade) -> list[Any]:
    times = [f"{at:%Y-%m-%dT%H:%M:%S}Z" if at else None for at in (trade.opened_at, trade.closed_at)]
    return [
        trade.public_id, trade.account.code, trade.account.currency, trade.bot.bot_id if trade.bot else None,
        trade.position_id, trade.magic, trade.symbol, trade.side, trade.volume_lots, *times,
        trade.entry_price, trade.exit_price, trade.stop_loss, trade.take_profit, trade.profit, trade.commission,
        trade.swap, trade.fee, trade.pnl, trade.planned_risk, trade.actual_risk, trade.exit_reason, trade.source,
        trade.approval_id,
    ]  # fmt: skip
