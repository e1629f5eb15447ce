"""What is checked, and said, before a strategy starts anywhere."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from apps.accounts.selectors import tell_connection_loss
from apps.assignments.models import Assignment
from apps.dashboard.marks.numbers import format_percent
from apps.dashboard.proof import Proof, prove_executor
from apps.dashboard.selectors.fleet import list_executors
from apps.dashboard.selectors.standing import AccountView, list_account_views
from apps.dashboard.selectors.strategies import Placement, list_placements
from apps.executors.models import Executor
from apps.market.models import SymbolCertificate, SymbolSpecification
from apps.market.selectors import find_certificates
from apps.risk.news_reach import find_news_gaps
from apps.strategies.models import Strategy, StrategyVersion
from apps.teams.models import Team
from trading.rules.document import find_activation_problems

TRAILING = "Trailing stop"
NO_CALENDAR = "NEWS_CALENDAR_MISSING"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at before the start: `pass`, `warn` (may start, but know this) or `fail` (would be refused)."""

    name: str
    result: str
    message: str
    code: str = ""


@dataclass(frozen=True, slots=True)
class Candidate:
    """An executor that could run a strategy, with what was found."""

    executor: Executor
    proof: Proof
    account: AccountView
    checks: list[Check]
    placement: Placement | None

    @property
    def refused(self) -> bool:
        return any(check.result == "fail" for check in self.checks)

    @property
    def refusal(self) -> str:
        """Say why it cannot be chosen; an empty text where it can."""
        return next((check.message for check in self.checks if check.result == "fail"), "")

    @property
    def lacks_news(self) -> bool:
        """Say whether its limits look at news that no imported calendar reaches: a note nobody should have to unfold."""
        return any(check.code == NO_CALENDAR for check in self.checks)

    @property
    def summary(self) -> str:
        passed = sum(check.result == "pass" for check in self.checks)
        notes = sum(check.result == "warn" for check in self.checks)
        text = f"{passed} of {len(self.checks)}"
        return f"{text}, {notes} note{'s' if notes > 1 else ''}" if notes else text


def list_candidates(team: Team, strategy: Strategy, version: StrategyVersion, at: datetime) -> list[Candidate]:
    """Return all executors in service with their preflight, those that fit first."""
    accounts = {view.account.pk: view for view in list_account_views(team, at)}
    executors = list(list_executors(team).filter(retired_at=None, account__retired_at=None).order_by("code"))
    placed = {
        each.assignment.account_id: each
        for each in list_placements(Assignment.objects.filter(strategy=strategy, live=True), at)
    }
    specs = {
        row.account_id: row for row in SymbolSpecification.objects.filter(account__in=accounts, symbol=version.symbol)
    }
    certificates = find_certificates(accounts, version.symbol)
    rules = check_document(version)
    gaps = find_news_gaps({pk: (view.limits, view.market_at or at) for pk, view in accounts.items() if view.limits})
    found = [
        _judge(
            each,
            accounts[each.account_id],
            placed.get(each.account_id),
            [
                *rules,
                *_check_trailing(version, accounts[each.account_id]),
                *_check_news(gaps.get(each.account_id)),
            ],
            check_terminal(version.symbol, specs.get(each.account_id), certificates.get(each.account_id)),
            at,
        )
        for each in executors
        if each.account_id in accounts
    ]
    return sorted(found, key=lambda each: (each.refused, each.proof.kind != "proven", each.executor.code))


def check_document(version: StrategyVersion) -> list[Check]:
    """Return what the rules themselves say about being activated."""
    problems = find_activation_problems(version.rules)
    if not problems:
        return [Check("Rules", "pass", f"version {version.number}: every part is evaluated, with a stop loss")]
    return [Check("Rules", "fail", problem.message, problem.code) for problem in problems]


