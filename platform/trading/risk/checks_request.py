"""Is the request sane? Symbol, numbers, market, spread."""

from __future__ import annotations

from typing import Final

from trading.risk.case import LARGEST, Case, Figures, Skipped
from trading.risk.sizing import BUY, SELL, check_stop, check_terms, check_tradable
from trading.risk.verdict import ZERO, Denied

SCALPING: Final = "@scalping"


def check_symbol(case: Case) -> Figures:
    if changes := case.terms.unseen_changes:
        raise Denied(
            "SPEC_CHANGED",
            f"The broker changed {', '.join(changes)} of {case.asked.symbol}; a person has to see that first.",
            changed=", ".join(changes),
        )
    check_tradable(case.terms, case.asked.side)
    check_terms(case.terms)
    return {"tick_size": case.terms.tick_size, "tick_value_loss": case.terms.tick_value_loss}


def check_numbers(case: Case) -> Figures:
    asked = case.asked
    if asked.side not in (BUY, SELL):
        raise Denied("BAD_REQUEST", "direction must be BUY or SELL.")
    for name in ("entry_price", "requested_lots", "stop_loss", "take_profit"):
        number = getattr(asked, name)
        if number is not None and not (number.is_finite() and ZERO < number < LARGEST):
            raise Denied("BAD_REQUEST", f"{name} must be a number above zero and below 1e9.", field=name)
    check_stop(case.terms, side=asked.side, entry_price=asked.entry_price, stop_loss=asked.stop_loss)
    sign = 1 if asked.side == BUY else -1
    if asked.take_profit is not None and (asked.take_profit - asked.entry_price) * sign <= 0:
        raise Denied("TP_WRONG_SIDE", "The take profit must lie beyond the entry price, in the trade's direction.")
    return {"stop_distance": abs(asked.entry_price - asked.stop_loss)}


def check_market(case: Case) -> Figures:
    """
    The stated entry may be off the market by at most one stop distance, or the true risk would be over twice the planned.
    """
    asked, terms = case.asked, case.terms
    market = terms.ask if asked.side == BUY else terms.bid
    if market is None:
        raise Skipped("no fresh quote")
    off, distance = abs(asked.entry_price - market), abs(asked.entry_price - asked.stop_loss)
    if off > distance:
        raise Denied(
            "PRICE_OFF_MARKET",
            f"The entry {asked.entry_price} is further from the market ({market}) than the stop from the entry.",
            entry=asked.entry_price,
            market=market,
        )
    return {"off": off, "limit": distance}


def check_spread(case: Case) -> Figures:
    if SCALPING not in case.state.bot_tags:
        raise Skipped("only for bots tagged @scalping")
    terms = case.terms
    if terms.bid is None or terms.ask is None:
        raise Denied("SPREAD_UNKNOWN", "A scalping bot needs a fresh quote to be judged by.")
    spread, distance = terms.ask - terms.bid, abs(case.asked.entry_price - case.asked.stop_loss)
    most = distance * case.limits.spread_fraction
    if spread < 0 or spread >= most:
        raise Denied("SPREAD_TOO_WIDE", f"The spread {spread} is not below {most}.", spread=spread, limit=most)
    return {"spread": spread, "limit": most}


def check_stop_distance(case: Case) -> Figures:
    """A stop that lies very far away is a stop in name only."""
    asked, share = case.asked, case.limits.max_stop_fraction
    if share is None:
        raise Skipped("no limit set")
    distance, most = abs(asked.entry_price - asked.stop_loss), share * asked.entry_price
    if not distance <= most:
        message = f"The stop is {distance} away from the entry; {most.normalize():f} is allowed."
        raise Denied("STOP_TOO_FAR", message, distance=distance, limit=most)
    return {"distance": distance, "limit": most}
