"""Money: to the cent, on hedging and netting accounts."""

from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.broker.desk import Conditions
from tests.unit.simulator.conftest import NOON, BrokerMaker, flat

UP = (1.10000, 1.10500, 1.10000, 1.10500)
NIGHT = 86400


def test_partial_closes_add_up_to_the_cent(make_broker: BrokerMaker) -> None:
    broker = make_broker(UP, *flat(1.105, 2))
    broker.open_account(commission_per_lot=Decimal("7.00"), commission_mode="half")
    ticket = broker.send(volume=0.33).order
    broker.next_bar()

    for volume in (0.11, 0.01, 0.21):
        assert broker.send(type=1, volume=volume, position=ticket).retcode == 10009

    # from the ask 1.10020 to the bid 1.10500: 480 points at 1 USD per lot; 3.50 per lot at each deal
    deals = broker.deals()
    assert [deal.profit for deal in deals] == [Decimal(x) for x in ("0", "52.80", "4.80", "100.80")]
    assert [deal.commission for deal in deals] == [Decimal(x) for x in ("-1.16", "-0.39", "-0.04", "-0.74")]
    assert broker.balance() == Decimal("10000.00") + sum(deal.money for deal in deals)
    assert broker.positions() == []


def test_commission_at_the_entry_lowers_the_balance_at_once(make_broker: BrokerMaker) -> None:
    broker = make_broker(*flat(1.1, 3))
    broker.open_account(commission_per_lot=Decimal("7.00"), commission_mode="in")
    broker.open_account(2, commission_per_lot=Decimal("7.00"), commission_mode="out")

    broker.send(volume=1.0)
    broker.send(2, volume=1.0)

    assert (broker.balance(), broker.balance(2)) == (Decimal("9993.00"), Decimal("10000.00"))
    assert broker.exchange.desk.valuation.find_position_profit(
        broker.exchange.books.accounts[1], broker.positions()[0], broker.exchange.market_at
    ) == Decimal("-20.00")


def test_netting_averages_reduces_and_reverses(make_broker: BrokerMaker) -> None:
    broker = make_broker(UP, *flat(1.105, 2))
    broker.open_account(margin_mode=0)
    first = broker.send(volume=0.1, magic=1)
    broker.next_bar()

    broker.send(volume=0.3, magic=2)
    (position,) = broker.positions()
    # (0.1 * 1.10020 + 0.3 * 1.10520) / 0.4 = 1.10395
    assert (position.volume, position.price_open, position.magic) == (Decimal("0.4"), 1.10395, 2)

    reduced = broker.send(type=1, volume=0.1, magic=3)
    # (1.10500 - 1.10395) * 0.1 * 100000 = 10.50
    assert broker.deals()[-1].profit == Decimal("10.50")

    reversed_ = broker.send(type=1, volume=0.5, magic=4, sl=1.2)
    (position,) = broker.positions()
    deal = broker.deals()[-1]
    assert (deal.entry, deal.volume, deal.profit) == (2, Decimal("0.5"), Decimal("31.50"))
    assert (position.type, position.volume, position.price_open) == (1, Decimal("0.2"), 1.105)
    assert (position.ticket, position.identifier) == (reversed_.order, first.order)
    assert (position.sl, position.magic) == (1.2, 4)
    assert {d.position_id for d in broker.deals()} == {first.order}
    assert reduced.retcode == 10009


def test_a_reversal_needs_margin_only_for_what_is_beyond_the_old_position(make_broker: BrokerMaker) -> None:
    broker = make_broker(*flat(1.1, 3))
    broker.open_account(margin_mode=0, balance=Decimal("1200.00"))
    assert broker.send(volume=1.0).retcode == 10009

    # 1 lot binds about 1100 of 1200 USD: two lots the other way leave one, three would leave two
    assert broker.send(type=1, volume=3.0).retcode == 10019
    assert broker.send(type=1, volume=2.0).retcode == 10009
    assert (broker.positions()[0].type, broker.positions()[0].volume) == (1, Decimal(1))


def test_closing_by_meets_at_the_opening_prices(make_broker: BrokerMaker) -> None:
    broker = make_broker(UP, *flat(1.105, 2))
    broker.open_account()
    bought = broker.send(volume=0.2)
    broker.next_bar()
    sold = broker.send(type=1, volume=0.5)

    broker.send(action=10, position=bought.order, position_by=sold.order)

    # 1.10020 to 1.10500: 480 points * 0.2
    assert sum(deal.profit for deal in broker.deals()) == Decimal("96.00")
    (rest,) = broker.positions()
    assert (rest.ticket, rest.volume) == (sold.order, Decimal("0.3"))


def test_a_yen_profit_is_converted_at_the_closing_price(make_broker: BrokerMaker) -> None:
    broker = make_broker(bars={"USDJPY": [(150.0, 151.0, 150.0, 151.0), *flat(151.0, 2)]})
    broker.open_account()
    ticket = broker.send(symbol="USDJPY", volume=1.0).order
    broker.next_bar()

    broker.send(symbol="USDJPY", type=1, volume=1.0, position=ticket)

    # (151.000 - 150.020) * 100000 = 98000 JPY / 151.000 = 649.01 USD
    assert broker.deals()[-1].profit == Decimal("649.01")


def test_margin_binds_and_hedged_volume_does_not(make_broker: BrokerMaker) -> None:
    broker = make_broker(*flat(1.1, 3))
    broker.open_account()
    summarise = broker.exchange.desk.valuation.summarise

    broker.send(volume=1.0)
    # 100000 EUR at 1.10020 over leverage 100
    assert summarise(1, broker.exchange.market_at).margin == Decimal("1100.20")
    broker.send(type=1, volume=1.0)

    assert summarise(1, broker.exchange.market_at).margin == Decimal("0.00")
    assert broker.send(volume=20.0).retcode == 10019


