"""Correlations from real bars: hourly closes of any timeframe, last hundred common hours, kept on both symbols."""

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from apps.common.clock import read_at
from apps.market.correlation import correlate_symbol, load_hourly_closes
from apps.market.models import Bar, SymbolSpecification
from apps.market.services import store_bars, store_specifications
from apps.market.tasks import correlate
from tests.fleet import make_account, symbol_spec
from trading.protocol import BarRow, BarsMessage

pytestmark = pytest.mark.django_db
MONDAY = datetime(2026, 3, 2, tzinfo=UTC)


@pytest.fixture
def account(world):
    opened = make_account(world.team)
    specs = [symbol_spec(name=name) for name in ("EURUSD", "GBPUSD", "USDCHF")]
    store_specifications(account=opened, specs=specs, at=read_at())
    return opened


def walk(count=120, seed=1):
    chance = random.Random(seed)
    price, found = 1.1, []
    for _ in range(count):
        price *= 1 + chance.uniform(-0.001, 0.001)
        found.append(round(price, 5))
    return found


def tell(account, symbol, closes, timeframe="H1", minutes=60):
    """Tell bars whose closes end at 1:00, 2:00 … on Monday and on."""
    rows = [
        BarRow(
            opens_at=int((MONDAY + timedelta(hours=hour + 1, minutes=-minutes)).timestamp()),
            open=Decimal(str(close)), high=Decimal(str(close)), low=Decimal(str(close)), close=Decimal(str(close)),
            volume=1, spread_points=1,
        )
        for hour, close in enumerate(closes)
    ]  # fmt: skip
    store_bars(account=account, message=BarsMessage(symbol=symbol, timeframe=timeframe, bars=rows))


def kept(account, symbol):
    stored = SymbolSpecification.objects.get(account=account, symbol=symbol).correlations
    return {name: float(pair["value"]) for name, pair in stored.items()}


def test_a_pair_is_kept_on_both_symbols_with_its_sign(account):
    euro = walk()
    tell(account, "EURUSD", euro)
    tell(account, "GBPUSD", [round(close * 1.2, 5) for close in euro])
    tell(account, "USDCHF", [round(1 / close, 5) for close in euro])

    assert correlate_symbol(account_id=account.pk, symbol="EURUSD") == 2

    assert kept(account, "EURUSD")["GBPUSD"] == pytest.approx(1, abs=0.01)
    assert kept(account, "EURUSD")["USDCHF"] == pytest.approx(-1, abs=0.01)
    assert kept(account, "GBPUSD") == {"EURUSD": kept(account, "EURUSD")["GBPUSD"]}
    row = SymbolSpecification.objects.get(account=account, symbol="EURUSD").correlations["GBPUSD"]
    assert row["returns"] == 100
    assert row["until"] == int((MONDAY + timedelta(hours=120)).timestamp()) // 3600


def test_hours_come_from_bars_of_any_timeframe_up_to_an_hour(account):
    euro = walk(60)
    tell(account, "EURUSD", euro, "M5", 5)
    tell(account, "GBPUSD", euro, "M15", 15)

    correlate(account_id=str(account.pk), symbol="GBPUSD")

    assert kept(account, "GBPUSD") == {"EURUSD": 1.0}


def test_too_few_common_hours_are_no_knowledge_and_old_knowledge_is_forgotten(account):
    tell(account, "EURUSD", walk(60))
    tell(account, "GBPUSD", walk(60, seed=2))
    correlate_symbol(account_id=account.pk, symbol="EURUSD")
    assert set(kept(account, "GBPUSD")) == {"EURUSD"}

    Bar.objects.filter(symbol="GBPUSD", opens_at__gte=MONDAY + timedelta(hours=29)).delete()
    correlate_symbol(account_id=account.pk, symbol="EURUSD")

    assert kept(account, "EURUSD") == kept(account, "GBPUSD") == {}


def test_bars_within_the_hour_are_no_hourly_closes(account):
    tell(account, "EURUSD", walk(3), "M15", 30)

    assert load_hourly_closes(account.pk, ["EURUSD"], MONDAY + timedelta(hours=4)) == {}


def test_an_hour_that_closes_queues_the_work_and_another_bar_does_not(account, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks() as queued:
        tell(account, "EURUSD", [1.1], "M15", 30)
    assert queued == []

    with django_capture_on_commit_callbacks() as queued:
        tell(account, "EURUSD", [1.1], "M15", 15)
    assert len(queued) == 1


def test_specifications_told_again_keep_what_was_worked_out(account):
    tell(account, "EURUSD", walk(60))
    tell(account, "GBPUSD", walk(60))
    correlate_symbol(account_id=account.pk, symbol="EURUSD")

    store_specifications(account=account, specs=[symbol_spec(name="EURUSD")], at=read_at())

    assert kept(account, "EURUSD") == {"GBPUSD": 1.0}
