"""Constants, result types and array layouts of the MetaTrader5 package, built from ``api.json``."""

import json
from collections.abc import Iterable
from importlib import resources
from operator import itemgetter
from typing import Any

import numpy as np

API: dict[str, Any] = json.loads(resources.files(__package__).joinpath("api.json").read_text("utf-8"))
CONSTANTS: dict[str, int] = API["constants"]

RATES_DTYPE = np.dtype([tuple(field) for field in API["dtypes"]["rates"]])
TICKS_DTYPE = np.dtype([tuple(field) for field in API["dtypes"]["ticks"]])


class StructSequence(tuple[Any, ...]):
    """
    A tuple with named members, as the C struct sequences of the package are.

    Unlike a named tuple it has no ``_fields``, ``_replace`` or ``_make``, and its constructor takes one iterable.
    """

    __slots__ = ()
    n_fields = 0
    n_sequence_fields = 0
    n_unnamed_fields = 0
    __match_args__: tuple[str, ...] = ()

    def __new__(cls, values: Iterable[Any] = ()) -> "StructSequence":
        members = tuple(values)
        if len(members) != cls.n_fields:
            raise TypeError(f"{cls.__name__}() takes a {cls.n_fields}-sequence ({len(members)}-sequence given)")
        return tuple.__new__(cls, members)

    def __repr__(self) -> str:
        named = ", ".join(f"{name}={value!r}" for name, value in zip(self.__match_args__, self, strict=True))
        return f"{type(self).__name__}({named})"

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), (tuple(self),))

    def _asdict(self) -> dict[str, Any]:
        # One level only: a result's request stays a TradeRequest.
        return dict(zip(self.__match_args__, self, strict=True))


def build_struct(name: str, names: tuple[str, ...], doc: str) -> type[StructSequence]:
    """Return the result type ``name`` with ``names`` as its members."""
    body: dict[str, Any] = {
        "__slots__": (),
        "__doc__": doc,
        "__module__": "simulator.mt5",
        "__match_args__": names,
        "n_fields": len(names),
        "n_sequence_fields": len(names),
    }
    for index, member in enumerate(names):
        body[member] = property(itemgetter(index))
    return type(name, (StructSequence,), body)


FIELDS: dict[str, tuple[tuple[str, str], ...]] = {
    name: tuple((field, kind) for field, kind in struct["fields"]) for name, struct in API["structs"].items()
}
STRUCTS: dict[str, type[StructSequence]] = {
    name: build_struct(name, tuple(field for field, _ in fields), API["structs"][name]["doc"])
    for name, fields in FIELDS.items()
}

_READERS = {"int": int, "float": float, "bool": bool, "str": str}


def read_struct(name: str, values: list[Any]) -> StructSequence:
    """Return ``values`` from the wire as the result type ``name``, each member in its own Python type."""
    members = []
    for (_, kind), value in zip(FIELDS[name], values, strict=True):
        members.append(_READERS[kind](value) if kind in _READERS else read_struct(kind, value))
    return STRUCTS[name](members)
