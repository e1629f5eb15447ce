"""The verbs of risk: decide, resolve, settle, halt, limit."""

from apps.risk.services.decide import decide
from apps.risk.services.latches import halt_account, halt_platform, halt_team, lift_account, lift_platform, lift_team
from apps.risk.services.limits import set_limits
from apps.risk.services.matching import find_approval_for
from apps.risk.services.reservations import resolve_reservation
from apps.risk.services.settling import list_due_accounts, settle_account, settle_after_snapshot
from apps.risk.services.verification import verify_chain, verify_log

__all__ = [
    "decide",
    "find_approval_for",
    "halt_account",
    "halt_platform",
    "halt_team",
    "lift_account",
    "lift_platform",
    "lift_team",
    "list_due_accounts",
    "resolve_reservation",
    "set_limits",
    "settle_account",
    "settle_after_snapshot",
    "verify_chain",
    "verify_log",
]
