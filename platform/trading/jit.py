"""
The only module that names numba. Kernels are plain Python functions; `compiled` makes their machine-code twins on demand.

A kernel is marked with `@kernel` and stays an ordinary function: the agent and the web process run it as it is and never load
numba. `compiled(function)` is a twin in which every kernel it calls is compiled too; where numba is absent it is the function
itself. So there is one source for both, and one test can hold the two against each other.

numba is the compiler only. Its machine code is kept on disk, and a later process loads and calls it without numba, whose own loading
takes longer than most backtests (docs/decisions/0106-machine-code-is-called-without-its-compiler.md).
"""

from __future__ import annotations

import hashlib
import importlib.util
import threading
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import version
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from trading.machine.arguments import Kind
    from trading.machine.code import MachineCode, Result

FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])

_MARK = "__trading_kernel__"
_twins: dict[Any, _Twin] = {}
# numba compiles one function at a time anyway; and nobody makes what another is making.
_making = threading.RLock()

# No fastmath: a sum must not depend on how the compiler groups it. No fused multiply-add either, by the same token.
# Kernels pass whole books and markets to each other: a call would copy hundreds of words, and count references to every array. They own
# none and make none, so they go without counting, and what is called from machine code alone becomes part of its caller.
_OPTIONS: dict[str, Any] = {"error_model": "numpy", "_nrt": False, "nogil": True}
_BARE: dict[str, Any] = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}


def kernel(function: FunctionT) -> FunctionT:
    """Mark ``function`` as written in the numba subset: flat arrays, scalars, named tuples, other kernels."""
    setattr(function, _MARK, True)
    return function


def is_available() -> bool:
    """Say whether numba is installed; does not load it."""
    return importlib.util.find_spec("numba") is not None


def compiled(function: FunctionT) -> FunctionT:
    """
    Return the compiled twin of a kernel, or the kernel itself where numba is absent.

    The twin takes numbers, arrays and tuples of them. It makes machine code when it is first called with arguments of some kinds, and
    keeps it on disk beside this package (or in the user's cache). Its name holds a digest of the code of every kernel reached from
    here, so a change in any of them is seen.
    """
    if not is_available():
        return function
    # No lock: who only asks must not wait until another thread has compiled. Of two new twins one stays.
    return _twins.get(function) or _twins.setdefault(function, _Twin(function))  # type: ignore[return-value]


def choose(function: FunctionT, *, plain: bool | None) -> FunctionT:
    """
    Return what a kernel is called by: itself, its compiled twin, or whichever is there.

    :param plain: None takes machine code that is in memory or on disk for such arguments, and where none is, plain Python: nothing is
        compiled. The result is the same, bit for bit.
    """
    if plain or not is_available():
        return function
    twin: Any = compiled(function)
    return twin if plain is False else twin.call_kept  # type: ignore[no-any-return]


def is_kept(function: Any, *arguments: Any) -> bool:
    """Say whether there is machine code of a kernel for such arguments, in memory or on disk; loads it, and compiles nothing."""
    if not is_available():
        return False
    twin: Any = compiled(function)
    return twin.find_kept(arguments)[0] is not None


class _Twin:
    """A kernel's machine code, by the kinds of its arguments."""

    def __init__(self, function: Any) -> None:
        from trading.machine.arguments import flatten  # numpy is not for everybody who marks a kernel

        self._function = function
        self._flatten = flatten
        self._ways: dict[tuple[Kind, ...], Callable[[Sequence[Any], list[Any]], Any]] = {}
        self._digest = _digest(function)
        self._names: dict[tuple[Kind, ...], str] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        # Machine code stays where it is: another process finds it on disk.
        return compiled, (self._function,)

    def __call__(self, *arguments: Any) -> Any:
        kinds, values = self._flatten(arguments)
        way = self._ways.get(kinds) or self._find_way(kinds, arguments)
        return way(arguments, values)

    def call_kept(self, *arguments: Any) -> Any:
        """Call machine code where it was made before, else the kernel as it is."""
        way, values = self.find_kept(arguments)
        return way(arguments, values) if way else self._function(*arguments)

    def find_kept(self, arguments: Sequence[Any]) -> tuple[Callable[[Sequence[Any], list[Any]], Any] | None, list[Any]]:
        """Return how machine code that was made before is called, None where there is none; and what it is given."""
        kinds, values = self._flatten(arguments)
        return self._ways.get(kinds) or self._load_kept(kinds), values

    def _load_kept(self, kinds: tuple[Kind, ...]) -> Callable[[Sequence[Any], list[Any]], Any] | None:
        from trading.machine import kept

        # Nobody waits here for another's compilation: plain Python is sooner.
        if not kept.is_there(self._name(kinds)) or not _making.acquire(blocking=False):
            return None
        try:
            way = self._ways.get(kinds) or self._read_way(kinds)
            if way:
                self._ways[kinds] = way
            return way
        finally:
            _making.release()

    def _read_way(self, kinds: tuple[Kind, ...]) -> Callable[[Sequence[Any], list[Any]], Any] | None:
        from trading.machine import kept
        from trading.machine.code import load

        code = kept.find(self._name(kinds))
        if code is None:
            return None
        call = load(code, kinds)
        return lambda arguments, values: call(values)

    def _find_way(self, kinds: tuple[Kind, ...], arguments: Sequence[Any]) -> Callable[[Sequence[Any], list[Any]], Any]:
        with _making:
            if kinds not in self._ways:
                self._ways[kinds] = self._make_way(kinds, arguments)
            return self._ways[kinds]

    def _make_way(self, kinds: tuple[Kind, ...], arguments: Sequence[Any]) -> Callable[[Sequence[Any], list[Any]], Any]:
        from trading.machine import kept
        from trading.machine.code import load

        way = self._read_way(kinds)
        if way is not None:
            return way
        dispatcher, code = _compile(self._function, kinds, arguments)
        if code is None:
            return lambda arguments, values: dispatcher(*arguments)
        kept.keep(self._name(kinds), code)
        call = load(code, kinds)
        return lambda arguments, values: call(values)

    def _name(self, kinds: tuple[Kind, ...]) -> str:
        if kinds not in self._names:
            self._names[kinds] = self._make_name(kinds)
        return self._names[kinds]

    def _make_name(self, kinds: tuple[Kind, ...]) -> str:
        from trading.machine.arguments import describe
        from trading.machine.code import target, write_door

        # The door too: code that is called in another way is other code.
        door = write_door(self._function.__name__, kinds)
        text = "\n".join((self._digest, describe(kinds), door, target(), version("numba"), repr(_OPTIONS)))
        return f"{self._function.__name__}-{hashlib.sha256(text.encode()).hexdigest()[:32]}.code"


