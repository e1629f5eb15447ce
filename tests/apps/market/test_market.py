"""Symbols, quotes, bars as agents tell them."""

from __future__ import annotations

from decimal import Decimal

import pytest

from apps.common.clock import read_at
from apps.common.errors import Impossible
from apps.common.models import OutboxEvent
from apps.market.models import Bar, Quote, SymbolSpecification
from apps.market.services import store_bars, store_quotes, store_specifications, to_numbers
from tests.fleet import make_account, quote, symbol_spec
from trading.protocol import BarRow, BarsMessage

pytestmark = pytest.mark.django_db
OPENS_AT = 1_600_000_020 - 1_600_000_020 % 60


@pytest.fixture
def account(world):
    return make_account(world.team)


def bar(**more):
    given = {
        "opens_at": OPENS_AT,
        "open": Decimal("1.10"),
        "high": Decimal("1.12"),
        "low": Decimal("1.09"),
        "close": Decimal("1.11"),
        "volume": 10,
        "spread_points": 8,
    }
    return BarRow(**{**given, **more})


def test_a_changed_contract_is_told_and_a_moving_rate_is_not(account):
    store_specifications(account=account, specs=[symbol_spec()], at=read_at())
    first = SymbolSpecification.objects.get().changed_at
    moved = symbol_spec(tick_value=Decimal("0.93"))
    assert store_specifications(account=account, specs=[moved], at=read_at()) == []
    row = SymbolSpecification.objects.get()
    assert (row.changed_at, to_numbers(row.document)["tick_value"]) == (first, Decimal("0.93"))
    assert store_specifications(account=account, specs=[symbol_spec(volume_step=Decimal("0.1"))], at=read_at()) == [
        "EURUSD"
    ]
    assert OutboxEvent.objects.filter(kind="symbol.changed").count() == 1


def test_the_latest_quote_is_kept_and_what_is_none_is_left_out(account):
    store_quotes(account=account, quotes=[quote()], at=read_at())
    bad = [quote("A", "0", "0"), quote("B", "-1", "1"), quote("C", "1.2", "1.1")]
    assert store_quotes(account=account, quotes=[*bad, quote(bid="1.2", ask="1.3")], at=read_at()) == 1
    assert Quote.objects.get().bid == Decimal("1.2")


def test_bars_are_stored_once(account):
    rows = [bar(), bar(opens_at=OPENS_AT + 60)]
    for _ in range(2):
        store_bars(account=account, message=BarsMessage(symbol="EURUSD", timeframe="M1", bars=rows))
    assert Bar.objects.count() == 2


@pytest.mark.parametrize(
    "wrong",
    [
        {"high": Decimal("1.00")},
        {"low": Decimal("1.105")},
        {"low": Decimal(0)},
        {"opens_at": OPENS_AT + 1},
        {"volume": -1},
    ],
)
def test_what_is_no_bar_is_refused(account, wrong):
    with pytest.raises(Impossible) as refused:
        store_bars(account=account, message=BarsMessage(symbol="EURUSD", timeframe="M1", bars=[bar(), bar(**wrong)]))
    assert refused.value.field == "bars[1]"
    assert not Bar.objects.exists()


def test_an_unknown_timeframe_is_never_another(account):
    with pytest.raises(Impossible) as refused:
        store_bars(account=account, message=BarsMessage(symbol="EURUSD", timeframe="M2", bars=[]))
    assert refused.value.code == "UNKNOWN_TIMEFRAME"
