"""Machine code is kept, and called without the compiler that made it."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import threading
from collections import namedtuple
from typing import NamedTuple

import numpy as np
import pytest

from trading import jit
from trading.engine.charges import round_cents
from trading.machine import kept
from trading.machine.arguments import describe, flatten
from trading.machine.code import MachineCode


class Pair(NamedTuple):
    first: float
    second: float


@jit.kernel
def add_all(numbers, pair, more, flags):
    total = pair.first + 2.0 * pair.second + more[1][0]
    for row in range(numbers.shape[0]):
        for column in range(numbers.shape[1]):
            if flags[0] or column > 0:
                total += numbers[row, column]
    return total, flags[0], numbers.shape[1]


@jit.kernel
def is_above(number, limit):
    return number > limit


@jit.kernel
def double(numbers):
    for place in range(numbers.shape[0]):
        numbers[place] *= 2


@jit.kernel
def take_apart(number):
    return math.frexp(number)[0]


@pytest.fixture
def folder(monkeypatch, tmp_path):
    """A place for machine code that is empty at first, for twins of this test alone."""
    monkeypatch.setattr(kept, "_folders", lambda: iter([tmp_path / "kept"]))
    monkeypatch.setattr(jit, "_twins", {})
    return tmp_path / "kept"


def forget(monkeypatch):
    """Be as a new process is, which has no code in memory."""
    monkeypatch.setattr(jit, "_twins", {})


def never(*_):
    raise AssertionError("compiled anew")


def test_a_new_process_calls_kept_code_and_never_loads_the_compiler():
    jit.compiled(round_cents)(0.125)
    program = (
        "import sys; from trading import jit; from trading.engine.charges import round_cents\n"
        "print(jit.compiled(round_cents)(0.125), 'numba' in sys.modules, 'scipy' in sys.modules)"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout.split() == ["0.13", "False", "False"]


def test_arrays_of_any_order_tuples_and_truths_arrive_and_come_back_as_the_kernel_has_them(folder):
    square = np.arange(12.0).reshape(3, 4)
    frozen = square.copy()
    frozen.flags.writeable = False
    twin = jit.compiled(add_all)

    for numbers in (square, np.asfortranarray(square), square[::2, ::-1], frozen):
        for flag in (True, np.bool_(False)):
            arguments = (numbers, Pair(0.5, np.float64(1.5)), (7, (2.5,)), (flag,))
            found, expected = twin(*arguments), add_all(*arguments)
            assert found == expected
            assert [type(part) for part in found] == [float, bool, int]


def test_nothing_and_a_truth_are_results_too(folder):
    numbers = np.array([1, 2, 3], dtype=np.int32)

    assert jit.compiled(double)(numbers) is None
    assert numbers.tolist() == [2, 4, 6]
    assert jit.compiled(is_above)(3, 2.5) is True
    assert jit.compiled(is_above)(2**63 - 1, 1e300) is False


def test_what_is_no_number_and_what_does_not_fit_is_refused(folder):
    twin = jit.compiled(is_above)

    with pytest.raises(TypeError, match="not str"):
        twin("1", 2.0)
    assert twin(1, 2.0) is False
    with pytest.raises(OverflowError, match="64 bits"):
        twin(2**63, 2.0)


@pytest.mark.parametrize(
    "array",
    [
        np.zeros(2, dtype=">f8"),
        np.zeros(2, dtype=np.complex128),
        np.zeros(2, dtype=np.float16),
        np.zeros(2, dtype="M8[s]"),
        np.zeros(2, dtype=[("price", "f8"), ("volume", "f8")]),
        np.zeros(2, dtype=object),
        np.frombuffer(bytes(17), dtype="f8", offset=1),
        np.zeros(2, dtype=[("price", "f8"), ("side", "i4")])["price"],
    ],
)
def test_an_array_of_anything_but_aligned_numbers_is_refused(array):
    with pytest.raises(TypeError, match="aligned numbers"):
        flatten([array])


@pytest.mark.parametrize("scalar", [np.float16(1), np.complex128(1), np.datetime64(1, "s"), np.str_("1"), 1j, None])
def test_a_scalar_that_is_no_number_of_a_kernel_is_refused(scalar):
    with pytest.raises(TypeError, match="numbers, arrays and tuples"):
        flatten([scalar])


def test_numbers_of_numpy_are_the_same_kinds_as_the_items_of_its_arrays():
    scalars = [
        np.float64(1),
        np.int64(1),
        np.longlong(1),
        np.uint64(2**64 - 1),
        np.int8(-1),
        np.float32(1),
        np.bool_(True),
    ]

    assert flatten(scalars)[0] == ("f8", "i8", "i8", "u8", "i1", "f4", "b1")


@pytest.mark.parametrize("damage", [lambda whole: whole[:-1], lambda whole: b"", lambda whole: whole[:-1] + b"\x07"])
def test_damaged_code_is_made_anew_and_replaced(folder, monkeypatch, damage):
    assert jit.compiled(is_above)(3.0, 2.0) is True
    [path] = folder.iterdir()
    whole = path.read_bytes()
    path.write_bytes(damage(whole))
    forget(monkeypatch)

    assert jit.compiled(is_above)(3.0, 2.0) is True
    forget(monkeypatch)
    monkeypatch.setattr(jit, "_compile", never)
    assert jit.compiled(is_above)(1.0, 2.0) is False
    assert list(folder.iterdir()) == [path]


def test_where_no_folder_takes_it_every_process_makes_its_own(folder):
    folder.write_bytes(b"a file where the folder should be")

    assert jit.compiled(is_above)(3.0, 2.0) is True


def test_what_nobody_has_called_for_long_is_removed_when_something_new_is_kept(folder):
    code = MachineCode(b"\x7fELF\n1", ("f8", "b1"))
    names = ("called-1.code", "left-2.code", "broken-3.code.0a1b")
    for name in names:
        kept.keep(name, code)
    for name in names:
        os.utime(folder / name, (0, 0))
    assert kept.find("called-1.code") == code

    kept.keep("new-4.code", code)

    assert sorted(path.name for path in folder.iterdir()) == ["called-1.code", "new-4.code"]


def test_a_later_folder_is_taken_where_the_first_may_not_be_written_to(monkeypatch, tmp_path):
    (tmp_path / "first").write_bytes(b"a file where the folder should be")
    monkeypatch.setattr(kept, "_folders", lambda: iter([tmp_path / "first", tmp_path / "second"]))
    code = MachineCode(b"\x7fELF\n1", ("f8", "b1"))

    assert kept.keep("some", code)
    assert kept.find("some") == code
    assert kept.find("other") is None


def test_a_kernel_that_needs_its_compilers_own_functions_runs_under_it_and_is_not_kept(folder):
    assert jit.compiled(take_apart)(8.0) == take_apart(8.0) == 0.5
    assert not folder.exists()


def test_threads_that_ask_at_once_share_one_compilation(folder, monkeypatch):
    compilations, compile_, found = [], jit._compile, []
    monkeypatch.setattr(jit, "_compile", lambda *words: (compilations.append(1), compile_(*words))[1])

    threads = [threading.Thread(target=lambda: found.append(jit.compiled(is_above)(3.0, 2.0))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert found == [True] * 8
    assert len(compilations) == 1


def test_where_nothing_is_kept_the_kernel_runs_as_it_is_and_nothing_is_compiled(folder, monkeypatch):
    monkeypatch.setattr(jit, "_compile", never)

    assert jit.choose(is_above, plain=None)(3.0, 2.0) is True
    assert not jit.is_kept(is_above, 3.0, 2.0)
    assert not folder.exists()


def test_what_another_process_has_kept_is_called(folder, monkeypatch):
    jit.compiled(is_above)(3.0, 2.0)
    forget(monkeypatch)
    monkeypatch.setattr(jit, "_compile", never)

    assert jit.is_kept(is_above, 3.0, 2.0)
    assert not jit.is_kept(is_above, 3, 2)
    monkeypatch.setattr(jit.compiled(is_above), "_function", never)
    assert jit.choose(is_above, plain=None)(3.0, 2.0) is True


def test_who_only_asks_does_not_wait_until_another_thread_has_compiled(folder, monkeypatch):
    jit.compiled(is_above)(3.0, 2.0)
    forget(monkeypatch)
    found = []
    asker = threading.Thread(target=lambda: found.append(jit.choose(is_above, plain=None)(3.0, 2.0)))

    with jit._making:
        asker.start()
        asker.join(timeout=60)

    assert found == [True]


def test_the_order_of_a_tuples_fields_is_part_of_the_name():
    turned = namedtuple("Pair", ["second", "first"])

    assert describe(flatten([Pair(1.0, 2.0)])[0]) != describe(flatten([turned(1.0, 2.0)])[0])
