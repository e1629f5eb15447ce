"""Every legal step of every state, on one page. The database moves by compare-and-set, the table says what may be set."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

from trading.errors import IllegalTransition
from trading.model.orders import OrderOutcome

StateT = TypeVar("StateT", bound=StrEnum)


class Desired(StrEnum):
    """What people want of an assignment."""

    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    STOPPED = "STOPPED"


class Observed(StrEnum):
    """What an agent has proven of an assignment."""

    PENDING = "PENDING"
    STARTING = "STARTING"
    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    STOPPING = "STOPPING"
    STOPPED = "STOPPED"
    FAILED = "FAILED"


class CommandState(StrEnum):
    """
    The life of a command.

    One-shots are leased and worked; edits of desired state are history whose state is derived (EXECUTED, SUPERSEDED, FAILED).
    """

    PENDING = "PENDING"
    LEASED = "LEASED"
    ACKNOWLEDGED = "ACKNOWLEDGED"
    EXECUTED = "EXECUTED"
    FAILED = "FAILED"
    EXPIRED = "EXPIRED"
    UNRESOLVED = "UNRESOLVED"
    SUPERSEDED = "SUPERSEDED"


# A stopped assignment never runs again: starting anew is a new assignment.
DESIRED_STEPS: Mapping[Desired, frozenset[Desired]] = {
    Desired.RUNNING: frozenset({Desired.PAUSED, Desired.STOPPED}),
    Desired.PAUSED: frozenset({Desired.RUNNING, Desired.STOPPED}),
    Desired.STOPPED: frozenset(),
}

OBSERVED_STEPS: Mapping[Observed, frozenset[Observed]] = {
    Observed.PENDING: frozenset(
        {Observed.STARTING, Observed.RUNNING, Observed.PAUSED, Observed.STOPPING, Observed.STOPPED, Observed.FAILED}
    ),
    Observed.STARTING: frozenset(
        {Observed.RUNNING, Observed.PAUSED, Observed.STOPPING, Observed.STOPPED, Observed.FAILED}
    ),
    # Back to STARTING: an agent that restarts reconciles before it runs again.
    Observed.RUNNING: frozenset(
        {Observed.STARTING, Observed.PAUSED, Observed.STOPPING, Observed.STOPPED, Observed.FAILED}
    ),
    Observed.PAUSED: frozenset(
        {Observed.STARTING, Observed.RUNNING, Observed.STOPPING, Observed.STOPPED, Observed.FAILED}
    ),
    Observed.STOPPING: frozenset({Observed.STOPPED, Observed.FAILED}),
    # A failed one may be tried again while it is still wanted, and must always be stoppable.
    Observed.FAILED: frozenset(
        {Observed.STARTING, Observed.RUNNING, Observed.PAUSED, Observed.STOPPING, Observed.STOPPED}
    ),
    Observed.STOPPED: frozenset(),
}

COMMAND_STEPS: Mapping[CommandState, frozenset[CommandState]] = {
    CommandState.PENDING: frozenset(
        {CommandState.LEASED, CommandState.EXECUTED, CommandState.FAILED, CommandState.EXPIRED, CommandState.SUPERSEDED}
    ),
    # A lease that ran out goes back to PENDING; the journal of the agent answers a repeat.
    CommandState.LEASED: frozenset(
        {
            CommandState.PENDING,
            CommandState.ACKNOWLEDGED,
            CommandState.EXECUTED,
            CommandState.FAILED,
            CommandState.EXPIRED,
            CommandState.UNRESOLVED,
        }
    ),
    CommandState.ACKNOWLEDGED: frozenset({CommandState.EXECUTED, CommandState.FAILED, CommandState.UNRESOLVED}),
    CommandState.UNRESOLVED: frozenset({CommandState.EXECUTED, CommandState.FAILED}),
    CommandState.EXECUTED: frozenset(),
    CommandState.FAILED: frozenset(),
    CommandState.EXPIRED: frozenset(),
    CommandState.SUPERSEDED: frozenset(),
}

_SETTLED: frozenset[OrderOutcome] = frozenset(
    {OrderOutcome.FILLED, OrderOutcome.PARTIAL, OrderOutcome.REJECTED, OrderOutcome.CANCELLED, OrderOutcome.EXPIRED}
)

ORDER_STEPS: Mapping[OrderOutcome, frozenset[OrderOutcome]] = {
    OrderOutcome.REQUESTED: frozenset({OrderOutcome.DENIED, OrderOutcome.APPROVED, OrderOutcome.EXPIRED}),
    OrderOutcome.APPROVED: frozenset({OrderOutcome.SENT, OrderOutcome.EXPIRED, OrderOutcome.CANCELLED}),
    OrderOutcome.SENT: _SETTLED | {OrderOutcome.PLACED, OrderOutcome.UNRESOLVED},
    OrderOutcome.PLACED: _SETTLED | {OrderOutcome.UNRESOLVED},
    OrderOutcome.UNRESOLVED: _SETTLED | {OrderOutcome.PLACED},
    # The rest of a partial fill may still come, or be cancelled.
    OrderOutcome.PARTIAL: frozenset({OrderOutcome.FILLED, OrderOutcome.CANCELLED}),
    OrderOutcome.FILLED: frozenset(),
    OrderOutcome.DENIED: frozenset(),
    OrderOutcome.REJECTED: frozenset(),
    OrderOutcome.CANCELLED: frozenset(),
    OrderOutcome.EXPIRED: frozenset(),
}


def is_legal(steps: Mapping[StateT, frozenset[StateT]], old: StateT, new: StateT) -> bool:
    """
    Say whether ``old`` may become ``new``; staying is always legal.

    >>> is_legal(DESIRED_STEPS, Desired.STOPPED, Desired.RUNNING)
    False
    """
    return old == new or new in steps[old]


def require_legal(steps: Mapping[StateT, frozenset[StateT]], old: StateT, new: StateT) -> None:
    """
    Do nothing where the step is legal.

    :raises IllegalTransition: where it is not; ``extra`` lists the legal ones.
    """
    if is_legal(steps, old, new):
        return
    allowed = sorted(str(state) for state in steps[old])
    message = f"{old} cannot become {new}; it may become {', '.join(allowed) or 'nothing: it is final'}"
    raise IllegalTransition(message, extra={"from": str(old), "to": str(new), "allowed": allowed})


def sources(steps: Mapping[StateT, frozenset[StateT]], new: StateT) -> frozenset[StateT]:
    """Return the states that may become ``new``: the `WHERE state IN (...)` of a compare-and-set."""
    return frozenset(old for old, targets in steps.items() if new in targets)


def is_final(steps: Mapping[StateT, frozenset[StateT]], state: StateT) -> bool:
    """Say whether nothing comes after ``state``."""
    return not steps[state]