def sum_consequences(candidates: Iterable[Candidate]) -> dict[str, Any]:
    """Return what is said before the confirmation: how many, on which accounts, and what a lost connection does."""
    chosen = list(candidates)
    accounts = {each.account.account for each in chosen}
    losses = sorted((account.name, tell_connection_loss(account)) for account in accounts)
    real = [each for each in chosen if not each.account.is_simulated]
    trailing = sorted(
        {
            (each.account.account.name, check.message)
            for each in chosen
            for check in each.checks
            if check.name == TRAILING
        }
    )
    closes = sorted({account.name for account in accounts if account.unapproved == "CLOSE"})
    return {
        "chosen": chosen,
        "losses": losses,
        "real_count": len(real),
        "closes_unapproved": closes,
        "trailing": trailing,
    }


def _judge(
    executor: Executor,
    account: AccountView,
    placement: Placement | None,
    rules: list[Check],
    terminal: list[Check],
    at: datetime,
) -> Candidate:
    proof = prove_executor(executor, at)
    checks = [
        *rules,
        _check_presence(proof),
        _check_account(account),
        _check_limits(account),
        *terminal,
        _check_placement(placement),
    ]
    return Candidate(executor, proof, account, checks, placement)


def _check_presence(proof: Proof) -> Check:
    if proof.kind == "proven":
        return Check("Executor", "pass", "online")
    return Check("Executor", "warn", f"{proof.word}: it starts when the agent is back and asks", "EXECUTOR_SILENT")


def _check_account(account: AccountView) -> Check:
    if account.halt:
        return Check(
            "Account", "warn", f"halted: {account.halt}. It starts, and opens nothing until that is lifted", "HALTED"
        )
    if account.stale:
        return Check("Account", "warn", "no fresh snapshot: no trade is approved until one comes", "ACCOUNT_STALE")
    return Check("Account", "pass", f"{account.level}, {len(account.positions)} open positions")


def _check_limits(account: AccountView) -> Check:
    if account.limits is None:
        return Check("Limits", "fail", "the limits of this account cannot be read", "LIMITS_INVALID")
    if account.standing is None:
        return Check("Limits", "warn", "its trading day has not begun yet: known after the first snapshot")
    if account.free is not None and account.free <= 0:
        return Check("Limits", "warn", "no room is left today", "NO_ROOM")
    return Check("Limits", "pass", "there is room for new trades")


def _check_trailing(version: StrategyVersion, account: AccountView) -> list[Check]:
    fraction = account.limits.trailing_in_force if account.limits else None
    if fraction is None or version.rules.get("exit", {}).get("trailingStop"):
        return []
    message = f"where the strategy sets no trailing stop, stops follow the price at {format_percent(fraction, 2)} of the entry"
    return [Check(TRAILING, "pass", message)]


def _check_news(gap: str | None) -> list[Check]:
    return [Check("News", "warn", gap, NO_CALENDAR)] if gap else []


def check_terminal(symbol: str, spec: SymbolSpecification | None, certificate: SymbolCertificate | None) -> list[Check]:
    """Return what is known of the symbol at one terminal: whether it is what was accepted, and how it was certified."""
    if spec is None:
        return [Check("Symbol", "warn", f"{symbol} has not been read from this terminal yet", "SYMBOL_UNSEEN")]
    if spec.drift:
        message = (
            f"the broker changed {', '.join(sorted(spec.drift))} of {symbol}: nothing is approved before it is seen"
        )
        return [Check("Symbol", "warn", message, "SPEC_CHANGED")]
    bad = [one for one in (certificate.checks if certificate else []) if one["result"] != "PASS"]
    told = [Check("Certificate", one["result"].lower(), one["message"], one["code"]) for one in bad]
    return told or [Check("Symbol", "pass", f"{symbol} is known at this terminal")]


def _check_placement(placement: Placement | None) -> Check:
    if placement is None:
        return Check("Placement", "pass", "not placed on this account yet")
    if placement.assignment.desired == "STOPPED" and placement.proof.kind != "proven":
        return Check(
            "Placement", "fail", "still stopping here; it can start again when that is proven", "STILL_STOPPING"
        )
    if placement.assignment.desired == "STOPPED":
        return Check("Placement", "pass", "ran here before, stopped and flat")
    return Check("Placement", "warn", f"placed here already ({placement.proof.word}): this makes it an update")
