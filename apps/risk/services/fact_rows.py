"""The rows that a batch's accounts are judged by: one round trip, and another for symbols that only a view or a reservation names."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import Count, Sum

from apps.accounts.models import Account, AccountSnapshot, LimitSet
from apps.common.prepared import ONE, TWO, Asked, Prepared, ask_together
from apps.market.models import Quote, SymbolSpecification
from apps.risk.models import Approval, Reservation

OPEN_RESERVATIONS = (Reservation.HELD, Reservation.UNRESOLVED)


class Reserved(NamedTuple):
    """Open reservations of one symbol and side: all that no position is known of, or all of one position."""

    symbol: str
    side: str
    position_id: int | None
    number: int
    lots: Decimal
    money: Decimal


@dataclass(frozen=True)
class FactRows:
    """What a batch's accounts are judged by, by account."""

    snapshots: dict[UUID, AccountSnapshot]
    limits: dict[UUID, LimitSet]
    forbidders: dict[UUID, frozenset[UUID]]  # by team
    reserved: dict[UUID, list[Reserved]]
    names: frozenset[str]  # of the symbols that were asked for
    specs: dict[UUID, list[SymbolSpecification]]
    quotes: dict[UUID, list[Quote]]

    @classmethod
    def of(cls, names: Collection[str], read: Sequence[list[Any]]) -> FactRows:
        """Return what was read of `ask_facts` for these symbols."""
        snapshots, limits, forbidders, reserved, *symbols = read
        by_team: dict[UUID, frozenset[UUID]] = defaultdict(frozenset)
        for team_id, account_id in forbidders:
            by_team[team_id] |= {account_id}
        specs, quotes = symbols or ([], [])
        return cls(
            {row.account_id: row for row in snapshots},
            {row.account_id: row for row in limits},
            by_team,
            _group_reserved(reserved),
            frozenset(names),
            _by_account(specs),
            _by_account(quotes),
        )

    def load_symbols(self, ids: Collection[UUID], names: Collection[str]) -> None:
        """Read the specifications and last quotes of those symbols that were not asked for."""
        missing = list(set(names) - self.names)
        if not missing:
            return
        specs, quotes = ask_together(SPECIFICATIONS(list(ids), missing), _QUOTES(list(ids), missing))
        for row in specs:
            self.specs[row.account_id].append(row)
        for row in quotes:
            self.quotes[row.account_id].append(row)


_SNAPSHOTS = Prepared(lambda: AccountSnapshot.objects.filter(account_id__any=ONE))
_LIMITS = Prepared(lambda: LimitSet.objects.filter(account_id__any=ONE, in_force=True))
_FORBIDDERS = Prepared(  # of the teams of these accounts: all accounts whose limits forbid opposite positions
    lambda: LimitSet.objects.filter(
        account__team_id__in=Account.objects.filter(pk__any=ONE).values("team_id"),
        account__retired_at__isnull=True,
        forbids_opposite=True,
        in_force=True,
    ).values_list("account__team_id", "account_id")
)
# Added up by the database: a burst leaves hundreds of open reservations behind.
_RESERVED = Prepared(
    lambda: (
        Approval.objects.filter(account_id__any=ONE, reservation__in=OPEN_RESERVATIONS)
        .order_by()
        .values_list("account_id", "symbol", "side", "position_id")
        .annotate(Count("pk"), Sum("adjusted_lots"), Sum("reserved"))
    )
)
SPECIFICATIONS = Prepared(lambda: SymbolSpecification.objects.filter(account_id__any=ONE, symbol__any=TWO))
_QUOTES = Prepared(lambda: Quote.objects.filter(account_id__any=ONE, symbol__any=TWO))


def ask_facts(ids: Collection[UUID], names: Collection[str] = ()) -> tuple[Asked[Any], ...]:
    """
    Return what is to be read for `FactRows`, in one round trip with what the caller has to ask.

    :param ids: of accounts, whose risk rows are locked before where the facts shall be theirs under the lock.
    :param names: of symbols that are known to be needed.
    """
    listed, symbols = list(ids), list(names)
    asked: tuple[Asked[Any], ...] = (_SNAPSHOTS(listed), _LIMITS(listed), _FORBIDDERS(listed), _RESERVED(listed))
    return (*asked, SPECIFICATIONS(listed, symbols), _QUOTES(listed, symbols)) if symbols else asked


def _by_account(rows: Iterable[Any]) -> dict[UUID, list[Any]]:
    found: dict[UUID, list[Any]] = defaultdict(list)
    for row in rows:
        found[row.account_id].append(row)
    return found


def load_reserved(ids: Collection[UUID]) -> dict[UUID, list[Reserved]]:
    """Return what is reserved on each account, added up by symbol, side and position."""
    return _group_reserved(ask_together(_RESERVED(list(ids)))[0])


def _group_reserved(rows: Iterable[tuple[Any, ...]]) -> dict[UUID, list[Reserved]]:
    found: dict[UUID, list[Reserved]] = defaultdict(list)
    for account_id, *group in rows:
        found[account_id].append(Reserved(*group))
    return found
