"""Everything a batch of requests is judged by, read in bulk after the accounts' risk rows are locked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings

from apps.accounts.models import Account, AccountMode, AccountRisk, AccountSnapshot, LimitSet, RulePackVersion
from apps.common.ids import public_id
from apps.common.prepared import ask_together
from apps.market.models import Quote
from apps.risk.models import LogDocument
from apps.risk.services.fact_rows import FactRows, Reserved, ask_facts
from trading.risk.exposure import Exposure, Holding, measure_exposure
from trading.risk.limits import Limits, parse_limits
from trading.risk.news import Release
from trading.risk.pairs import join_sides
from trading.risk.record import Written
from trading.risk.sizing import FUTURES_MODES, SymbolTerms

ZERO = Decimal(0)
log = structlog.get_logger(__name__)
CHECKED_TICKS = 1000  # over how many ticks the terminal worked out `loss_per_lot_check`


@dataclass
class AccountFacts:
    """One account as the judge sees it. `risk` is the locked row; it and `reserved` move while a batch is judged."""

    account: Account
    risk: AccountRisk
    snapshot: AccountSnapshot | None
    limits: Limits
    limits_hash: str
    terms: dict[str, SymbolTerms]
    spec_hashes: dict[str, str]
    quotes: dict[str, Quote]
    exposure: Exposure
    holdings: tuple[Holding, ...]
    reserved: dict[tuple[str, str, int | None], Reserved] = field(default_factory=dict)
    correlations: dict[str, dict[str, Any]] = field(default_factory=dict)  # by symbol, as they are stored
    releases: tuple[Release, ...] = ()
    forbidders: frozenset[UUID] = frozenset()  # the owner's accounts whose limits forbid opposite positions
    others: list[Book] = field(default_factory=list)
    pack: str = ""
    logged: int = 0  # lines of the log when the row was locked
    documents: dict[str, LogDocument] = field(default_factory=dict)  # what lines of the log name, not yet stored
    filed: dict[str, str] = field(default_factory=dict)  # the hash of what was made a document already
    sides: dict[str, str] | None = None  # `held_sides`, until something of another symbol or side is reserved
    terms_now: dict[tuple[object, ...], SymbolTerms] = field(
        default_factory=dict
    )  # of this batch, by symbol, side, quote
    standing: dict[str, Any] | None = None  # what of the judge's state no item of this batch changes
    nearby: dict[str, tuple[object, Any]] = field(default_factory=dict)  # by symbol: sides, correlations
    written: Written = field(default_factory=Written)  # what the log's lines of this batch say of the state

    def legs(self) -> Iterator[tuple[tuple[str, str], Decimal]]:
        """Yield (symbol, side) and money at risk of all that is held: positions, waiting orders, reservations."""
        yield from self.exposure.by_leg.items()
        yield from (((one.symbol, one.side), one.money) for one in self.reserved.values())

    def held_sides(self) -> dict[str, str]:
        """Return in which direction each symbol is held; not to be changed."""
        if self.sides is None:
            held = [(one.symbol, one.side) for one in self.holdings]
            self.sides = join_sides(held + [(one.symbol, one.side) for one in self.reserved.values()])
        return self.sides

    def reserve(self, symbol: str, side: str, lots: Decimal, money: Decimal) -> None:
        """Count what was approved just now with what is reserved already."""
        name = (symbol, side, None)
        before = self.reserved.get(name)
        if before is None:
            before, self.sides = Reserved(*name, 0, ZERO, ZERO), None
        self.reserved[name] = Reserved(*name, before.number + 1, before.lots + lots, before.money + money)

    def reserved_by_symbol(self) -> dict[str, Decimal]:
        """Return the money of open reservations."""
        sums: dict[str, Decimal] = defaultdict(Decimal)
        for one in self.reserved.values():
            sums[one.symbol] += one.money
        return dict(sums)

    def count_held(self) -> int:
        """Return how many reservations wait for a position that the last view does not show yet."""
        return sum(one.number for one in self.reserved.values() if one.position_id not in self.exposure.position_ids)

    def peak(self) -> Decimal:
        """Return the high-water mark of the drawdown mode in force."""
        mark: Decimal | None = (
            self.risk.peak_equity if self.limits.drawdown_mode == "TRAILING_INTRADAY" else self.risk.peak_balance
        )
        return mark if mark is not None else Decimal(self.account.initial_balance)

    def file(self, name: str, make: Callable[[], LogDocument]) -> str:
        """Return the hash of a document, which is made where this batch has not named it yet."""
        if name not in self.filed:
            document = make()
            self.documents[document.hash] = document
            self.filed[name] = document.hash
        return self.filed[name]

    def market_at(self, at: datetime, told: datetime | None = None) -> datetime:
        """Return the account's market time: the wall clock on a real account; on a paper one it never goes back."""
        if self.account.mode != AccountMode.PAPER:
            return at
        seen = [self.risk.market_at, self.snapshot.market_at if self.snapshot else None, told]
        return max((one for one in seen if one is not None), default=at)


