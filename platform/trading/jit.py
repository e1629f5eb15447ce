"""
The only module that names numba. Kernels are plain Python functions; `compiled` makes their machine-code twins on demand.

A kernel is marked with `@kernel` and stays an ordinary function: the agent and the web process run it as it is and never load
numba. `compiled(function)` builds a twin in which every kernel it calls is compiled too; where numba is absent it is the
function itself. So there is one source for both, and one test can hold the two against each other.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from types import CodeType, FunctionType
from typing import Any, TypeVar

FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])

_MARK = "__trading_kernel__"
_twins: dict[Any, Any] = {}


def kernel(function: FunctionT) -> FunctionT:
    """Mark ``function`` as written in the numba subset: flat arrays, scalars, named tuples, other kernels."""
    setattr(function, _MARK, True)
    return function


def is_available() -> bool:
    """Say whether numba can be loaded. Loads it."""
    return _load() is not None


def compiled(function: FunctionT) -> FunctionT:
    """
    Return the compiled twin of a kernel, or the kernel itself where numba is absent.

    The machine code is kept on disk beside this package (or in the user's cache). Its name holds a digest of the code of every
    kernel reached from here: numba alone would not notice a change in a kernel of another file.
    """
    numba = _load()
    if numba is None:
        return function
    return _twin(numba, function, cache=True)  # type: ignore[no-any-return]


def _load() -> Any:
    try:
        import numba
    except ImportError:
        return None
    return numba


def _twin(numba: Any, function: Any, *, cache: bool) -> Any:
    key = (function, cache)
    if key not in _twins:
        names = {name: _twin(numba, called, cache=False) for name, called in _called_kernels(function)}
        copy = FunctionType(
            function.__code__, {**function.__globals__, **names}, function.__name__, function.__defaults__, None
        )
        copy.__module__ = function.__module__
        copy.__qualname__ = f"{function.__name__}_{_digest(function)}" if cache else function.__qualname__
        # No fastmath: a sum must not depend on how the compiler groups it. No fused multiply-add either, by the same token.
        _twins[key] = _compile(numba, copy, cache=cache)
    return _twins[key]


def _compile(numba: Any, function: Any, *, cache: bool) -> Any:
    # Kernels pass whole books and markets to each other: a call would copy hundreds of words, and count references to every array. They own
    # none and make none, so they go without counting, and what is called from machine code alone becomes part of its caller.
    options: dict[str, Any] = {"error_model": "numpy", "_nrt": False, "nogil": True}
    if not cache:
        return numba.njit(function, **options, forceinline=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
    try:
        return numba.njit(function, **options, cache=True)
    except RuntimeError:
        # No folder to keep machine code in: it is then made anew in every process.
        return numba.njit(function, **options)


def _called_kernels(function: Any) -> Iterator[tuple[str, Any]]:
    for name in function.__code__.co_names:
        called = function.__globals__.get(name)
        if getattr(called, _MARK, False):
            yield name, called


def _digest(function: Any) -> str:
    seen: dict[Any, None] = {}
    _collect(function, seen)
    text = "\n".join(_describe(reached) for reached in seen)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _collect(function: Any, seen: dict[Any, None]) -> None:
    if function in seen:
        return
    seen[function] = None
    for _, called in _called_kernels(function):
        _collect(called, seen)


def _describe(function: Any) -> str:
    code: CodeType = function.__code__
    constants = [repr(constant) for constant in code.co_consts if not isinstance(constant, CodeType)]
    # Global numbers are frozen into machine code: a changed constant is changed code.
    numbers = [
        f"{name}={value!r}"
        for name in code.co_names
        if isinstance(value := function.__globals__.get(name), int | float)
    ]
    # Named tuples are built by the order of their fields.
    tuples = [
        f"{name}={fields!r}"
        for name in code.co_names
        if (fields := getattr(function.__globals__.get(name), "_fields", None))
    ]
    return "|".join((code.co_name, code.co_code.hex(), *code.co_names, *constants, *numbers, *tuples))
