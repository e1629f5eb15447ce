"""Other orders and other luck: a backtest's trades or days drawn again, and what equity and drawdown would have been."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from trading.backtest.resampling import check_draws, draw_blocks, shuffle
from trading.backtest.shares import Share, wilson
from trading.errors import InvalidValue

FloatArray = NDArray[np.float64]

SHUFFLE, BOOTSTRAP, BLOCKS = "shuffle", "bootstrap", "blocks"
QUANTILES: Final = (5, 25, 50, 75, 95)
FAN_POINTS: Final = 200
_AT_ONCE: Final = 2_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """
    How steps (trades or days) are drawn again.

    :param method: `SHUFFLE` takes each step once in another order, so all paths end alike where steps add up: it shows what order does
        to the drawdown. `BOOTSTRAP` draws with replacement. `BLOCKS` draws runs of neighbours (stationary bootstrap), for steps that
        hang together: days, or trades of one trend.
    :param mean_block: mean length of a run.
    :param length: steps of a path, by default as many as there were; a shuffle has no other.
    :param seed: equal seeds give equal answers.
    """

    method: str = BOOTSTRAP
    paths: int = 5_000
    mean_block: float = 10.0
    length: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        allowed = (SHUFFLE, BOOTSTRAP, BLOCKS)
        if self.method not in allowed:
            raise InvalidValue(f"the method is one of {', '.join(allowed)}", field="method", extra={"allowed": allowed})
        if self.method == SHUFFLE and self.length is not None:
            raise InvalidValue("a shuffle is as long as the history", field="length")
        if self.paths < 1 or (self.length is not None and self.length < 1) or not self.mean_block >= 1:
            raise InvalidValue("paths, length and mean block are at least 1", field="paths")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fan:
    """
    What the paths did.

    ``steps`` are numbers of steps taken (0 first), ``equity`` the `QUANTILES` of equity there, one row each. Quantiles are by name of
    the per cent. ``ruin`` is the share of paths that ever fell to ``ruin_fraction`` below the start; ``loss`` of those that ended
    below it; ``observed_drawdown`` the history's own, and ``luckier`` the share of paths that fell deeper than it.
    """

    draw: Draw
    steps: tuple[int, ...]
    equity: tuple[tuple[float, ...], ...]
    final_equity: dict[int, float]
    max_drawdown_fraction: dict[int, float]
    observed_drawdown: float
    luckier: Share
    loss: Share
    ruin: Share
    ruin_fraction: float

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "method": self.draw.method,
            "paths": self.draw.paths,
            "mean_block": self.draw.mean_block,
            "seed": self.draw.seed,
            "steps": list(self.steps),
            "quantiles": list(QUANTILES),
            "equity": [list(row) for row in self.equity],
            "final_equity": self.final_equity,
            "max_drawdown_fraction": self.max_drawdown_fraction,
            "observed_drawdown": self.observed_drawdown,
            "luckier": self.luckier.as_dict(),
            "loss": self.loss.as_dict(),
            "ruin": self.ruin.as_dict(),
            "ruin_fraction": self.ruin_fraction,
        }


def resample(
    steps: FloatArray, balance: float, draw: Draw, *, compounding: bool = False, ruin_fraction: float = 0.5
) -> Fan:
    """
    Return the fan of equity over steps drawn again.

    :param steps: profits of closed trades, or of days [account currency], oldest first.
    :param balance: what the account begins with.
    :param compounding: every step is taken as the share of the balance it was when it came, and earns that share of the path's own
        balance (risk in percent); otherwise it earns the same money again (fixed lots).
    :param ruin_fraction: a fall by this share of the beginning balance is ruin, above 0 and at most 1.
    :raises InvalidValue: where there are no steps, a number is impossible, or the balance was lost before the last step and
        ``compounding`` leaves no shares.

    >>> fan = resample(np.array([100.0, -50.0, 25.0]), 1000.0, Draw(method=SHUFFLE, paths=50))
    >>> fan.final_equity[5], fan.final_equity[95]
    (1075.0, 1075.0)
    """
    if not len(steps) or not bool(np.isfinite(steps).all()):
        raise InvalidValue("there is nothing to draw from: the backtest has no trades", field="steps")
    if not (np.isfinite(balance) and balance > 0 and 0 < ruin_fraction <= 1):
        raise InvalidValue("balance and ruin fraction must be above 0", field="balance")
    length = draw.length or len(steps)
    check_draws(len(steps), draw.paths, length)
    before = balance + np.concatenate(([0.0], np.cumsum(steps)[:-1]))
    if compounding and (before <= 0).any():
        raise InvalidValue("the balance was lost on the way: steps are no shares of it", field="steps")
    units = steps / before if compounding else steps / balance
    at = np.unique(np.linspace(0, length, min(length, FAN_POINTS) + 1).round().astype(int))
    shown, lowest, deepest = _walk(units, draw, length, at, compounding=compounding)
    observed = _drawdowns(_paths(units[None, :], compounding=compounding))[0]
    final = shown[:, -1] * balance
    return Fan(
        draw=draw,
        steps=tuple(at.tolist()),
        equity=tuple(tuple(row.tolist()) for row in np.percentile(shown * balance, QUANTILES, axis=0)),
        final_equity=_quantiles(final),
        max_drawdown_fraction=_quantiles(deepest),
        observed_drawdown=float(observed),
        luckier=wilson(int((deepest > observed + 1e-12).sum()), draw.paths),
        loss=wilson(int((final < balance - 1e-9).sum()), draw.paths),
        ruin=wilson(int((lowest <= 1 - ruin_fraction + 1e-12).sum()), draw.paths),
        ruin_fraction=ruin_fraction,
    )


def _walk(
    units: FloatArray, draw: Draw, length: int, at: NDArray[Any], *, compounding: bool
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return equity at some steps, the lowest equity and the deepest drawdown of every path, a part of the paths at a time."""
    shown, lowest, deepest = [], [], []
    part = max(1, _AT_ONCE // length)
    for start in range(0, draw.paths, part):
        paths = min(part, draw.paths - start)
        equity = _paths(units[_draws(len(units), draw, length, paths, start)], compounding=compounding)
        shown.append(equity[:, at])
        lowest.append(equity.min(axis=1))
        deepest.append(_drawdowns(equity))
    return np.concatenate(shown), np.concatenate(lowest), np.concatenate(deepest)


def _draws(items: int, draw: Draw, length: int, paths: int, start: int) -> NDArray[np.int32]:
    seed = draw.seed + 1_000_003 * start
    if draw.method == SHUFFLE:
        return shuffle(items, paths=paths, seed=seed)
    mean = draw.mean_block if draw.method == BLOCKS else 1.0
    return draw_blocks(items, paths=paths, length=length, mean_block=mean, seed=seed)


def _paths(units: FloatArray, *, compounding: bool) -> FloatArray:
    """Return equity after every step, from 1; what fell to nothing stays there."""
    equity = np.ones((len(units), units.shape[1] + 1))
    if compounding:
        np.cumprod(np.maximum(1 + units, 0.0), axis=1, out=equity[:, 1:])
    else:
        np.cumsum(units, axis=1, out=equity[:, 1:])
        equity[:, 1:] += 1
    return equity


def _drawdowns(equity: FloatArray) -> FloatArray:
    peaks = np.maximum.accumulate(equity, axis=1)
    falls: FloatArray = ((peaks - equity) / peaks).max(axis=1)
    return falls


def _quantiles(values: FloatArray) -> dict[int, float]:
    return dict(zip(QUANTILES, np.percentile(values, QUANTILES).tolist(), strict=True))
