"""An account's limits: one frozen document, parsed strictly, referenced by the hash of its content."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from decimal import Decimal
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final

from trading.risk.limit_readers import (
    InvalidLimits,
    clock_or_none,
    count,
    count_or_none,
    flag,
    fraction,
    fraction_or_none,
    modes_of,
    one_of,
    times_or_none,
)

CONSECUTIVE_LOSSES: Final = 5
"""Losing trades in a row after which a bot on real money waits for the next day, unless the account says otherwise."""

BALANCE, EQUITY, HIGHER = "BALANCE", "EQUITY", "HIGHER"
INITIAL, REFERENCE = "INITIAL", "REFERENCE"
HARD, PAUSE = "HARD", "PAUSE"
STATIC, TRAILING_EOD, TRAILING_CLOSED, TRAILING_INTRADAY = (
    "STATIC", "TRAILING_EOD", "TRAILING_CLOSED", "TRAILING_INTRADAY"
)  # fmt: skip
ENFORCE, SHADOW, OFF = "ENFORCE", "SHADOW", "OFF"
GUIDE_POSITION_FRACTION, GUIDE_STOP_FRACTION, GUIDE_TRAILING_FRACTION = (
    Decimal("0.10"),
    Decimal("0.05"),
    Decimal("0.03"),
)
"""GeneBot's guide: one position binds at most 10 %, a stop lies at most 5 % away and trails the price by 3 %."""


LIMIT_CHECKS: Final = frozenset(
    [
        "spread", "daily_loss", "drawdown", "per_trade", "daily_risk", "open_risk", "position_size", "stop_distance", "positions",
        "cluster", "correlation", "currency", "opposite", "consistency", "news", "weekend", "flat_by",
    ]
)  # fmt: skip
"""The checks of the judge that a mode may switch to SHADOW or OFF; all others always hold."""


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
    ``modes``: the same for single checks; the milder of both holds.

    ``max_position_fraction``: the margin one position may bind, of the risk base; it shrinks lots.
    ``max_stop_fraction``: how far a stop may lie from the entry, of the entry price.
    ``trailing_stop_fraction``: no check; handed out with each approval, as the distance at which the stop of a position
    follows the price where its strategy names none of its own, of the entry price.
    ``max_open_risk_fraction``: what everything open may lose to its stops, of the lower of initial balance and risk base.
    ``max_correlation``: of the asked symbol with any that is held, signed by direction; a pair nobody knows counts as 1.
    ``max_currency_risk_fraction``: net money at risk in one currency, of the risk base.
    ``forbid_opposite_positions``: no instrument is held long here and short on another account of the team.
    ``consistency_fraction``: what one day may bring, of the larger of the profit so far and the ``profit_target_fraction``
    (of the initial balance); without a target it only warns. ``min_trading_days`` only warns.
    ``news_before_s`` and ``news_after_s``: nothing is opened around a high-impact release in one of the symbol's currencies.
    ``weekend_holding``: False opens nothing from ``flat_guard_s`` before the market's week ends; ``flat_by``, a time like
    ``15:10 America/Chicago``, does the same until the trading day ends.
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
    modes: tuple[tuple[str, str], ...] = ()
    max_position_fraction: Decimal | None = None
    max_stop_fraction: Decimal | None = None
    trailing_stop_fraction: Decimal | None = None
    max_open_risk_fraction: Decimal | None = None
    max_correlation: Decimal | None = None
    max_currency_risk_fraction: Decimal | None = None
    forbid_opposite_positions: bool = False
    consistency_fraction: Decimal | None = None
    profit_target_fraction: Decimal | None = None
    min_trading_days: int | None = None
    news_before_s: int | None = None
    news_after_s: int | None = None
    weekend_holding: bool = True
    flat_by: str | None = None
    flat_guard_s: int = 3600

    def mode_of(self, check: str) -> str:
        """
        Return how a check is taken: the milder of the mode of all limits and its own.

        >>> limits = default_limits(mode="PAPER", account_size=Decimal(5000))
        >>> parse_limits({**limits.as_document(), "modes": {"cluster": "SHADOW"}}).mode_of("cluster")
        'SHADOW'
        """
        return self.check_modes().get(check, ENFORCE)

    def check_modes(self) -> Mapping[str, str]:
        """Return how each check that is a limit is taken; every other is enforced."""
        return _modes_of(self.mode, self.modes)

    @property
    def trailing_in_force(self) -> Decimal | None:
        """Return the trailing stop an approval hands out: none where the limits only watch."""
        return self.trailing_stop_fraction if self.mode == ENFORCE else None

    def as_document(self) -> dict[str, Any]:
        """Return plain JSON values; Decimals as text. `parse_limits` reads it back."""
        return {name: f"{value:f}" if isinstance(value, Decimal) else value for name, value in self.as_wire().items()}

    def as_wire(self) -> dict[str, Any]:
        """Return the limits for people and programs: Decimals stay numbers."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {**values, "modes": dict(self.modes)}

    @property
    def content_hash(self) -> str:
        """Return the SHA-256 of the canonical document: equal limits have equal hashes."""
        return hashlib.sha256(
            json.dumps(_canonical(self.as_document()), sort_keys=True, separators=(",", ":")).encode()
        ).hexdigest()


def default_limits(*, mode: str, account_size: Decimal) -> Limits:
    """
    Return the limits an account starts with: RiskMind's matrix, the lower end where it names a range, and GeneBot's
    largest position and stop, and its trailing stop.

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
        max_position_fraction=GUIDE_POSITION_FRACTION,
        max_stop_fraction=GUIDE_STOP_FRACTION,
        trailing_stop_fraction=GUIDE_TRAILING_FRACTION,
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
    if any(old_part is not None and new_part != old_part for new_part, old_part in _told_once(new, old)):
        return True
    if any(_allows_more_if_smaller_or_none(getattr(new, name), getattr(old, name)) for name in _LARGER_IS_STRICTER):
        return True
    if (old.forbid_opposite_positions and not new.forbid_opposite_positions) or (
        new.weekend_holding and not old.weekend_holding
    ):
        return True
    if any(_allows_more(getattr(new, name), getattr(old, name)) for name in _SMALLER_IS_STRICTER):
        return True
    unprotected = _allows_more_if_smaller(new.unprotected_move_fraction, old.unprotected_move_fraction)
    return unprotected or any(
        _STRICTNESS[new.mode_of(check)] < _STRICTNESS[old.mode_of(check)] for check in LIMIT_CHECKS
    )


