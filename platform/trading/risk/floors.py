"""The arithmetic of floors, once: what a day starts from, what may be lost, and the equity that may not be undercut."""

from __future__ import annotations

from decimal import Decimal

from trading.risk.limits import EQUITY, HIGHER, INITIAL, STATIC


def reference_of(base: str, *, balance: Decimal, equity: Decimal) -> Decimal:
    """
    Return what a day starts from: BALANCE, EQUITY, or the HIGHER of both at the reset instant.

    >>> reference_of(HIGHER, balance=Decimal(100_000), equity=Decimal(102_000))
    Decimal('102000')
    """
    if base == EQUITY:
        return equity
    return max(balance, equity) if base == HIGHER else balance


def share_of(fraction: Decimal, fraction_of: str, *, initial: Decimal, reference: Decimal) -> Decimal:
    """Return a share of the INITIAL balance or of the REFERENCE [account currency]."""
    return fraction * (initial if fraction_of == INITIAL else reference)


def total_floor_of(
    mode: str, *, locks_at_initial: bool, initial: Decimal, peak: Decimal, allowance: Decimal
) -> Decimal:
    """
    Return the equity that may never be undercut, for a mode of the total drawdown.

    It never falls as ``peak`` rises. A peak below the initial balance counts as the initial balance.

    :param peak: the highest balance or equity so far, as the mode wants.
    :param allowance: what may be lost from it [account currency].

    >>> total_floor_of("TRAILING_CLOSED", locks_at_initial=True, initial=Decimal(100_000), peak=Decimal(103_000),
    ...                allowance=Decimal(6_000))
    Decimal('97000')
    """
    if mode == STATIC:
        return initial - allowance
    floor = max(initial, peak) - allowance
    return min(initial, floor) if locks_at_initial else floor
