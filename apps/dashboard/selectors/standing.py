"""Accounts as the pages show them: the truth of the last snapshot against the limits in force, and how old that truth is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from django.db.models import QuerySet

from apps.accounts.models import Account, AccountRisk, AccountSnapshot, LimitSet
from apps.dashboard.marks import Headroom
from apps.dashboard.marks.ages import STALE_S
from apps.dashboard.selectors.lag import read_market_clock
from apps.dashboard.selectors.latches import find_halt
from apps.teams.models import Team
from trading.errors import TradingError
from trading.risk.exposure import Holding, measure_exposure
from trading.risk.levels import RiskLevel, Standing, level_of, show_level, stand
from trading.risk.limits import TRAILING_INTRADAY, Limits, parse_limits

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class AccountView:
    """
    An account with everything a page says of it.

    `level` is a risk level, STALE where the last snapshot is 15 s old or older, UNKNOWN where there never was one.
    """

    account: Account
    risk: AccountRisk | None
    snapshot: AccountSnapshot | None
    limits: Limits | None
    standing: Standing | None
    level: str
    halt: str
    stale: bool
    daily: Headroom | None
    total: Headroom | None
    at_risk: Decimal
    unprotected: bool
    resets_in_s: int | None

    @property
    def code(self) -> str:
        return self.account.code

    @property
    def today(self) -> Decimal | None:
        return -self.standing.daily_loss if self.standing else None

    @property
    def market_at(self) -> datetime | None:
        """The market time of the last snapshot."""
        return self.snapshot.market_at if self.snapshot else None

    @property
    def free(self) -> Decimal | None:
        """What new trades may still risk: the nearer floor, less what is at risk already."""
        return max(ZERO, self.standing.room - self.at_risk) if self.standing else None

    @property
    def positions(self) -> list[dict[str, Any]]:
        return self.snapshot.positions if self.snapshot else []

    @property
    def orders(self) -> list[dict[str, Any]]:
        return self.snapshot.orders if self.snapshot else []

    @property
    def may_trade(self) -> bool:
        return not self.halt and not self.stale and self.level not in ("HALTED", "UNKNOWN")

    @property
    def is_simulated(self) -> bool:
        return self.account.mode == "PAPER"


def list_account_views(team: Team, at: datetime) -> list[AccountView]:
    """Return the team's accounts, worst first, in two queries."""
    accounts = list(list_accounts(team).filter(retired_at=None).order_by("code"))
    limits = _read_limits(accounts)
    views = [view_account(account, limits.get(account.pk), at) for account in accounts]
    return sorted(views, key=_rank)


def list_accounts(team: Team) -> QuerySet[Account]:
    """Return the team's accounts with their risk row and last snapshot."""
    return Account.objects.filter(team=team).select_related("risk", "snapshot")


def get_account_view(account: Account, at: datetime) -> AccountView:
    """Return one account's view in one query more."""
    return view_account(account, _read_limits([account]).get(account.pk), at)


def view_account(account: Account, limits: Limits | None, at: datetime) -> AccountView:
    """Return the view of an account whose risk row and snapshot are loaded."""
    risk, snapshot = getattr(account, "risk", None), getattr(account, "snapshot", None)
    halt = find_halt(account)
    stale = snapshot is None or (at - snapshot.taken_at).total_seconds() >= STALE_S
    standing = _stand(account, risk, snapshot, limits)
    at_risk, unprotected = _measure(snapshot, risk, limits)
    level = _level(risk, standing, limits, halt=halt, known=snapshot is not None, stale=stale)
    return AccountView(
        account=account,
        risk=risk,
        snapshot=snapshot,
        limits=limits,
        standing=standing,
        level=level,
        halt=halt,
        stale=stale,
        daily=_room("daily floor", account, standing, limits, at_risk, halt, stale) if standing else None,
        total=_room("total floor", account, standing, limits, at_risk, halt, stale) if standing else None,
        at_risk=at_risk,
        unprotected=unprotected,
        resets_in_s=_count_down(risk, snapshot, at),
    )


