"""From deals to trades: hedging, netting, partial closes, any order of arrival. The arithmetic stands in the comments."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from apps.trades.ledger import derive_legs, sum_pnl
from tests.fleet import BALANCE, BUY, IN, IN_OUT, OUT, SELL, deal

D = Decimal


def test_a_position_in_and_out_is_one_trade_with_all_its_costs():
    opening = deal(1, commission=D("-0.70"), fee=D("-0.05"))
    closing = deal(
        2, deal_type=SELL, entry=OUT, price=D("1.10150"), profit=D(15), commission=D("-0.70"), swap=D("-0.30")
    )
    (leg,) = derive_legs([opening, closing])
    assert (leg.side, leg.entry_price, leg.exit_price) == ("BUY", D("1.10000"), D("1.10150"))
    assert leg.pnl == D("13.25")  # 15 - 0.70 - 0.05 - 0.70 - 0.30
    assert leg.closed_at == closing.market_at


def test_partial_closes_leave_the_rest_open_and_weigh_the_exit():
    opening = deal(1, volume_lots=D("0.30"))
    first = deal(2, deal_type=SELL, entry=OUT, volume_lots=D("0.10"), price=D("1.10100"), profit=D(10))
    second = deal(3, deal_type=SELL, entry=OUT, volume_lots=D("0.20"), price=D("1.10400"), profit=D(80))
    (leg,) = derive_legs([opening, first])
    assert (leg.left_lots, leg.closed_at, leg.exit_price) == (D("0.20"), None, D("1.10100"))
    (leg,) = derive_legs([opening, first, second])
    assert leg.left_lots == 0
    assert leg.exit_price == D("1.10300")  # (0.10 * 1.101 + 0.20 * 1.104) / 0.30
    assert leg.pnl == 90


def test_entries_are_weighed_too():
    (leg,) = derive_legs([deal(1, price=D("1.10")), deal(2, volume_lots=D("0.30"), price=D("1.14"))])
    assert leg.entry_price == D("1.13")  # (0.10 * 1.10 + 0.30 * 1.14) / 0.40


def test_a_reversal_closes_one_leg_and_opens_the_other_way():
    # 0.10 BUY, then one deal SELL 0.30 IN-OUT: 0.10 closes, 0.20 opens. Its commission of 0.60 is split 1 : 2.
    reversal = deal(2, deal_type=SELL, entry=IN_OUT, volume_lots=D("0.30"), profit=D(7), commission=D("-0.60"))
    first, second = derive_legs([deal(1), reversal])
    assert (first.side, first.left_lots, round(first.pnl, 8)) == ("BUY", 0, D("6.80"))
    assert (second.side, second.left_lots, round(second.pnl, 8)) == ("SELL", D("0.20"), D("-0.40"))
    assert (first.number, second.number) == (0, 1)


def test_money_that_is_no_trade_makes_no_trade():
    assert derive_legs([deal(1, deal_type=BALANCE, position_id=0, profit=D(100_000))]) == []


def test_a_close_whose_opening_was_never_seen_makes_no_trade():
    assert derive_legs([deal(2, deal_type=SELL, entry=OUT, profit=D(5))]) == []


def test_the_brokers_reason_says_stop_or_target_and_leaves_the_rest_to_the_bot():
    for reason, said in ((4, "STOP_LOSS"), (5, "TAKE_PROFIT"), (6, "STOP_OUT"), (0, "MANUAL"), (3, "")):
        (leg,) = derive_legs([deal(1), deal(2, deal_type=SELL, entry=OUT, reason=reason)])
        assert leg.exit_reason == said


@st.composite
def netting_lives(draw):
    """A netting position's deals: in, out, reversals, as a broker would book them."""
    deals, net, cents = [], 0, st.integers(-10_000, 10_000)
    for ticket in range(1, draw(st.integers(1, 12)) + 1):
        lots, is_buy = draw(st.integers(1, 50)), draw(st.booleans())
        signed = lots if is_buy else -lots
        entry = IN if net == 0 or (net > 0) == is_buy else OUT if lots <= abs(net) else IN_OUT
        net += signed
        deals.append(
            deal(
                ticket,
                deal_type=BUY if is_buy else SELL,
                entry=entry,
                volume_lots=D(lots) / 100,
                profit=D(draw(cents)) / 100 if entry != IN else D(0),
                commission=D(draw(cents)) / 100,
                swap=D(draw(cents)) / 100 if entry != IN else D(0),
            )
        )
    return deals, D(net) / 100


@given(netting_lives(), st.randoms(use_true_random=False))
def test_whatever_the_order_the_same_trades_and_all_the_money(life, random):
    deals, net = life
    legs = derive_legs(deals)
    shuffled = list(deals)
    random.shuffle(shuffled)
    assert [(leg.side, leg.pnl, leg.left_lots) for leg in derive_legs(shuffled)] == [
        (leg.side, leg.pnl, leg.left_lots) for leg in legs
    ]
    booked = sum((one.profit + one.commission + one.swap + one.fee for one in deals), D(0))
    assert abs(sum_pnl(legs) - booked) < D("1e-20")
    left = sum((leg.left_lots if leg.side == "BUY" else -leg.left_lots for leg in legs), D(0))
    assert left == net
