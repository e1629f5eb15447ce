"""Faults happen as scripted, and only those."""

import os
import subprocess
import sys

import pytest

from simulator import mt5
from simulator.control import ControlError
from tests.simulation import PASSWORD, ROOT, RunningSimulator
from tests.unit.simulator.conftest import buy, connect, wait_until


def test_requotes_and_rejections_come_as_often_as_scripted(shared: RunningSimulator) -> None:
    shared.control.script_fault("requote", count=2)
    shared.control.script_fault("price_changed", on="close")
    shared.control.script_fault("reject", retcode=10024, login=9999)
    shared.control.script_fault("reject", retcode=10024, login=shared.login)

    codes = [buy().retcode for _ in range(4)]

    assert codes == [10004, 10004, 10024, 10009]
    (position,) = mt5.positions_get()
    closing = [buy(type=1, position=position.ticket).retcode for _ in range(2)]
    assert closing == [10020, 10009]


@pytest.mark.parametrize(("reply", "code"), [("none", -1), ("drop", -10002), ("retcode", 1)])
def test_a_timeout_may_hide_a_fill(shared: RunningSimulator, reply: str, code: int) -> None:
    shared.control.script_fault("timeout_filled", reply=reply)
    result = buy(comment="tag-1")

    assert (result.retcode, result.order) == (10012, 0) if reply == "retcode" else result is None
    assert mt5.last_error()[0] == code
    connect(shared)
    assert [position.comment for position in mt5.positions_get()] == ["tag-1"]


def test_a_timeout_may_be_an_order_that_never_was(shared: RunningSimulator) -> None:
    shared.control.script_fault("timeout_unfilled")

    assert buy() is None
    assert mt5.positions_get() == ()
    assert mt5.history_orders_get(0, 2**31 - 1) == ()


def test_a_partial_fill_tells_its_volume(shared: RunningSimulator) -> None:
    shared.control.script_fault("partial_fill", share="0.5")
    shared.control.script_fault("slippage", points=30)

    partial, slipped = buy(volume=0.3), buy()

    assert (partial.retcode, partial.volume) == (mt5.TRADE_RETCODE_DONE_PARTIAL, 0.15)
    assert mt5.positions_get(ticket=partial.order)[0].volume == 0.15
    assert slipped.price == round(slipped.ask + 0.0003, 5)


def test_positions_may_be_unknown_or_wrongly_empty_once(shared: RunningSimulator) -> None:
    buy()
    shared.control.script_fault("positions_none")
    shared.control.script_fault("positions_empty")

    assert mt5.positions_get() is None
    assert mt5.positions_get() == ()
    assert len(mt5.positions_get()) == 1


def test_a_lost_connection_stays_lost_until_initialize(shared: RunningSimulator) -> None:
    shared.control.script_fault("disconnect", seconds=1.0)

    assert mt5.positions_get() is None
    assert mt5.last_error()[0] in (-10001, -10002)
    assert mt5.positions_get() is None
    assert mt5.last_error()[0] == -10004
    assert mt5.initialize(shared.address, login=shared.login, password=PASSWORD) is False
    wait_until(lambda: mt5.initialize(shared.address, login=shared.login, password=PASSWORD))
    assert mt5.positions_get() == ()


def test_a_lost_server_leaves_the_terminal_up(shared: RunningSimulator) -> None:
    shared.control.script_fault("server_down", seconds=30)

    assert mt5.terminal_info().connected is False
    assert buy().retcode == mt5.TRADE_RETCODE_CONNECTION
    shared.control.clear_faults()
    assert mt5.terminal_info().connected is True


