"""Seeded draws with replacement: single items, and blocks that keep what belongs together."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from trading.errors import InvalidValue

IntArray = NDArray[np.int32]

MOST_DRAWS = 50_000_000


def draw_blocks(items: int, *, paths: int, length: int, mean_block: float, seed: int) -> IntArray:
    """
    Return ``paths`` rows of ``length`` item numbers: the stationary bootstrap.

    Each row follows the items in their order, around the end to the beginning, and jumps to a random one with probability
    ``1 / mean_block`` at every step; a mean of 1 draws every item independently. Equal arguments give equal rows.

    Source: D. N. Politis, J. P. Romano, "The stationary bootstrap", JASA 89 (1994).

    :raises InvalidValue: where there is nothing to draw from, or more than 50 million draws are asked for.

    >>> draw_blocks(5, paths=1, length=6, mean_block=1e9, seed=1)[0].tolist()
    [2, 3, 4, 0, 1, 2]
    """
    check_draws(items, paths, length)
    if not mean_block >= 1:
        raise InvalidValue("the mean block is at least 1", field="mean_block")
    random = np.random.default_rng(seed)
    fresh = random.integers(0, items, (length, paths), dtype=np.int32)
    if mean_block == 1:
        return np.ascontiguousarray(fresh.T)
    jumps = random.random((length, paths), dtype=np.float32) < 1 / mean_block
    drawn = np.empty((length, paths), dtype=np.int32)
    drawn[0] = fresh[0]
    for step in range(1, length):
        following = drawn[step - 1] + 1
        following[following == items] = 0
        drawn[step] = np.where(jumps[step], fresh[step], following)
    return np.ascontiguousarray(drawn.T)


def shuffle(items: int, *, paths: int, seed: int) -> IntArray:
    """
    Return ``paths`` random orders of all items, each item once.

    :raises InvalidValue: where there is nothing to draw from, or more than 50 million draws are asked for.
    """
    check_draws(items, paths, items)
    random = np.random.default_rng(seed)
    order = np.tile(np.arange(items, dtype=np.int32), (paths, 1))
    return random.permuted(order, axis=1)


def check_draws(items: int, paths: int, length: int) -> None:
    """:raises InvalidValue: where there is nothing to draw from, or too much is asked for."""
    if items < 1:
        raise InvalidValue("there is nothing to draw from: the backtest has no trades", field="items")
    if paths < 1 or length < 1 or paths * length > MOST_DRAWS:
        raise InvalidValue(f"paths times length must be from 1 to {MOST_DRAWS}, was {paths} x {length}", field="paths")
