"""One act on what was picked from a list: who is meant, what it does to each; and the lines of a log."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from apps.assignments.models import Assignment, Desired
from apps.executors.models import CommandKind, Executor, ExecutorLog
from apps.risk.services import bulk
from apps.teams.models import Team

MOST = 200
LEVELS = ("warning", "error")
_GRAVITY = {"debug": 0, "info": 0, "warning": 1, "error": 2, "critical": 2}


@dataclass(frozen=True, slots=True)
class Act:
    """An act as people know it: its name on the wire, its word, what it does, whether it closes something."""

    name: str
    word: str
    says: str
    is_grave: bool = False


ACTS = {
    act.name: act
    for act in (
        Act("PAUSE", "Pause", "Nothing new is opened. Open positions stay, with stops, targets and exits."),
        Act("RESUME", "Resume", "They open trades again from the next closed bar on; each is cleared first."),
        Act("UPDATE", "Update", "The newest version applies from the next closed bar on; open positions keep their stops."),
        Act("STOP", "Stop", "Their positions are closed at the market, their orders cancelled. STOPPED is shown only when the terminal reports flat. Final.", True),
        Act("FLATTEN", "Flatten accounts", "The accounts are halted, their strategies paused, and whatever is open or waits is closed and cancelled, whoever placed it.", True),
        Act(CommandKind.SNAPSHOT, "Ask for snapshots", "Every agent tells what its terminal shows now."),
        Act(CommandKind.PREFLIGHT, "Ask for the terminals’ facts", "Every agent tells what its terminal says of itself and its symbols."),
        Act(CommandKind.PULL_HISTORY, "Pull the deal histories", "Every agent sends all deals its terminal has; none is booked twice."),
    )
}  # fmt: skip
ON_STRATEGIES = ("PAUSE", "RESUME", "UPDATE", "STOP")


@dataclass(frozen=True, slots=True)
class Meant:
    """An act and the rows it is about: assignments for a wish, executors for all else."""

    act: Act
    rows: Sequence[Any]

    @property
    def are_assignments(self) -> bool:
        return self.act.name in bulk.WISHES

    @property
    def button(self) -> str:
        noun = "placement" if self.are_assignments else "executor"
        number = f"{len(self.rows)} {noun}{'' if len(self.rows) == 1 else 's'}"
        return f"{self.act.word} {number}" if self.are_assignments else f"{self.act.word} of {number}"

    @property
    def positions(self) -> int:
        return sum(row.open_positions for row in self.rows) if self.are_assignments else 0


def choose(team: Team, act: str, *, executors: Iterable[str], strategies: Iterable[str]) -> Meant:
    """Return who is meant by an act on executors and strategies of the team; names of others mean nobody."""
    known = ACTS.get(act, ACTS["PAUSE"])
    codes, slugs = list(executors)[:MOST], list(strategies)[:MOST]
    if known.name in bulk.WISHES:
        return Meant(known, _list_assignments(team, known.name, codes, slugs))
    rows = Executor.objects.filter(team=team, retired_at=None, code__in=codes).select_related("account")
    return Meant(known, list(rows.order_by("code")))


def to_targets(meant: Meant, *, actor: str, at: datetime) -> list[bulk.Target]:
    """Return what is asked of whom."""
    name = meant.act.name
    if meant.are_assignments:
        return [bulk.wish_of(row, name, actor=actor, at=at) for row in meant.rows]
    if name == bulk.FLATTEN:
        accounts = {row.account_id: row.account for row in meant.rows}
        return [bulk.flattening_of(account, "asked of many", actor=actor, at=at) for account in accounts.values()]
    return [bulk.one_shot_of(row, name, {}, actor=actor, at=at) for row in meant.rows]


def _list_assignments(team: Team, act: str, codes: list[str], slugs: list[str]) -> list[Assignment]:
    rows = Assignment.objects.filter(account__team=team, live=True)
    rows = rows.filter(executor__code__in=codes) if codes else rows
    rows = rows.filter(strategy__slug__in=slugs) if slugs else rows
    if not codes and not slugs:
        return []
    wanted = {"PAUSE": [Desired.RUNNING], "RESUME": [Desired.PAUSED]}.get(act, [Desired.RUNNING, Desired.PAUSED])
    rows = rows.filter(desired__in=wanted).select_related("account", "bot", "executor", "strategy", "version")
    return list(rows.order_by("strategy__name", "executor__code")[:MOST])


# --- a log --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LogEvent:
    """A line of a log as it is shown; one that is no JSON is shown as it is."""

    number: int
    at: datetime | None
    level: str
    event: str
    rest: str


def read_log(log: ExecutorLog | None, level: str, most: int) -> list[LogEvent]:
    """Return the newest lines of at least that level, newest first."""
    least = _GRAVITY.get(level, 0)
    found = [_read_line(number, text) for number, text in log.lines] if log else []
    kept = [event for event in found if _GRAVITY.get(event.level, 0) >= least]
    return kept[::-1][:most]


def _read_line(number: int, text: str) -> LogEvent:
    try:
        fields = json.loads(text)
    except ValueError:
        fields = None
    if not isinstance(fields, dict):
        return LogEvent(number, None, "info", "", text)
    stamp, level, event = (str(fields.pop(name, "")) for name in ("timestamp", "level", "event"))
    rest = "  ".join(f"{name}={_plain(value)}" for name, value in fields.items())
    return LogEvent(number, _read_time(stamp), level, event, rest)


def _read_time(text: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if at.tzinfo else None


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
