"""The examples in the core's docstrings are true."""

import doctest
import importlib
import pkgutil

import pytest

import trading

MODULES = [module.name for module in pkgutil.walk_packages(trading.__path__, "trading.")]


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings_hold(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0
