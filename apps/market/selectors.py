"""Questions about symbols and quotes."""

from __future__ import annotations

from uuid import UUID

from django.db.models import QuerySet

from apps.common.codes import Code
from apps.common.errors import NotFound
from apps.market.models import Bar, Quote, SymbolSpecification


def find_specification(account_id: UUID, symbol: str) -> SymbolSpecification | None:
    return SymbolSpecification.objects.filter(account_id=account_id, symbol=symbol).first()


def get_specification(account_id: UUID, symbol: str) -> SymbolSpecification:
    """
    Return what the account's broker says of the symbol.

    :raises NotFound: where no agent has told yet.
    """
    row = find_specification(account_id, symbol)
    if row is None:
        raise NotFound(Code.NOT_FOUND, f"No agent of this account has told of {symbol[:40]!r} yet.", "symbol")
    return row


def find_quote(account_id: UUID, symbol: str) -> Quote | None:
    return Quote.objects.filter(account_id=account_id, symbol=symbol).first()


def list_specifications(account_id: UUID) -> QuerySet[SymbolSpecification]:
    return SymbolSpecification.objects.filter(account_id=account_id)


def list_bars(account_id: UUID, symbol: str, timeframe: str) -> QuerySet[Bar]:
    """Return the stored closed bars, newest first."""
    return Bar.objects.filter(account_id=account_id, symbol=symbol, timeframe=timeframe).order_by("-opens_at")
