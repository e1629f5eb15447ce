"""The equity curve is thinned: two days raw, 90 days by the minute, then by the day."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from apps.accounts.models import EquityPoint
from apps.accounts.services.keeping import thin_equity
from tests.fleet import make_account

pytestmark = pytest.mark.django_db
AT = datetime(2026, 6, 15, 12, 0, 30, tzinfo=UTC)


def add(account, at, equity):
    EquityPoint.objects.create(account=account, at=at, market_at=at, balance=Decimal(1), equity=Decimal(equity))


def left(account):
    return [int(point.equity) for point in EquityPoint.objects.filter(account=account).order_by("at")]


@pytest.mark.parametrize(
    "age, kept",
    [
        (timedelta(hours=1), [1, 2, 3, 4]),  # raw
        (timedelta(hours=49), [3, 4]),  # the last of each of two minutes
        (timedelta(days=91), [4]),  # the last of the day
    ],
)
def test_the_older_the_fewer_and_always_the_last(world, age, kept):
    account = make_account(world.team)
    begin = (AT - age).replace(second=0)
    for equity, seconds in enumerate((0, 10, 50, 70), start=1):
        add(account, begin + timedelta(seconds=seconds), equity)
    thin_equity(at=AT)
    assert left(account) == kept
    thin_equity(at=AT)
    assert left(account) == kept


def test_accounts_are_thinned_apart(world):
    accounts = [make_account(world.team) for _ in range(2)]
    for account in accounts:
        add(account, AT - timedelta(hours=50), 1)
    thin_equity(at=AT)
    assert [left(account) for account in accounts] == [[1], [1]]
