"""What the open positions and waiting orders of an account may still lose before their stops take them out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from trading.risk.sizing import BUY, SizingRefused, SymbolTerms, loss_per_lot

ZERO: Final = Decimal(0)
_LEAST_PROFIT: Final = Decimal(1)
"""Below this profit the money per price step read off a position is mostly rounding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """
    A position, or a waiting order (``profit`` None): what it is, and at which price it stands now.

    ``price`` is the current price of a position and the order price of a waiting order.
    """

    symbol: str
    side: str
    volume_lots: Decimal
    entry_price: Decimal
    price: Decimal
    stop_loss: Decimal | None
    profit: Decimal | None = None
    position_id: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """
    The worst case of all holdings: each at its stop, none of them helping another.

    ``by_leg`` is the loss by symbol and side. ``problem`` and ``message`` say why the worst case of a holding is not known; nothing new may be approved then.
    """

    worst_loss: Decimal = ZERO
    count: int = 0
    by_symbol: Mapping[str, Decimal] = field(default_factory=dict)
    by_leg: Mapping[tuple[str, str], Decimal] = field(default_factory=dict)
    position_ids: frozenset[int] = frozenset()
    problem: str = ""
    message: str = ""


def measure_exposure(
    holdings: Iterable[Holding],
    terms: Mapping[str, SymbolTerms],
    *,
    unprotected_move_fraction: Decimal | None = None,
    slippage_points: int = 0,
) -> Exposure:
    """
    Return what the holdings may lose from here to their stops [account currency], costs and slippage included.

    :param terms: what the broker says of each symbol; a symbol it lacks is judged by the position's own profit.
    :param unprotected_move_fraction: the adverse move a holding without a stop counts with; None: it cannot be counted.
    """
    by_symbol: dict[str, Decimal] = {}
    by_leg: dict[tuple[str, str], Decimal] = {}
    count, problem, message, ids = 0, "", "", set()
    for holding in holdings:
        count += 1
        ids.add(holding.position_id)
        try:
            loss = loss_to_stop(holding, terms.get(holding.symbol), unprotected_move_fraction, slippage_points)
        except SizingRefused as refused:
            problem, message = refused.code, refused.message
            continue
        leg = (holding.symbol, holding.side)
        by_symbol[holding.symbol] = by_symbol.get(holding.symbol, ZERO) + loss
        by_leg[leg] = by_leg.get(leg, ZERO) + loss
    return Exposure(
        worst_loss=sum(by_symbol.values(), ZERO),
        count=count,
        by_symbol=by_symbol,
        by_leg=by_leg,
        position_ids=frozenset(ids - {0}),
        problem=problem,
        message=message,
    )


def loss_to_stop(
    holding: Holding,
    terms: SymbolTerms | None,
    unprotected_move_fraction: Decimal | None = None,
    slippage_points: int = 0,
) -> Decimal:
    """
    Return what one holding loses from its price to its stop, at least 0: a stop that lies in profit gives back the rest.

    :raises SizingRefused: POSITION_WITHOUT_STOP or EXPOSURE_UNKNOWN where nobody can say.
    """
    stop = holding.stop_loss
    if stop is None or stop <= 0:
        if unprotected_move_fraction is None:
            raise SizingRefused(
                "POSITION_WITHOUT_STOP",
                f"A {holding.side} of {holding.volume_lots} {holding.symbol} stands without a stop: what it may lose is not known.",
            )
        stop = holding.price * (1 - unprotected_move_fraction * _sign(holding.side))
    distance = (holding.price - stop) * _sign(holding.side)
    if distance <= 0:
        return ZERO
    return holding.volume_lots * _loss_of_one_lot(holding, terms, stop, distance, slippage_points)


def _loss_of_one_lot(
    holding: Holding, terms: SymbolTerms | None, stop: Decimal, distance: Decimal, slippage_points: int
) -> Decimal:
    if terms is not None:
        slippage = slippage_points * terms.point
        _, _, loss = loss_per_lot(terms, entry_price=holding.price, stop_loss=stop, slippage=slippage)
        return loss
    moved = (holding.price - holding.entry_price) * _sign(holding.side)
    if holding.profit is not None and moved and abs(holding.profit) >= _LEAST_PROFIT and holding.volume_lots > 0:
        return abs(holding.profit / moved) / holding.volume_lots * distance
    raise SizingRefused(
        "EXPOSURE_UNKNOWN", f"Nobody has told what {holding.symbol} is worth, and a position in it is open."
    )


def _sign(side: str) -> int:
    return 1 if side == BUY else -1