def _compile(function: Any, kinds: Sequence[Kind], arguments: Sequence[Any]) -> tuple[Any, MachineCode | None]:
    """Return numba's own function for these arguments, and its machine code where that runs by itself."""
    import numba

    from trading.machine.code import assemble

    copy = _rebind(numba, function, {})
    bare = numba.njit(copy, **_OPTIONS, **_BARE)
    signature = tuple(numba.typeof(argument) for argument in arguments)  # type: ignore[no-untyped-call]
    bare.compile(signature)
    made = bare.overloads[signature]
    whole, result = _read_result(numba, made.signature.return_type)
    code = assemble(bare.inspect_llvm(signature), made.fndesc.llvm_func_name, kinds, result) if whole else None
    return (numba.njit(copy, **_OPTIONS) if code is None else bare), code


def _rebind(numba: Any, function: Any, inner: dict[Any, Any]) -> Any:
    """Copy a kernel, the kernels it calls replaced by compiled ones; ``inner`` collects these."""
    for _, called in _called_kernels(function):
        if called not in inner:
            inner[called] = numba.njit(_rebind(numba, called, inner), **_OPTIONS, **_BARE, forceinline=True)
    names = {name: inner[called] for name, called in _called_kernels(function)}
    namespace = {**function.__globals__, **names}
    copy = FunctionType(function.__code__, namespace, function.__name__, function.__defaults__, None)
    copy.__module__, copy.__qualname__ = function.__module__, function.__qualname__
    return copy


def _read_result(numba: Any, kind: Any) -> tuple[bool, Result]:
    """Say whether machine code can hand this type back by itself, and as what."""
    types = numba.types
    if isinstance(kind, types.NoneType):
        return True, None
    if isinstance(kind, types.Boolean | types.Integer | types.Float):
        return True, _short(kind)
    if isinstance(kind, types.Tuple | types.UniTuple) and len(kind):
        parts = [part for part in kind if isinstance(part, types.Boolean | types.Integer | types.Float)]
        return len(parts) == len(kind), tuple(_short(part) for part in parts)
    return False, None


def _short(number: Any) -> str:
    """Name a number as `flatten` does."""
    name = str(number)
    return "b1" if name.startswith("bool") else f"{name[0]}{int(name.lstrip('uintfloa')) // 8}"


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
    """Write everything of one kernel that machine code is made of: its code, and what stands in the module around it."""
    code: CodeType = function.__code__
    around = [f"{name}={_freeze(function.__globals__[name])}" for name in code.co_names if name in function.__globals__]
    return "|".join((code.co_name, *_read_code(code), repr(function.__defaults__), *around))


def _read_code(code: CodeType) -> Iterator[str]:
    yield code.co_code.hex()
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _read_code(constant)
        else:
            yield repr(constant)


def _freeze(value: Any) -> str:
    """Say what machine code holds of a global: a number and a table as they are, a named tuple's fields in their order."""
    if fields := getattr(value, "_fields", None):
        return repr(fields)
    if hasattr(value, "tobytes"):
        return f"{value.dtype} {value.shape} {value.tobytes().hex()}"
    return repr(value) if isinstance(value, int | float | tuple) else ""
