"""Falls from the peak: how deep, how long, and how long until the peak was seen again."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from trading.metrics.curves import drawdown

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


def describe_drawdowns(times_s: IntArray, equity: FloatArray, initial: float) -> dict[str, Any]:
    """
    Return the deepest fall (fraction, money, from when to when), the longest time below a peak, and how deep it stands now.

    ``recovered_s`` is None where the old peak was not seen again; ``length_s`` then counts to the end. The first peak is
    ``initial``. ``ulcer_fraction`` is the root mean square of all falls (Martin & McCann, "The Investor's Guide", 1989).
    """
    if not len(equity):
        return {
            "max_fraction": 0.0,
            "max_money": 0.0,
            "current_fraction": 0.0,
            "longest_s": 0,
            "count": 0,
        } | dict.fromkeys(_PLACES)
    curve, times = np.append(initial, equity), np.append(times_s[:1], times_s)
    fall = drawdown(curve)
    peak = np.maximum.accumulate(curve)
    bottom = int(fall.argmax())
    described: dict[str, Any] = {
        "max_fraction": float(fall[bottom]),
        "max_money": round(float((peak - curve).max()), 2),
        "current_fraction": float(fall[-1]),
        "ulcer_fraction": float(np.sqrt(np.mean(fall**2))),
        **dict.fromkeys(_PLACES),
    }
    starts, ends = _spans(fall > 0)
    recovered = np.minimum(ends, len(times) - 1)
    lengths = times[recovered] - times[starts]
    described |= {"longest_s": int(lengths.max()) if len(lengths) else 0, "count": len(starts)}
    if described["max_fraction"] > 0:
        span = int(np.searchsorted(starts, bottom, side="right")) - 1
        is_over = ends[span] < len(times)
        described |= {
            "peak_s": int(times[starts[span]]),
            "bottom_s": int(times[bottom]),
            "recovered_s": int(times[ends[span]]) if is_over else None,
            "length_s": int(lengths[span]),
            "recovery_s": int(times[ends[span]] - times[bottom]) if is_over else None,
        }
    return described


def _spans(below: NDArray[np.bool_]) -> tuple[IntArray, IntArray]:
    """Return where each time below a peak begins (the peak itself) and ends (the first point that sees it again)."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], below.astype(np.int8), [0]))))
    return np.maximum(edges[::2] - 1, 0), edges[1::2]


_PLACES = ("peak_s", "bottom_s", "recovered_s", "length_s", "recovery_s")