def test_a_terminal_may_hang_until_its_process_is_killed(shared: RunningSimulator) -> None:
    shared.control.script_fault("hang", seconds=600, login=shared.login)
    program = (
        "from simulator import mt5; import sys; "
        f"mt5.initialize({shared.address!r}, login={shared.login}, password={PASSWORD!r}); "
        "print('asking', flush=True); mt5.account_info(); print('answered', flush=True)"
    )
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'platform'}"}
    child = subprocess.Popen(
        [sys.executable, "-c", program], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "asking\n"
    with pytest.raises(subprocess.TimeoutExpired):
        child.wait(0.5)
    child.kill()
    child.wait()

    assert child.stdout.read() == ""
    child.stdout.close()
    shared.control.clear_faults()
    assert mt5.account_info() is not None


def test_a_broker_may_lose_a_stop_and_a_person_may_trade(shared: RunningSimulator) -> None:
    bid = mt5.symbol_info_tick("EURUSD").bid
    ticket = buy(sl=round(bid - 0.01, 5), tp=round(bid + 0.01, 5)).order

    shared.control.call("drop_stops", login=shared.login, ticket=ticket)
    by_hand = shared.control.call("trade_by_hand", login=shared.login, symbol="EURUSD", side="SELL", volume="0.05")

    mine, other = mt5.positions_get()
    assert (mine.sl, mine.tp) == (0.0, round(bid + 0.01, 5))
    assert (other.ticket, other.magic, other.reason) == (by_hand["order"], 0, mt5.POSITION_REASON_CLIENT)
    order = {"login": shared.login, "symbol": "EURUSD", "side": "BUY", "volume": "0.10"}
    shared.control.call("trade_by_hand", **order, slippage_points=-500)
    won = mt5.positions_get()[-1]
    assert won.profit == pytest.approx((won.price_current - won.price_open) * 10_000)
    assert 35 < won.profit < 50


def test_a_broker_may_change_its_terms(simulator: RunningSimulator) -> None:
    simulator.control.call("change_terms", symbol="EURUSD", tick_value="10", volume_step="0.1", stops_level_points=50)
    simulator.kill()
    simulator.restart()
    connect(simulator)

    info = mt5.symbol_info("EURUSD")
    assert (info.trade_tick_value, info.volume_step, info.trade_stops_level) == (10.0, 0.1, 50)
    assert buy(volume=0.15).retcode == mt5.TRADE_RETCODE_INVALID_VOLUME
    assert buy(sl=round(info.bid - 0.0004, 5)).retcode == mt5.TRADE_RETCODE_INVALID_STOPS
    with pytest.raises(ControlError):
        simulator.control.call("change_terms", symbol="EURUSD", colour="red")


def test_another_account_may_be_logged_in_by_hand(shared: RunningSimulator) -> None:
    mine = shared.login
    other = shared.open_account(mine + 1, balance="7")
    buy()

    shared.control.call("force_login", login=other)
    assert (mt5.account_info().login, mt5.positions_get()) == (other, ())
    shared.control.call("force_login", login=None)

    assert (mt5.account_info().login, mt5.positions_total()) == (mine, 1)


def test_trading_may_be_switched_off(shared: RunningSimulator) -> None:
    shared.control.call("set_autotrading", allowed=False)
    assert (buy().retcode, mt5.terminal_info().trade_allowed) == (mt5.TRADE_RETCODE_CLIENT_DISABLES_AT, False)
    shared.control.call("set_autotrading", allowed=True)
    shared.control.call("set_account", login=shared.login, trade_expert=False)
    assert (buy().retcode, mt5.account_info().trade_expert) == (mt5.TRADE_RETCODE_SERVER_DISABLES_AT, False)
    shared.control.call("set_account", login=shared.login, trade_allowed=False, trade_expert=True)

    assert buy().retcode == mt5.TRADE_RETCODE_TRADE_DISABLED


def test_a_fault_that_does_not_exist_is_refused(shared: RunningSimulator) -> None:
    for kind, values in (("earthquake", {}), ("requote", {"colour": 1}), ("requote", {"count": 0}), ("hang", {"x": 1})):
        with pytest.raises(ControlError) as refused:
            shared.control.script_fault(kind, **values)
        assert refused.value.code == "INVALID"
