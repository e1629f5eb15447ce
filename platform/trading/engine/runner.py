"""The agent's face of the engine: one strategy on one symbol, fed closed bars, asked for intents. Pure; loads no numba."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import numpy as np

from trading.engine import decide
from trading.engine.params import build_params
from trading.engine.prices import snap
from trading.errors import InvalidValue
from trading.model.bars import Bar, Bars
from trading.model.instrument import Instrument
from trading.model.orders import ExitReason, IntentKind, Side
from trading.model.timeframe import Timeframe
from trading.rules.compile import compile_rules
from trading.rules.signals import signal_update
from trading.rules.tree import CrossEntry

_SNAPSHOT_VERSION = 1


@dataclass(frozen=True, slots=True)
class HeldPosition:
    """A position of this assignment, as the terminal has it at this moment."""

    ticket: int
    side: Side
    volume_lots: Decimal
    entry_price: Decimal
    stop_price: Decimal | None
    target_price: Decimal | None
    opened_at: datetime
    stop_moved: bool = False


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

    ``entry_price`` is what the quote promised; ``stop_distance`` is in price. MOVE_STOP repeats the target, because the terminal
    replaces both. ``signal_id`` is the same whenever the same bar is decided again.
    """

    kind: IntentKind
    side: Side
    volume_lots: Decimal
    ticket: int | None = None
    entry_price: Decimal | None = None
    stop_price: Decimal | None = None
    target_price: Decimal | None = None
    stop_distance: Decimal | None = None
    reason: str
    signal_id: str


