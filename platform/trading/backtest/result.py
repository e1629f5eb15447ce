"""What a backtest gives back: trades as columns, read one by one on demand; equity; statistics, counted on demand."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from functools import cached_property
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from trading.engine import book
from trading.model.bars import Bars
from trading.model.instrument import Instrument
from trading.model.orders import ExitReason, Side

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

REASONS = {
    book.EXIT_STOP: ExitReason.STOP_LOSS,
    book.EXIT_TRAILING: ExitReason.TRAILING_STOP,
    book.EXIT_TARGET: ExitReason.TAKE_PROFIT,
    book.EXIT_OPPOSITE: ExitReason.OPPOSITE_SIGNAL,
    book.EXIT_END: ExitReason.END_OF_DATA,
    book.EXIT_STOP_OUT: ExitReason.STOP_OUT,
    book.EXIT_SIGNAL: ExitReason.SIGNAL,
    book.EXIT_TIME: ExitReason.TIME_EXIT,
    book.EXIT_SESSION: ExitReason.SESSION_END,
    book.EXIT_PARTIAL: ExitReason.PARTIAL_EXIT,
}


@dataclass(frozen=True, slots=True)
class Trade:
    """
    A closing deal: a whole position, or a part of it. ``opened_at`` and ``closed_at`` are opening times of the bars it happened in
    (END_OF_DATA: the end of the last); ``pnl`` is to the cent and includes ``commission`` (negative) and ``swap``.
    """

    opened_at: datetime
    closed_at: datetime
    side: Side
    volume_lots: Decimal
    entry_price: Decimal
    exit_price: Decimal
    pnl: Decimal
    exit_reason: ExitReason
    commission: Decimal = Decimal("0.00")
    swap: Decimal = Decimal("0.00")


@dataclass(frozen=True, slots=True)
class TradeColumns:
    """
    The closing deals as columns, in order of closing.

    ``opened_bar`` and ``closed_bar`` are places in the bars the run was given; ``opened_s`` and ``closed_s`` their opening times [epoch
    seconds]; ``side`` +1 or -1; ``pnl`` includes ``commission`` (paid, positive) and ``swap``; ``stop_price`` is the first stop, 0.0 for
    none; parts of one position share ``position``; ``reason`` is a key of `REASONS`.
    """

    opened_bar: IntArray
    closed_bar: IntArray
    opened_s: IntArray
    closed_s: IntArray
    side: IntArray
    lots: FloatArray
    entry_price: FloatArray
    exit_price: FloatArray
    stop_price: FloatArray
    pnl: FloatArray
    commission: FloatArray
    swap: FloatArray
    position: IntArray
    reason: IntArray


class Trades(Sequence[Trade]):
    """The closing deals, made into `Trade` one by one as they are asked for. Equal to a list of equal trades."""

    def __init__(self, ints: IntArray, floats: FloatArray, bars: Bars, instrument: Instrument) -> None:
        self._ints, self._floats = ints, floats
        self._bars, self._instrument = bars, instrument

    @cached_property
    def _opened_s(self) -> IntArray:
        opened: IntArray = self._bars.time[self._ints[:, book.T_OPENED]]
        return opened

    @cached_property
    def _closed_s(self) -> IntArray:
        closed: IntArray = self._bars.time[self._ints[:, book.T_CLOSED]]
        # What the end of the data closes is closed where the last bar ends.
        ended: IntArray = closed + self._bars.timeframe.seconds * (self._ints[:, book.T_REASON] == book.EXIT_END)
        return ended

    def __len__(self) -> int:
        return len(self._ints)

    @overload
    def __getitem__(self, index: int) -> Trade: ...

    @overload
    def __getitem__(self, index: slice) -> list[Trade]: ...

    def __getitem__(self, index: int | slice) -> Trade | list[Trade]:
        if isinstance(index, slice):
            return [self._read(place) for place in range(*index.indices(len(self)))]
        if not -len(self) <= index < len(self):
            raise IndexError(index)
        return self._read(index % len(self))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence):
            return NotImplemented
        return len(self) == len(other) and all(mine == theirs for mine, theirs in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Trades({list(self)!r})"

    def _read(self, place: int) -> Trade:
        ints, floats = self._ints[place], self._floats[place]
        commission, swap = floats[book.V_COMMISSION], floats[book.V_SWAP]
        return Trade(
            opened_at=datetime.fromtimestamp(int(self._opened_s[place]), UTC),
            closed_at=datetime.fromtimestamp(int(self._closed_s[place]), UTC),
            side=Side.from_sign(int(ints[book.T_SIDE])),
            volume_lots=self._instrument.steps_to_lots(int(ints[book.T_STEPS])),
            entry_price=self._price(floats[book.V_ENTRY]),
            exit_price=self._price(floats[book.V_EXIT]),
            pnl=_money(floats[book.V_PROFIT] - commission + swap),
            exit_reason=REASONS[int(ints[book.T_REASON])],
            commission=_money(0.0 - commission),
            swap=_money(swap),
        )

    def _price(self, price: float) -> Decimal:
        return self._instrument.round_price(Decimal(repr(float(price))))

    def columns(self) -> TradeColumns:
        """Return the same as arrays."""
        ints, floats = self._ints, self._floats
        commission, swap = floats[:, book.V_COMMISSION], floats[:, book.V_SWAP]
        return TradeColumns(
            opened_bar=ints[:, book.T_OPENED],
            closed_bar=ints[:, book.T_CLOSED],
            opened_s=self._opened_s,
            closed_s=self._closed_s,
            side=ints[:, book.T_SIDE],
            lots=np.asarray(ints[:, book.T_STEPS] * float(self._instrument.volume_step), dtype=np.float64),
            entry_price=floats[:, book.V_ENTRY],
            exit_price=floats[:, book.V_EXIT],
            stop_price=floats[:, book.V_FIRST_STOP],
            pnl=floats[:, book.V_PROFIT] - commission + swap,
            commission=commission,
            swap=swap,
            position=ints[:, book.T_NUMBER],
            reason=ints[:, book.T_REASON],
        )


@dataclass(frozen=True, eq=False)
class Result:
    """
    Trades in order of closing, equity at the close of every bar of the strategy [account currency], and statistics.

    Trades are read one by one. Equity is marked, and statistics are counted, when first asked for: by the same loop once more.
    """

    trades: Trades
    final_balance: float
    mark: Callable[[], FloatArray] = field(repr=False)
    choose: Callable[[FloatArray], FloatArray] = field(repr=False)
    find_closes: Callable[[], IntArray] = field(repr=False)
    count: Callable[[FloatArray], dict[str, Any]] = field(repr=False)

    @cached_property
    def equity_fine(self) -> FloatArray:
        """Equity at the close of every bar the price is known by."""
        return self.mark()

    @cached_property
    def equity(self) -> FloatArray:
        """Equity at the close of every bar of the strategy."""
        return self.choose(self.equity_fine)

    @cached_property
    def statistics(self) -> dict[str, Any]:
        """Counts, sums and ratios by name."""
        return self.count(self.equity_fine)

    @cached_property
    def closes_s(self) -> IntArray:
        """When each bar of `equity` closed [epoch seconds]."""
        return self.find_closes()

    def closes_at(self) -> Iterator[datetime]:
        """Yield when each bar of ``equity`` closed."""
        return (datetime.fromtimestamp(closed, UTC) for closed in self.closes_s.tolist())


def _money(value: float) -> Decimal:
    # 0.0 + turns a minus zero into zero.
    return Decimal(f"{0.0 + round(float(value), 2):.2f}")