def test_a_stop_out_closes_the_biggest_loser_first(make_broker: BrokerMaker) -> None:
    broker = make_broker((1.1, 1.1, 1.0925, 1.0925), *flat(1.0925, 2))
    broker.open_account(balance=Decimal("1500.00"))
    small, large = broker.send(volume=0.2), broker.send(volume=1.0)

    broker.next_bar()

    # at 1.09250 both lose 770 points: 154 + 770 leave 576 of 1500; 576 / 1320.24 = 43.6 % is below 50
    stopped = [deal for deal in broker.deals() if deal.entry == 1]
    assert [(deal.position_id, deal.reason) for deal in stopped] == [(large.order, 6)]
    assert stopped[0].comment.startswith("[so 43.6")
    assert [position.ticket for position in broker.positions()] == [small.order]


def test_swap_is_charged_each_night_and_three_times_on_wednesday(make_broker: BrokerMaker) -> None:
    # from Wednesday noon on in steps of a day: Wed, Thu, Fri (then closed), Sat, Sun, Mon
    broker = make_broker(*flat(1.1, 7), step_s=NIGHT)
    broker.open_account()
    ticket = broker.send(volume=1.0).order
    nights = []
    for _ in range(5):
        before = broker.positions()[0].swap
        broker.next_bar()
        nights.append(broker.positions()[0].swap - before)

    # -6.5 points a night: -6.50 USD a lot; Wednesday's night counts three, Saturday and Sunday none
    assert nights == [Decimal(x) for x in ("-19.50", "-6.50", "-6.50", "0", "0")]
    broker.send(type=1, volume=0.5, position=ticket)
    assert (broker.deals()[-1].swap, broker.positions()[0].swap) == (Decimal("-16.25"), Decimal("-16.25"))


def test_a_night_between_two_neighbouring_minutes_is_charged_once(make_broker: BrokerMaker) -> None:
    broker = make_broker(*flat(1.1, 6), start=NOON + 12 * 3600 - 180)
    broker.open_account()
    broker.open_account(2, swap_free=True)
    broker.send(volume=1.0)
    broker.send(2, volume=1.0)
    swaps = []
    for _ in range(5):
        broker.play(31)
        broker.next_bar()
        swaps.append(broker.positions()[0].swap)

    assert swaps == [Decimal(x) for x in ("0", "0", "-19.50", "-19.50", "-19.50")]
    assert broker.positions(2)[0].swap == 0


def test_a_partial_fill_and_slippage(make_broker: BrokerMaker) -> None:
    broker = make_broker(*flat(1.1, 3))
    broker.open_account()

    partial = broker.send(volume=0.5, conditions=Conditions(filled_share=Decimal("0.45")))
    slipped = broker.send(volume=0.1, conditions=Conditions(slippage_points=7))

    assert (partial.retcode, partial.volume) == (10010, 0.22)
    assert slipped.price == 1.10027
    order = broker.exchange.books.ledger.list_by(
        type(broker.exchange.books.ledger.list_done_orders(1, 0, 1e15)[0]), 1, "ticket", partial.order
    )[0]
    assert (order.state, order.volume_current) == (2, Decimal("0.28"))


@settings(max_examples=40, deadline=None)
@given(
    steps=st.lists(
        st.tuples(st.sampled_from([0, 1]), st.integers(1, 300), st.sampled_from(["in", "half", "out"])),
        min_size=1,
        max_size=12,
    ),
    moves=st.lists(st.integers(-300, 300), min_size=12, max_size=12),
)
def test_the_balance_is_always_the_sum_of_the_deals(tmp_path_factory, steps, moves) -> None:  # type: ignore[no-untyped-def]
    from simulator.broker.ledger import Ledger
    from simulator.exchange import Exchange
    from simulator.market.zone import ServerZone
    from tests.unit.simulator.conftest import Broker, ScriptedMarket

    bars, price = [], 1.1
    for move in moves:
        after = round(price + move / 100000, 5)
        bars.append((price, max(price, after), min(price, after), after))
        price = after
    folder = tmp_path_factory.mktemp("netting")
    ledger = Ledger(folder)
    exchange = Exchange(ScriptedMarket({"EURUSD": bars}), ServerZone("UTC"), ledger, float(NOON), skips_closed=True)
    broker = Broker(exchange, folder)
    broker.open_account(
        margin_mode=0, balance=Decimal("100000.00"), commission_per_lot=Decimal("6.95"), commission_mode=steps[0][2]
    )
    net = Decimal(0)
    for side, hundredths, _ in steps:
        outcome = broker.send(type=side, volume=hundredths / 100)
        if outcome.retcode == 10009:
            net += Decimal(hundredths) / 100 * (1 if side == 0 else -1)
        exchange.step(float("inf"))

    held = sum((p.volume * p.sign for p in broker.positions()), Decimal(0))
    margin = broker.positions()[0].margin if broker.positions() else Decimal(0)
    assert held == net
    assert margin >= 0
    assert broker.balance() == Decimal("100000.00") + sum(deal.money for deal in broker.deals())
    ledger.close()
    again = Ledger(folder)
    reread = Exchange(ScriptedMarket({"EURUSD": bars}), ServerZone("UTC"), again, float(NOON), skips_closed=True)
    assert reread.books.accounts == exchange.books.accounts
    assert reread.books.list_positions(1) == exchange.books.list_positions(1)
    assert reread.market_at == exchange.market_at
    again.close()
