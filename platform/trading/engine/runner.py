"""The agent's face of the engine: one strategy on one symbol, fed closed bars, asked for intents. Pure; loads no numba."""

from __future__ import annotations

import hashlib
import json
import math
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from trading.engine import decide
from trading.engine.decide import Held, Moment
from trading.engine.params import Reach, managed
from trading.engine.prices import snap
from trading.engine.source import Wish
from trading.engine.sources import prepare
from trading.errors import InvalidValue
from trading.model.bars import Bar
from trading.model.instrument import Instrument
from trading.model.orders import ExitReason, IntentKind, Side
from trading.model.timeframe import Timeframe

_SNAPSHOT_VERSION = 2
_NO_OTHERS: Mapping[str, Bar] = {}

_EXITS = {
    decide.CLOSE_OPPOSITE: ExitReason.OPPOSITE_SIGNAL,
    decide.CLOSE_TRAILING: ExitReason.TRAILING_STOP,
    decide.CLOSE_SIGNAL: ExitReason.SIGNAL,
    decide.CLOSE_TIME: ExitReason.TIME_EXIT,
    decide.CLOSE_SESSION: ExitReason.SESSION_END,
}
# What asks for a position to be closed whoever opened it when.
_AT_ONCE = (decide.CLOSE_OPPOSITE, decide.CLOSE_SIGNAL, decide.CLOSE_SESSION)


@dataclass(frozen=True, slots=True)
class HeldPosition:
    """
    A position of this assignment, as the terminal has it at this moment, and what is remembered of its opening.

    ``first_lots`` and ``first_stop_price`` None: as they are now. ``trail_distance`` is what the strategy gave it [price];
    ``trail_fraction`` what its approval asks for where the strategy names no trailing stop [of the entry price].
    """

    ticket: int
    side: Side
    volume_lots: Decimal
    entry_price: Decimal
    stop_price: Decimal | None
    target_price: Decimal | None
    opened_at: datetime
    stop_moved: bool = False
    first_lots: Decimal | None = None
    first_stop_price: Decimal | None = None
    trail_distance: Decimal | None = None
    trail_fraction: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Book:
    """The account at this moment: money in its currency, prices of the symbol, and this assignment's own positions."""

    balance: Decimal
    equity: Decimal
    day_start_equity: Decimal
    open_positions_total: int
    positions: tuple[HeldPosition, ...]
    bid: Decimal
    ask: Decimal
    spread_points: int = 0


@dataclass(frozen=True, slots=True)
class Facts:
    """What the server decided for the assignment; numbered, and an input like any other."""

    number: int = 0
    halt_epoch: int = 0
    halted: bool = False
    entries_allowed: bool = True
    lot_multiplier: Decimal = Decimal(1)
    risk_budget: Decimal | None = None
    xpws_phase: str | None = None
    trading_day: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """
    Something the strategy wants done now. The agent asks for approval of an OPEN; the others only reduce risk.

    ``entry_price`` is what the quote promised; ``stop_distance`` is in price, and ``trail_distance`` is to be remembered with the
    position. A PARTIAL closes ``volume_lots`` of it. MOVE_STOP repeats the target, because the terminal replaces both.
    ``signal_id`` is the same whenever the same bar is decided again.
    """

    kind: IntentKind
    side: Side
    volume_lots: Decimal
    ticket: int | None = None
    entry_price: Decimal | None = None
    stop_price: Decimal | None = None
    target_price: Decimal | None = None
    stop_distance: Decimal | None = None
    trail_distance: Decimal | None = None
    reason: str
    signal_id: str


