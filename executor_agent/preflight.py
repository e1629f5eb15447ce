"""
Trying each symbol in use at the terminal, without trading: would an order be taken, in which filling mode, is there enough history.

At every registration, once a day, when the broker changes the symbol, when a clock jumped, and when asked. The server makes the
certificate of it, and starts nothing on one that has failed: so the symbols of stopped strategies are tried too, or what has
failed once could never be mended.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from executor_agent.clocks import Clocks
from executor_agent.errors import TerminalUnknown
from executor_agent.feed import Feed
from executor_agent.journal import AssignmentRow, Journal
from executor_agent.logs import get_log
from executor_agent.session import Session
from executor_agent.terminal.ports import MarketOrder, OrderAnswer, SymbolFacts, Terminal, TerminalIdentity
from executor_agent.watch import Watch
from trading.model.orders import Side
from trading.model.state import Observed
from trading.preflight.certificate import DEGRADED_SKEW_MS
from trading.protocol import SymbolProbe

DAILY_S = 86_400.0
_AGAIN_S = 60.0
_SKEW_AGAIN_S = 10.0
_STOP_POINTS = 500
_COMMENT = "mk-preflight"


class Preflight:
    """Probes one symbol a step, where one is due."""

    def __init__(
        self, clocks: Clocks, terminal: Terminal, session: Session, watch: Watch, feed: Feed, journal: Journal
    ) -> None:
        self._clocks, self._terminal, self._session = clocks, terminal, session
        self._watch, self._feed, self._journal = watch, feed, journal
        self._next_mono: dict[str, float] = {}
        self._tried_mono: dict[str, float] = {}
        self._told_skew_ms: dict[str, int] = {}
        self._needs: Mapping[str, Mapping[str, int]] = {}

    def ask(self, symbol: str | None = None) -> None:
        """Try a symbol, or all in use, again as soon as possible."""
        if symbol is None:
            self._next_mono.clear()
        else:
            self._next_mono.pop(symbol, None)

    def step(self, identity: TerminalIdentity, needs: Mapping[str, Mapping[str, int]]) -> None:
        """Probe what is due. ``needs``: bars that strategies fold before they speak, by symbol and timeframe."""
        if self._session.welcome is None:
            return
        changed = [symbol for symbol, wanted in needs.items() if self._needs.get(symbol) != wanted]
        self._needs = {symbol: dict(wanted) for symbol, wanted in needs.items()}
        stopped = (row for row in self._journal.list_rows(AssignmentRow) if row.observed == Observed.STOPPED)
        needs = {**{row.symbol: {} for row in stopped}, **needs}
        for symbol in (*changed, *filter(self._has_clock_moved, needs)):
            self.ask(symbol)
        mono = self._clocks.mono()
        due = [symbol for symbol in sorted(needs) if mono >= self._next_mono.get(symbol, -1e9)]
        if due:
            self._tried_mono[due[0]] = mono
            self._next_mono[due[0]] = mono + (_AGAIN_S if needs[due[0]] else DAILY_S)
            self._probe(due[0], identity, needs[due[0]])
            self._next_mono[due[0]] = mono + DAILY_S

    def _has_clock_moved(self, symbol: str) -> bool:
        """Say whether our clock and the server's differ otherwise than was told: one that was right again must not be wrong for a day."""
        if symbol not in self._told_skew_ms or self._clocks.mono() - self._tried_mono[symbol] < _SKEW_AGAIN_S:
            return False
        return abs(self._session.clock_skew_ms - self._told_skew_ms[symbol]) > DEGRADED_SKEW_MS

    def _probe(self, symbol: str, identity: TerminalIdentity, wanted: Mapping[str, int]) -> None:
        facts, look = self._terminal.read_symbol(symbol), self._watch.seen
        answer = self._terminal.check_order(_make_order(symbol, facts, self._read_price(symbol)))
        had = {
            frame: len(self._terminal.read_closed_bars(symbol, frame, count).rows) for frame, count in wanted.items()
        }
        self._told_skew_ms[symbol] = self._session.clock_skew_ms
        self._feed.add_symbol(facts)
        self._feed.add_probe(
            SymbolProbe(
                symbol=symbol,
                margin_mode=identity.margin_mode,
                trade_allowed=look is not None and look.look.trade_allowed,
                clock_skew_ms=self._session.clock_skew_ms,
                server_offset_s=look.look.market.server_offset_s if look else 0,
                filling=self._terminal.name_filling(symbol),
                check_retcode=answer.retcode,
                check_comment=answer.comment[:120],
                history=had,
                history_wanted=dict(wanted),
            )
        )
        _log(symbol, answer)

    def _read_price(self, symbol: str) -> Decimal:
        look = self._terminal.look((symbol,))
        quote = look.quotes.get(symbol)
        if quote is None:
            raise TerminalUnknown(f"{symbol} has no quote yet: {look.problem}")
        return quote.ask


def _make_order(symbol: str, facts: SymbolFacts, price: Decimal) -> MarketOrder:
    spec = facts.spec
    distance = max(_STOP_POINTS, 2 * spec.stops_level_points) * spec.point
    stop = max((price - distance) // spec.tick_size, Decimal(1)) * spec.tick_size
    return MarketOrder(
        symbol=symbol, side=Side.BUY, volume_lots=spec.volume_min, price=price, magic=0, comment=_COMMENT, stop_loss=stop
    )  # fmt: skip


def _log(symbol: str, answer: OrderAnswer) -> None:
    get_log().info("SYMBOL_PROBED", symbol=symbol, retcode=answer.retcode, comment=answer.comment)
