"""Trades as columns: what every statistic of trades is computed from, one hundred thousand as easily as ten."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trading.errors import InvalidValue

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class TradeColumns:
    """
    Closed trades in order of closing, a column each, all of one length.

    Required: ``opened_s``, ``closed_s`` [epoch seconds], ``side`` (+1 BUY, -1 SELL), ``profit`` [account currency, commission and
    swap included]. Optional: ``risk`` [account currency at the first stop; NaN or 0 where there was none], ``costs`` [account
    currency], ``reason`` and ``symbol`` as numbers of ``reasons`` and ``symbols``; ``mae`` and ``mfe`` [account currency, not
    negative]: how far a trade went against and for its holder.

    :raises InvalidValue: where columns differ in length, a trade closes before it opens, or a profit is not finite.
    """

    opened_s: IntArray
    closed_s: IntArray
    side: IntArray
    profit: FloatArray
    risk: FloatArray | None = None
    costs: FloatArray | None = None
    reason: IntArray | None = None
    symbol: IntArray | None = None
    mae: FloatArray | None = None
    mfe: FloatArray | None = None
    reasons: Sequence[str] = field(default=())
    symbols: Sequence[str] = field(default=())

    def __post_init__(self) -> None:
        columns = (self.risk, self.costs, self.reason, self.symbol, self.mae, self.mfe)
        every = (self.opened_s, self.closed_s, self.side, self.profit, *(one for one in columns if one is not None))
        if any(column.ndim != 1 or len(column) != len(self.profit) for column in every):
            raise InvalidValue("the columns of trades must be one-dimensional and of one length")
        if not bool(np.isfinite(self.profit).all()):
            raise InvalidValue("the profit of a trade must be finite", field="profit")
        if bool((self.closed_s < self.opened_s).any()):
            raise InvalidValue("a trade cannot close before it opens", field="closed_s")

    def __len__(self) -> int:
        return len(self.profit)

    @property
    def r_multiples(self) -> FloatArray:
        """Profit over risk of the trades that had one [R]."""
        if self.risk is None:
            return np.zeros(0)
        known = np.isfinite(self.risk) & (self.risk > 0)
        return self.profit[known] / self.risk[known]

    @property
    def holding_s(self) -> IntArray:
        """How long each was held [s]."""
        return self.closed_s - self.opened_s

    def take(self, mask: NDArray[np.bool_]) -> TradeColumns:
        """Return the trades that ``mask`` names."""

        def part(column: Any) -> Any:
            return None if column is None else column[mask]

        return TradeColumns(
            self.opened_s[mask], self.closed_s[mask], self.side[mask], self.profit[mask], part(self.risk), part(self.costs),
            part(self.reason), part(self.symbol), part(self.mae), part(self.mfe), self.reasons, self.symbols,
        )  # fmt: skip


def columns_of(trades: Iterable[Any], *, symbol: str = "") -> TradeColumns:
    """Return trades as `trading.backtest.run` lists them (``opened_at, closed_at, side, pnl, exit_reason``) as columns."""
    rows = sorted(trades, key=lambda trade: trade.closed_at)
    reasons = sorted({str(trade.exit_reason) for trade in rows})
    return TradeColumns(
        np.array([int(trade.opened_at.timestamp()) for trade in rows], dtype=np.int64),
        np.array([int(trade.closed_at.timestamp()) for trade in rows], dtype=np.int64),
        np.array([trade.side.sign for trade in rows], dtype=np.int64),
        np.array([float(trade.pnl) for trade in rows], dtype=np.float64),
        reason=np.array([reasons.index(str(trade.exit_reason)) for trade in rows], dtype=np.int64),
        symbol=np.zeros(len(rows), dtype=np.int64) if symbol else None,
        reasons=tuple(reasons),
        symbols=(symbol,) if symbol else (),
    )


def find_excursions(
    opened: IntArray, closed: IntArray, side: IntArray, entry: FloatArray, high: FloatArray, low: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """
    Return how far price went against (MAE) and for (MFE) each trade from its entry, while it was open [price, not negative].

    ``opened`` and ``closed`` are indexes of the bars in which it happened, both counted whole: within its first and last bar a
    trade may have seen less than this. Source: Sweeney, "Maximum Adverse Excursion", 1997.

    >>> high, low = np.array([1.1, 1.3, 1.2]), np.array([1.0, 1.05, 0.9])
    >>> against, along = find_excursions(np.array([0]), np.array([1]), np.array([1]), np.array([1.05]), high, low)
    >>> against.round(2).tolist(), along.round(2).tolist()
    ([0.05], [0.25])
    """
    if not len(opened):
        return np.zeros(0), np.zeros(0)
    edges = np.stack((opened, closed + 1), axis=1).ravel()
    top = np.maximum.reduceat(np.append(high, -np.inf), edges)[::2]
    bottom = np.minimum.reduceat(np.append(low, np.inf), edges)[::2]
    up, down = np.maximum(top - entry, 0.0), np.maximum(entry - bottom, 0.0)
    return np.where(side > 0, down, up), np.where(side > 0, up, down)
