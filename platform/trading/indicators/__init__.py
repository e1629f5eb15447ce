"""
Indicators as causal recurrences.

Each has a state (places of a float64 array), `<name>_update(state, at, period, ...) -> float` in the numba subset, and an array form that is the
loop over the update; NaN means "not yet". So ``f(x[:t])[-1] == f(x)[t-1]`` holds by construction.
"""
