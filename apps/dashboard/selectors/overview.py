"""The overview: one plain sentence, what needs a person, and the state of everything that trades."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from apps.assignments.models import Assignment
from apps.dashboard.marks.ages import spell_duration
from apps.dashboard.marks.numbers import with_symbol
from apps.dashboard.proof import prove_executor
from apps.dashboard.selectors.fleet import ExecutorRow, list_executors
from apps.dashboard.selectors.standing import AccountView, list_account_views
from apps.dashboard.selectors.strategies import Placement, list_placements
from apps.dashboard.selectors.trades import list_trades, with_floating
from apps.risk.models import RiskEvent
from apps.strategies.models import Strategy
from apps.teams.models import Team

MOST_ROWS = 30


@dataclass(frozen=True, slots=True)
class Attention:
    """Something a person should look at, with one way on."""

    level: str
    title: str
    text: str
    url_name: str
    key: str
    action: str


def describe_overview(team: Team, at: datetime) -> dict[str, Any]:
    """Return everything the overview shows."""
    accounts = list_account_views(team, at)
    placements = list_placements(Assignment.objects.filter(account__team=team, live=True), at)
    active = [each for each in placements if each.assignment.desired != "STOPPED" or each.proof.kind != "proven"]
    executors = [
        ExecutorRow(each, prove_executor(each, at), [])
        for each in list_executors(team).filter(retired_at=None).order_by("code")[: MOST_ROWS * 10]
    ]
    attention = list_attention(accounts, active, executors, at)
    return {
        "accounts": accounts,
        "sentence": say_state(accounts, active),
        "attention": attention,
        "placements": sorted(active, key=_rank_placement)[:MOST_ROWS],
        "placements_count": len(active),
        "executors": sorted(executors, key=_rank_executor)[:MOST_ROWS],
        "presence": _count_presence(executors),
        "trades": with_floating(list_trades(team).order_by("-opened_at", "-id")[:8]),
        "events": list_events(team),
        "first_run": find_first_step(team, accounts, executors, placements),
    }


def say_state(accounts: list[AccountView], placements: list[Placement]) -> str:
    """Return the sentence the overview opens with."""
    if not accounts:
        return "There is no account yet."
    trading = sum(view.may_trade for view in accounts)
    positions = sum(len(view.positions) for view in accounts)
    running = sum(each.proof.word == "RUNNING" for each in placements)
    broken = [view for view in accounts if view.standing and view.standing.room < view.at_risk]
    held = f"{positions} position{' is' if positions == 1 else 's are'} open" if positions else "No position is open"
    if positions:
        held += "; if every stop is hit, " + (f"{len(broken)} floor is passed" if broken else "no floor is passed")
    placed = (
        f"{running} of {len(placements)} placement{_s(placements)} {'is' if running == 1 else 'are'} proven running"
    )
    placed = placed if placements else "Nothing is placed"
    return f"{trading} of {len(accounts)} account{_s(accounts)} may trade now. {held}. {placed}."


def _s(things: list[Any]) -> str:
    return "" if len(things) == 1 else "s"


def list_attention(
    accounts: list[AccountView], placements: list[Placement], executors: list[ExecutorRow], at: datetime
) -> list[Attention]:
    """Return what needs a person, worst first."""
    found = []
    stale = {view.account.pk for view in accounts if view.stale}
    for view in accounts:
        name = view.account.name
        if view.halt:
            found.append(Attention("halted", f"{name} is halted:", f"{view.halt}.", "account", view.code, "See why"))
        elif view.level in ("WARNING", "CRITICAL", "HALTED") and view.daily:
            room = with_symbol(view.standing.room, view.account.currency) if view.standing else ""
            risk = with_symbol(view.at_risk, view.account.currency)
            text = f"Of that, {risk} is at risk in open and approved trades."
            title = f"{name} has {room} to its nearer floor."
            found.append(Attention(view.level.lower(), title, text, "account", view.code, "Open account"))
        if view.unprotected:
            text = "What it may lose is not known, so nothing new is approved."
            found.append(
                Attention("critical", f"{name} has a position without a stop.", text, "account", view.code, "Look")
            )
    for each in placements:
        if each.proof.kind == "refused":
            a = each.assignment
            title = f"{a.strategy.name} failed on {a.executor.name}:"
            found.append(Attention("critical", title, each.proof.why, "strategy", a.strategy.slug, "Open strategy"))
    for row in executors:
        seen_at = row.executor.last_seen_at
        if seen_at is not None and row.proof.kind != "proven":
            title = f"{row.executor.name} is silent for {spell_duration((at - seen_at).total_seconds())}."
            text = _say_silence(row, stale)
            found.append(Attention("unknown", title, text, "executor", row.executor.code, "Check executor"))
    return found[:MOST_ROWS]


def _say_silence(row: ExecutorRow, stale: set[UUID]) -> str:
    if row.executor.account_id in stale:
        return f"No trade is approved on {row.executor.account.name}. Open positions keep their stops at the broker."
    return f"{row.executor.account.name} is watched by another executor meanwhile."


def list_events(team: Team) -> list[RiskEvent]:
    """Return the latest risk events."""
    rows = RiskEvent.objects.filter(account__team=team).select_related("account", "bot")
    return list(rows.order_by("-at")[:12])


def find_first_step(
    team: Team, accounts: list[AccountView], executors: list[ExecutorRow], placements: list[Placement]
) -> int:
    """Return which of the three first steps is next (1 to 3); 0 once something was placed."""
    if placements:
        return 0
    if not accounts or not any(row.executor.last_seen_at for row in executors):
        return 1
    return 3 if Strategy.objects.filter(team=team).exists() else 2


def _rank_placement(each: Placement) -> tuple[int, str]:
    order = ("refused", "moving", "unknown", "halted", "proven", "paused")
    return order.index(each.proof.kind) if each.proof.kind in order else 9, each.assignment.strategy.name


def _rank_executor(row: ExecutorRow) -> tuple[int, str]:
    return ("unknown", "off", "proven").index(row.proof.kind), row.executor.code


def _count_presence(executors: list[ExecutorRow]) -> str:
    words = [row.proof.word for row in executors]
    counts = [(words.count(word), word.lower()) for word in ("ONLINE", "STALE", "OFFLINE")]
    return ", ".join(f"{count} {word}" for count, word in counts if count) or "none"
