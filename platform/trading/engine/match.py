"""
`match`: the simulated broker's one rule for how prices move inside a bar and what they fill.

Bars are bid; ``ask = bid + spread``. A bar's path is: its open; then low and high if ``close >= open``, else high and low; then its
close. Between these points the price passes every tick. What the open has already jumped over fills at the open, for better
or worse; what is reached on the way fills at its own price. A BUY leaves at the bid, a SELL at the ask.

All functions are in the numba subset and pure. The backtest calls `match_open` and `match_path`; the simulated terminal walks
`path_point` by `path_point` with `match_segment` and `match_pending`; both are the same code. 0.0 means "no stop", "no target".
"""

from __future__ import annotations

from trading.jit import kernel

BUY, SELL = 1, -1

NO_FILL, STOP_FILL, TARGET_FILL = 0, 1, 2

# An ask is a sum of two doubles and may miss its tick by a unit in the last place: half a billionth of a level decides for "touched".
_SLACK = 5e-10

# Orders that wait for a price; the numbers are the terminal's own.
BUY_LIMIT, SELL_LIMIT, BUY_STOP, SELL_STOP = 2, 3, 4, 5


@kernel
def path_point(number: int, open_: float, high: float, low: float, close: float) -> float:
    """
    Return the ``number``-th bid (0 to 3) of the path through a bar.

    >>> [path_point(i, 10.0, 13.0, 9.0, 12.0) for i in range(4)], [path_point(i, 12.0, 13.0, 9.0, 10.0) for i in range(4)]
    ([10.0, 9.0, 13.0, 12.0], [12.0, 13.0, 9.0, 10.0])
    """
    if number == 0:
        return open_
    if number == 3:
        return close
    low_first = close >= open_
    if (number == 1) == low_first:
        return low
    return high


@kernel
def match_open(side: int, stop: float, target: float, bid: float, ask: float) -> tuple[int, float]:
    """
    Return ``(STOP_FILL | TARGET_FILL | NO_FILL, price)`` of a position at one quote: the open, or any single tick.

    A level the quote has jumped over fills at the quote, not at the level.

    >>> match_open(BUY, 1.10, 1.20, 1.09, 1.0902)
    (1, 1.09)
    """
    if side == BUY:
        if stop != 0.0 and bid <= stop:
            return STOP_FILL, bid
        if target != 0.0 and bid >= target:
            return TARGET_FILL, bid
        return NO_FILL, 0.0
    if stop != 0.0 and ask >= stop - stop * _SLACK:
        return STOP_FILL, ask
    if target != 0.0 and ask <= target + target * _SLACK:
        return TARGET_FILL, ask
    return NO_FILL, 0.0


@kernel
def match_segment(side: int, stop: float, target: float, bid_to: float, spread: float) -> tuple[int, float]:
    """
    Return the fill of a position while the bid moves steadily to ``bid_to``, from where `match_open` filled nothing.

    On a one-way move at most one of the two levels can be touched, and it fills at its own price.

    >>> match_segment(SELL, 1.11, 1.10, 1.1098, 0.0002)
    (1, 1.11)
    """
    if side == BUY:
        if stop != 0.0 and bid_to <= stop:
            return STOP_FILL, stop
        if target != 0.0 and bid_to >= target:
            return TARGET_FILL, target
        return NO_FILL, 0.0
    ask_to = bid_to + spread
    if stop != 0.0 and ask_to >= stop - stop * _SLACK:
        return STOP_FILL, stop
    if target != 0.0 and ask_to <= target + target * _SLACK:
        return TARGET_FILL, target
    return NO_FILL, 0.0


@kernel
def match_path(
    side: int,
    stop: float,
    target: float,
    open_: float,
    high: float,
    low: float,
    close: float,
    spread: float,
    pessimistic: bool,
) -> tuple[int, float]:
    """
    Return the first fill of a position on its way through a bar, after the open itself filled nothing.

    With ``pessimistic`` the stop goes first wherever the bar reaches both levels.

    >>> match_path(BUY, 9.0, 13.0, 10.0, 13.5, 8.5, 12.0, 0.0, False)[0] == STOP_FILL     # close >= open: the low comes first
    True
    >>> match_path(BUY, 9.0, 13.0, 12.0, 13.5, 8.5, 10.0, 0.0, False)[0] == TARGET_FILL   # close < open: the high comes first
    True
    >>> match_path(BUY, 9.0, 13.0, 12.0, 13.5, 8.5, 10.0, 0.0, True)[0] == STOP_FILL
    True
    """
    low_first = close >= open_
    if pessimistic:
        low_first = side == BUY
    first, second = (low, high) if low_first else (high, low)
    kind, price = match_segment(side, stop, target, first, spread)
    if kind != NO_FILL:
        return kind, price
    return match_segment(side, stop, target, second, spread)


@kernel
def match_pending(order_type: int, price: float, bid_from: float, bid_to: float, spread: float) -> tuple[bool, float]:
    """
    Return ``(filled, fill price)`` of a waiting order while the bid moves from ``bid_from`` to ``bid_to``.

    With both the same it is a single quote: a gap. Limits fill at their price or better, stops at their price or worse.

    >>> match_pending(BUY_STOP, 1.1, 1.0, 1.2, 0.0)
    (True, 1.1)
    >>> match_pending(BUY_STOP, 1.1, 1.2, 1.2, 0.0)
    (True, 1.2)
    """
    buys = order_type in (BUY_LIMIT, BUY_STOP)
    start = bid_from + spread if buys else bid_from
    end = bid_to + spread if buys else bid_to
    slack = price * _SLACK
    if order_type in (BUY_LIMIT, SELL_STOP):
        if start <= price + slack:
            return True, start
        return end <= price + slack, price
    if start >= price - slack:
        return True, start
    return end >= price - slack, price
