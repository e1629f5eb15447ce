"""The examples in the simulator's docstrings are true."""

import doctest
import importlib
import pkgutil

import simulator


def test_examples_in_docstrings_hold() -> None:
    names = [name for _, name, _ in pkgutil.walk_packages(simulator.__path__, "simulator.") if "__main__" not in name]

    results = [doctest.testmod(importlib.import_module(name)) for name in names]

    assert sum(result.failed for result in results) == 0
    assert sum(result.attempted for result in results) >= 4
