"""The examples in the docstrings hold."""

import doctest
import importlib
import pkgutil

import pytest

import trading.strategies

MODULES = [found.name for found in pkgutil.walk_packages(trading.strategies.__path__, "trading.strategies.")]


@pytest.mark.parametrize("name", MODULES)
def test_examples_hold(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0
