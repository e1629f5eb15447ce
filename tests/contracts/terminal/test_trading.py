"""What the server does with trade requests on a hedging account."""

import pytest

from tests.contracts.terminal.conftest import Terminal


def test_a_market_order_opens_a_position_with_the_orders_ticket(terminal: Terminal) -> None:
    mt5 = terminal.mt5
    result = terminal.buy(magic=77, comment="a tag")

    assert (result.retcode, result.comment) == (mt5.TRADE_RETCODE_DONE, "Request executed")
    position = mt5.positions_get(ticket=result.order)[0]
    assert (position.ticket, position.identifier, position.volume) == (result.order, result.order, 0.1)
    assert (position.magic, position.comment, position.reason) == (77, "a tag", mt5.POSITION_REASON_EXPERT)
    assert position.price_open == result.price
    deal = mt5.history_deals_get(position=result.order)[0]
    assert (deal.ticket, deal.order, deal.entry) == (result.deal, result.order, mt5.DEAL_ENTRY_IN)
    assert result.order > 2**32 or not mt5.__author__.startswith("Mikrobot")
    assert mt5.history_deals_get(ticket=result.order) == (deal,)


def test_opposite_orders_open_their_own_positions_and_close_by_meets_them(terminal: Terminal) -> None:
    mt5 = terminal.mt5
    first, second = terminal.buy(), terminal.buy(type=mt5.ORDER_TYPE_SELL, volume=0.3)
    assert {p.type for p in mt5.positions_get()} == {0, 1}

    result = mt5.order_send({"action": mt5.TRADE_ACTION_CLOSE_BY, "position": first.order, "position_by": second.order})

    assert result.retcode == mt5.TRADE_RETCODE_DONE
    (rest,) = mt5.positions_get()
    assert (rest.ticket, rest.volume) == (second.order, 0.2)
    assert [d.entry for d in mt5.history_deals_get(position=first.order)] == [0, mt5.DEAL_ENTRY_OUT_BY]


def test_a_position_closes_in_parts(terminal: Terminal) -> None:
    mt5 = terminal.mt5
    opened = terminal.buy(volume=0.3)
    position = mt5.positions_get(ticket=opened.order)[0]

    part = terminal.buy(type=1, volume=0.1, position=position.ticket)
    too_much = terminal.buy(type=1, volume=0.3, position=position.ticket)
    rest = terminal.buy(type=1, volume=0.2, position=position.ticket)

    codes = (part.retcode, too_much.retcode, rest.retcode)
    assert codes == (10009, mt5.TRADE_RETCODE_INVALID_CLOSE_VOLUME, 10009)
    deals = mt5.history_deals_get(position=opened.order)
    assert [(d.entry, d.volume) for d in deals] == [(0, 0.3), (1, 0.1), (1, 0.2)]
    gone = terminal.buy(type=1, volume=0.2, position=position.ticket)
    assert gone.retcode == mt5.TRADE_RETCODE_POSITION_CLOSED


def test_stops_are_set_replaced_and_cleared_together(terminal: Terminal) -> None:
    mt5 = terminal.mt5
    bid = terminal.tick().bid
    ticket = terminal.buy(sl=round(bid - 0.01, 5), tp=round(bid + 0.01, 5)).order

    def change(**levels: float) -> int:
        request = {"action": mt5.TRADE_ACTION_SLTP, "symbol": terminal.symbol, "position": ticket}
        result = mt5.order_send(request | levels)
        assert (result.deal, result.order, result.volume, result.price) == (0, 0, 0.0, 0.0)
        return int(result.retcode)

    assert change(sl=round(bid - 0.02, 5), tp=round(bid + 0.01, 5)) == mt5.TRADE_RETCODE_DONE
    assert change(sl=round(bid - 0.02, 5), tp=round(bid + 0.01, 5)) == mt5.TRADE_RETCODE_NO_CHANGES
    assert change(sl=round(bid + 0.02, 5)) == mt5.TRADE_RETCODE_INVALID_STOPS
    assert change(sl=round(bid - 0.03, 5)) == mt5.TRADE_RETCODE_DONE
    position = mt5.positions_get(ticket=ticket)[0]
    assert (position.sl, position.tp) == (round(bid - 0.03, 5), 0.0)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"volume": 0.005}, "INVALID_VOLUME"),
        ({"volume": 0.015}, "INVALID_VOLUME"),
        ({"volume": 0.0}, "INVALID_VOLUME"),
        ({"volume": float("nan")}, "INVALID_VOLUME"),
        ({"volume": 5000.0}, "INVALID_VOLUME"),
        ({"type_filling": 7}, "INVALID_FILL"),
        ({"symbol": "NOSUCH"}, "INVALID"),
        ({"action": 3}, "INVALID"),
        ({"type": 4}, "INVALID_ORDER"),
        ({"sl": 99.0}, "INVALID_STOPS"),
        ({"tp": 0.5}, "INVALID_STOPS"),
        ({"sl": float("nan")}, "INVALID_STOPS"),
        ({"sl": float("inf")}, "INVALID_STOPS"),
        ({"sl": -1.0}, "INVALID_STOPS"),
        ({"position": 12345}, "POSITION_CLOSED"),
        ({"volume": 99.0}, "NO_MONEY"),
    ],
)
def test_a_bad_order_is_rejected_and_changes_nothing(terminal: Terminal, fields: dict[str, float], code: str) -> None:
    before = terminal.mt5.account_info()

    checked = terminal.mt5.order_check({"action": 1, "symbol": terminal.symbol, "volume": 0.1} | fields)
    result = terminal.buy(**fields)

    assert result.retcode == checked.retcode == getattr(terminal.mt5, f"TRADE_RETCODE_{code}")
    assert (result.deal, result.order) == (0, 0)
    assert terminal.mt5.positions_total() == 0
    assert terminal.mt5.account_info().balance == before.balance


