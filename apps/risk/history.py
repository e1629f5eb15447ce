"""The decision log read back as cases: what was asked in a period, what was answered, and what came of it."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from apps.accounts.models import Account, EquityPoint, TradingDay
from apps.common.errors import Impossible, Invalid
from apps.common.ids import parse_public_id
from apps.risk.dispute.day import get_day
from apps.risk.models import Approval, Decision, LogDocument
from apps.risk.services.verification import list_documents, read_logged_case
from apps.trades.models import Trade
from trading.errors import TradingError
from trading.risk.replay import DayBase, Outcome, Recorded
from trading.risk.what_if import View

MOST_REQUESTS = 5000
MOST_DAYS = 92
CHUNK = 500
PERIOD_EMPTY, PERIOD_TOO_LONG, PERIOD_INVALID = "PERIOD_EMPTY", "PERIOD_TOO_LONG", "PERIOD_INVALID"


@dataclass(frozen=True)
class Period:
    """Whole trading days of an account, and the lines of the log between the first one's beginning and the last one's end."""

    account: Account
    days: list[TradingDay]
    first: int
    last: int
    most_requests: int

    @property
    def starts_at(self) -> dt.datetime:
        return self.days[0].starts_at

    @property
    def ends_at(self) -> dt.datetime:
        return self.days[-1].ends_at

    def list_bases(self) -> list[DayBase]:
        """Return the days with what they began with, corrected where they were."""
        return [_base_of(day) for day in self.days]

    def read_verdicts(self) -> Iterator[dict[str, Any]]:
        """
        Return the bodies of the verdicts, oldest first.

        :raises Impossible: PERIOD_TOO_LONG beyond as many as may be read at once.
        """
        lines = Decision.objects.filter(account=self.account, number__gte=self.first, number__lte=self.last)
        count = 0
        for body in lines.order_by("number").values_list("body", flat=True).iterator(chunk_size=CHUNK):
            said = json.loads(body, parse_float=Decimal)
            if said.get("kind") == "approval":
                count += 1
                if count > self.most_requests:
                    message = f"More than {self.most_requests} trades were asked for in these days: name fewer days, or let a worker answer."
                    raise Impossible(PERIOD_TOO_LONG, message, "from", {"most": self.most_requests})
                yield said

    def list_views(self) -> list[View]:
        """Return the lowest equity seen in each minute."""
        rows = EquityPoint.objects.filter(
            account=self.account, market_at__gte=self.starts_at, market_at__lt=self.ends_at
        ).order_by("market_at")
        lowest: dict[dt.datetime, View] = {}
        for market_at, equity in rows.values_list("market_at", "equity").iterator(chunk_size=5000):
            minute = market_at.replace(second=0, microsecond=0)
            if minute not in lowest or equity < lowest[minute].equity:
                lowest[minute] = View(market_at=market_at, equity=equity)
        return list(lowest.values())


def find_period(
    account: Account,
    first: dt.date | None = None,
    last: dt.date | None = None,
    *,
    most_days: int | None = None,
    most_requests: int | None = None,
) -> Period:
    """
    Return the account's trading days from one date to another; the last five it had where no date is given.

    :raises Invalid: PERIOD_INVALID where it ends before it begins.
    :param most_days: and ``most_requests``, what may be read at once: 92 and 5,000 while somebody waits.
    :raises Impossible: PERIOD_TOO_LONG beyond so many days; PERIOD_EMPTY where the account had no day then.
    """
    most_days, most_requests = most_days or MOST_DAYS, most_requests or MOST_REQUESTS
    if first and last and last < first:
        raise Invalid(PERIOD_INVALID, "The period ends before it begins.", "to")
    rows = TradingDay.objects.filter(account=account).order_by("-day")
    rows = rows.filter(day__lte=last) if last else rows
    rows = rows.filter(day__gte=first) if first else rows[:5]
    days = list(rows[: most_days + 1])[::-1]
    if len(days) > most_days:
        raise Impossible(
            PERIOD_TOO_LONG,
            f"At most {most_days} trading days at once.",
            "from",
            {"most_days": most_days},
        )
    if not days:
        raise Impossible(PERIOD_EMPTY, "The account had no trading day in this period.", "from")
    begun, ended = get_day(account, days[0].day), get_day(account, days[-1].day)
    return Period(account, days, begun.first, ended.last, most_requests)


def read_recorded(period: Period, tell: Callable[[float], None] = lambda _: None) -> tuple[list[Recorded], int]:
    """
    Return the requests of a period with what came of them, and how many lines could not be read as cases.

    :param tell: hears which share is done as it goes on; what it raises ends the reading.
    """
    bodies, unread = list(period.read_verdicts()), 0
    found: list[Recorded] = []
    for start in range(0, len(bodies), CHUNK):
        tell(start / len(bodies))
        part = bodies[start : start + CHUNK]
        documents = LogDocument.objects.in_bulk({name for body in part for name in list_documents(body)})
        outcomes = find_outcomes(period.account, part)
        for body in part:
            try:
                found.append(_read_one(body, documents, outcomes))
            except (KeyError, TypeError, ValueError, TradingError):
                unread += 1
    return found, unread


def find_outcomes(account: Account, bodies: Sequence[dict[str, Any]]) -> dict[UUID, Outcome]:
    """Return what came of approvals, by their ids: all legs of a position together."""
    ids = [parse_public_id(Approval.PREFIX, body["approval"]) for body in bodies if body["approved"]]
    legs: dict[UUID, list[Trade]] = {}
    for trade in Trade.objects.filter(account=account, approval_id__in=ids):
        if trade.approval_id is not None:
            legs.setdefault(trade.approval_id, []).append(trade)
    return {pk: _sum_up(rows) for pk, rows in legs.items()}


def _sum_up(rows: list[Trade]) -> Outcome:
    ended = [row.closed_at for row in rows if row.closed_at is not None]
    return Outcome(
        opened_at=min(row.opened_at for row in rows),
        closed_at=max(ended) if len(ended) == len(rows) else None,
        pnl=sum((row.pnl for row in rows), Decimal(0)),
    )


def _read_one(body: dict[str, Any], documents: dict[str, LogDocument], outcomes: dict[UUID, Outcome]) -> Recorded:
    return Recorded(
        key=body["approval"],
        case=read_logged_case(body, documents),
        approved=body["approved"],
        reason=body["reason"],
        lots=Decimal(str(body["lots"])),
        risk=Decimal(str(body["risk"])),
        outcome=outcomes.get(parse_public_id(Approval.PREFIX, body["approval"])),
    )


def _base_of(day: TradingDay) -> DayBase:
    row = day.corrections.order_by("created_at").last() or day
    return DayBase(day=day.day, starts_at=day.starts_at, balance=row.balance_base, equity=row.equity_base)