class StrategyRunner:
    """
    One assignment's strategy. Feed history with `warm_up`, then every closed bar once with `on_bar`.

    ``warmup_bars`` is the history to load before the first `on_bar`: with it, signals do not depend on where history begins (to
    1e-9). With less, signals begin at ``first_signal_bars``, where the seed of every average weighs under a thousandth.

    :param anchor_at: when the assignment began on the market clock; kept in the snapshot, for whoever refolds.
    :raises InvalidRules: where the document cannot be traded on this instrument with these settings.
    :raises UnevaluatedRules: where it asks for what is not evaluated yet.
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
        self._compiled = compile_rules(document, instrument, timeframe, settings=settings)
        self._params = build_params(self._compiled)
        self._state = np.zeros(self._compiled.program.state_size)
        self._last_bar_time: int | None = None
        self.anchor_at = anchor_at
        self.instrument = instrument
        self.timeframe = timeframe
        self.warmup_bars: int = self._compiled.refold_bars
        self.first_signal_bars: int = self._compiled.first_signal_bar

    @property
    def bars_seen(self) -> int:
        """How many closed bars have been folded."""
        return int(self._state[0])

    @property
    def last_bar_time(self) -> int | None:
        """Opening time of the newest bar folded [epoch seconds], None before the first."""
        return self._last_bar_time

    def warm_up(self, bars: Bars) -> None:
        """
        Fold closed bars, oldest first, without deciding anything. Bars not newer than the last one folded are ignored.

        :raises InvalidValue: where the bars are of another timeframe.
        """
        if bars.timeframe is not self.timeframe:
            raise InvalidValue(f"this strategy runs on {self.timeframe}, not {bars.timeframe}", field="timeframe")
        for bar in bars:
            self._fold(bar)

    def on_bar(self, bar: Bar, book: Book, facts: Facts) -> list[Intent]:
        """
        Fold one closed bar and return what to do at this moment, closes first. A repeated or older bar gives an empty list.

        :raises InvalidValue: where the book's quote is not a quote.
        """
        bid, ask = self._quote(book)
        signal = self._fold(bar)
        if signal is None:
            return []
        kept, intents = self._decide_positions(bar, book, signal, bid, ask)
        entry = self._decide_entry(bar, book, facts, signal, bid, ask, kept)
        return [*intents, *([entry] if entry else [])]

    def snapshot(self) -> dict[str, Any]:
        """Return the folded state as JSON values, for the journal."""
        values = [None if math.isnan(value) else value for value in self._state.tolist()]
        return {
            "version": _SNAPSHOT_VERSION,
            "fingerprint": self._fingerprint(),
            "last_bar_time": self._last_bar_time,
            "anchor_at": self.anchor_at.isoformat() if self.anchor_at else None,
            "state": values,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """
        Continue from a snapshot; afterwards, fold the bars since with `warm_up`.

        :raises InvalidValue: where the snapshot is of other rules, another instrument or timeframe: refold from bars instead.
        """
        if state.get("version") != _SNAPSHOT_VERSION or state.get("fingerprint") != self._fingerprint():
            raise InvalidValue("this snapshot belongs to other rules: warm up from bars instead", field="fingerprint")
        values = [math.nan if value is None else float(value) for value in state["state"]]
        self._state = np.array(values, dtype=np.float64)
        self._last_bar_time = state["last_bar_time"]

    # --- inside -------------------------------------------------------------------------------------------------

    def _fold(self, bar: Bar) -> int | None:
        if self._last_bar_time is not None and bar.time <= self._last_bar_time:
            return None
        self._last_bar_time = bar.time
        high, low, close = self._snap(bar.high), self._snap(bar.low), self._snap(bar.close)
        return int(signal_update(self._compiled.program, self._state, high, low, close))

    def _decide_positions(self, bar: Bar, book: Book, signal: int, bid: float, ask: float) -> tuple[int, list[Intent]]:
        kept, intents = 0, []
        for position in book.positions:
            intent = self._decide_position(bar, position, signal, bid, ask)
            kept += intent is None or intent.kind is not IntentKind.CLOSE
            intents += [intent] if intent else []
        return kept, intents

    def _decide_position(self, bar: Bar, position: HeldPosition, signal: int, bid: float, ask: float) -> Intent | None:
        high, low = self._snap(bar.high), self._snap(bar.low)
        side, entry, stop = position.side.sign, float(position.entry_price), float(position.stop_price or 0)
        action, moved = decide.decide_position(self._params, signal, high, low, bid, ask, side, entry, stop)
        began_later = position.opened_at.timestamp() >= self.timeframe.close_time(bar.time)
        if action == decide.HOLD or (began_later and action != decide.CLOSE_OPPOSITE):
            return None
        if action == decide.MOVE_STOP:
            return self._move(bar, position, moved)
        reason = ExitReason.OPPOSITE_SIGNAL if action == decide.CLOSE_OPPOSITE else ExitReason.TRAILING_STOP
        return Intent(
            kind=IntentKind.CLOSE,
            side=position.side,
            volume_lots=position.volume_lots,
            ticket=position.ticket,
            entry_price=self._price(bid if position.side is Side.BUY else ask),
            reason=reason,
            signal_id=f"{_stamp(bar)}-CLOSE-{position.ticket}",
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
        self, bar: Bar, book: Book, facts: Facts, signal: int, bid: float, ask: float, kept: int
    ) -> Intent | None:
        verdict, steps, entry, stop, target = decide.decide_entry(
            self._params,
            signal,
            signal != 0 and self._compiled.rules.window.allows(self.timeframe.close_time(bar.time)),
            facts.entries_allowed and not facts.halted,
            kept,
            bid,
            ask,
            float(book.balance),
            float(book.equity),
            float(book.day_start_equity),
            math.inf if facts.risk_budget is None else float(facts.risk_budget),
            float(facts.lot_multiplier),
        )
        if verdict != decide.OPEN:
            return None
        side = Side.from_sign(signal)
        entry_price, stop_price = self._price(entry), self._level(stop)
        return Intent(
            kind=IntentKind.OPEN,
            side=side,
            volume_lots=self.instrument.steps_to_lots(steps),
            entry_price=entry_price,
            stop_price=stop_price,
            target_price=self._level(target),
            stop_distance=abs(entry_price - stop_price) if stop_price is not None else None,
            reason="indicator_cross" if isinstance(self._compiled.rules.entry, CrossEntry) else "rsi_threshold",
            signal_id=f"{_stamp(bar)}-{side}",
        )

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
        parts = [str(self.timeframe), str(self.instrument.tick_size.normalize()), list(self._compiled.program)]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def _stamp(bar: Bar) -> str:
    return f"{datetime.fromtimestamp(bar.time, UTC):%Y%m%dT%H%M%SZ}"
