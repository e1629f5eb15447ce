"""
What machine code is called with: numbers and addresses in a row of bytes, made of the arguments of a kernel.

numba's functions take tuples apart, and an array as its owner, its parent, its items, their bytes, its address, its shape and its
strides. Kernels own no memory, so owner and parent are nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

NUMBERS = {
    "b1": ("?", "i8"), "i1": ("b", "i8"), "i2": ("h", "i16"), "i4": ("i", "i32"), "i8": ("q", "i64"), "u1": ("B", "i8"),
    "u2": ("H", "i16"), "u4": ("I", "i32"), "u8": ("Q", "i64"), "f4": ("f", "float"), "f8": ("d", "double"),
}  # fmt: skip
"""By a number's letter and bytes: how `struct` and how LLVM call it."""
_ADDRESS, _WHOLE = ("Q", "ptr"), NUMBERS["i8"]

Kind = str | type | tuple[str, int, str, bool]
"""A number's letter and bytes; a named tuple's class, or "(" and the length of a plain one; an array's type, dimensions, order, and
whether it may be written to."""

_NUMBERS: dict[type, str] = {float: "f8", int: "i8", bool: "b1"}
_NUMBERS |= {one: kind for one in np.sctypeDict.values() if (kind := np.dtype(one).str[1:]) in NUMBERS}
# Types of arrays whose items are numbers as this processor has them.
_ITEMS = {np.dtype(kind).str for kind in NUMBERS}


def flatten(arguments: Iterable[Any]) -> tuple[tuple[Kind, ...], list[Any]]:
    """
    Return the kinds of arguments, and the numbers and addresses machine code of these kinds takes.

    The arguments own the memory behind the addresses: keep them while it is used.

    :raises TypeError: where one is no number, array of numbers, or tuple of such.

    >>> flatten([1, 2.5, (True,)])
    (('i8', 'f8', '(1', 'b1'), [1, 2.5, True])
    """
    kinds: list[Kind] = []
    values: list[Any] = []
    _add(arguments, kinds, values)
    return tuple(kinds), values


def _add(arguments: Iterable[Any], kinds: list[Kind], values: list[Any]) -> None:
    for value in arguments:
        own = type(value)
        if own in _NUMBERS:
            kinds.append(_NUMBERS[own])
            values.append(value)
        elif own is np.ndarray:
            _add_array(value, kinds, values)
        elif issubclass(own, tuple):
            kinds.append(own if own is not tuple else f"({len(value)}")
            _add(value, kinds, values)
        else:
            raise TypeError(f"a kernel takes numbers, arrays and tuples of them, not {own.__name__}")


def _add_array(array: np.ndarray[Any, Any], kinds: list[Kind], values: list[Any]) -> None:
    # The quickest way to all of it: `array.ctypes` takes longer than a short kernel.
    known = array.__array_interface__
    shape, (address, is_frozen) = known["shape"], known["data"]
    if known["typestr"] not in _ITEMS or not array.flags.aligned:
        raise TypeError(
            f"a kernel takes arrays of aligned numbers with their bytes in this processor's order, not {array.dtype}"
        )
    order = "C" if known["strides"] is None else "F" if array.flags.f_contiguous else "A"
    kinds.append((known["typestr"], len(shape), order, not is_frozen))
    values += 0, 0, array.size, array.itemsize, address, *shape, *array.strides


def parts(kinds: Iterable[Kind]) -> Iterator[tuple[str, str]]:
    """
    Yield how `struct` and how LLVM call each number and address that `flatten` makes of arguments of these kinds.

    >>> list(parts(["f8", ("<f8", 1, "C", True)]))
    [('d', 'double'), ('Q', 'ptr'), ('Q', 'ptr'), ('q', 'i64'), ('q', 'i64'), ('Q', 'ptr'), ('q', 'i64'), ('q', 'i64')]
    """
    for kind in kinds:
        if isinstance(kind, tuple):
            yield from (_ADDRESS, _ADDRESS, _WHOLE, _WHOLE, _ADDRESS, *(_WHOLE,) * (2 * kind[1]))
        elif isinstance(kind, str) and not kind.startswith("("):
            yield NUMBERS[kind]


def describe(kinds: Sequence[Kind]) -> str:
    """
    Return kinds as text that says everything machine code depends on, the order of a named tuple's fields too.

    >>> describe(["f8", ("<f8", 1, "C", True)])
    "f8 ('<f8', 1, 'C', True)"
    """
    return " ".join(
        f"{kind.__qualname__}({','.join(getattr(kind, '_fields', ()))})" if isinstance(kind, type) else str(kind)
        for kind in kinds
    )
