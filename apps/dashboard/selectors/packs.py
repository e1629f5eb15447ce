"""An account's rule pack as its pages show it: which version, how old, what is newer, and a difference in words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from apps.accounts.models import Account, LimitSet, RulePackVersion
from apps.accounts.selectors import get_limits_in_force
from apps.dashboard.marks.numbers import format_percent
from trading.risk.pack_document import parse_pack
from trading.risk.pack_limits import Change, list_unenforced

NAMES = {
    "daily_loss_fraction": "Daily loss",
    "total_drawdown_fraction": "Total drawdown",
    "max_risk_per_trade_fraction": "Risk of one trade",
    "max_daily_risk_fraction": "Risk approved in a day",
    "daily_base": "The day starts from",
    "daily_fraction_of": "The daily loss is a share of",
    "daily_kind": "When the daily loss is broken",
    "drawdown_mode": "The total floor",
    "drawdown_locks_at_initial": "The total floor stops at the initial balance",
}
WORDS = {
    "BALANCE": "the balance",
    "EQUITY": "the equity",
    "HIGHER": "the higher of balance and equity",
    "INITIAL": "the initial balance",
    "REFERENCE": "what the day starts from",
    "HARD": "the account is lost",
    "PAUSE": "no trade until the next day",
    "STATIC": "stands still",
    "TRAILING_EOD": "follows the highest balance at a day’s end",
    "TRAILING_CLOSED": "follows the highest closed balance",
    "TRAILING_INTRADAY": "follows the highest equity",
}


@dataclass(frozen=True, slots=True)
class PackView:
    """The rules an account is under; `newer` is the number of a newer valid version, None where there is none."""

    row: LimitSet
    version: RulePackVersion | None
    unenforced: list[str]
    remarks: list[str]
    newer: int | None

    @property
    def source(self) -> str:
        """The source's address where it is one that a page may lead to; anything else is only shown."""
        url = self.version.source_url if self.version else ""
        return url if url.startswith("https://") and " " not in url else ""


def view_pack(account: Account, at: datetime) -> PackView:
    """Return the rules an account is under, in one query."""
    row = get_limits_in_force(account, at.date())
    version = row.pack_version
    if version is None:
        return PackView(row, None, [], [], None)
    pack, newest = parse_pack(version.document), getattr(row, "newest_number", None)
    return PackView(
        row=row,
        version=version,
        unenforced=list_unenforced(pack, pack.phase(row.pack_phase)),
        remarks=list_remarks(version),
        newer=newest if newest and newest > version.number else None,
    )


def list_remarks(version: RulePackVersion) -> list[str]:
    """Return how sure the figures are: what was assumed, what sources disagree on."""
    pack = parse_pack(version.document)
    sure = [f"Confidence: {pack.confidence}."] if pack.confidence else []
    return [*sure, *(f"Assumed: {text}." for text in pack.assumptions), *([pack.conflict] if pack.conflict else [])]


def say_changes(changes: list[Change]) -> list[tuple[str, str, str]]:
    """Return changed limits as name, before and after, for people."""
    return [(NAMES.get(one.path, one.path), _say(one.before), _say(one.after)) for one in changes]


def _say(value: Any) -> str:
    if value is None:
        return "no limit"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return format_percent(value, 2) if isinstance(value, Decimal) else WORDS.get(value, str(value))
