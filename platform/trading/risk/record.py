"""
What is written down of a case, so that the same judge can be asked again: a plain tree of names and values, and back.

What equals a field's default is left out. The terms of the symbol and the limits are documents of their own; the state keeps
only what moves in the terms: bid, ask and the volume open already. Position ids and losses by side are left out: no check reads
them (sides and currencies are in the state).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields, is_dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from functools import cache, lru_cache
from operator import attrgetter
from types import NoneType, UnionType
from typing import Any, Final, Union, get_args, get_origin, get_type_hints

from trading.risk.case import Case
from trading.risk.limits import Limits
from trading.risk.sizing import SymbolTerms
from trading.risk.verdict import Asked, RiskState, Verdict

MOVING: Final = ("volume_open", "bid", "ask")
"""What of a symbol's terms belongs to the moment, and so to the state."""

_AS_THEY_ARE: Final = frozenset({str, int, bool, NoneType})
_ONE, _DIGITS = Decimal(1), 20
_UNJUDGED: Final = frozenset({"terms", "position_ids", "by_leg"})


@dataclass(slots=True)
class Written:
    """The fields' values of the state that was written last, and what was written of them. It holds them: none becomes another's."""

    values: tuple[Any, ...] = ()
    plain: dict[str, Any] = field(default_factory=dict)


class UnreadableRecord(ValueError):
    """Raised where a record is not one of ours: a name no field has, a field missing, a value of another kind."""


def write_asked(asked: Asked) -> dict[str, Any]:
    """
    Return a request as plain values. What is no number is kept as text: a denied request may hold anything.

    >>> write_asked(Asked(symbol="EURUSD", side="BUY", entry_price=Decimal("1.1"), stop_loss=Decimal("NaN"),
    ...                   requested_lots=Decimal(1)))["stop_loss"]
    'NaN'
    """
    return _write_fields(asked)


def write_state(state: RiskState, written: Written | None = None) -> dict[str, Any]:
    """
    Return a state as plain values, with `moving` for what the symbol's terms have of the moment.

    :param written: what was written of the state before, where both are of one account: the same object is not written twice.
    """
    plain = _write_fields(state) if written is None else _write_again(state, written)
    if state.terms is not None:
        plain["moving"] = {
            name: _write(value) for name in MOVING if (value := getattr(state.terms, name)) not in (None, Decimal(0))
        }
    return plain


def write_terms(terms: SymbolTerms) -> dict[str, Any]:
    """Return what stands still in a symbol's terms; Decimals as text, so that it is one text wherever it is written."""
    still = {name: value for name, value in _write_fields(terms).items() if name not in MOVING}
    return {name: f"{value:f}" if isinstance(value, Decimal) else value for name, value in still.items()}


def mark_checks(verdict: Verdict) -> str:
    """
    Return how the checks came out, one letter each in their order: P(assed), W(arned), F(ailed), S(kipped).

    >>> from trading.risk.verdict import Check
    >>> mark_checks(Verdict(approved=False, reason_code="X", message=None, checks=(Check("latches", "FAILED"),)))
    'F'
    """
    return "".join(check.status[0] for check in verdict.checks)


def read_case(
    *,
    asked: Mapping[str, Any],
    state: Mapping[str, Any],
    limits: Limits,
    terms: Mapping[str, Any] | None,
    at: datetime,
    market_at: datetime,
) -> Case:
    """
    Return the case that was written down.

    :param terms: the document of `write_terms`; None where the symbol was not known.
    :raises UnreadableRecord: if the record is not one of ours.
    """
    given = dict(state)
    moving = given.pop("moving", {})
    known: RiskState = _read(RiskState, {**given, "terms": None}, "state")
    if terms is not None:
        known = replace(known, terms=_read(SymbolTerms, {**terms, **moving}, "terms"))
    return Case(_read(Asked, asked, "asked"), known, limits, at, market_at)


