import pickle
import subprocess
import sys

import numpy as np
import pytest

from trading import jit
from trading.engine import loop, pairs


@jit.kernel
def _inner(x):
    return x + 1.0


@jit.kernel
def _outer(x):
    return _inner(x) * 2.0


def test_a_twin_computes_what_the_kernel_computes_and_compiles_what_it_calls():
    twin = jit.compiled(_outer)

    assert twin(3.0) == _outer(3.0) == 8.0
    assert jit.compiled(_outer) is twin


def test_a_kernel_stays_an_ordinary_function():
    assert type(loop.run_loop).__name__ == "function"


def test_the_name_of_the_kept_code_changes_with_any_kernel_it_reaches(monkeypatch):
    before = jit._digest(_outer)

    @jit.kernel
    def changed(x):
        return x + 2.0

    monkeypatch.setitem(globals(), "_inner", changed)

    assert jit._digest(_outer) != before


def test_a_changed_constant_is_changed_code(monkeypatch):
    before = jit._digest(loop.run_loop)

    monkeypatch.setattr(loop, "EXIT_STOP_OUT", 99)

    assert jit._digest(loop.run_loop) != before


@pytest.mark.parametrize(
    ("name", "changed"),
    [("_BYTE_OF_BIT", pairs._BYTE_OF_BIT + 1), ("_BYTE_OF_BIT", pairs._BYTE_OF_BIT.astype(np.int32))],
)
def test_a_changed_table_is_changed_code(monkeypatch, name, changed):
    before = jit._digest(pairs.find_pair_crosses)

    monkeypatch.setattr(pairs, name, changed)

    assert jit._digest(pairs.find_pair_crosses) != before


def test_a_changed_default_is_changed_code(monkeypatch):
    before = jit._digest(_outer)

    monkeypatch.setattr(_inner, "__defaults__", (1.0,))

    assert jit._digest(_outer) != before


def test_a_twin_travels_to_another_process():
    twin = jit.compiled(_outer)

    assert twin(3.0) == 8.0
    assert pickle.loads(pickle.dumps(twin)) is twin


def test_without_numba_the_kernel_runs_as_it_is(monkeypatch):
    monkeypatch.setitem(sys.modules, "numba", None)

    assert not jit.is_available()
    assert jit.compiled(_outer) is _outer


@pytest.mark.parametrize("module", ["trading.backtest.run", "trading.engine.runner", "apps.backtests.services.files"])
def test_importing_loads_neither_compiler_nor_arrow(module):
    code = f"import sys, {module}; print({{'numba', 'pyarrow'}} & {{*sys.modules}})"

    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": ".:platform", "DJANGO_SETTINGS_MODULE": "config.settings"},
    )

    assert done.stdout.strip() == "set()"
