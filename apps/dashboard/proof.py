"""What a page may say of an assignment or an executor: proven, asked, or unknown; never what was merely wished."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from apps.assignments.models import Assignment, Desired, Observed
from apps.executors.models import Command, CommandState, Executor

STALE_AFTER = timedelta(seconds=15)
OFFLINE_AFTER = timedelta(seconds=60)

_ASKING = {Desired.RUNNING: "STARTING", Desired.PAUSED: "PAUSING", Desired.STOPPED: "STOPPING"}
_REACHED = {
    (Desired.RUNNING, Observed.RUNNING),
    (Desired.PAUSED, Observed.PAUSED),
    (Desired.STOPPED, Observed.STOPPED),
}


@dataclass(frozen=True, slots=True)
class Proof:
    """A state's kind (see `marks.render_state`), its word, the reason, and when it was seen."""

    kind: str
    word: str
    why: str
    seen_at: datetime | None

    @property
    def is_moving(self) -> bool:
        return self.kind == "moving"


def prove_executor(executor: Executor, at: datetime) -> Proof:
    """Return whether an executor is ONLINE, STALE (from 15 s) or OFFLINE (from 60 s)."""
    seen_at = executor.last_seen_at
    if executor.retired_at is not None:
        return Proof("off", "RETIRED", "", seen_at)
    if seen_at is None:
        return Proof("off", "OFFLINE", "never heard from", None)
    silent = at - seen_at
    if silent >= OFFLINE_AFTER:
        return Proof("off", "OFFLINE", "", seen_at)
    if silent >= STALE_AFTER:
        return Proof("unknown", "STALE", "", seen_at)
    return Proof("proven", "ONLINE", "", seen_at)


def prove_assignment(assignment: Assignment, executor: Executor, at: datetime, *, halted: str = "") -> Proof:
    """
    Return what is proven of an assignment.

    :param halted: the reason of the account's halt, where it has one.
    """
    seen_at = assignment.observed_at
    desired, observed = Desired(assignment.desired), Observed(assignment.observed)
    proven = (desired, observed) in _REACHED and assignment.observed_generation >= assignment.generation
    if proven and desired == Desired.STOPPED and _is_flat(assignment):
        return Proof("proven", "STOPPED, flat", "", seen_at)
    if executor.last_seen_at is None or at - executor.last_seen_at >= STALE_AFTER:
        return Proof("unknown", "UNKNOWN", _say_last(assignment), seen_at)
    if observed == Observed.FAILED:
        return Proof("refused", "FAILED", str(assignment.problem.get("message", "the agent gave no reason")), seen_at)
    if not proven or desired == Desired.STOPPED:
        return Proof("moving", _ASKING[desired], _say_waiting(assignment), seen_at)
    if halted and desired == Desired.RUNNING:
        return Proof("halted", "HALTED", f"by the account: {halted}", seen_at)
    return Proof("paused" if desired == Desired.PAUSED else "proven", desired.value, "", seen_at)


def _is_flat(assignment: Assignment) -> bool:
    return assignment.open_positions == 0 and assignment.pending_orders == 0


def _say_last(assignment: Assignment) -> str:
    if assignment.observed == Observed.UNKNOWN:
        return f"asked {assignment.desired}, the executor has not been heard from since"
    return f"was {assignment.observed} when last heard from"


def _say_waiting(assignment: Assignment) -> str:
    parts = []
    if assignment.desired == Desired.STOPPED and assignment.open_positions:
        parts.append(f"{assignment.open_positions} position{'s' if assignment.open_positions > 1 else ''} open")
    if assignment.desired == Desired.STOPPED and assignment.pending_orders:
        parts.append(f"{assignment.pending_orders} order{'s' if assignment.pending_orders > 1 else ''} waiting")
    if assignment.observed_generation < assignment.generation:
        parts.append(f"agent at generation {assignment.observed_generation} of {assignment.generation}")
    elif assignment.observed != Observed.UNKNOWN:
        parts.append(f"the agent says {assignment.observed}")
    return ", ".join(parts)


def prove_command(command: Command) -> Proof:
    """Return how a command stands. Of a one-shot EXECUTED is the agent's word; edits and flattenings are proven by a snapshot."""
    kind = {
        CommandState.EXECUTED: "proven",
        CommandState.FAILED: "refused",
        CommandState.UNRESOLVED: "unknown",
        CommandState.EXPIRED: "off",
        CommandState.SUPERSEDED: "off",
    }.get(CommandState(command.state), "moving")
    return Proof(kind, command.state, _say_command(command), command.ended_at or command.created_at)


def _say_command(command: Command) -> str:
    message = str(command.result.get("message", ""))
    if message:
        return message
    if command.state == CommandState.PENDING:
        return "handed to the agent, not acknowledged" if command.fetched_at else "not fetched by the agent yet"
    if command.result.get("said"):
        return "the agent says it is done; a snapshot has to prove it"
    return {CommandState.LEASED: "fetched by the agent", CommandState.ACKNOWLEDGED: "the agent is at it"}.get(
        CommandState(command.state), ""
    )
