"""An account's limits: one frozen document, parsed strictly, referenced by the hash of its content."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from trading.errors import TradingError

CONSECUTIVE_LOSSES: Final = 5
"""Losing trades in a row after which a bot on real money waits for the next day, unless the account says otherwise."""

BALANCE, EQUITY, HIGHER = "BALANCE", "EQUITY", "HIGHER"
INITIAL, REFERENCE = "INITIAL", "REFERENCE"
HARD, PAUSE = "HARD", "PAUSE"
STATIC, TRAILING_EOD, TRAILING_CLOSED, TRAILING_INTRADAY = (
    "STATIC", "TRAILING_EOD", "TRAILING_CLOSED", "TRAILING_INTRADAY"
)  # fmt: skip
ENFORCE, SHADOW, OFF = "ENFORCE", "SHADOW", "OFF"


class InvalidLimits(TradingError):
    """A limit document with unknown names or values that can never be right."""

    code = "LIMITS_INVALID"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """
    What an account may lose and hold. Every fraction is of 1 (0.05 is 5 %); None switches a rule off where it may be off.

    ``daily_base``: what the day starts from (BALANCE, EQUITY, or the HIGHER of both at the reset instant).
    ``daily_fraction_of``: whether the daily fraction is of the INITIAL balance or of that REFERENCE.
    ``daily_kind``: whether breaking it loses the account (HARD) or pauses it until the next day (PAUSE).
    ``drawdown_mode``: the floor stands still (STATIC) or follows the highest balance at a day's end, the highest closed
    balance, or the highest equity; ``drawdown_locks_at_initial`` stops it there.
    ``unprotected_move_fraction``: a position without a stop counts as losing this share of its price; None (the default)
    means that nobody can say what it may lose, so nothing new is approved while it stands.
    ``max_slippages_per_day``: so many fills beyond ``max_slippage_ratio`` put the bot in quarantine. ``max_consecutive_losses``
    (in a day) and ``max_order_errors_per_hour`` (rejected orders) open its circuit breaker until the next day.
    ``mode``: SHADOW judges the limits but only warns; OFF leaves them out. Latches, freshness and sanity always hold.
    """

    daily_loss_fraction: Decimal
    total_drawdown_fraction: Decimal
    max_risk_per_trade_fraction: Decimal
    max_daily_risk_fraction: Decimal | None
    max_open_positions: int | None = 20
    daily_base: str = BALANCE
    daily_fraction_of: str = INITIAL
    daily_kind: str = PAUSE
    drawdown_mode: str = STATIC
    drawdown_locks_at_initial: bool = False
    max_cluster_risk_fraction: Decimal | None = None
    halted_fraction: Decimal = Decimal("0.95")
    spread_fraction: Decimal = Decimal("0.5")
    room_share: Decimal | None = None
    active_capital_ratio: Decimal = Decimal(1)
    unprotected_move_fraction: Decimal | None = None
    slippage_points: int = 0
    reset_guard_s: int = 300
    max_slippage_ratio: Decimal = Decimal(2)
    max_slippages_per_day: int | None = 3
    max_consecutive_losses: int | None = None
    max_order_errors_per_hour: int | None = 10
    mode: str = ENFORCE

    def as_document(self) -> dict[str, Any]:
        """Return plain JSON values; Decimals as text. `parse_limits` reads it back."""
        return {
            field.name: f"{value:f}" if isinstance(value := getattr(self, field.name), Decimal) else value
            for field in fields(self)
        }

    def as_wire(self) -> dict[str, Any]:
        """Return the limits for people and programs: Decimals stay numbers."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @property
    def content_hash(self) -> str:
        """Return the SHA-256 of the canonical document: equal limits have equal hashes."""
        return hashlib.sha256(
            json.dumps(_canonical(self.as_document()), sort_keys=True, separators=(",", ":")).encode()
        ).hexdigest()


def default_limits(*, mode: str, account_size: Decimal) -> Limits:
    """
    Return the limits an account starts with: RiskMind's matrix, the lower end where it names a range.

    :param mode: PROP_FIRM, PERSONAL or PAPER.
    :param account_size: initial balance [account currency].

    >>> default_limits(mode="PAPER", account_size=Decimal(100000)).max_risk_per_trade_fraction
    Decimal('0.0025')
    """
    per_trade, daily = _matrix_row(account_size)
    return Limits(
        daily_loss_fraction=daily,
        total_drawdown_fraction=Decimal("0.05"),
        max_risk_per_trade_fraction=per_trade,
        max_daily_risk_fraction=daily,
        daily_kind=HARD if mode == "PROP_FIRM" else PAUSE,
        max_consecutive_losses=None if mode == "PAPER" else CONSECUTIVE_LOSSES,
    )


def default_document(*, mode: str, initial_balance: Decimal) -> dict[str, Any]:
    """Return the document of `default_limits`, for storing."""
    return default_limits(mode=mode, account_size=initial_balance).as_document()


def hash_document(document: Mapping[str, Any]) -> str:
    """
    Return the content hash of a stored document.

    :raises InvalidLimits: if it is not a limit document.
    """
    return parse_limits(document).content_hash


def _matrix_row(size: Decimal) -> tuple[Decimal, Decimal]:
    if size >= 100_000:
        return Decimal("0.0025"), Decimal("0.025")
    if size >= 10_000:
        return Decimal("0.005"), Decimal("0.03")
    return Decimal("0.01"), Decimal("0.05")


