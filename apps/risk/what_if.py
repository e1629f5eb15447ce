"""What other limits would have made of an account's days, and what limits that only watch would have refused."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from apps.accounts.models import Account, LimitSet, RulePackVersion
from apps.common.errors import Impossible
from apps.common.ids import parse_public_id
from apps.risk.history import Period, find_outcomes, find_period, read_recorded
from apps.risk.models import Approval
from apps.risk.services.limits import Under, read_under
from trading.errors import TradingError
from trading.risk.limits import Limits, parse_limits
from trading.risk.replay import Change
from trading.risk.what_if import Depth, WhatIf, ask_what_if

MOST_TRADES_SHOWN = 500
NOTES = (
    "Each request is judged in the state that was recorded, changed by what the answers before it would have changed.",
    "Prices between two views of the account are not known: equity may have been lower than any view shows.",
    "A strategy that is denied might have asked for other trades later; only what was asked is judged here.",
    "A shrunk or grown trade is given its share of the real result, as if the same prices had filled it.",
    "A denied trade that would have been placed has no result: nobody knows what it would have brought.",
    "Halts, high-water marks, correlations and currencies are left as they were recorded.",
)


@dataclass(frozen=True)
class WhatIfAnswer:
    """A what-if of an account with its period; `unread` counts verdicts whose state was never known."""

    period: Period
    result: WhatIf
    unread: int


@dataclass(frozen=True, slots=True)
class ShadowLine:
    """What a limit that only watched would have done: trades it would have refused, and what they brought."""

    code: str
    refused: int
    closed: int
    pnl: Decimal


def list_shadows(
    account: Account, first: dt.date | None = None, last: dt.date | None = None
) -> tuple[int, list[ShadowLine]]:
    """
    Return how many trades were approved in a period, and which of them limits in shadow would have refused.

    :raises PlatformError: as `history.find_period`.
    """
    period = find_period(account, first, last)
    approved = [body for body in period.read_verdicts() if body["approved"]]
    watched = [body for body in approved if body.get("shadow")]
    outcomes = find_outcomes(account, watched)
    by_code: dict[str, list[dict[str, Any]]] = {}
    for body in watched:
        for code in body["shadow"]:
            by_code.setdefault(code, []).append(body)
    lines = []
    for code, bodies in sorted(by_code.items(), key=lambda one: (-len(one[1]), one[0])):
        found = [outcomes.get(parse_public_id(Approval.PREFIX, body["approval"])) for body in bodies]
        closed = [one for one in found if one is not None and one.closed_at is not None]
        lines.append(ShadowLine(code, len(bodies), len(closed), sum((one.pnl for one in closed), Decimal(0))))
    return len(approved), lines


def answer_what_if(
    account: Account, limits: Limits, first: dt.date | None = None, last: dt.date | None = None
) -> WhatIfAnswer:
    """
    Return what the limits would have made of a period of the account. Nothing is changed anywhere.

    :raises PlatformError: as `history.find_period`.
    """
    period = find_period(account, first, last)
    recorded, unread = read_recorded(period)
    return WhatIfAnswer(period, ask_what_if(recorded, period.list_bases(), period.list_views(), limits), unread)


def make_limits(
    account: Account, changes: Mapping[str, Any], version: RulePackVersion | None = None, phase: str = ""
) -> Limits:
    """
    Return limits to try: those in force with some changed, put under a pack where one is named.

    :raises Impossible: LIMITS_INVALID with the field at fault; PACK_INVALID, PACK_INCOMPLETE or PACK_DAY_UNSUPPORTED.
    """
    present = LimitSet.objects.select_related("pack_version").get(account=account, in_force=True)
    under = read_under(present)
    before = parse_limits(present.document) if under is None or version is None else under.own
    try:
        own = parse_limits({**before.as_document(), **changes})
    except TradingError as error:
        raise Impossible(error.code, error.message, error.field, error.extra) from error
    return own if version is None else Under(version, phase, own).limits_for(account)


def plain_answer(answer: WhatIfAnswer) -> dict[str, Any]:
    """Return a what-if as the API shows it; of the trades only those that would have been answered otherwise."""
    period, result = answer.period, answer.result
    changed = [one for one in result.trades if one.change != Change.SAME]
    return {
        "account_id": period.account.public_id,
        "currency": period.account.currency,
        "from": period.days[0].day,
        "to": period.days[-1].day,
        "limits": result.limits.as_wire(),
        "requests": len(result.trades),
        "unreadable": answer.unread,
        "changes": {str(change).lower(): result.count(change) for change in Change},
        "pnl_then": round(result.pnl_then, 2),
        "pnl_now": round(result.pnl_now, 2),
        "days": [_plain_day(day) for day in result.days],
        "trades": [_plain_trade(one) for one in changed[:MOST_TRADES_SHOWN]],
        "trades_left_out": max(0, len(changed) - MOST_TRADES_SHOWN),
        "notes": list(NOTES),
    }


def _plain_day(day: Any) -> dict[str, Any]:
    return {
        "day": day.day,
        "requests": day.asked,
        "approved_then": day.approved_then,
        "approved_now": day.approved_now,
        "pnl_then": round(day.pnl_then, 2),
        "pnl_now": round(day.pnl_now, 2),
        "broken": day.is_broken,
        "deepest": {name: _plain_depth(getattr(day, name)) for name in ("daily", "total", "daily_risk", "positions")},
    }


def _plain_depth(depth: Depth) -> dict[str, Any] | None:
    if depth.market_at is None:
        return None
    return {"used_pct": round(depth.used * 100, 2), "market_at": depth.market_at}


def _plain_trade(one: Any) -> dict[str, Any]:
    recorded, verdict = one.recorded, one.verdict
    return {
        "approval_id": recorded.key,
        "market_at": recorded.case.market_at,
        "symbol": recorded.case.asked.symbol,
        "side": recorded.case.asked.side,
        "requested_lots": recorded.case.asked.requested_lots,
        "change": str(one.change).lower(),
        "lots_then": recorded.lots,
        "lots_now": verdict.lots,
        "reason_then": recorded.reason,
        "reason_now": verdict.reason_code,
        "message": verdict.message,
        "pnl_then": round(recorded.outcome.pnl, 2) if recorded.outcome else None,
        "pnl_now": round(one.pnl, 2) if recorded.outcome else None,
    }
