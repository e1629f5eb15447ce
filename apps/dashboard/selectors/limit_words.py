"""An account's limits in words: what always holds, and of the rest what is switched on."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from apps.dashboard.marks.numbers import format_percent
from trading.risk.limits import ENFORCE, LIMIT_CHECKS, Limits

BASES = {"BALANCE": "the day’s first balance", "EQUITY": "the day’s first equity", "HIGHER": "the higher of both"}
MOVING = {
    "STATIC": "stands still",
    "TRAILING_EOD": "follows the highest balance at a day’s end",
    "TRAILING_CLOSED": "follows the highest closed balance",
    "TRAILING_INTRADAY": "follows the highest equity",
}

CHECK_WORDS = {
    "spread": "Spread", "daily_loss": "Daily loss", "drawdown": "Total drawdown", "per_trade": "Risk of one trade",
    "daily_risk": "Risk of a day", "open_risk": "Risk of everything open", "position_size": "Margin of a position",
    "stop_distance": "Distance of the stop", "positions": "Open positions", "cluster": "Cluster", "correlation": "Correlation",
    "currency": "Currency", "opposite": "Opposite positions", "consistency": "Consistency", "news": "News", "weekend": "Weekend",
    "flat_by": "Closed by",
}  # fmt: skip


def say_limits(limits: Limits) -> list[tuple[str, str]]:
    """Return the limits in force in words."""
    return [
        *_say_modes(limits),
        *_say_losses(limits),
        *_say_trades(limits),
        *_say_open(limits),
        *_say_times(limits),
        *_say_goals(limits),
        *_say_breakers(limits),
    ]


def _say_modes(limits: Limits) -> Iterator[tuple[str, str]]:
    if limits.mode != ENFORCE:
        yield "Mode", "SHADOW: judged and shown, not enforced" if limits.mode == "SHADOW" else "OFF"
        return
    for mode, words in (("SHADOW", "Only watched"), ("OFF", "Switched off")):
        names = sorted(CHECK_WORDS[check] for check in LIMIT_CHECKS if limits.mode_of(check) == mode)
        if names:
            yield words, ", ".join(names)


def _say_losses(limits: Limits) -> Iterator[tuple[str, str]]:
    of = "the initial balance" if limits.daily_fraction_of == "INITIAL" else BASES[limits.daily_base]
    yield "Daily loss", f"{format_percent(limits.daily_loss_fraction)} of {of}, counted from {BASES[limits.daily_base]}"
    yield "When it is broken", "the account is lost" if limits.daily_kind == "HARD" else "no trade until the next day"
    locks = ", until it reaches the initial balance" if limits.drawdown_locks_at_initial else ""
    floor = f"the floor {MOVING[limits.drawdown_mode]}{locks}"
    yield "Total drawdown", f"{format_percent(limits.total_drawdown_fraction)}; {floor}"
    yield "No new risk from", f"{format_percent(limits.halted_fraction, 0)} of a limit used"


def _say_trades(limits: Limits) -> Iterator[tuple[str, str]]:
    yield "Risk of one trade", f"at most {format_percent(limits.max_risk_per_trade_fraction, 2)}"
    if limits.max_position_fraction is not None:
        yield "Margin of one position", _at_most(limits.max_position_fraction)
    if limits.max_stop_fraction is not None:
        yield "A stop lies away", f"{_at_most(limits.max_stop_fraction)} of the entry price"
    if limits.trailing_in_force is not None:
        share = format_percent(limits.trailing_in_force, 2)
        yield "Trailing stop", f"{share} of the entry price, where a strategy names none"


def _say_open(limits: Limits) -> Iterator[tuple[str, str]]:
    yield "Risk approved in a day", _at_most(limits.max_daily_risk_fraction)
    yield "Open positions", "no limit" if limits.max_open_positions is None else str(limits.max_open_positions)
    for name, fraction in (
        ("Everything open may lose", limits.max_open_risk_fraction),
        ("Risk of a cluster", limits.max_cluster_risk_fraction),
        ("Risk in one currency", limits.max_currency_risk_fraction),
    ):
        if fraction is not None:
            yield name, _at_most(fraction)
    if limits.max_correlation is not None:
        yield "Correlation", f"at most {limits.max_correlation.normalize():f}; unknown counts as 1"
    if limits.forbid_opposite_positions:
        yield "Opposite positions", "forbidden across the team’s accounts"
    if limits.active_capital_ratio != 1:
        yield "Capital that may be risked", format_percent(limits.active_capital_ratio, 0)


def _say_times(limits: Limits) -> Iterator[tuple[str, str]]:
    before, after = limits.news_before_s, limits.news_after_s
    if before is not None or after is not None:
        yield "News", f"nothing is opened from {before or 0} s before to {after or 0} s after a release"
    if not limits.weekend_holding:
        yield "Weekend", f"nothing is opened from {limits.flat_guard_s} s before the week ends"
    if limits.flat_by is not None:
        yield "Everything is closed by", f"{limits.flat_by}; nothing is opened from {limits.flat_guard_s} s before"


def _say_goals(limits: Limits) -> Iterator[tuple[str, str]]:
    if limits.consistency_fraction is not None:
        yield "Consistency", f"one day brings {_at_most(limits.consistency_fraction)} of the profit"
    if limits.profit_target_fraction is not None:
        yield "Profit target", format_percent(limits.profit_target_fraction, 2)
    if limits.min_trading_days is not None:
        yield "Trading days", f"at least {limits.min_trading_days}"


def _say_breakers(limits: Limits) -> list[tuple[str, str]]:
    stops = [
        (limits.max_consecutive_losses, "losing trades in a row"),
        (limits.max_order_errors_per_hour, "rejected orders in an hour"),
    ]
    said = " or ".join(f"{count} {what}" for count, what in stops if count is not None)
    slips, ratio = limits.max_slippages_per_day, f"{limits.max_slippage_ratio.normalize():f}"
    return [
        ("A bot waits for the next day", f"after {said}" if said else "never"),
        ("A bot goes into quarantine", f"after {slips} fills a day beyond {ratio} × their risk" if slips else "never"),
    ]


def _at_most(fraction: Decimal | None) -> str:
    return "no limit" if fraction is None else f"at most {format_percent(fraction, 2)}"