def parse_limits(document: Mapping[str, Any]) -> Limits:
    """
    Read a limit document.

    :raises InvalidLimits: for unknown or missing names and impossible values; the message says what would be right.

    >>> same = default_limits(mode="PROP_FIRM", account_size=Decimal(5000))
    >>> parse_limits(same.as_document()) == same
    True
    """
    known = {field.name for field in fields(Limits)}
    for name in document:
        if name not in known:
            raise InvalidLimits(f"{name} is not a limit", field=str(name), extra={"allowed": sorted(known)})
    missing = sorted(_REQUIRED - document.keys())
    if missing:
        raise InvalidLimits(f"a limit document needs {', '.join(missing)}", field=missing[0])
    return Limits(**{name: _READERS[name](name, value) for name, value in document.items()})


def is_looser(new: Limits, old: Limits) -> bool:
    """
    Say whether any rule of ``new`` allows more than ``old`` did. A change of kind or base counts as looser.

    >>> old = default_limits(mode="PAPER", account_size=Decimal(5000))
    >>> is_looser(parse_limits({**old.as_document(), "daily_loss_fraction": "0.01"}), old)
    False
    """
    if any(getattr(new, name) != getattr(old, name) for name in _KINDS):
        return True
    if any(_allows_more(getattr(new, name), getattr(old, name)) for name in _SMALLER_IS_STRICTER):
        return True
    if new.slippage_points < old.slippage_points or new.reset_guard_s < old.reset_guard_s:
        return True
    unprotected = _allows_more_if_smaller(new.unprotected_move_fraction, old.unprotected_move_fraction)
    return unprotected or _STRICTNESS[new.mode] < _STRICTNESS[old.mode]


def _allows_more(new: Decimal | int | None, old: Decimal | int | None) -> bool:
    return old is not None and (new is None or new > old)


def _allows_more_if_smaller(new: Decimal | None, old: Decimal | None) -> bool:
    return new is not None and (old is None or new < old)


def _canonical(document: dict[str, Any]) -> dict[str, Any]:
    # "0.050" and "0.05" are one limit
    return {
        name: f"{Decimal(value).normalize():f}" if _READERS[name] in _DECIMALS and value is not None else value
        for name, value in document.items()
    }


def _fraction(name: str, value: Any) -> Decimal:
    try:
        number = Decimal(str(value)) if not isinstance(value, bool) else None
    except InvalidOperation:
        number = None
    most = Decimal(10) if name == "max_slippage_ratio" else Decimal(1)
    if number is None or not number.is_finite() or not 0 < number <= most:
        raise InvalidLimits(f"{name} must be above 0 and at most {most} (0.05 is 5 %), was {value!r}", field=name)
    return number


def _fraction_or_none(name: str, value: Any) -> Decimal | None:
    return None if value is None else _fraction(name, value)


def _count(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 86_400:
        raise InvalidLimits(f"{name} must be a whole number from 0 to 86400, was {value!r}", field=name)
    return value


def _count_or_none(name: str, value: Any) -> int | None:
    return None if value is None else _count(name, value)


def _times_or_none(name: str, value: Any) -> int | None:
    if value == 0 and not isinstance(value, bool):
        raise InvalidLimits(f"{name} must be at least 1, or null for no such limit", field=name)
    return _count_or_none(name, value)


def _flag(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise InvalidLimits(f"{name} must be true or false, was {value!r}", field=name)
    return value


def _one_of(*allowed: str) -> Callable[[str, Any], str]:
    def read(name: str, value: Any) -> str:
        text = value.upper() if isinstance(value, str) else value
        if text not in allowed:
            raise InvalidLimits(
                f"{name} must be one of {', '.join(allowed)}, was {value!r}", field=name, extra={"allowed": allowed}
            )
        return str(text)

    return read


_REQUIRED: Final = frozenset(
    {"daily_loss_fraction", "total_drawdown_fraction", "max_risk_per_trade_fraction", "max_daily_risk_fraction"}
)
_KINDS = ("daily_base", "daily_fraction_of", "daily_kind", "drawdown_mode", "drawdown_locks_at_initial")
_SMALLER_IS_STRICTER = (
    "daily_loss_fraction",
    "total_drawdown_fraction",
    "max_risk_per_trade_fraction",
    "max_daily_risk_fraction",
    "max_open_positions",
    "max_cluster_risk_fraction",
    "halted_fraction",
    "spread_fraction",
    "room_share",
    "active_capital_ratio",
    "max_slippage_ratio",
    "max_slippages_per_day",
    "max_consecutive_losses",
    "max_order_errors_per_hour",
)
_STRICTNESS = {OFF: 0, SHADOW: 1, ENFORCE: 2}
_DECIMALS = (_fraction, _fraction_or_none)
_READERS: Final[Mapping[str, Callable[[str, Any], Any]]] = {
    "daily_loss_fraction": _fraction,
    "total_drawdown_fraction": _fraction,
    "max_risk_per_trade_fraction": _fraction,
    "max_daily_risk_fraction": _fraction_or_none,
    "max_open_positions": _count_or_none,
    "daily_base": _one_of(BALANCE, EQUITY, HIGHER),
    "daily_fraction_of": _one_of(INITIAL, REFERENCE),
    "daily_kind": _one_of(HARD, PAUSE),
    "drawdown_mode": _one_of(STATIC, TRAILING_EOD, TRAILING_CLOSED, TRAILING_INTRADAY),
    "drawdown_locks_at_initial": _flag,
    "max_cluster_risk_fraction": _fraction_or_none,
    "halted_fraction": _fraction,
    "spread_fraction": _fraction,
    "room_share": _fraction_or_none,
    "active_capital_ratio": _fraction,
    "unprotected_move_fraction": _fraction_or_none,
    "slippage_points": _count,
    "reset_guard_s": _count,
    "max_slippage_ratio": _fraction,
    "max_slippages_per_day": _times_or_none,
    "max_consecutive_losses": _times_or_none,
    "max_order_errors_per_hour": _times_or_none,
    "mode": _one_of(ENFORCE, SHADOW, OFF),
}