def _told_once(new: Limits, old: Limits) -> list[tuple[Any, Any]]:
    # Another target or another hour may be kinder or harsher: a change of either is confirmed by a person.
    return [(new.profit_target_fraction, old.profit_target_fraction), (new.flat_by, old.flat_by)]


def _allows_more(new: Decimal | int | None, old: Decimal | int | None) -> bool:
    return old is not None and (new is None or new > old)


def _allows_more_if_smaller(new: Decimal | None, old: Decimal | None) -> bool:
    return new is not None and (old is None or new < old)


def _allows_more_if_smaller_or_none(new: int | None, old: int | None) -> bool:
    return old is not None and (new is None or new < old)


def _canonical(document: dict[str, Any]) -> dict[str, Any]:
    # "0.050" and "0.05" are one limit; a rule that came later and is off leaves the hashes of before as they were
    return {
        name: f"{Decimal(value).normalize():f}" if _READERS[name] in _DECIMALS and value is not None else value
        for name, value in document.items()
        if name not in _CAME_LATER or value != _CAME_LATER[name]
    }


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
    "max_position_fraction",
    "max_stop_fraction",
    "trailing_stop_fraction",
    "max_open_risk_fraction",
    "max_correlation",
    "max_currency_risk_fraction",
    "consistency_fraction",
)
_LARGER_IS_STRICTER = (
    "slippage_points",
    "reset_guard_s",
    "flat_guard_s",
    "min_trading_days",
    "news_before_s",
    "news_after_s",
)
_STRICTNESS = {OFF: 0, SHADOW: 1, ENFORCE: 2}


@lru_cache(maxsize=1024)
def _modes_of(mode: str, modes: tuple[tuple[str, str], ...]) -> Mapping[str, str]:
    own = dict(modes)
    found = {check: min(mode, own.get(check, ENFORCE), key=_STRICTNESS.__getitem__) for check in LIMIT_CHECKS}
    return MappingProxyType(found)


_DECIMALS = (fraction, fraction_or_none)
_READERS: Final[Mapping[str, Callable[[str, Any], Any]]] = {
    "daily_loss_fraction": fraction,
    "total_drawdown_fraction": fraction,
    "max_risk_per_trade_fraction": fraction,
    "max_daily_risk_fraction": fraction_or_none,
    "max_open_positions": count_or_none,
    "daily_base": one_of(BALANCE, EQUITY, HIGHER),
    "daily_fraction_of": one_of(INITIAL, REFERENCE),
    "daily_kind": one_of(HARD, PAUSE),
    "drawdown_mode": one_of(STATIC, TRAILING_EOD, TRAILING_CLOSED, TRAILING_INTRADAY),
    "drawdown_locks_at_initial": flag,
    "max_cluster_risk_fraction": fraction_or_none,
    "halted_fraction": fraction,
    "spread_fraction": fraction,
    "room_share": fraction_or_none,
    "active_capital_ratio": fraction,
    "unprotected_move_fraction": fraction_or_none,
    "slippage_points": count,
    "reset_guard_s": count,
    "max_slippage_ratio": fraction,
    "max_slippages_per_day": times_or_none,
    "max_consecutive_losses": times_or_none,
    "max_order_errors_per_hour": times_or_none,
    "mode": one_of(ENFORCE, SHADOW, OFF),
    "modes": modes_of(LIMIT_CHECKS, (ENFORCE, SHADOW, OFF)),
    "max_position_fraction": fraction_or_none,
    "max_stop_fraction": fraction_or_none,
    "trailing_stop_fraction": fraction_or_none,
    "max_open_risk_fraction": fraction_or_none,
    "max_correlation": fraction_or_none,
    "max_currency_risk_fraction": fraction_or_none,
    "forbid_opposite_positions": flag,
    "consistency_fraction": fraction_or_none,
    "profit_target_fraction": fraction_or_none,
    "min_trading_days": count_or_none,
    "news_before_s": count_or_none,
    "news_after_s": count_or_none,
    "weekend_holding": flag,
    "flat_by": clock_or_none,
    "flat_guard_s": count,
}
_CAME_LATER: Final[Mapping[str, Any]] = {
    "modes": {},
    "max_slippages_per_day": 3,
    "max_consecutive_losses": None,
    "max_order_errors_per_hour": 10,
    **dict.fromkeys(
        [
            "max_position_fraction",
            "max_stop_fraction",
            "trailing_stop_fraction",
            "max_open_risk_fraction",
            "max_correlation",
            "max_currency_risk_fraction",
            "consistency_fraction",
            "profit_target_fraction",
            "min_trading_days",
            "news_before_s",
            "news_after_s",
            "flat_by",
        ]
    ),
    "forbid_opposite_positions": False,
    "weekend_holding": True,
    "flat_guard_s": 3600,
}
