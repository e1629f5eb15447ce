"""What may be done, as words on a key; and which of them a role holds."""

from __future__ import annotations

from apps.teams.models import Role

RESOURCES = (
    "accounts",
    "alerts",
    "assignments",
    "backtests",
    "bots",
    "executors",
    "market",
    "orchestrator",
    "performance",
    "risk",
    "signals",
    "strategies",
    "trades",
    "xpws",
)
READS = frozenset({"team:read", *(f"{name}:read" for name in RESOURCES)})
WRITES = frozenset(f"{name}:write" for name in RESOURCES)
ACTS = frozenset({"bots:session", "trades:approve", "trades:report", "risk:halt"})
# What an owner keeps: money's frame, machines and keys. A trader may halt; lifting a halt is `risk:write`.
OWNED = frozenset({"accounts:write", "executors:write", "risk:write", "market:write", "keys:manage", "team:manage"})

GRANTABLE = READS | WRITES | ACTS | OWNED
# Held by the platform's own machines, never by a key a person makes.
EXECUTOR_SCOPES = frozenset({"executor:agent", "trades:approve", "trades:report"})
BOT_SCOPES = frozenset({"trades:approve", "trades:report", "accounts:read", "risk:read", "market:read"})
KNOWN = GRANTABLE | EXECUTOR_SCOPES

_OF_ROLE = {
    Role.OWNER: GRANTABLE,
    Role.TRADER: (READS | WRITES | ACTS) - OWNED,
    Role.VIEWER: READS,
}


def scopes_of_role(role: str) -> frozenset[str]:
    """
    Return what a role may do.

    >>> "strategies:write" in scopes_of_role("TRADER"), "strategies:write" in scopes_of_role("VIEWER")
    (True, False)
    """
    return _OF_ROLE[Role(role)]
