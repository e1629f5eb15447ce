"""The risk page: every account with its light, its room, how its next day opens, and what may be traded now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from apps.accounts.models import Account
from apps.dashboard.selectors.standing import AccountView, list_account_views
from apps.risk import selectors
from apps.risk.models import BotBreaker, PositionFlag, RiskEvent
from apps.risk.services.outlook import SymbolLots, find_lots, look_ahead, read_outlook
from apps.teams.models import Team
from trading.risk.forecast import Forecast

MOST_EVENTS = 12
LATCHES = {
    "platform": "Platform halted",
    "team": "Team halted",
    "account": "Account halted",
    "breach": "A limit was broken",
    "day": "Paused until the next day",
}


@dataclass(frozen=True, slots=True)
class Latch:
    """One latch that is set: its name in words, the reason, and whose lifting takes it away (`team`, `account` or nobody's)."""

    name: str
    reason: str
    lifted_by: str


@dataclass(frozen=True, slots=True)
class RiskRow:
    """One account of the risk page."""

    view: AccountView
    forecast: Forecast | None
    lots: list[SymbolLots]
    latches: list[Latch]
    breakers: list[BotBreaker]
    flags: list[PositionFlag]


def describe_risk(team: Team, at: datetime) -> dict[str, Any]:
    """Return everything the risk page shows."""
    views = list_account_views(team, at)
    accounts = [view.account for view in views]
    for account in accounts:
        account.team = team  # known: it saves a question for each
    ahead = look_ahead(accounts, at)
    breakers, flags = selectors.list_open_breakers(accounts), list(selectors.list_flags(accounts))
    rows = [
        RiskRow(
            view=view,
            forecast=ahead[view.account][0].forecast,
            lots=ahead[view.account][1],
            latches=list_latches(view.account),
            breakers=[each for each in breakers if each.bot.account_id == view.account.pk],
            flags=[each for each in flags if each.account_id == view.account.pk],
        )
        for view in views
    ]
    events = list_unacknowledged(team)
    return {
        "rows": rows,
        "accounts": views,
        "trading": sum(view.may_trade for view in views),
        "events": events[:MOST_EVENTS],
        "more_events": len(events) > MOST_EVENTS,
    }


def describe_outlook(account: Account, team: Team, at: datetime, query: Mapping[str, str]) -> dict[str, Any]:
    """
    Return what the account's page says of what lies ahead, of its flags and of its bots' breakers.

    :param query: the page's own; `symbol` and `stop_ticks` ask for the largest lot of another symbol or stop.
    """
    account.team = team
    outlook, usual = look_ahead([account], at)[account]
    symbol, ticks = query.get("symbol", "").strip()[:32], read_ticks(query.get("stop_ticks", ""))
    asked = find_lots(read_outlook(account, at, {symbol}), symbol, ticks) if symbol and ticks else None
    return {
        "forecast": outlook.forecast,
        "lots": usual,
        "asked": asked,
        "asked_symbol": symbol or (usual[0].symbol if usual else ""),
        "asked_ticks": query.get("stop_ticks", "")[:10] or (usual[0].stop_ticks if usual else ""),
        "ticks_wrong": bool(symbol) and ticks is None,
        "latches": list_latches(account),
        "flags": list(selectors.list_flags([account])),
        "breakers": selectors.list_open_breakers([account]),
    }


def list_latches(account: Account) -> list[Latch]:
    """Return the latches of an account's risk row that are set, the widest first."""
    risk = getattr(account, "risk", None)
    lifted_by = {"team": "team", "platform": ""}
    return [
        Latch(words, reason, lifted_by.get(name, "account"))
        for name, words in LATCHES.items()
        if risk is not None and (reason := getattr(risk, f"{name}_latch"))
    ]


def list_unacknowledged(team: Team) -> list[RiskEvent]:
    """Return the newest risk events that nobody has taken note of: one more than is shown."""
    return list(selectors.list_events(team.pk, unacknowledged=True).order_by("-at", "-pk")[: MOST_EVENTS + 1])


def read_ticks(text: str) -> int | None:
    """
    Return a stop distance in ticks; None for what is none.

    >>> read_ticks("200"), read_ticks("0"), read_ticks("x"), read_ticks("99999999")
    (200, None, None, None)
    """
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 8 and 0 < int(text) <= 10_000_000 else None
