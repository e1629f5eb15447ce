"""Which code computed a result: a digest of the core's own sources. Another digest may give another result."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

import trading

# What a result depends on; the rest of the core (protocol, allocation) may change without another answer.
PARTS = ("backtest", "engine", "indicators", "metrics", "model", "rules", "strategies", "risk")


@cache
def read_engine_version() -> str:
    """Return 12 letters that change with the code that computes backtests."""
    root = Path(str(trading.__file__)).parent
    digest = hashlib.sha256()
    for part in PARTS:
        for path in sorted((root / part).rglob("*.py")):
            digest.update(path.relative_to(root).as_posix().encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]