@dataclass(frozen=True)
class Book:
    """What another account of the same owner holds: positions, waiting orders, reservations."""

    code: str
    holdings: tuple[Holding, ...]
    reserved: dict[tuple[str, str, int | None], Reserved]


class LimitsBroken(Exception):
    """An account whose limits cannot be read: nothing is approved on it."""


def load_facts(
    rows: Iterable[AccountRisk],
    accounts: Mapping[UUID, Account],
    symbols: Collection[str] = (),
    known: FactRows | None = None,
) -> dict[UUID, AccountFacts]:
    """
    Return the facts of each account whose risk row is given, in one or two round trips whatever their number.

    An account whose rows cannot be read is left out.

    :param symbols: what is asked about; the symbols of open positions come by themselves.
    :param known: what was read of these accounts already; more may be in it.
    """
    by_id = {row.account_id: row for row in rows}
    ids = list(by_id)
    if not ids:
        return {}
    rows_of = known or FactRows.of(symbols, ask_together(*ask_facts(ids, symbols)))
    rows_of.load_symbols(ids, _list_held(rows_of, ids))
    found = {}
    for pk in ids:
        try:
            found[pk] = _facts_of(by_id[pk], accounts[pk], rows_of)
            found[pk].forbidders = rows_of.forbidders[accounts[pk].team_id]
        except Exception as error:  # rows that cannot be read close this account, not its neighbours
            log.error("FACTS_UNREADABLE", account_id=str(pk), problem=f"{type(error).__name__}: {error}"[:300])
    return found


def read_terms(document: dict[str, Any], account_currency: str) -> SymbolTerms:
    """
    Return a stored specification as risk needs it.

    Profit in the account's own currency needs no rate; where the base currency is the account's, the rate is one over the
    price; for all else the terminal's own calculation (`loss_per_lot_check`) tells the rate, and without it nobody does.
    """
    number = {name: Decimal(str(value)) for name, value in document.items() if name in _NUMBERS and value is not None}
    profit, base = document["currency_profit"], document["currency_base"]
    futures = document["calc_mode"] in FUTURES_MODES
    rate, at_stop = None, False
    if profit == account_currency and not futures:
        rate = Decimal(1)
    elif base == account_currency and profit and not futures:
        at_stop = True
    elif (check := number.get("loss_per_lot_check")) and number["tick_size"] > 0 and number["contract_size"] > 0:
        rate = check / (CHECKED_TICKS * number["tick_size"] * number["contract_size"])
    return SymbolTerms(
        name=document["name"],
        digits=int(document["digits"]),
        point=number["point"],
        tick_size=number["tick_size"],
        tick_value_loss=number["tick_value_loss"] or number["tick_value"],
        contract_size=number["contract_size"],
        volume_min=number["volume_min"],
        volume_max=number["volume_max"],
        volume_step=number["volume_step"],
        volume_limit=number["volume_limit"],
        stops_level_points=int(document["stops_level_points"]),
        trade_mode=int(document["trade_mode"]),
        calc_mode=int(document["calc_mode"]),
        profit_rate=rate,
        converts_at_stop=at_stop,
        margin_per_lot=number.get("margin_per_lot"),
        commission_per_lot=abs(number.get("commission_per_lot", ZERO)),
        currency_base=base or "",
        currency_profit=profit or "",
    )


