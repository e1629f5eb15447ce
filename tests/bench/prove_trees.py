"""
Random rule trees held to the prefix law, plain Python to machine code, and both to the evaluator of the tests.

    PYTHONPATH=.:platform .venv/bin/python -m tests.bench.prove_trees 2000
"""

from __future__ import annotations

import math
import sys
import time

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tests.unit.trading.making import random_bars
from tests.unit.trading.rules.test_trees import EURUSD, M1, check_tree
from tests.unit.trading.rules.trees import documents
from trading.rules.document import validate
from trading.rules.source import RuleSource
from trading.rules.tree import build_rules

_LONG = [{"left": f"EMA_{5 + i}", "op": ">", "right": {"indicator": "WMA", "period": 5 + i % 20}} for i in range(50)]
_SHORT = [{"left": f"RSI_{5 + i}", "op": ">", "right": 60 + i / 10} for i in range(50)]


def prove(count: int) -> int:
    """Check ``count`` random trees; return how many were held to the law. An offender is printed and raised."""
    checked = 0

    @settings(max_examples=count, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(document=documents(), seed=st.integers(0, 2**32 - 1), seen=st.integers(1, 420))
    def law(document: dict, seed: int, seen: int) -> None:
        nonlocal checked
        assume(not validate(document))
        check_tree(document, seed, seen)
        checked += 1

    law()
    return checked


def time_decision() -> float:
    """Return how long one closed bar takes a hundred conditions in plain Python [ms], the best of many after the warm-up."""
    document = {"entry": {"type": "tree", "long": {"any": _LONG}, "short": {"all": _SHORT}}}
    document |= {"exit": {"stopLoss": 20}, "risk": {"lotSize": 0.1}}
    source, best = RuleSource(build_rules(document), EURUSD, M1), math.inf
    bars = list(random_bars(1, 400))
    for bar in bars[:200]:
        source.update(bar, {})
    for bar in bars[200:]:
        began = time.perf_counter()
        source.update(bar, {})
        best = min(best, time.perf_counter() - began)
    return best * 1000


if __name__ == "__main__":
    trees = prove(int(sys.argv[1]) if len(sys.argv) > 1 else 500)
    print(f"random rule trees: {trees} held to the prefix law, plain = compiled = evaluator of the tests, 0 differ")
    print(f"a closed bar, one document of 100 conditions, plain Python: {time_decision():.2f} ms (limit 2)")
