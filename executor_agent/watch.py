"""The latest look at account and market, and the snapshots made of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from executor_agent.clocks import Clocks
from executor_agent.errors import TerminalUnknown
from executor_agent.journal import Journal
from executor_agent.logs import get_log
from executor_agent.session import Session
from executor_agent.terminal.ports import Look, Terminal
from trading.errors import TradingError
from trading.protocol import (
    AgentHealth,
    AssignmentStatus,
    DealMessage,
    OrderMessage,
    PositionMessage,
    SnapshotMessage,
)

_DEALS_OVERLAP_MS = 120_000
_DAY_MARK = "day"


@dataclass(frozen=True)
class Seen:
    """A look and when it was taken."""

    look: Look
    at: datetime
    mono: float


class Watch:
    """Looks, remembers the last look in which the account was read, and says whether something changed."""

    def __init__(self, clocks: Clocks, terminal: Terminal, journal: Journal, session: Session) -> None:
        self._clocks, self._terminal, self._journal, self._session = clocks, terminal, journal, session
        self.symbols: set[str] = set()
        self.seen: Seen | None = None
        self.last_error = ""
        self.is_changed = False
        self._seq = 0
        self._known_positions: tuple[PositionMessage, ...] = ()
        self._known_orders: tuple[OrderMessage, ...] = ()
        self._fingerprint: tuple[object, ...] = ()
        self._tried_mono = -1e9

    # --- looking ------------------------------------------------------------------------------------------------

    def refresh(self) -> Look | None:
        """Look now; None where the terminal says nothing."""
        self._tried_mono = self._clocks.mono()
        try:
            look = self._terminal.look(tuple(sorted(self.symbols)))
        except TerminalUnknown as unknown:
            self._note(unknown.message)
            return None
        if look.account is None:
            self._note(look.problem)
            return None
        self.last_error = look.problem
        fingerprint = (
            look.account.balance,
            look.positions and _shapes(look.positions),
            look.orders,
            look.trade_allowed,
        )
        self.is_changed = self.is_changed or (look.is_complete and fingerprint != self._fingerprint)
        self._fingerprint = fingerprint if look.is_complete else self._fingerprint
        self._mark_day(look)
        self._known_positions = self._known_positions if look.positions is None else look.positions
        self._known_orders = self._known_orders if look.orders is None else look.orders
        self.seen = Seen(look, self._clocks.at(), self._clocks.mono())
        return look

    def refresh_if_older(self, seconds: float) -> None:
        """Look, unless that was tried within ``seconds``."""
        if self._clocks.mono() - self._tried_mono >= seconds:
            self.refresh()

    @property
    def fresh(self) -> Look | None:
        """The last look, if it is also the last one tried; None where the terminal is silent now."""
        return self.seen.look if self.seen is not None and self.seen.mono >= self._tried_mono else None

    def market_at(self) -> datetime:
        """Return the account's market time as of the last look; the wall clock before there was one."""
        return self._clocks.at() if self.seen is None else self.seen.look.market.market_at

    def raw_ms(self) -> int:
        """Return the broker's clock as of the last look [raw ms]."""
        offset_s = self.seen.look.market.server_offset_s if self.seen else 0
        return int((self.market_at().timestamp() + offset_s) * 1000)

    def own_positions(self, magic: int) -> list[PositionMessage] | None:
        """Return the open positions of a magic; None where nobody knows."""
        look = self.fresh
        if look is None or look.positions is None:
            return None
        return [position for position in look.positions if position.magic == magic]

    def count_pending(self, magic: int) -> int:
        """Return the waiting orders of a magic, as far as known."""
        return sum(order.magic == magic for order in self._known_orders)

    def count_open(self, magic: int) -> int:
        """Return the open positions of a magic, as far as known."""
        return sum(position.magic == magic for position in self._known_positions)

    def _note(self, problem: str) -> None:
        if problem != self.last_error:
            get_log().warning("TERMINAL_UNREADABLE", problem=problem)
        self.last_error = problem

    # --- the account's day --------------------------------------------------------------------------------------

    def find_day_start_equity(self) -> Decimal | None:
        """Return the equity our own watch began the account's day with; the server's figure goes before it."""
        day, _, equity = self._journal.read_mark(_DAY_MARK).partition("|")
        return Decimal(equity) if day else None

    def _mark_day(self, look: Look) -> None:
        try:
            day = self._session.policy.day_at(look.market.market_at).day.isoformat()
        except TradingError:
            return
        if self._journal.read_mark(_DAY_MARK).partition("|")[0] == day or look.account is None:
            return
        last = self.seen.look.account if self.seen and self.seen.look.account else look.account
        self._journal.set_mark(_DAY_MARK, f"{day}|{last.equity}")

    # --- snapshots ----------------------------------------------------------------------------------------------

    def build_snapshot(
        self, reason: str, statuses: list[AssignmentStatus], health: AgentHealth, *, has_doubts: bool
    ) -> SnapshotMessage | None:
        """Return what the server is to know now, incomplete where it ``has_doubts``; None before anything was seen."""
        seen = self.seen
        if seen is None or seen.look.account is None:
            return None
        look, session = seen.look, self._session
        deals = self._read_deals()
        self._seq += 1
        is_silent = self.fresh is None
        self.is_changed = False
        return SnapshotMessage(
            seq=self._seq,
            instance_id=session.instance_id,
            fence=session.fence,
            complete=look.is_complete and deals is not None and not is_silent and not has_doubts,
            age_ms=int((self._clocks.mono() - seen.mono) * 1000),
            taken_at=seen.at,
            reason=reason,
            market=look.market,
            account=seen.look.account,
            trade_allowed=look.trade_allowed and not is_silent,
            positions=list(look.positions or ()),
            orders=list(look.orders or ()),
            deals=list(deals or ()),
            deals_since_ms=session.deals_since_ms,
            quotes=list(look.quotes.values()),
            assignments=statuses,
            health=health,
            desired_version=session.desired_version,
        )

    def _read_deals(self) -> tuple[DealMessage, ...] | None:
        try:
            return self._terminal.list_deals_since(max(self._session.deals_since_ms - _DEALS_OVERLAP_MS, 0))
        except TerminalUnknown as unknown:
            self._note(unknown.message)
            return None


def _shapes(positions: tuple[PositionMessage, ...]) -> tuple[tuple[object, ...], ...]:
    # What is a change worth telling at once: not every tick's price.
    return tuple((p.ticket, p.volume_lots, p.stop_loss, p.take_profit) for p in positions)
