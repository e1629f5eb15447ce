"""Questions about symbols and quotes."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from django.db.models import QuerySet

from apps.common.codes import Code
from apps.common.errors import NotFound
from apps.market.models import Bar, Quote, SymbolCertificate, SymbolSpecification


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


def list_certificates(account_id: UUID) -> QuerySet[SymbolCertificate]:
    """Return what was found of each symbol of an account."""
    return SymbolCertificate.objects.filter(account_id=account_id).order_by("symbol")


def find_certificates(account_ids: Collection[UUID], symbol: str) -> dict[UUID, SymbolCertificate]:
    """Return the certificates of one symbol by account."""
    rows = SymbolCertificate.objects.filter(account_id__in=account_ids, symbol=symbol)
    return {row.account_id: row for row in rows}


def list_symbols(account_id: UUID) -> list[tuple[SymbolSpecification, Quote | None, SymbolCertificate | None]]:
    """Return an account's symbols with quote and certificate, at most 200, those with unseen changes first."""
    quotes = {quote.symbol: quote for quote in Quote.objects.filter(account_id=account_id)}
    certificates = {one.symbol: one for one in list_certificates(account_id)}
    rows = SymbolSpecification.objects.filter(account_id=account_id).order_by("symbol")[:200]
    ordered = sorted(rows, key=lambda row: (not row.drift, row.symbol))
    return [(row, quotes.get(row.symbol), certificates.get(row.symbol)) for row in ordered]
