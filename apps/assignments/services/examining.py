"""The preflight: what would happen if a strategy were started on an executor now, said before anything is asked of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from apps.accounts.models import AccountMode, AccountRisk, AccountSnapshot
from apps.accounts.selectors import tell_connection_loss
from apps.assignments.models import Assignment, Desired
from apps.assignments.selectors import find_netting_neighbour, is_proven, tell_progress
from apps.bots.models import Bot, BotStatus
from apps.executors.models import Executor
from apps.executors.services.presence import ONLINE, presence_of
from apps.market.models import SymbolCertificate
from apps.market.selectors import find_certificates, find_specification
from apps.strategies.models import Strategy, StrategyVersion
from trading.rules.document import find_activation_problems

PASS, WARN, FAIL = "PASS", "WARN", "FAIL"
LATCHES = ("platform_latch", "team_latch", "account_latch", "breach_latch", "day_latch")


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at. FAIL: the start would be refused. WARN: it may start, but know this."""

    name: str
    result: str
    message: str
    code: str = ""


@dataclass(frozen=True, slots=True)
class Examined:
    """An executor with everything found, and what losing the connection would mean there."""

    executor: Executor
    presence: str
    checks: tuple[Check, ...]
    certificate: SymbolCertificate | None
    connection_loss_words: str

    @property
    def may_start(self) -> bool:
        return all(check.result != FAIL for check in self.checks)

    @property
    def is_real_money(self) -> bool:
        return bool(self.executor.account.mode != AccountMode.PAPER)


def examine(
    *, strategy: Strategy, version: StrategyVersion, executors: Sequence[Executor], at: datetime
) -> list[Examined]:
    """Return what was found on each executor; nothing is changed."""
    certificates = find_certificates({executor.account_id for executor in executors}, version.symbol)
    rules = _check_rules(version)
    return [_examine(strategy, version, one, rules, certificates.get(one.account_id), at) for one in executors]


def _examine(
    strategy: Strategy,
    version: StrategyVersion,
    executor: Executor,
    rules: tuple[Check, ...],
    certificate: SymbolCertificate | None,
    at: datetime,
) -> Examined:
    presence = presence_of(executor.last_seen_at, at)
    found = (
        *rules,
        _check_presence(presence),
        _check_halt(executor),
        _check_view(executor, at),
        _check_symbol(executor, version.symbol),
        *_check_certificate(certificate),
        *_check_placement(strategy, version, executor),
    )
    return Examined(executor, presence, found, certificate, tell_connection_loss(executor.account))


def _check_rules(version: StrategyVersion) -> tuple[Check, ...]:
    problems = find_activation_problems(version.rules)
    if problems:
        return tuple(Check("rules", FAIL, one.message, one.code) for one in problems)
    return (Check("rules", PASS, f"version {version.number}: every part is evaluated, with a stop loss"),)


def _check_presence(presence: str) -> Check:
    if presence == ONLINE:
        return Check("executor", PASS, "online")
    return Check("executor", WARN, f"{presence}: it starts when the agent is back and asks", "EXECUTOR_SILENT")


def _check_halt(executor: Executor) -> Check:
    risk = AccountRisk.objects.get(account_id=executor.account_id)
    reason = next((reason for name in LATCHES if (reason := getattr(risk, name))), "")
    if reason:
        return Check("halt", WARN, f"halted ({reason}): it starts, and opens nothing until that is lifted", "HALTED")
    return Check("halt", PASS, "no halt is in force")


def _check_view(executor: Executor, at: datetime) -> Check:
    seen = AccountSnapshot.objects.filter(account_id=executor.account_id).first()
    if seen is None or presence_of(seen.taken_at, at) != ONLINE:
        return Check("account", WARN, "no fresh snapshot: no trade is approved until one comes", "ACCOUNT_STALE")
    return Check("account", PASS, f"{len(seen.positions)} open positions, {len(seen.orders)} waiting orders")


def _check_symbol(executor: Executor, symbol: str) -> Check:
    row = find_specification(executor.account_id, symbol)
    if row is None:
        return Check("symbol", WARN, f"{symbol} has not been read from this terminal yet", "SYMBOL_UNSEEN")
    if row.drift:
        changes = ", ".join(sorted(row.drift))
        message = f"the broker changed {changes} of {symbol}: no trade is approved before a person has seen that"
        return Check("symbol", WARN, message, "SPEC_CHANGED")
    return Check("symbol", PASS, f"{symbol} is known at this terminal, as it was accepted")


def _check_certificate(certificate: SymbolCertificate | None) -> tuple[Check, ...]:
    if certificate is None:
        return (Check("certificate", WARN, "the agent has not looked at this symbol yet", "NOT_PROBED"),)
    bad = [one for one in certificate.checks if one["result"] != PASS]
    told = tuple(Check(f"certificate.{one['name']}", one["result"], one["message"], one["code"]) for one in bad)
    return told or (Check("certificate", PASS, f"all {len(certificate.checks)} checks at the terminal passed"),)


def _check_placement(strategy: Strategy, version: StrategyVersion, executor: Executor) -> tuple[Check, ...]:
    bot = Bot.objects.filter(account=executor.account, strategy=strategy, managed=True).exclude(
        status=BotStatus.RETIRED
    )
    mine = bot.select_related("account").first() or Bot(account=executor.account)
    if neighbour := find_netting_neighbour(mine, version.symbol) if executor.account.margin_mode == "NETTING" else None:
        message = f"this account nets, and {neighbour.bot.bot_id} trades {version.symbol} on it"
        return (Check("placement", FAIL, message, "NETTING_SYMBOL_TAKEN"),)
    row = Assignment.objects.filter(bot_id=mine.pk, live=True).select_related("executor").first()
    if row is None:
        return (Check("placement", PASS, "not placed on this account yet"),)
    if row.desired == Desired.STOPPED and not is_proven(row):
        return (Check("placement", FAIL, f"still stopping: {tell_progress(row)}", "STILL_STOPPING"),)
    if row.desired == Desired.STOPPED:
        return (Check("placement", PASS, "ran here before, stopped and flat"),)
    if row.executor_id != executor.pk:
        return (
            Check("placement", FAIL, f"assigned to {row.executor.code}; stop it there first", "ASSIGNED_ELSEWHERE"),
        )
    return (Check("placement", WARN, f"placed here already ({tell_progress(row)}): this makes it an update", "UPDATE"),)
