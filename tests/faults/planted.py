"""Bugs planted in a copy of our own code: the named tests must fail on each, for a check that cannot fail proves nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from config.launch.testing import embedded_services
from tests.journeys.running import ROOT

JUDGE = "tests/unit/trading/risk/test_judge.py"
SIZING = "tests/unit/trading/risk/test_sizing.py"
AGENT = "tests/unit/executor_agent"
AGENT_FAULTS, AGENT_LIVES = "tests/unit/executor_agent/test_faults.py", "tests/unit/executor_agent/test_lives.py"
CHECKS_LOSS, CHECKS_ACCESS = "platform/trading/risk/checks_loss.py", "platform/trading/risk/checks_access.py"
OPENING, ASSIGNMENTS = "executor_agent/opening.py", "executor_agent/assignments.py"
DECIDE, LEASES = "apps/risk/services/decide.py", "apps/executors/services/leases.py"
COPIED = ("apps", "executor_agent", "platform", "simulator", "tests", "templates", "static", "mql5", "deploy")
FILES = ("pyproject.toml", "manage.py", "executor.py", "go.py", ".env.example", "CHANGELOG.md", "README.md")


@dataclass(frozen=True)
class Planted:
    """One bug: in a file, one text instead of another, and who must notice."""

    name: str
    file: str
    right: str
    wrong: str
    tests: tuple[str, ...]
    is_short: bool = False

    @property
    def needs_database(self) -> bool:
        return any(needs_database(test) for test in self.tests)


def needs_database(test: str) -> bool:
    """Tell whether a test belongs to the apps."""
    return test.startswith("tests/apps")


PLANTED = [
    Planted("volume rounds up", "platform/trading/risk/sizing.py", "(lots / step + STEP_TOLERANCE)", "(lots / step + 1)",
            (SIZING,), True),
    Planted("the day's loss forgets what is open and reserved", CHECKS_LOSS,
            "worst = standing.daily_loss + case.committed + case.sizing.risk_at_lots",
            "worst = standing.daily_loss + case.sizing.risk_at_lots", (JUDGE,), True),
    Planted("the day's limit is not held against the worst case", CHECKS_LOSS, " and worst <= standing.daily_limit)",
            ")", (JUDGE,)),
    Planted("the drawdown is not held against the worst case", CHECKS_LOSS, " and worst <= standing.total_limit)", ")",
            (JUDGE,)),
    Planted("an old view of the account is good enough", CHECKS_ACCESS,
            "age > timedelta(seconds=state.fresh_s) or age < -CLOCK_TOLERANCE", "age < -CLOCK_TOLERANCE", (JUDGE,), True),
    Planted("the fence of an approval is not looked at", CHECKS_ACCESS, " and state.fence == asked.fence", "", (JUDGE,)),
    Planted("a generation that has passed may trade", CHECKS_ACCESS,
            "case.asked.generation is not None and case.asked.generation != state.assignment_generation", "False", (JUDGE,)),
    Planted("a paused bot may trade", CHECKS_ACCESS, 'if state.bot_status != "ACTIVE":', "if False:", (JUDGE,)),
    Planted("an order without an answer is sent again", OPENING,
            "Verdict.UNRESOLVED if answer is None else judge_answer(answer)",
            "Verdict.REQUOTED if answer is None else judge_answer(answer)", (AGENT_FAULTS,), True),
    Planted("an order is sent before the journal knows", OPENING,
            "self._journal.put(row)\n        self._sent_in_this_life.add", "self._sent_in_this_life.add", (AGENT_LIVES,), True),
    Planted("an approval that ended while the disk was slow is used", OPENING,
            "if self._clocks.mono() >= approved.until_mono or self._session.find_refusal() is not None:\n            # A slow",
            "if False:\n            # A slow", (AGENT_FAULTS,)),
    Planted("a stopped assignment handles what the next one of its bot opens", "executor_agent/converging.py",
            "for row in self._assignments.list_current():\n            if row.desired", "for row in self._assignments.list_rows():\n            if row.desired",
            ("tests/unit/executor_agent/test_wishes.py",)),
    Planted("of two assignments of a bot the one with the greater identifier is the newer", ASSIGNMENTS,
            "sorted(rows, key=lambda row: row.desired != Desired.STOPPED)", "sorted(rows, key=lambda row: row.assignment_id)",
            ("tests/unit/executor_agent/test_wishes.py",)),
    Planted("more lots are sent than were approved", OPENING, "min(answer.adjusted_lots, row.asked_lots)",
            "row.asked_lots", (AGENT,)),
    Planted("a tag may be used twice after a lost journal", OPENING,
            "if row.assignment_id in self._sent_in_this_life:\n            return True", "if True:\n            return True",
            (AGENT,)),
    Planted("absence settles an unresolved order at once", "executor_agent/resolving.py",
            "if absences < 2 or waited_s < ABSENT_AFTER_S:", "if absences < 1:", (AGENT,)),
    Planted("a STOP of the same generation loses", ASSIGNMENTS,
            "return wanted.generation >= row.generation or fleet_epoch > row.fleet_epoch",
            "return wanted.generation > row.generation", (AGENT,)),
    Planted("an older START is taken", ASSIGNMENTS, "            return wanted.generation > row.generation\n",
            "            return True\n", (AGENT,)),
    Planted("the row lock of an approval is dropped", "apps/risk/services/locking.py",
            "AccountRisk.objects.select_for_update(no_key=True, skip_locked=skip_locked)", "AccountRisk.objects.all()",
            ("tests/apps/risk/test_decide_races.py",)),
    Planted("the row lock of a report is dropped", "apps/risk/services/fills.py",
            "_RISKS = Prepared(lambda: AccountRisk.objects.select_for_update(no_key=True)",
            "_RISKS = Prepared(lambda: AccountRisk.objects",
            ("tests/apps/risk/test_after_trade_races.py",)),
    Planted("the same key with another body gets the first verdict", DECIDE,
            "if row.body_hash != request.body_hash:", "if False:", ("tests/apps/risk/test_decide.py",)),
    Planted("a reservation is freed on a mere timeout", "apps/risk/services/reservations.py",
            "reservation=Reservation.UNRESOLVED\n            )", "reservation=Reservation.VOID, reserved=ZERO\n            )",
            ("tests/apps/risk/test_reservations.py",)),
    Planted("a reservation is not given back when the broker rejects", "apps/risk/services/reservations.py",
            "risk.reserved = max(ZERO, risk.reserved - approval.reserved)", "pass",
            ("tests/apps/risk/test_reservations.py",)),
    Planted("the fence of a write is not looked at", LEASES,
            "if (row.fence, row.lease_instance, row.lease_executor_id) == (fence, instance_id, executor.pk):", "if True:",
            ("tests/apps/executors/test_leases.py",)),
    Planted("a lease is granted before the grace is over", LEASES, "at < row.lease_until + LEASE_GRACE",
            "at < row.lease_until", ("tests/apps/executors/test_leases.py",)),
    Planted("a lease of a clock that was set back lasts for hours", LEASES, "row.lease_until > at + LEASE_TTL + SET_BACK:",
            "False:", ("tests/apps/executors/test_leases.py",)),
    Planted("a restored backup counts on from where it was", "apps/gateway/services/restoring.py",
            "return Greatest(F(name) + 1, Value(seconds))", "return Greatest(F(name) + 1, Value(0))",
            ("tests/apps/gateway/test_restoring.py",)),
    Planted("the day turns without its counters", "apps/risk/services/days.py",
            'risk.risked_today, risk.approved_today, risk.day_latch = ZERO, 0, ""', "pass",
            ("tests/apps/risk/test_days.py",)),
    Planted("days missed in a downtime are skipped", "apps/risk/services/days.py",
            "missed = list(days_between(risk.day, market_at, zone, resets))",
            "missed = list(days_between(risk.day, market_at, zone, resets))[-1:]", ("tests/apps/risk/test_days.py",)),
    Planted("NaN comes through the door", "apps/common/wire.py", "parse_constant=_refuse_constant,", "",
            ("tests/apps/common/test_wire.py",)),
    Planted("an Idempotency-Key answers another request", "apps/common/idempotency.py",
            "if (kept.path, kept.body_hash) != (path, body_hash):", "if False:",
            ("tests/apps/common/test_idempotency.py",)),
    Planted("a word from the future keeps an executor ONLINE", "apps/executors/services/presence.py",
            "last_seen_at__gt=at + SET_BACK", "last_seen_at=None", ("tests/apps/executors/test_leases.py",)),
    Planted("losses in a row are counted on another day than the one in force", "apps/risk/services/breakers.py",
            "day = _find_day(account, closed_at)", "day = day_at(closed_at, account.zone)",
            ("tests/apps/risk/test_after_trade.py",)),
    Planted("a day that moved is nobody's news", "apps/risk/services/day_news.py", "!= day.starts_at:", "is None:",
            ("tests/apps/risk/test_days.py",)),
    Planted("another account's positions pass for ours", "executor_agent/terminal/metatrader5.py",
            "if account is not None and self._attempt(self._read_own, problems) is None:", "if False:",
            (f"{AGENT}/test_another_account.py",)),
]  # fmt: skip


def catch_all(bugs: list[Planted]) -> list[str]:
    """Plant one after the other; return what was not caught, or could not be planted."""
    missed: list[str] = []
    with _copy() as copy, _services(bugs) as services:
        environment = {**os.environ, **services, "PYTHONPATH": f"{copy}{os.pathsep}{copy / 'platform'}"}
        for of_database, words in ((True, ("--create-db",)), (False, ())):
            healthy = sorted({test for bug in bugs if bug.needs_database is of_database for test in bug.tests})
            if healthy and not _passes(copy, environment, healthy, *words):
                return [f"{bug.name}: its tests fail on healthy code too" for bug in bugs]
        for bug in bugs:
            problem = _try(copy, environment, bug)
            print(f"{'caught' if not problem else 'MISSED'}  {bug.name}", flush=True)
            if problem:
                missed.append(f"{bug.name}: {problem}")
    return missed


def _services(bugs: list[Planted]) -> AbstractContextManager[dict[str, str]]:
    return embedded_services() if any(bug.needs_database for bug in bugs) else nullcontext({})


def _try(copy: Path, environment: dict[str, str], bug: Planted) -> str:
    path = copy / bug.file
    text = path.read_text("utf-8")
    if text.count(bug.right) < 1:
        return f"cannot be planted: {bug.file} does not say {bug.right!r} any more"
    try:
        path.write_text(text.replace(bug.right, bug.wrong, 1), "utf-8")
        return "its tests pass" if _passes(copy, environment, list(bug.tests)) else ""
    finally:
        path.write_text(text, "utf-8")


def _passes(copy: Path, environment: dict[str, str], tests: list[str], *words: str) -> bool:
    # Django is loaded only for tests of the apps: it takes longer than the others themselves.
    plugins = ("--reuse-db",) if any(needs_database(test) for test in tests) else ("-p", "no:django")
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *plugins, *words, *tests]
    done = subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True, timeout=600)
    if done.returncode not in (0, 1):  # neither passed nor failed: it did not run
        print(done.stdout[-2000:], done.stderr[-2000:], flush=True)
    elif words and done.returncode:
        print(done.stdout[-3000:], flush=True)
    return done.returncode == 0


@contextmanager
def _copy() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="mikrobot-planted-") as name:
        copy = Path(name) / "mikrobot"
        copy.mkdir()
        for folder in COPIED:
            # Byte code goes along: it fits as long as its source has the same time and size.
            shutil.copytree(ROOT / folder, copy / folder)
        for file in FILES:
            shutil.copy(ROOT / file, copy / file)
        yield copy