def _read_limits(accounts: list[Account]) -> dict[Any, Limits]:
    rows = LimitSet.objects.filter(account__in=accounts, in_force=True)
    return {row.account_id: limits for row in rows if (limits := read_limits(row)) is not None}


def read_limits(row: LimitSet) -> Limits | None:
    """Return the limits of a version; None where they cannot be read: nothing is approved on such an account."""
    try:
        return parse_limits(row.document)
    except TradingError:
        return None


def _stand(
    account: Account, risk: AccountRisk | None, snapshot: AccountSnapshot | None, limits: Limits | None
) -> Standing | None:
    if risk is None or snapshot is None or limits is None or risk.day_balance_base is None:
        return None
    intraday = limits.drawdown_mode == TRAILING_INTRADAY
    return stand(
        limits,
        initial_balance=account.initial_balance,
        day_balance=risk.day_balance_base,
        day_equity=risk.day_equity_base if risk.day_equity_base is not None else risk.day_balance_base,
        peak=(risk.peak_equity if intraday else risk.peak_balance) or account.initial_balance,
        equity=snapshot.equity,
    )


def _level(
    risk: AccountRisk | None,
    standing: Standing | None,
    limits: Limits | None,
    *,
    halt: str,
    known: bool,
    stale: bool,
) -> str:
    if halt:
        return "HALTED"
    if not known or risk is None or standing is None or limits is None:
        return "UNKNOWN"
    if stale:
        return "STALE"
    kept = RiskLevel(risk.level)
    return show_level(kept, standing.used, latched=False, halted_fraction=limits.halted_fraction).value


def _room(
    floor: str,
    account: Account,
    standing: Standing,
    limits: Limits | None,
    at_risk: Decimal,
    halt: str,
    stale: bool,
) -> Headroom:
    daily = floor.startswith("daily")
    used = standing.daily_used if daily else standing.total_used
    halted_fraction = limits.halted_fraction if limits else Decimal("0.95")
    level = "HALTED" if halt and daily else level_of(used, latched=False, halted_fraction=halted_fraction).value
    return Headroom(
        floor=floor,
        limit=standing.daily_limit if daily else standing.total_limit,
        lost=standing.daily_loss if daily else standing.total_loss,
        at_risk=at_risk,
        currency=account.currency,
        level=level,
        stale=stale,
    )


def _measure(snapshot: AccountSnapshot | None, risk: AccountRisk | None, limits: Limits | None) -> tuple[Decimal, bool]:
    reserved = risk.reserved if risk else ZERO
    if snapshot is None:
        return reserved, False
    holdings = [holding for row in snapshot.positions if (holding := _to_holding(row)) is not None]
    fraction = limits.unprotected_move_fraction if limits else None
    exposure = measure_exposure(holdings, {}, unprotected_move_fraction=fraction)
    return reserved + exposure.worst_loss, exposure.problem == "POSITION_WITHOUT_STOP"


def _to_holding(row: dict[str, Any]) -> Holding | None:
    try:
        return Holding(
            symbol=str(row["symbol"]),
            side=str(row["side"]),
            volume_lots=Decimal(str(row["volume_lots"])),
            entry_price=Decimal(str(row["entry_price"])),
            price=Decimal(str(row.get("current_price") or row["entry_price"])),
            stop_loss=Decimal(str(row["stop_loss"])) if row.get("stop_loss") else None,
            profit=Decimal(str(row.get("profit") or 0)),
            position_id=int(row.get("position_id") or 0),
        )
    except (KeyError, InvalidOperation, ValueError, TypeError):
        return None


def _count_down(risk: AccountRisk | None, snapshot: AccountSnapshot | None, at: datetime) -> int | None:
    """Return the wall seconds until the account's day turns: market seconds, sped up on a simulated market."""
    if risk is None or snapshot is None or risk.day_ends_at is None:
        return None
    left = risk.day_ends_at - read_market_clock(snapshot, at)
    return max(0, int(left.total_seconds() / (snapshot.market_speed or 1.0)))


def _rank(view: AccountView) -> tuple[int, str]:
    worst = ("HALTED", "CRITICAL", "WARNING", "CAUTION", "STALE", "UNKNOWN", "SAFE")
    return worst.index(view.level) if view.level in worst else len(worst), view.code
