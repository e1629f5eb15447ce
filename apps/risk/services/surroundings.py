"""What lies around an account: its owner's other accounts, the calendar of news, symbols that move together."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from django.db import connection
from django.db.models import Q

from apps.accounts.models import Account, AccountSnapshot
from apps.market.models import Impact, NewsRelease
from apps.risk.services.fact_rows import load_reserved
from apps.risk.services.facts import AccountFacts, Book, by_leg, read_holdings
from trading.risk.news import Release, watches_news
from trading.risk.pairs import opposes

CALENDAR_BEHIND, CALENDAR_AHEAD = timedelta(days=1), timedelta(days=14)
CORRELATION_KEEPS = timedelta(days=7)
HOUR_S = 3600


def load_surroundings(facts: dict[UUID, AccountFacts], *, in_turn: bool = True) -> None:
    """
    Fill in the news and the other accounts' books, where a limit asks for them; nothing is read where none does.

    :param in_turn: whether owners with such accounts are taken one approval after the other; a question needs no turn.
    """
    _load_news([one for one in facts.values() if watches_news(one.limits)])
    concerned = [one for one in facts.values() if one.forbidders]
    if concerned:
        _load_books(facts, concerned, in_turn=in_turn)


def find_opposite(facts: AccountFacts, symbol: str, side: str) -> str:
    """Return which other account holds the instrument the other way, as a sentence's beginning; empty where none does."""
    for book in facts.others:
        held = [(one.symbol, one.side) for one in book.holdings]
        held += [(one.symbol, one.side) for one in book.reserved.values()]
        for other, other_side in held:
            if opposes(symbol, side, other, other_side):
                return f"Account {book.code} holds {other} {'long' if other_side == 'BUY' else 'short'}"
    return ""


def known_correlations(facts: AccountFacts, symbol: str, market_at: datetime) -> dict[str, Decimal]:
    """Return the stored correlations of a symbol with those held; one of another week is not known any more."""
    stored = facts.correlations.get(symbol)
    if not stored:
        return {}
    hour, oldest = int(market_at.timestamp()) // HOUR_S, CORRELATION_KEEPS // timedelta(hours=1)
    fresh = {
        name: stored[name]
        for name in facts.held_sides()
        if name in stored and 0 <= hour - stored[name]["until"] <= oldest
    }
    return {name: Decimal(one["value"]) for name, one in fresh.items()}


def _load_news(facts: list[AccountFacts]) -> None:
    if not facts:
        return
    spans = {one.account.pk: _calendar_of(one) for one in facts}
    wanted = Q()
    for span in set(spans.values()):
        wanted |= Q(at__range=span)
    rows = list(NewsRelease.objects.filter(wanted, impact=Impact.HIGH).order_by("at"))
    for one in facts:
        first, last = spans[one.account.pk]
        one.releases = tuple(Release(row.at, row.currency, row.title) for row in rows if first <= row.at <= last)


def _calendar_of(facts: AccountFacts) -> tuple[datetime, datetime]:
    market_at = facts.risk.market_at
    assert market_at is not None  # set where the day was rolled
    return market_at - CALENDAR_BEHIND, market_at + CALENDAR_AHEAD


def _load_books(facts: dict[UUID, AccountFacts], concerned: list[AccountFacts], *, in_turn: bool) -> None:
    """
    Read what the owners' other accounts hold. One owner's approvals come one after the other then: two accounts asking at the
    same moment would each see the other still empty.
    """
    teams = {one.account.team_id for one in concerned}
    if in_turn:
        _take_turns(teams)
    accounts = list(Account.objects.filter(team_id__in=teams, retired_at__isnull=True).order_by("code"))
    elsewhere = [row.pk for row in accounts if row.pk not in facts]
    views = AccountSnapshot.objects.in_bulk(elsewhere)
    reserved = load_reserved(elsewhere)
    # An account of this very batch fills up while it is judged: what it reserves is looked at, not a copy.
    books = {pk: Book(one.account.code, one.holdings, one.reserved) for pk, one in facts.items()}
    for row in accounts:
        if row.pk not in books:
            books[row.pk] = Book(row.code, read_holdings(views.get(row.pk)), by_leg(reserved[row.pk]))
    for one in concerned:
        others = (row for row in accounts if row.team_id == one.account.team_id and row.pk != one.account.pk)
        one.others = [books[row.pk] for row in others if {row.pk, one.account.pk} & one.forbidders]


def _take_turns(teams: Iterable[UUID]) -> None:
    with connection.cursor() as cursor:
        for team in sorted(teams):
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"opposite:{team}"])
