"""When and at which price orders fill. Bars are of bid prices; the spread is 20 points, 0.00020."""

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.broker.ledger import Ledger
from simulator.exchange import Exchange
from simulator.market.zone import ServerZone
from tests.unit.simulator.conftest import NOON, Broker, BrokerMaker, Prices, ScriptedMarket
from trading.engine import match

# open, high, low, close
FLAT = (1.10000, 1.10000, 1.10000, 1.10000)
RISING = (1.10000, 1.10300, 1.09900, 1.10200)  # 1.1000, down to 1.0990, up to 1.1030, back to 1.1020
FALLING = (1.10000, 1.10100, 1.09700, 1.09800)  # 1.1000, up to 1.1010, down to 1.0970, back to 1.0980


def test_an_order_at_the_close_of_a_bar_fills_at_the_next_open(make_broker: BrokerMaker) -> None:
    broker = make_broker(FLAT, RISING)
    broker.open_account()

    broker.next_bar()
    bought, sold = broker.send(type=0), broker.send(type=1)

    assert broker.exchange.market_at == NOON + 60
    assert (bought.price, sold.price) == (1.10020, 1.10000)
    assert [deal.made_at for deal in broker.deals()] == [NOON + 60, NOON + 60]


def test_a_stop_fills_at_its_price_where_the_bar_passes_it(make_broker: BrokerMaker) -> None:
    broker = make_broker(FALLING, FLAT)
    broker.open_account()
    broker.send(type=0, sl=1.09800, magic=9)

    broker.next_bar()

    # bought at the ask 1.10020, stopped at 1.09800: 0.00220 * 0.1 * 100000 = 22.00
    deal = broker.deals()[-1]
    assert (deal.price, deal.reason, deal.entry, deal.comment) == (1.098, 4, 1, "[sl 1.09800]")
    assert (deal.profit, deal.magic, broker.balance()) == (Decimal("-22.00"), 9, Decimal("9978.00"))
    assert broker.positions() == []
    # the path goes 1.1010 to 1.0970 in the second third: three quarters of the way down, it meets 1.0980
    assert deal.made_at == NOON + 20 + 15


def test_a_gap_beyond_the_stop_fills_at_the_open(make_broker: BrokerMaker) -> None:
    broker = make_broker(FLAT, (1.09500, 1.09600, 1.09400, 1.09500))
    broker.open_account()
    broker.send(type=0, sl=1.09800, tp=1.11)

    broker.next_bar()

    deal = broker.deals()[-1]
    assert (deal.price, deal.made_at, deal.profit) == (1.095, NOON + 60, Decimal("-52.00"))


def test_a_gap_beyond_the_target_fills_better(make_broker: BrokerMaker) -> None:
    broker = make_broker(FLAT, (1.12000, 1.12000, 1.12000, 1.12000))
    broker.open_account()
    broker.send(type=0, tp=1.11)

    broker.next_bar()

    assert (broker.deals()[-1].price, broker.deals()[-1].reason) == (1.12, 5)


def test_a_bar_that_closes_up_goes_to_its_low_first(make_broker: BrokerMaker) -> None:
    broker = make_broker(RISING, FLAT)
    broker.open_account()
    broker.send(type=0, sl=1.09950, tp=1.10250)

    broker.next_bar()

    assert broker.deals()[-1].price == 1.0995


def test_a_bar_that_closes_down_goes_to_its_high_first(make_broker: BrokerMaker) -> None:
    broker = make_broker((1.1, 1.103, 1.099, 1.0995), FLAT)
    broker.open_account()
    broker.send(type=0, sl=1.09950, tp=1.10250)

    broker.next_bar()

    assert broker.deals()[-1].price == 1.1025