def test_a_check_tells_the_account_after_the_trade(terminal: Terminal) -> None:
    checked = terminal.mt5.order_check({"action": 1, "symbol": terminal.symbol, "volume": 1.0})
    account = terminal.mt5.account_info()
    margin = terminal.mt5.order_calc_margin(0, terminal.symbol, 1.0, terminal.tick().ask)

    assert (checked.retcode, checked.comment) == (0, "Done")
    assert checked.margin == pytest.approx(account.margin + margin)
    assert checked.margin_free == pytest.approx(account.equity - checked.margin)
    assert checked._asdict()["request"].symbol == terminal.symbol
    assert terminal.mt5.positions_total() == 0


def test_waiting_orders_are_placed_changed_and_removed(terminal: Terminal) -> None:
    mt5, ask = terminal.mt5, terminal.tick().ask
    place = {
        "action": mt5.TRADE_ACTION_PENDING,
        "symbol": terminal.symbol,
        "volume": 0.1,
        "type": mt5.ORDER_TYPE_BUY_LIMIT,
        "type_filling": mt5.ORDER_FILLING_RETURN,
    }
    wrong_side = mt5.order_send(place | {"price": round(ask + 0.01, 5)})
    placed = mt5.order_send(place | {"price": round(ask - 0.01, 5), "magic": 5})

    assert wrong_side.retcode == mt5.TRADE_RETCODE_INVALID_PRICE
    assert (placed.retcode, placed.deal) == (mt5.TRADE_RETCODE_DONE, 0)
    (order,) = mt5.orders_get(symbol=terminal.symbol)
    assert (order.ticket, order.state, order.magic) == (placed.order, mt5.ORDER_STATE_PLACED, 5)
    change = {"action": mt5.TRADE_ACTION_MODIFY, "order": placed.order, "price": round(ask - 0.02, 5)}
    assert mt5.order_send(change).retcode == mt5.TRADE_RETCODE_DONE
    assert mt5.order_send(change).retcode == mt5.TRADE_RETCODE_NO_CHANGES
    assert mt5.orders_get(ticket=placed.order)[0].price_open == round(ask - 0.02, 5)
    removed = mt5.order_send({"action": mt5.TRADE_ACTION_REMOVE, "order": placed.order})
    assert removed.retcode == mt5.TRADE_RETCODE_DONE
    assert mt5.orders_total() == 0
    assert mt5.history_orders_get(ticket=placed.order)[0].state == mt5.ORDER_STATE_CANCELED


def test_queries_filter_by_ticket_before_symbol_before_group(terminal: Terminal) -> None:
    mt5 = terminal.mt5
    ticket = terminal.buy().order

    assert len(mt5.positions_get(ticket=ticket, symbol="NOSUCH")) == 1
    assert mt5.positions_get(symbol="NOSUCH", group="*") == ()
    assert len(mt5.positions_get(group="*,!JPY*")) == 1
    assert mt5.positions_get(group=f"*,!{terminal.symbol}") == ()
    names = {info.name for info in mt5.symbols_get(group="*USD*,!*JPY*")}
    assert terminal.symbol in names
    assert "USDJPY" not in names


def test_bars_by_position_by_date_and_by_range_agree(terminal: Terminal) -> None:
    mt5 = terminal.mt5
    for timeframe in (mt5.TIMEFRAME_M1, mt5.TIMEFRAME_M5, mt5.TIMEFRAME_H1, mt5.TIMEFRAME_H4, mt5.TIMEFRAME_D1):
        rates = mt5.copy_rates_from_pos(terminal.symbol, timeframe, 0, 50)
        assert len(rates) == 50
        shifted = mt5.copy_rates_from_pos(terminal.symbol, timeframe, 1, 49)
        assert (shifted["time"] == rates["time"][:-1]).all()
        closed = rates[-2]
        dated = mt5.copy_rates_from(terminal.symbol, timeframe, int(closed["time"]), 3)
        assert list(dated["time"]) == list(rates["time"][-4:-1])
        ranged = mt5.copy_rates_range(terminal.symbol, timeframe, int(rates["time"][-10]), int(closed["time"]))
        assert (ranged == rates[-10:-1]).all()


def test_profit_and_margin_are_computed_in_the_accounts_currency(terminal: Terminal) -> None:
    mt5 = terminal.mt5
    if mt5.account_info().currency != "USD":
        pytest.skip("the arithmetic below is for an account in USD")

    # 0.5 lots * 100000 * 0.0020 = 100 USD; 1 lot of EUR at 1.10 over leverage 100 is 1100 USD
    assert mt5.order_calc_profit(0, terminal.symbol, 0.5, 1.1000, 1.1020) == 100.0
    assert mt5.order_calc_profit(1, terminal.symbol, 0.5, 1.1000, 1.1020) == -100.0
    assert mt5.order_calc_margin(0, terminal.symbol, 1, 1.1) == pytest.approx(110_000 / mt5.account_info().leverage)
    assert mt5.order_calc_profit(2, terminal.symbol, 0.5, 1.1, 1.2) is None
    assert mt5.order_calc_profit(0, "NOSUCH", 0.5, 1.1, 1.2) is None


def test_history_counts_what_it_lists(terminal: Terminal) -> None:
    mt5 = terminal.mt5
    terminal.buy()
    until = terminal.tick().time + 86400

    assert mt5.history_deals_total(0, until) == len(mt5.history_deals_get(0, until))
    assert mt5.history_orders_total(0, until) == len(mt5.history_orders_get(0, until))
    total = sum(d.profit + d.commission + d.swap + d.fee for d in mt5.history_deals_get(0, until))
    assert total == pytest.approx(mt5.account_info().balance)