def _write_fields(value: Any) -> dict[str, Any]:
    plain = {}
    plan, read = _plan_of(value.__class__)
    for (name, default), inner in zip(plan, read(value), strict=True):
        if inner is not default and not (type(inner) is type(default) and inner == default):
            plain[name] = inner if type(inner) in _AS_THEY_ARE else _write(inner)
    return plain


def _write_again(state: RiskState, written: Written) -> dict[str, Any]:
    plan, read = _plan_of(RiskState)
    values, plain = read(state), written.plain
    for (name, default), inner, before in zip(plan, values, written.values or (MISSING,) * len(plan), strict=True):
        if inner is before:
            continue
        if inner is default or (type(inner) is type(default) and inner == default):
            plain.pop(name, None)
        else:
            plain[name] = _write(inner)
    written.values = values
    return dict(plain)


@cache
def _plan_of(kind: Any) -> tuple[tuple[tuple[str, Any], ...], attrgetter[tuple[Any, ...]]]:
    """Return the judged fields of a dataclass with their defaults (`MISSING` where there is none), and what reads them all."""
    plan = tuple(
        (one.name, one.default_factory() if one.default_factory is not MISSING else one.default)
        for one in fields(kind)
        if one.name not in _UNJUDGED
    )
    return plan, attrgetter(*[name for name, _ in plan])


def _write(value: Any) -> Any:
    kind = type(value)
    if kind is Decimal:
        return _shorten(value) if value.is_finite() else str(value)
    if kind in _AS_THEY_ARE:
        return value
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {name: _write(value[name]) for name in sorted(value)}
    if isinstance(value, tuple):
        return [_write(one) for one in value]
    return _write_fields(value) if is_dataclass(value) else value


@lru_cache(maxsize=4096)  # a burst says the same balance hundreds of times; equal numbers have one short form
def _shorten(value: Decimal) -> Decimal:
    """Leave out zeros at the end, and nothing else: columns say 100000.00000000."""
    short = value.normalize()
    if short != value:
        return value  # more digits than the context carries
    whole = value.to_integral_value()
    return whole.quantize(_ONE) if whole == value and value.adjusted() < _DIGITS else short


@cache
def _hints_of(kind: Any) -> dict[str, Any]:
    hints = get_type_hints(kind)
    return {one.name: hints[one.name] for one in fields(kind)}


def _read(kind: Any, value: Any, where: str) -> Any:
    """Return a value as the type says; the types are those of the dataclasses that are judged, and no others."""
    if is_dataclass(kind):
        return _read_fields(kind, value, where)
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return None if value is None else _read(next(one for one in inner if one is not NoneType), value, where)
    if origin is tuple:
        kinds = inner[:1] * len(value) if inner[-1] is Ellipsis else inner
        return tuple(_read(one, part, where) for one, part in zip(kinds, value, strict=True))
    if origin is not None and issubclass(origin, Mapping):
        return {name: _read(inner[1], part, where) for name, part in value.items()}
    return _read_scalar(kind, value, where)


def _read_fields(kind: Any, value: Any, where: str) -> Any:
    hints = _hints_of(kind)
    if not isinstance(value, Mapping) or (unknown := sorted(set(value) - set(hints))):
        raise UnreadableRecord(f"{where} has {', '.join(unknown) if isinstance(value, Mapping) else 'no names'}")
    try:
        return kind(**{name: _read(hints[name], part, f"{where}.{name}") for name, part in value.items()})
    except TypeError as error:
        raise UnreadableRecord(f"{where}: {error}") from error


def _read_scalar(kind: Any, value: Any, where: str) -> Any:
    try:
        if kind is Decimal:
            return Decimal(str(value))
        if kind in (datetime, date):
            return kind.fromisoformat(value)
    except (ArithmeticError, ValueError, TypeError) as error:
        raise UnreadableRecord(f"{where} is {value!r}") from error
    if kind is int and isinstance(value, Decimal):
        return int(value)
    if not isinstance(value, kind):
        raise UnreadableRecord(f"{where} is {value!r}, not {kind.__name__}")
    return value
