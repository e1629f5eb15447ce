"""What the agent must not forget: an fsynced log, and the rows it holds."""

from executor_agent.journal.journal import Damage, Journal
from executor_agent.journal.rows import (
    AssignmentRow,
    BarMark,
    CommandRow,
    IntentRow,
    IntentState,
    MarkRow,
    PositionRow,
    ReportRow,
    Row,
)

__all__ = [
    "AssignmentRow",
    "BarMark",
    "CommandRow",
    "Damage",
    "IntentRow",
    "IntentState",
    "Journal",
    "MarkRow",
    "PositionRow",
    "ReportRow",
    "Row",
]
