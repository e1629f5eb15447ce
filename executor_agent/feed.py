"""Specifications and closed bars of the symbols in use, on their way to the server."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from decimal import Decimal

from executor_agent.clocks import Clocks
from executor_agent.server.ports import Answered, Courier, Door, Event
from executor_agent.terminal.ports import BarTuple, SymbolFacts
from trading.protocol import BarRow, BarsMessage, SymbolProbe, SymbolsMessage, SymbolSpec

_MOST_BARS, _BATCH, _AGAIN_AFTER_S = 10_000, 5_000, 1.0
_MOVING = ("tick_value", "tick_value_profit", "tick_value_loss", "margin_per_lot", "loss_per_lot_check")


class Feed:
    """Holds what was not sent yet; bounded, the oldest bars go first when the server is away for long."""

    def __init__(self, clocks: Clocks, courier: Courier) -> None:
        self._clocks, self._courier = clocks, courier
        self._not_before: dict[Door, float] = {}
        self.on_change: Callable[[str], None] = lambda symbol: None
        """Called with a symbol whose specification the broker has changed, but for what follows the rates."""
        self._bars: dict[tuple[str, str], deque[BarTuple]] = {}
        self._digits: dict[str, int] = {}
        self._last: dict[tuple[str, str], int] = {}
        self._specs: dict[str, SymbolSpec] = {}
        self._unsent: set[str] = set()
        self._in_flight: tuple[tuple[str, str], int] | None = None
        self._sent_specs: set[str] = set()
        self._probes: dict[str, SymbolProbe] = {}
        self._sent_probes: dict[str, SymbolProbe] = {}

    def add_symbol(self, facts: SymbolFacts) -> None:
        """Note a specification; it is sent where it is new or changed."""
        name = facts.spec.name
        self._digits[name] = facts.spec.digits
        before = self._specs.get(name)
        if before is not None and _contract_of(before) != _contract_of(facts.spec):
            self.on_change(name)
        if before != facts.spec:
            self._specs[name] = facts.spec
            self._unsent.add(name)

    def add_probe(self, probe: SymbolProbe) -> None:
        """Note what was tried with a symbol."""
        self._probes[probe.symbol] = probe

    def add_bars(self, symbol: str, timeframe: str, rows: tuple[BarTuple, ...]) -> None:
        """Note closed bars, oldest first; those known already are skipped."""
        group = (symbol, timeframe)
        last = self._last.get(group, -1)
        news = [row for row in rows if row[0] > last]
        if news:
            self._bars.setdefault(group, deque(maxlen=_MOST_BARS)).extend(news)
            self._last[group] = news[-1][0]

    @property
    def has_new_symbols(self) -> bool:
        """Whether a specification waits: no trade in a symbol is approved before the server knows it."""
        return bool(self._unsent)

    def push(self) -> None:
        """Send what is due, where the doors are free. Specifications go before bars."""
        if (self._unsent or self._probes) and self._may_ask(Door.SYMBOLS):
            self._sent_specs, self._sent_probes = set(self._unsent), dict(self._probes)
            specs = [self._specs[name] for name in sorted(self._unsent)]
            self._courier.ask(Door.SYMBOLS, SymbolsMessage(symbols=specs, probes=list(self._sent_probes.values())))
        if self._in_flight is None and not self._unsent and self._may_ask(Door.BARS):
            self._push_bars()

    def take(self, event: Event) -> None:
        """Take the answer of either door; what failed is sent again, after a pause: each failure wakes the loop at once."""
        if not isinstance(event, Answered):
            self._not_before[event.door] = self._clocks.mono() + _AGAIN_AFTER_S
        if event.door is Door.SYMBOLS:
            if isinstance(event, Answered):
                self._unsent -= self._sent_specs
                self._probes = {
                    name: probe for name, probe in self._probes.items() if self._sent_probes.get(name) is not probe
                }
            return
        sent, self._in_flight = self._in_flight, None
        if sent is None or not isinstance(event, Answered):
            return
        group, until_s = sent
        waiting = self._bars[group]
        while waiting and waiting[0][0] <= until_s:
            waiting.popleft()

    def _may_ask(self, door: Door) -> bool:
        return self._courier.is_free(door) and self._clocks.mono() >= self._not_before.get(door, 0.0)

    def _push_bars(self) -> None:
        for (symbol, timeframe), waiting in self._bars.items():
            if not waiting:
                continue
            rows = [waiting[index] for index in range(min(len(waiting), _BATCH))]
            digits = self._digits.get(symbol, 8)
            self._in_flight = ((symbol, timeframe), rows[-1][0])
            bars = [_make_row(row, digits) for row in rows]
            self._courier.ask(Door.BARS, BarsMessage(symbol=symbol, timeframe=timeframe, bars=bars))
            return


def _make_row(row: BarTuple, digits: int) -> BarRow:
    prices = [Decimal(f"{price:.{digits}f}") for price in row[1:5]]
    return BarRow(
        opens_at=row[0],
        open=prices[0],
        high=prices[1],
        low=prices[2],
        close=prices[3],
        volume=int(row[5]),
        spread_points=row[6],
    )


def _contract_of(spec: SymbolSpec) -> tuple[object, ...]:
    return tuple(getattr(spec, name) for name in spec.__struct_fields__ if name not in _MOVING)
