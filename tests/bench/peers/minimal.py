"""The least a backtest can be: two averages, one position, two levels, one loop; no sizes, no cents, no account. What all is measured by."""

from __future__ import annotations

from typing import Any


def make_loop() -> Any:
    """Return the compiled loop ``(open, high, low, close, fast, slow, stop, target, spread, ints, floats) -> number of trades``."""
    import numba

    return numba.njit(_loop, error_model="numpy")


def _loop(o, h, lo, c, fast, slow, stop, target, spread, ti, tx):  # type: ignore[no-untyped-def]
    n = c.shape[0]
    af, as_ = 2.0 / (fast + 1.0), 2.0 / (slow + 1.0)
    bf, bs = 1.0 - af, 1.0 - as_
    f = s = c[0]
    pos = ei = nt = sig = prev = 0
    ent = slx = tpx = pnl = 0.0
    for i in range(n):
        if sig != 0 and sig != pos:
            if pos != 0:
                px = o[i] if pos == 1 else o[i] + spread
                pnl += (px - ent) * pos
                ti[nt, 0], ti[nt, 1], ti[nt, 2], ti[nt, 3] = ei, i, pos, 3
                tx[nt, 0], tx[nt, 1] = ent, px
                nt += 1
            pos, ei = sig, i
            ent = o[i] + spread if pos == 1 else o[i]
            slx, tpx = ent - pos * stop, ent + pos * target
        sig, r, px = 0, 0, 0.0
        if pos == 1:
            if lo[i] <= slx:
                r, px = 1, min(slx, o[i])
            elif h[i] >= tpx:
                r, px = 2, max(tpx, o[i])
        elif pos == -1:
            if h[i] + spread >= slx:
                r, px = 1, max(slx, o[i] + spread)
            elif lo[i] + spread <= tpx:
                r, px = 2, min(tpx, o[i] + spread)
        if r != 0:
            pnl += (px - ent) * pos
            ti[nt, 0], ti[nt, 1], ti[nt, 2], ti[nt, 3] = ei, i, pos, r
            tx[nt, 0], tx[nt, 1] = ent, px
            nt += 1
            pos = 0
        f, s = bf * f + af * c[i], bs * s + as_ * c[i]
        d = 1 if f > s else -1
        if i >= slow and d != prev:
            sig = d
        prev = d
    return nt
