"""The simulated market as one thing: prices, books and desk, and the one way in which its time goes on."""

from dataclasses import asdict, replace
from decimal import Decimal
from typing import Any, Final

from simulator.broker.books import Books
from simulator.broker.checks import Permissions
from simulator.broker.desk import Desk
from simulator.broker.ledger import Ledger
from simulator.broker.triggers import Move, Triggers
from simulator.market.feed import Feed
from simulator.market.source import Source
from simulator.market.symbols import SymbolTerms
from simulator.market.timeframes import find_one_bar_open
from simulator.market.zone import ServerZone

_INSTRUMENT_FIELDS: Final = (
    *("tick_value", "tick_value_loss", "contract_size", "volume_min", "volume_max", "volume_step", "volume_limit"),
    *("stops_level_points", "freeze_level_points"),
)
_DAY_S: Final = 86400
_TICK_S: Final = 0.001
_SWAP_DAY: Final = "swap_day"
_TERMS_FIELDS: Final = ("trade_mode", "execution", "filling_mask", "swap_long_points", "swap_short_points")


class UnknownField(ValueError):
    """A symbol's term that can not be changed."""


class Exchange:
    """Knows no wall clock: its time goes on only through `step`."""

    def __init__(
        self, source: Source, zone: ServerZone, ledger: Ledger, starts_at: float, *, skips_closed: bool
    ) -> None:
        self.feed = Feed(source, zone)
        self.books = Books(ledger)
        self.desk = Desk(self.feed, self.books)
        self.permissions = Permissions()
        self.skips_closed = skips_closed
        self._triggers = Triggers(self.feed, self.books, self.desk)
        moment = ledger.find_moment()
        self.market_at = starts_at if moment is None else moment
        self.subscribed: set[str] = set()
        self.tick_values: dict[str, Decimal] = {}
        self._apply_stored_terms()
        if _SWAP_DAY not in self.books.facts:
            self.books.set_fact(_SWAP_DAY, int(self.server_now // _DAY_S))
        self.books.commit(self.market_at)

    # time ------------------------------------------------------------------------------------------------------------

    @property
    def ended(self) -> bool:
        """Whether the market is over for ever."""
        ends_at = self.feed.source.ends_at
        return ends_at is not None and self.market_at >= ends_at

    @property
    def server_now(self) -> float:
        """The server's clock, written as if it were UTC [s]."""
        return self.feed.zone.to_server(self.market_at)

    def find_next_open(self) -> float | None:
        """Return when the next base bar of any symbol in use opens."""
        opens = (self.feed.find_next_open(symbol, self.market_at) for symbol in self._list_used())
        return min((moment for moment in opens if moment is not None), default=None)

    def find_bars_end(self) -> float:
        """Return when the bars at hand of all symbols in use are over."""
        bars = (self.feed.find_bar(symbol, self.market_at) for symbol in self._list_used())
        return max((float(bar.ends_at) for bar in bars if bar is not None), default=self.market_at)

    def step(self, target: float) -> float | None:
        """
        Go on towards ``target``, but not beyond the opening of the next bar.

        Returns the market time that was skipped if a bar has opened, else ``None``.
        """
        next_open, bars_end = self.find_next_open(), self.find_bars_end()
        if next_open is None:
            self._play(min(target, bars_end))
            self.books.commit(self.market_at)
            return None
        due = min(bars_end, next_open) if self.skips_closed else next_open
        if target < max(due, self.market_at):
            self._play(target)
            self.books.commit(self.market_at)
            return None
        skipped = next_open - max(due, self.market_at)
        # The end of one bar and the opening of the next are one change: a process that dies between the two would come
        # back at the opening moment and take it for done.
        self._play(min(bars_end, next_open))
        self._open_bars(next_open)
        self.books.commit(self.market_at)
        return skipped

    def _play(self, until: float) -> None:
        if until <= self.market_at:
            return
        moves = []
        for symbol in self.books.list_active_symbols():
            bar = self.feed.find_bar(symbol, self.market_at)
            if bar is None:
                continue
            begins_at = self.market_at
            for first, last, ends_at in bar.list_stretches(self.market_at, until):
                # what is met with the bar's last price belongs to this bar, not to the moment the next one opens
                moves.append(Move(symbol, first, last, bar.spread, begins_at, min(ends_at, bar.ends_at - _TICK_S)))
                begins_at = ends_at
        for move in sorted(moves, key=lambda m: m.ends_at):
            self._triggers.move(move)
            self._triggers.stop_out(move.ends_at)
        self.market_at = until
        self._triggers.expire_orders(until)

    def _open_bars(self, at: float) -> None:
        self.market_at = at
        self._charge_nights(at)
        self._triggers.expire_orders(at)
        for symbol in self.books.list_active_symbols():
            bar = self.feed.find_bar(symbol, at)
            if bar is not None and bar.utc == at:
                first = bar.points[0]
                self._triggers.move(Move(symbol, first, first, bar.spread, at, at, is_gap=True))
        self._triggers.stop_out(at)

    def _charge_nights(self, at: float) -> None:
        # the last day that swap was charged for is in the ledger, so that no night counts twice or never
        day = int(self.feed.zone.to_server(at) // _DAY_S)
        for night in range(self.books.facts[_SWAP_DAY], day):
            self._triggers.charge_night(night, at)
        if day > self.books.facts[_SWAP_DAY]:
            self.books.set_fact(_SWAP_DAY, day)

    def _list_used(self) -> set[str]:
        used = self.subscribed | self.books.list_active_symbols()
        return used or set(list(self.feed.terms)[:1])

    def find_forming_open(self, symbol: str, timeframe: int) -> int:
        """Return when the forming bar of a symbol and timeframe opened [server clock]."""
        bar = self.feed.find_bar(symbol, self.market_at)
        moment = bar.utc if bar is not None else self.market_at
        return find_one_bar_open(timeframe, int(self.feed.zone.to_server(moment)))

    # terms -----------------------------------------------------------------------------------------------------------

    def change_terms(self, symbol: str, changes: dict[str, Any]) -> None:
        """
        Change a symbol's terms from now on, also after a restart.

        ``tick_value`` changes only what the terminal tells, as a broker's wrong setting would.

        :raises UnknownField: for a symbol or a field that is not there.
        """
        if symbol not in self.feed.terms:
            raise UnknownField(f"no symbol {symbol}")
        known = (*_INSTRUMENT_FIELDS, *_TERMS_FIELDS)
        unknown = sorted(set(changes) - set(known))
        if unknown:
            raise UnknownField(f"no term {', '.join(unknown)}: use {', '.join(known)}")
        stored = dict(self.books.facts.get(f"terms:{symbol}", {})) | changes
        self._apply(symbol, changes)
        self.books.set_fact(f"terms:{symbol}", stored)
        self.books.commit(self.market_at)

    def _apply_stored_terms(self) -> None:
        for name, changes in self.books.facts.items():
            symbol = name.removeprefix("terms:")
            if name != symbol and symbol in self.feed.terms:
                self._apply(symbol, changes)

    def _apply(self, symbol: str, changes: dict[str, Any]) -> None:
        terms: SymbolTerms = self.feed.terms[symbol]
        instrument_changes: dict[str, Any] = {
            name: Decimal(str(value)) if not name.endswith("_points") else int(value)
            for name, value in changes.items()
            if name in _INSTRUMENT_FIELDS
        }
        terms_changes = {name: value for name, value in changes.items() if name in _TERMS_FIELDS}
        instrument = replace(terms.instrument, **instrument_changes)
        self.feed.terms[symbol] = replace(terms, instrument=instrument, **terms_changes)
        if "tick_value" in changes:
            self.tick_values[symbol] = Decimal(str(changes["tick_value"]))

    def describe(self) -> dict[str, Any]:
        """Return the whole truth in plain values: clock, accounts, positions, waiting orders."""
        accounts = [
            {name: str(value) if isinstance(value, Decimal) else value for name, value in asdict(account).items()}
            for account in self.books.accounts.values()
        ]
        for account in accounts:
            account.pop("password_hash")
        return {
            "market_at": self.market_at,
            "ended": self.ended,
            "accounts": accounts,
            "symbols": list(self.feed.terms),
        }
