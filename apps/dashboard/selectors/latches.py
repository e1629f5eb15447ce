"""The reason why an account may not trade, read from its risk row."""

from __future__ import annotations

from apps.accounts.models import Account, AccountRisk

LATCHES = ("platform_latch", "team_latch", "account_latch", "breach_latch", "day_latch")


def find_halt(account: Account) -> str:
    """Return the reason of the widest latch that is set; an empty text where none is."""
    try:
        risk = account.risk
    except AccountRisk.DoesNotExist:
        return ""
    return next((reason for name in LATCHES if (reason := getattr(risk, name))), "")