_NUMBERS = frozenset(
    {
        "point", "tick_size", "tick_value", "tick_value_loss", "contract_size", "volume_min", "volume_max",
        "volume_step", "volume_limit", "margin_per_lot", "commission_per_lot", "loss_per_lot_check",
    }
)  # fmt: skip


def fresh_quote(facts: AccountFacts, symbol: str, at: datetime) -> Quote | None:
    """Return the stored quote if it is fresh by both clocks: seconds are hours where the market runs fast."""
    quote = facts.quotes.get(symbol)
    if quote is None:
        return None
    speed = max(1.0, facts.snapshot.market_speed if facts.snapshot else 1.0)
    age = at - quote.received_at
    return quote if age * speed <= timedelta(seconds=settings.OBSERVER_FRESH_S) else None


def _list_held(rows: FactRows, ids: list[UUID]) -> set[str]:
    """Return the symbols of positions, waiting orders and reservations."""
    held: set[str] = set()
    for pk in ids:
        if (snapshot := rows.snapshots.get(pk)) is not None:
            held |= {one["symbol"] for one in (*snapshot.positions, *snapshot.orders)}
        held |= {one.symbol for one in rows.reserved[pk]}
    return held


def by_leg(rows: Iterable[Reserved]) -> dict[tuple[str, str, int | None], Reserved]:
    """Return reservations by what they are of."""
    return {(one.symbol, one.side, one.position_id): one for one in rows}


def _facts_of(
    risk: AccountRisk,
    account: Account,
    rows: FactRows,
) -> AccountFacts:
    pk = account.pk
    snapshot, limit_set, specs = rows.snapshots.get(pk), rows.limits.get(pk), rows.specs[pk]
    if limit_set is None:
        raise LimitsBroken(f"account {account.code} has no limits in force")
    limits = parse_limits(limit_set.document)
    terms: dict[str, SymbolTerms] = {}
    for spec in specs:
        with suppress(KeyError, TypeError, ValueError, ArithmeticError):  # what cannot be read is not known
            read = read_terms(spec.document, account.currency)
            terms[spec.symbol] = replace(read, unseen_changes=tuple(sorted(spec.drift)))
    holdings = read_holdings(snapshot)
    return AccountFacts(
        account=account,
        risk=risk,
        snapshot=snapshot,
        limits=limits,
        limits_hash=limit_set.content_hash,
        terms=terms,
        spec_hashes={spec.symbol: spec.content_hash for spec in specs},
        correlations={spec.symbol: spec.correlations for spec in specs},
        quotes={quote.symbol: quote for quote in rows.quotes[pk]},
        exposure=measure_exposure(
            holdings,
            terms,
            unprotected_move_fraction=limits.unprotected_move_fraction,
            slippage_points=limits.slippage_points,
        ),
        holdings=holdings,
        reserved=by_leg(rows.reserved[pk]),
        pack=_name_pack(limit_set),
        logged=risk.chain_number,
    )


def _name_pack(limit_set: LimitSet) -> str:
    if limit_set.pack_version_id is None:
        return ""
    return f"{public_id(RulePackVersion.PREFIX, limit_set.pack_version_id)}:{limit_set.pack_phase}"


def read_holdings(snapshot: AccountSnapshot | None) -> tuple[Holding, ...]:
    """Return the positions and waiting orders of a snapshot."""
    if snapshot is None:
        return ()
    positions = [
        Holding(
            symbol=one["symbol"],
            side=one["side"],
            volume_lots=_number(one["volume_lots"]),
            entry_price=_number(one["entry_price"]),
            price=_number(one["current_price"]),
            stop_loss=_number_or_none(one["stop_loss"]),
            profit=_number(one["profit"]),
            position_id=int(one["position_id"]),
        )
        for one in snapshot.positions
    ]
    orders = [
        Holding(
            symbol=one["symbol"],
            side="BUY" if one["order_type"].startswith("BUY") else "SELL",
            volume_lots=_number(one["volume_lots"]),
            entry_price=_number(one["price"]),
            price=_number(one["price"]),
            stop_loss=_number_or_none(one["stop_loss"]),
        )
        for one in snapshot.orders
    ]
    return (*positions, *orders)


def _number(value: Any) -> Decimal:
    return Decimal(str(value))


def _number_or_none(value: Any) -> Decimal | None:
    return None if value is None else Decimal(str(value))
