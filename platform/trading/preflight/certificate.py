"""
The certificate of one symbol on one account: each thing that has made orders fail or sizes wrong in the field, looked at before trading.

`FAIL` refuses activation, `WARN` is said and may start, `PASS` is proven. What could not be looked at is never a pass.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Final

from trading.protocol import SymbolProbe, SymbolSpec

CALC_TICKS: Final = 1000
TICK_VALUE_TOLERANCE: Final = Decimal("0.02")
DEGRADED_SKEW_MS, REFUSED_SKEW_MS = 2_000, 5_000
_FULL, _CLOSE_ONLY = 4, 3
_NOT_NOW: Final = frozenset({10018, 10019, 10021, 10024, 10026, 10027, 10031})
_UNSUPPORTED_FILLING: Final = 10030


class Result(StrEnum):
    """How one check came out."""

    PASS = "PASS"  # noqa: S105
    WARN = "WARN"
    FAIL = "FAIL"


@dataclass(frozen=True, slots=True)
class CertificateCheck:
    """One thing looked at: a stable name and code, and a sentence for people."""

    name: str
    result: Result
    message: str
    code: str = ""


def certify(spec: SymbolSpec, probe: SymbolProbe | None, *, margin_mode: str) -> tuple[CertificateCheck, ...]:
    """
    Return every check of a symbol.

    :param probe: what the agent tried at the terminal; without one its checks are warnings.
    :param margin_mode: what the account is known as here, HEDGING or NETTING.
    """
    return (
        _check_map(spec),
        _check_mode(spec),
        _check_volume(spec),
        _check_levels(spec),
        _check_tick_value(spec),
        *_check_probe(probe, margin_mode),
    )


def sum_results(checks: Iterable[CertificateCheck]) -> Result:
    """
    Return the worst of them; FAIL where there is none at all.

    >>> str(sum_results([]))
    'FAIL'
    """
    results = {check.result for check in checks}
    if not results or Result.FAIL in results:
        return Result.FAIL
    return Result.WARN if Result.WARN in results else Result.PASS


# --- what the specification says ------------------------------------------------------------------------------------


def _check_map(spec: SymbolSpec) -> CertificateCheck:
    words = "has the same name" if spec.broker_symbol == spec.name else f"is {spec.broker_symbol!r}"
    return CertificateCheck("symbol_map", Result.PASS, f"{spec.name} {words} at the broker")


def _check_mode(spec: SymbolSpec) -> CertificateCheck:
    if spec.trade_mode == _FULL:
        return CertificateCheck("trade_mode", Result.PASS, "may be bought and sold")
    words = {0: "is disabled", 1: "may only be bought", 2: "may only be sold", _CLOSE_ONLY: "may only be closed"}
    return CertificateCheck(
        "trade_mode", Result.WARN, f"{words.get(spec.trade_mode, 'has an unknown mode')} now", "TRADE_MODE"
    )


def _check_volume(spec: SymbolSpec) -> CertificateCheck:
    sane = 0 < spec.volume_step <= spec.volume_min <= spec.volume_max and spec.volume_min % spec.volume_step == 0
    words = f"{spec.volume_min.normalize():f} to {spec.volume_max.normalize():f} lots in steps of {spec.volume_step.normalize():f}"
    if sane:
        return CertificateCheck("volume", Result.PASS, words)
    return CertificateCheck("volume", Result.FAIL, f"{words}: this cannot be right", "BAD_SYMBOL_SPEC")


def _check_levels(spec: SymbolSpec) -> CertificateCheck:
    stops, freeze = spec.stops_level_points, spec.freeze_level_points
    if not stops and not freeze:
        # Zero is not defined as "none": brokers with a floating level say 0 too.
        return CertificateCheck("levels", Result.PASS, "no least distance stated for stops, no freeze zone")
    return CertificateCheck("levels", Result.PASS, f"stops at least {stops} points away, frozen within {freeze} points")


def _check_tick_value(spec: SymbolSpec) -> CertificateCheck:
    by_tick = (spec.tick_value_loss or spec.tick_value) * CALC_TICKS
    if by_tick <= 0:
        return CertificateCheck("tick_value", Result.FAIL, "the terminal has no tick value yet", "NO_TICK_VALUE")
    if not spec.loss_per_lot_check or spec.loss_per_lot_check <= 0:
        return CertificateCheck(
            "tick_value", Result.WARN, "the terminal worked out no loss to compare with", "NO_CHECK"
        )
    off = abs(by_tick - spec.loss_per_lot_check) / spec.loss_per_lot_check
    words = f"tick value and the terminal's own calculation differ by {off:.2%}"
    if off <= TICK_VALUE_TOLERANCE:
        return CertificateCheck("tick_value", Result.PASS, words)
    return CertificateCheck("tick_value", Result.FAIL, f"{words}: sizes would be wrong", "TICK_VALUE_MISMATCH")


# --- what was tried at the terminal ---------------------------------------------------------------------------------


def _check_probe(probe: SymbolProbe | None, margin_mode: str) -> tuple[CertificateCheck, ...]:
    if probe is None:
        return (CertificateCheck("terminal", Result.WARN, "the agent has not tried this symbol yet", "NOT_PROBED"),)
    return (
        _check_margin_mode(probe, margin_mode),
        _check_filling(probe),
        _check_permission(probe),
        _check_clock(probe),
        *(
            _check_history(frame, had, probe.history_wanted.get(frame, 0))
            for frame, had in sorted(probe.history.items())
        ),
    )


def _check_margin_mode(probe: SymbolProbe, margin_mode: str) -> CertificateCheck:
    if probe.margin_mode == margin_mode:
        words = "each trade its own position" if margin_mode == "HEDGING" else "one position a symbol"
        return CertificateCheck("margin_mode", Result.PASS, f"{margin_mode}: {words}")
    message = f"the terminal's account is {probe.margin_mode}, the one here {margin_mode}"
    return CertificateCheck("margin_mode", Result.FAIL, message, "MARGIN_MODE_MISMATCH")


def _check_filling(probe: SymbolProbe) -> CertificateCheck:
    if probe.check_retcode == 0:
        return CertificateCheck("filling", Result.PASS, f"the terminal would take an order filled {probe.filling}")
    said = (
        f"{probe.check_comment or 'no answer'} ({probe.check_retcode if probe.check_retcode is not None else 'none'})"
    )
    if probe.check_retcode == _UNSUPPORTED_FILLING:
        return CertificateCheck("filling", Result.FAIL, f"no filling mode is taken: {said}", "FILLING_REFUSED")
    code = "NOT_NOW" if probe.check_retcode in _NOT_NOW else "ORDER_REFUSED"
    return CertificateCheck(
        "filling", Result.WARN, f"an order of the least volume would not be taken now: {said}", code
    )


def _check_permission(probe: SymbolProbe) -> CertificateCheck:
    if probe.trade_allowed:
        return CertificateCheck("algo_trading", Result.PASS, "switched on")
    message = "algo trading is switched off in the terminal, or the broker forbids it: nothing is opened"
    return CertificateCheck("algo_trading", Result.WARN, message, "TRADING_DISABLED")


def _check_clock(probe: SymbolProbe) -> CertificateCheck:
    skew = abs(probe.clock_skew_ms)
    words = f"the agent's clock is {probe.clock_skew_ms / 1000:+.1f} s off ours; the broker's is UTC{probe.server_offset_s / 3600:+.1f} h"
    if skew > REFUSED_SKEW_MS:
        return CertificateCheck("clock", Result.FAIL, words, "CLOCK_SKEW")
    return CertificateCheck(
        "clock",
        Result.WARN if skew > DEGRADED_SKEW_MS else Result.PASS,
        words,
        "CLOCK_SKEW" if skew > DEGRADED_SKEW_MS else "",
    )


def _check_history(frame: str, had: int, wanted: int) -> CertificateCheck:
    words = f"{had} of {wanted} bars of {frame} that the strategies here need"
    if had >= wanted:
        return CertificateCheck("history", Result.PASS, words)
    return CertificateCheck("history", Result.WARN, f"{words}: signals come later", "HISTORY_SHORT")
