"""Rule packs for tests: a firm that does not exist, with figures of your choice."""

from __future__ import annotations

from datetime import date
from typing import Any

from apps.accounts.models import RulePackVersion
from apps.accounts.services import publish_version
from apps.teams.models import Team

CHECKED = date(2026, 3, 1)


def pack_document(code: str = "acme-two-step", **changes: Any) -> dict[str, Any]:
    """Return a firm's program: 2 % a day of the initial balance from the balance at midnight in Prague, 8 % in all, static."""
    given = {
        "id": code,
        "firm": "Acme",
        "program": "Two steps",
        "phases": [{"name": "challenge", "profit_target_pct": 8, "min_trading_days": 4}, {"name": "funded"}],
        "daily_loss": {"kind": "hard", "pct": 2, "reset": {"time": "00:00", "tz": "Europe/Prague"}},
        "max_loss": {"mode": "static", "pct": 8},
        "sources": [{"url": "https://acme.example/rules", "seen": "2026-03-01"}],
    }
    return {**given, **changes}


def make_pack(
    team: Team | None = None, *, code: str = "acme-two-step", valid_from: date = CHECKED, **changes: Any
) -> RulePackVersion:
    """Return a new version of a pack; the platform's where no team is named."""
    return publish_version(
        document=pack_document(code, **changes), checked=CHECKED, valid_from=valid_from, actor="test", team=team
    )