class StrategyRunner:
    """
    One assignment's strategy. Feed history with `warm_up`, then every closed bar once with `on_bar`.

    ``warmup_bars`` is the history to load before the first `on_bar`: with it, wishes do not depend on where history begins (to
    1e-9). ``other_symbols`` are those whose bars of the same timeframe it also needs. ``phase`` is what the strategy last said of itself.

    :param anchor_at: when the assignment began on the market clock; kept in the snapshot, for whoever refolds.
    :raises InvalidRules: where the document cannot be traded on this instrument with these settings.
    """

    def __init__(
        self,
        *,
        document: Mapping[str, Any],
        instrument: Instrument,
        timeframe: Timeframe,
        settings: Mapping[str, Any] | None = None,
        anchor_at: datetime | None = None,
    ) -> None:
        self._prepared = prepare(document, instrument, timeframe, settings=settings)
        self._source = self._prepared.source
        self._params = self._prepared.params
        self._times: deque[int] = deque(maxlen=max(self._params.bars_max, 1))
        self._entry = json.dumps(document["entry"], sort_keys=True, default=str)
        self.bars_seen = 0
        self.anchor_at = anchor_at
        self.instrument = instrument
        self.timeframe = timeframe
        self.warmup_bars: int = self._source.warmup_bars
        self.first_signal_bars: int = getattr(self._source, "first_signal_bars", self._source.warmup_bars)
        self.other_symbols: tuple[str, ...] = self._source.other_symbols
        self.phase: str = ""

    @property
    def last_bar_time(self) -> int | None:
        """Opening time of the newest bar folded [epoch seconds], None before the first."""
        return self._times[-1] if self._times else None

    def warm_up(self, bars: Iterable[Bar], others: Mapping[str, Iterable[Bar]] | None = None) -> None:
        """
        Fold closed bars, oldest first, without deciding anything. Bars not newer than the last one folded are ignored.

        :param others: bars of `other_symbols`; one that opened with a bar is folded with it.
        :raises InvalidValue: where the bars are of another timeframe.
        """
        frame = getattr(bars, "timeframe", self.timeframe)
        if frame is not self.timeframe:
            raise InvalidValue(f"this strategy runs on {self.timeframe}, not {frame}", field="timeframe")
        beside = {name: {bar.time: bar for bar in series} for name, series in (others or {}).items()}
        for bar in bars:
            same = {name: found for name, series in beside.items() if (found := series.get(bar.time)) is not None}
            self._fold(bar, same)

    def on_bar(self, bar: Bar, book: Book, facts: Facts, others: Mapping[str, Bar] = _NO_OTHERS) -> list[Intent]:
        """
        Fold one closed bar and return what to do at this moment, exits first. A repeated or older bar gives an empty list.

        :param others: the bars of `other_symbols` that closed with it.
        :raises InvalidValue: where the book's quote is not a quote.
        """
        bid, ask = self._quote(book)
        wish = self._fold(bar, others)
        if wish is None:
            return []
        self.phase = wish.phase
        kept = len(book.positions)
        intents: list[Intent] = []
        if book.positions:
            kept, intents = self._decide_positions(bar, book, wish, bid, ask)
        if wish.side != 0:
            intents += self._decide_entry(bar, book, facts, wish, bid, ask, kept)
        return intents

    def snapshot(self) -> dict[str, Any]:
        """Return the folded state as JSON values, for the journal."""
        return {
            "version": _SNAPSHOT_VERSION,
            "fingerprint": self._fingerprint(),
            "bars_seen": self.bars_seen,
            "times": list(self._times),
            "anchor_at": self.anchor_at.isoformat() if self.anchor_at else None,
            "source": self._source.snapshot(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """
        Continue from a snapshot; afterwards, fold the bars since with `warm_up`.

        :raises InvalidValue: where the snapshot is of other rules, another instrument or timeframe: refold from bars instead.
        """
        if state.get("version") != _SNAPSHOT_VERSION or state.get("fingerprint") != self._fingerprint():
            raise InvalidValue("this snapshot belongs to other rules: warm up from bars instead", field="fingerprint")
        self._source.restore(state["source"])
        self._times = deque(state["times"], maxlen=self._times.maxlen)
        self.bars_seen = state["bars_seen"]

    # --- inside -------------------------------------------------------------------------------------------------

    def _fold(self, bar: Bar, others: Mapping[str, Bar]) -> Wish | None:
        if self._times and bar.time <= self._times[-1]:
            return None
        self._times.append(bar.time)
        self.bars_seen += 1
        return self._source.update(bar, others)

    def _decide_positions(self, bar: Bar, book: Book, wish: Wish, bid: float, ask: float) -> tuple[int, list[Intent]]:
        closes_s = self.timeframe.close_time(bar.time)
        must_be_flat = self._prepared.rules.closing.is_due(closes_s)
        moment = Moment(wish.side, wish.closes, must_be_flat, self._snap(bar.high), self._snap(bar.low), bid, ask)
        kept, intents = 0, []
        for position in book.positions:
            found = self._decide_position(bar, moment, position)
            kept += not any(intent.kind is IntentKind.CLOSE for intent in found)
            intents += found
        return kept, intents

    def _decide_position(self, bar: Bar, moment: Moment, position: HeldPosition) -> list[Intent]:
        closes_s = self.timeframe.close_time(bar.time)
        began_later = position.opened_at.timestamp() >= closes_s
        params, held = self._params, self._hold(position, closes_s)
        if held.trail > 0.0 and not params.is_managed:
            params = managed(params, trails=True)
        action, part, moved = decide.decide_position(params, moment, held)
        if began_later and action not in _AT_ONCE:
            return []
        if action != decide.HOLD:
            return [self._close(bar, moment, position, _EXITS[action])]
        intents = []
        if part > 0:
            lots = self.instrument.steps_to_lots(part)
            intents.append(self._close(bar, moment, position, ExitReason.PARTIAL_EXIT, lots))
        if moved != 0.0:
            intents.append(self._move(bar, position, moved))
        return intents

    def _hold(self, position: HeldPosition, closes_s: int) -> Held:
        opened_s = self.timeframe.open_time(int(position.opened_at.timestamp()))
        stop = position.stop_price
        first_stop = stop if position.first_stop_price is None else position.first_stop_price
        return Held(
            side=position.side.sign,
            steps=self.instrument.lots_to_steps(position.volume_lots),
            first_steps=self.instrument.lots_to_steps(position.first_lots or position.volume_lots),
            entry=float(position.entry_price),
            stop=float(stop or 0),
            first_stop=float(first_stop or 0),
            trail=self._find_trail(position),
            bars=sum(time >= opened_s for time in self._times),
            seconds=closes_s - opened_s,
        )

    def _find_trail(self, position: HeldPosition) -> float:
        """Return the distance the position was given; where neither it nor the rules name one, what its approval asks for."""
        if position.trail_distance is not None:
            return float(position.trail_distance)
        if position.trail_fraction is None or self._prepared.rules.exit.trail is not None:
            return 0.0
        rule = Reach(fraction=float(position.trail_fraction))
        return decide.find_distance(self._params, rule, float(position.entry_price), 0.0)

    def _close(
        self, bar: Bar, moment: Moment, position: HeldPosition, reason: ExitReason, lots: Decimal | None = None
    ) -> Intent:
        kind = IntentKind.CLOSE if lots is None else IntentKind.PARTIAL
        return Intent(
            kind=kind,
            side=position.side,
            volume_lots=lots or position.volume_lots,
            ticket=position.ticket,
            entry_price=self._price(moment.bid if position.side is Side.BUY else moment.ask),
            reason=reason,
            signal_id=f"{_stamp(bar)}-{kind}-{position.ticket}",
        )

    def _move(self, bar: Bar, position: HeldPosition, stop: float) -> Intent:
        return Intent(
            kind=IntentKind.MOVE_STOP,
            side=position.side,
            volume_lots=position.volume_lots,
            ticket=position.ticket,
            stop_price=self._price(stop),
            target_price=position.target_price,
            reason=ExitReason.TRAILING_STOP,
            signal_id=f"{_stamp(bar)}-STOP-{position.ticket}",
        )

    def _decide_entry(
        self, bar: Bar, book: Book, facts: Facts, wish: Wish, bid: float, ask: float, kept: int
    ) -> list[Intent]:
        closes_s = self.timeframe.close_time(bar.time)
        rules = self._prepared.rules
        verdict, steps, entry, stop, target = decide.decide_entry(
            self._params,
            wish.side,
            rules.window.allows(closes_s) and not rules.closing.is_due(closes_s),
            facts.entries_allowed and not facts.halted,
            kept,
            bid,
            ask,
            float(book.balance),
            float(book.equity),
            float(book.day_start_equity),
            math.inf if facts.risk_budget is None else float(facts.risk_budget),
            float(facts.lot_multiplier),
            wish.stop_distance,
            wish.target_distance,
        )
        if verdict != decide.OPEN:
            return []
        side = Side.from_sign(wish.side)
        entry_price, stop_price = self._price(entry), self._level(stop)
        intent = Intent(
            kind=IntentKind.OPEN,
            side=side,
            volume_lots=self.instrument.steps_to_lots(steps),
            entry_price=entry_price,
            stop_price=stop_price,
            target_price=self._level(target),
            stop_distance=abs(entry_price - stop_price) if stop_price is not None else None,
            trail_distance=Decimal(repr(float(wish.trail_distance))) if wish.trail_distance else None,
            reason=wish.reason,
            signal_id=f"{_stamp(bar)}-{side}",
        )
        return [intent]

    def _quote(self, book: Book) -> tuple[float, float]:
        bid, ask = float(book.bid), float(book.ask)
        if not (0 < bid <= ask < math.inf):
            raise InvalidValue(f"a quote needs 0 < bid <= ask, not {book.bid} / {book.ask}", field="bid")
        return self._snap(bid), self._snap(ask)

    def _snap(self, price: float) -> float:
        return snap(price, self._params.tick_numerator, self._params.tick_denominator)

    def _price(self, price: float) -> Decimal:
        return self.instrument.round_price(Decimal(repr(float(price))))

    def _level(self, price: float) -> Decimal | None:
        return self._price(price) if price else None

    def _fingerprint(self) -> str:
        parts = [str(self.timeframe), str(self.instrument.tick_size.normalize()), self._entry]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def _stamp(bar: Bar) -> str:
    return f"{datetime.fromtimestamp(bar.time, UTC):%Y%m%dT%H%M%SZ}"