def test_a_sell_leaves_at_the_ask(make_broker: BrokerMaker) -> None:
    # the bid's high is 1.10300, the ask's 1.10320: a stop between the two is met
    broker = make_broker(RISING, FLAT)
    broker.open_account()
    ticket = broker.send(type=1, sl=1.10310).order
    broker.send(type=1, sl=1.10330)

    broker.next_bar()

    assert [(deal.position_id, deal.price) for deal in broker.deals() if deal.entry == 1] == [(ticket, 1.1031)]


def test_nothing_happens_before_the_price_is_there(make_broker: BrokerMaker) -> None:
    broker = make_broker(FALLING, FLAT)
    broker.open_account()
    broker.send(type=0, sl=1.09800)

    broker.play(34.9)
    assert len(broker.positions()) == 1
    broker.play(0.2)

    assert broker.positions() == []
    assert broker.deals()[-1].price == 1.098


def test_how_finely_time_passes_does_not_change_a_fill(make_broker: BrokerMaker) -> None:
    broker = make_broker(FALLING, RISING, FLAT)
    broker.open_account()
    broker.send(type=0, sl=1.09733, magic=1)
    broker.send(type=1, tp=1.09811, magic=2)

    for _ in range(290):
        broker.exchange.step(broker.exchange.market_at + 0.61803)

    closed = {deal.magic: deal.price for deal in broker.deals() if deal.entry == 1}
    assert closed == {1: 1.09733, 2: 1.09811}


def test_a_buy_stop_fills_at_its_price_and_its_stop_waits_for_the_way_back(make_broker: BrokerMaker) -> None:
    broker = make_broker(FALLING, FLAT)
    broker.open_account()
    placed = broker.send(action=5, type=4, type_filling=2, price=1.10080, sl=1.09900)
    assert (placed.retcode, placed.deal) == (10009, 0)

    broker.next_bar()

    prices = [(deal.entry, deal.price) for deal in broker.deals()]
    assert prices == [(0, 1.1008), (1, 1.099)]


def test_limits_fill_at_their_price_or_better(make_broker: BrokerMaker) -> None:
    broker = make_broker(FALLING, (1.09000, 1.09000, 1.09000, 1.09000))
    broker.open_account()
    broker.send(action=5, type=2, type_filling=2, price=1.09900, magic=1)
    broker.send(action=5, type=3, type_filling=2, price=1.10050, magic=2)
    broker.send(action=5, type=2, type_filling=2, price=1.09500, magic=3)

    broker.next_bar()

    filled = {deal.magic: deal.price for deal in broker.deals()}
    assert filled == {1: 1.099, 2: 1.1005, 3: 1.0902}


def test_a_stop_limit_becomes_a_limit_when_its_price_is_met(make_broker: BrokerMaker) -> None:
    broker = make_broker(FALLING, FLAT)
    broker.open_account()
    broker.send(action=5, type=6, type_filling=2, price=1.10100, stoplimit=1.09950)

    broker.next_bar()

    (deal,) = broker.deals()
    assert deal.price == 1.0995


def test_a_waiting_order_without_margin_is_rejected(make_broker: BrokerMaker) -> None:
    broker = make_broker(FALLING, FLAT)
    broker.open_account(balance=Decimal("100.00"))
    ticket = broker.send(action=5, type=4, type_filling=2, price=1.10080, volume=1.0).order

    broker.next_bar()

    (order,) = broker.exchange.books.ledger.list_done_orders(1, -1e15, 1e15)
    assert (order.ticket, order.state) == (ticket, 5)
    assert broker.positions() == []


def test_a_waiting_order_expires(make_broker: BrokerMaker) -> None:
    broker = make_broker(FLAT, FLAT, FLAT, RISING)
    broker.open_account()
    past = broker.send(action=5, type=4, type_filling=2, price=1.102, type_time=2, expiration=NOON - 1)
    ticket = broker.send(action=5, type=4, type_filling=2, price=1.102, type_time=2, expiration=NOON + 90).order

    broker.next_bar(3)

    assert past.retcode == 10022
    (order,) = broker.exchange.books.ledger.list_done_orders(1, -1e15, 1e15)
    assert (order.ticket, order.state) == (ticket, 6)


