"""May anyone trade here now? Latches, bot, freshness, lease."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from trading.risk.case import Case, Figures, Skipped
from trading.risk.verdict import Denied

CLOCK_TOLERANCE: Final = timedelta(seconds=2)


def check_latches(case: Case) -> Figures:
    for name, reason in case.state.latches:
        raise Denied(f"HALTED_{name.upper()}", f"Trading is halted ({name}): {reason}", latch=name)
    epoch = case.asked.halt_epoch
    if epoch is not None and epoch != case.state.halt_epoch:
        raise Denied(
            "HALT_EPOCH_STALE",
            "Trading was halted and released since you last looked; look again first.",
            given=epoch,
            current=case.state.halt_epoch,
        )
    return {}


def check_bot(case: Case) -> Figures:
    state = case.state
    if state.bot_status != "ACTIVE":
        raise Denied("BOT_NOT_ACTIVE", f"The bot is {state.bot_status.lower()}.", status=state.bot_status)
    if state.bot_breaker is not None:
        raise Denied("BOT_BREAKER", f"The bot's circuit breaker is open: {state.bot_breaker}")
    if not state.bot_managed:
        return {}
    if state.assignment_desired != "RUNNING":
        raise Denied("ASSIGNMENT_NOT_RUNNING", "The assignment is not wanted to run.", desired=state.assignment_desired)
    if case.asked.generation is not None and case.asked.generation != state.assignment_generation:
        raise Denied(
            "GENERATION_STALE",
            "The assignment has changed; pull the desired set first.",
            given=case.asked.generation,
            current=state.assignment_generation,
        )
    if not state.entries_allowed:
        raise Denied("ENTRIES_NOT_ALLOWED", "The server's facts allow this assignment no entries now.")
    return {}


def check_snapshot(case: Case) -> Figures:
    state = case.state
    if state.snapshot_at is None:
        raise Denied("ACCOUNT_STALE", "No observer has told the state of this account yet.")
    age = case.at - state.snapshot_at
    age_s = round(age.total_seconds(), 1)
    if age > timedelta(seconds=state.fresh_s) or age < -CLOCK_TOLERANCE:
        raise Denied(
            "ACCOUNT_STALE",
            f"The account was last seen {age_s} s ago; trades need a view not older than {state.fresh_s} s.",
            age_s=age_s,
            limit_s=state.fresh_s,
        )
    if not state.snapshot_complete:
        raise Denied("SNAPSHOT_INCOMPLETE", "The observer could not read all positions, orders and deals.")
    if not state.trade_allowed:
        raise Denied("TRADE_NOT_ALLOWED", "The terminal or the broker does not allow this account to trade.")
    for name in ("balance", "equity"):
        if not getattr(state, name).is_finite():
            raise Denied("ACCOUNT_STALE", f"The account's {name} is not a number.")
    return {"age_s": age_s, "limit_s": state.fresh_s}


def check_lease(case: Case) -> Figures:
    state, asked = case.state, case.asked
    if not state.bot_managed:
        raise Skipped("the bot is not managed")
    if asked.executor_id is None or asked.fence is None or asked.halt_epoch is None or asked.generation is None:
        raise Denied(
            "LEASE_REQUIRED", "A managed bot trades through its executor, with fence, halt epoch and generation."
        )
    held = state.lease_executor_id == asked.executor_id and state.fence == asked.fence
    if not held or state.lease_until is None or case.at >= state.lease_until:
        raise Denied(
            "LEASE_NOT_HELD",
            "This executor does not hold the account's lease now.",
            given=asked.fence,
            fence=state.fence,
        )
    return {"fence": state.fence, "left_s": round((state.lease_until - case.at).total_seconds(), 1)}
