"""What belongs to one trading day of one account: its lines of the log and all rows beside them."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db.models import Max, Min, Q, QuerySet

from apps.accounts.models import (
    Account,
    AccountMode,
    AccountRisk,
    EquityPoint,
    LimitSet,
    RulePackVersion,
    TradingDay,
)
from apps.common.codes import Code
from apps.common.errors import NotFound
from apps.risk.models import Approval, Decision, LogAnchor, LogDocument, RiskEvent
from apps.risk.services.verification import list_documents
from apps.trades.models import Deal, Trade
from trading.risk.levels import Standing, stand
from trading.risk.limits import Limits, parse_limits


@dataclass(frozen=True)
class LogSpan:
    """Lines of an account's log from one number to another, and what they speak of; `last` is below `first` where there are none."""

    account: Account
    first: int
    last: int

    def list_lines(self) -> QuerySet[Decision]:
        rows = Decision.objects.filter(account=self.account, number__gte=self.first, number__lte=self.last)
        return rows.order_by("number")

    def list_approvals(self) -> QuerySet[Approval]:
        """Return the approvals that lines speak of: one asked in the day's last second may be the next day's."""
        bodies = (json.loads(body) for body in self.list_lines().values_list("body", flat=True).iterator())
        tags = [body["tag"] for body in bodies if body.get("kind") == "approval"]
        return Approval.objects.filter(account=self.account, tag__in=tags).select_related("bot").order_by("at", "id")

    def list_anchors(self) -> QuerySet[LogAnchor]:
        rows = LogAnchor.objects.filter(account=self.account, number__gte=self.first, number__lte=self.last)
        return rows.select_related("key").order_by("number")

    def list_documents(self) -> QuerySet[LogDocument]:
        names: set[str] = set()
        for body in self.list_lines().values_list("body", flat=True).iterator():
            names.update(list_documents(json.loads(body)))
        return LogDocument.objects.filter(hash__in=names).order_by("hash")


@dataclass(frozen=True)
class AccountDay(LogSpan):
    """A trading day and the numbers of the lines that belong to it; `last` is 0 where nothing was written down."""

    row: TradingDay

    def list_deals(self) -> QuerySet[Deal]:
        return Deal.objects.filter(account=self.account, **self._within("market_at")).order_by("market_at", "ticket")

    def list_trades(self) -> QuerySet[Trade]:
        """Return the positions that were open at any time of the day."""
        rows = Trade.objects.filter(account=self.account, opened_at__lt=self.row.ends_at).select_related("bot")
        return rows.filter(Q(closed_at=None) | Q(closed_at__gte=self.row.starts_at)).order_by(
            "opened_at", "position_id"
        )

    def list_points(self) -> list[EquityPoint]:
        """Return the last view of every minute of the day."""
        rows = EquityPoint.objects.filter(account=self.account, **self._within("market_at")).order_by("market_at", "id")
        last_of_minute = {row.market_at.replace(second=0, microsecond=0): row for row in rows.iterator()}
        return [last_of_minute[minute] for minute in sorted(last_of_minute)]

    def list_events(self) -> QuerySet[RiskEvent]:
        begun, ended = self._wall_clock()
        rows = RiskEvent.objects.filter(account=self.account, at__gte=begun, at__lte=ended)
        return rows.select_related("bot").order_by("at", "id")

    def list_limit_sets(self) -> list[LimitSet]:
        """Return the limits in force at any time of the day: those set in it, and the last one before."""
        begun, ended = self._wall_clock()
        rows = LimitSet.objects.filter(account=self.account).select_related("pack_version__pack").order_by("number")
        before = rows.filter(created_at__lt=begun).last() or rows.first()
        return [row for row in rows.filter(created_at__lte=ended) if before is None or row.number >= before.number] or (
            [before] if before else []
        )

    def list_packs(self) -> list[RulePackVersion]:
        found = {row.pack_version_id: row.pack_version for row in self.list_limit_sets() if row.pack_version}
        return list(found.values())

    def read_last_state(self) -> dict[str, Any]:
        """Return the state of the day's last judged line, nothing where none was judged."""
        for body in self.list_lines().order_by("-number").values_list("body", flat=True).iterator(chunk_size=50):
            said = json.loads(body, parse_float=Decimal)
            if isinstance(said.get("state"), dict):
                return dict(said["state"])
        return {}

    def stand_at(self, equity: Decimal) -> tuple[Limits, Standing] | None:
        """Return where the account stood with this equity, by the day's bases and the last limits in force in it."""
        sets = self.list_limit_sets()
        if not sets:
            return None
        limits = parse_limits(sets[-1].document)
        correction = self.row.corrections.order_by("created_at").last()
        bases = correction or self.row
        peak = Decimal(str(self.read_last_state().get("peak", self.account.initial_balance)))
        standing = stand(
            limits,
            initial_balance=self.account.initial_balance,
            day_balance=bases.balance_base,
            day_equity=bases.equity_base,
            peak=peak,
            equity=equity,
        )
        return limits, standing

    def _within(self, name: str) -> dict[str, dt.datetime]:
        return {f"{name}__gte": self.row.starts_at, f"{name}__lt": self.row.ends_at}

    def _wall_clock(self) -> tuple[dt.datetime, dt.datetime]:
        """Return the day's span by the wall clock: on a paper account, when its lines were written."""
        if self.account.mode != AccountMode.PAPER:
            return self.row.starts_at, self.row.ends_at
        span = self.list_lines().aggregate(begun=Min("at"), ended=Max("at"))
        return span["begun"] or self.row.created_at, span["ended"] or self.row.created_at


def get_day(account: Account, day: dt.date) -> AccountDay:
    """
    Return a trading day of the account.

    :raises NotFound: where the account had no such day.
    """
    row = TradingDay.objects.filter(account=account, day=day).first()
    if row is None:
        raise NotFound(Code.NOT_FOUND, f"{account.code} had no trading day {day.isoformat()}.", "day")
    return AccountDay(account, *_find_lines(account, row), row)


def _find_lines(account: Account, row: TradingDay) -> tuple[int, int]:
    """Return the first and the last line of a day: from the line that began it to the one before the next day's."""
    head = AccountRisk.objects.values_list("chain_number", flat=True).get(account=account)
    following = TradingDay.objects.filter(account=account, starts_at__gte=row.ends_at).order_by("starts_at").first()
    first = _first_line_from(account, row, head)
    last = _first_line_from(account, following, head) - 1 if following else head
    return first, max(last, 0) if last >= first else first - 1


def _first_line_from(account: Account, row: TradingDay, head: int) -> int:
    # Lines are in the order of the wall clock, but for moments: look where the day's row was made, and from there on.
    low, high = 1, head + 1
    border = row.created_at - dt.timedelta(seconds=30)
    while low < high:
        middle = (low + high) // 2
        at = Decision.objects.filter(account=account, number=middle).values_list("at", flat=True).first()
        low, high = (middle + 1, high) if at is not None and at < border else (low, middle)
    until = row.created_at + dt.timedelta(minutes=5)
    lines = Decision.objects.filter(account=account, number__gte=low, at__lte=until).order_by("number")
    for number, body in lines.values_list("number", "body").iterator():
        said = json.loads(body)
        if said.get("kind") == "day" and said.get("starts_at", "")[:19] >= f"{row.starts_at:%Y-%m-%dT%H:%M:%S}":
            return number
    return low


def plain_row(row: Any) -> dict[str, Any]:
    """Return all columns of a row by their names."""
    return {field.attname: getattr(row, field.attname) for field in row._meta.fields}