def test_after_its_last_bar_a_market_is_closed(make_broker: BrokerMaker) -> None:
    broker = make_broker(FLAT, FLAT)
    broker.open_account()

    broker.next_bar()
    assert not broker.exchange.ended
    assert broker.exchange.step(float("inf")) is None

    assert broker.exchange.ended
    assert broker.send().retcode == 10018


def test_a_broker_that_dies_at_a_bars_opening_opens_it_again(
    make_broker: BrokerMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    bars = (FLAT, (1.09500, 1.09600, 1.09400, 1.09500), FLAT)
    broker = make_broker(*bars)
    broker.open_account()
    broker.send(type=0, sl=1.09800)
    monkeypatch.setattr(broker.exchange, "_open_bars", lambda at: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        broker.next_bar()
    broker.exchange.books.ledger.close()

    again = make_broker(*bars)
    assert len(again.positions()) == 1
    again.next_bar()

    assert [deal.price for deal in again.deals() if deal.entry == 1] == [1.095]


def expect_exit(bars: list[Prices], side: int, sl: float, tp: float) -> tuple[int, int, float] | None:
    """Walk the bars as a backtest does: the open, then the path. A position of the first open."""
    spread = 0.0002
    for number, (opened, high, low, closed) in enumerate(bars):
        kind, price = match.NO_FILL, 0.0
        if number:
            kind, price = match.match_open(side, sl, tp, opened, opened + spread)
        if kind == match.NO_FILL:
            kind, price = match.match_path(side, sl, tp, opened, high, low, closed, spread, False)
        if kind != match.NO_FILL:
            return number, kind, round(price, 5)
    return None


points = st.integers(-60, 60)


@settings(max_examples=150, deadline=None)
@given(
    shapes=st.lists(st.tuples(points, st.integers(0, 60), st.integers(0, 60), points), min_size=3, max_size=8),
    side=st.sampled_from([match.BUY, match.SELL]),
    stop=st.integers(1, 150),
    target=st.integers(1, 150),
    slices=st.lists(st.floats(0.5, 59), max_size=6),
)
def test_simulator_and_backtest_leave_at_the_same_bar_price_and_reason(  # type: ignore[no-untyped-def]
    tmp_path_factory, shapes, side, stop, target, slices
) -> None:
    bars, level = [], 110_000
    for gap, above, below, move in shapes:
        opened = level + gap
        level = opened + move
        high, low = max(opened, level) + above, min(opened, level) - below
        bars.append(tuple(value / 100_000 for value in (opened, high, low, level)))
    first = round(bars[0][0] * 100_000) + (20 if side == match.SELL else 0)
    sl, tp = (first - side * stop) / 100_000, (first + side * target) / 100_000
    ledger = Ledger(Path(tmp_path_factory.mktemp("parity")))
    source = ScriptedMarket({"EURUSD": bars})
    exchange = Exchange(source, ServerZone("UTC"), ledger, float(NOON), skips_closed=True)
    broker = Broker(exchange, Path())
    broker.open_account()
    outcome = broker.send(type=0 if side == match.BUY else 1, volume=0.01, sl=sl, tp=tp)
    assert outcome.retcode == 10009

    for seconds in slices:
        exchange.step(exchange.market_at + seconds)
    while not exchange.ended:
        exchange.step(float("inf"))

    expected = expect_exit(bars, side, sl, tp)
    found = [
        (deal.made_at - NOON, match.STOP_FILL if deal.reason == 4 else match.TARGET_FILL, deal.price)
        for deal in broker.deals()
        if deal.entry == 1
    ]
    ledger.close()
    assert [rest for _, *rest in found] == ([list(expected[1:])] if expected else [])
    assert [seconds_in // 60 for seconds_in, *_ in found] == ([expected[0]] if expected else [])
