"""The process: its clock waits, its ledger outlives it, its doors are shut."""

import json
import os
import random
import socket
import stat
import subprocess
import sys
import threading
import time
from decimal import Decimal
from pathlib import Path

import pytest

from simulator import mt5, wire
from simulator.control import Control, ControlError, main
from tests.simulation import PASSWORD, ROOT, SERVER, RunningSimulator, running_simulator
from tests.unit.simulator.conftest import buy, connect, wait_until

M1 = mt5.TIMEFRAME_M1


def wait_for_bar() -> int:
    answer = mt5.sim_wait(10.0)
    ((symbol, timeframe, opened),) = answer["closed"]
    assert (symbol, timeframe) == ("EURUSD", M1)
    return int(opened)


# the clock -----------------------------------------------------------------------------------------------------------


def test_the_market_stands_at_the_next_open_until_the_bar_is_acknowledged(simulator: RunningSimulator) -> None:
    assert mt5.sim_subscribe("EURUSD", M1)
    simulator.control.set_speed("max")
    simulator.control.resume()

    opened = wait_for_bar()
    clocks = [mt5.sim_clock()["market_at"] for _ in range(50)]
    assert set(clocks) == {opened + 60}
    price = mt5.symbol_info_tick("EURUSD").ask
    assert buy().price == price
    closed, forming = mt5.copy_rates_from_pos("EURUSD", M1, 0, 2)
    assert (closed["time"], forming["open"]) == (opened, round(price - 0.0001, 5))
    mt5.sim_ack(opened)

    assert wait_for_bar() == opened + 60


def test_a_program_sees_each_bar_once_and_in_order_at_full_speed(simulator: RunningSimulator) -> None:
    mt5.sim_subscribe("EURUSD", M1)
    simulator.control.set_speed("max")
    simulator.control.resume()

    seen = []
    for _ in range(300):
        opened = wait_for_bar()
        assert mt5.copy_rates_from_pos("EURUSD", M1, 1, 1)[0]["time"] == opened
        seen.append(opened)
        mt5.sim_ack(opened, "EURUSD", M1)

    assert seen == list(range(seen[0], seen[0] + 300 * 60, 60))


def test_a_hold_stops_the_market(simulator: RunningSimulator) -> None:
    simulator.control.set_speed(3600)
    mt5.sim_hold(8.0)
    simulator.control.resume()
    before = mt5.sim_clock()["market_at"]
    bars = simulator.control.state()["bars_opened"]
    time.sleep(0.2)  # nothing may happen in it: there is no event to wait for

    assert mt5.sim_clock()["market_at"] == before
    mt5.sim_release()
    wait_until(lambda: simulator.control.state()["bars_opened"] > bars)


def test_full_speed_waits_for_the_first_program(simulator: RunningSimulator) -> None:
    simulator.control.set_speed("max")
    simulator.control.resume()

    assert simulator.control.state()["bars_opened"] == 0


def test_advancing_by_hand_is_exact(shared: RunningSimulator) -> None:
    before = shared.control.state()["market_at"]

    shared.control.advance(seconds=90.5)
    assert shared.control.state()["market_at"] == before + 90.5
    shared.control.advance(bars=2)

    assert shared.control.state()["market_at"] == before + 180


def test_a_replay_skips_closed_hours_and_ends(tmp_path: Path) -> None:
    path = tmp_path / "EURUSD_M1.csv"
    minutes = [f"2026-01-{day} {hour:02}:{minute:02}" for day in (16, 19) for hour in (9, 20) for minute in range(15)]
    path.write_text("".join(f"{minute},1.1,1.2,1.0,1.15,5\n" for minute in minutes))
    with running_simulator(tmp_path, replay=path, speed="max", spread_points=5) as running:
        running.open_account()
        connect(running)
        assert mt5.symbols_total() == 1
        mt5.sim_subscribe("EURUSD", M1)
        seen = []
        while not (clock := mt5.sim_wait(10.0))["ended"]:
            ((_, _, opened),) = clock["closed"]
            seen.append(opened)
            mt5.sim_ack(opened)

        texts = [time.strftime("%Y-%m-%d %H:%M", time.gmtime(opened)) for opened in seen]
        # a fifth of sixty bars is history; the last bar never closes, for no tick follows it
        assert texts == minutes[12:-1]
        assert buy().retcode == mt5.TRADE_RETCODE_MARKET_CLOSED
        mt5.shutdown()


# the ledger ----------------------------------------------------------------------------------------------------------


def test_a_killed_broker_comes_back_with_the_same_books(simulator: RunningSimulator) -> None:
    bid = mt5.symbol_info_tick("EURUSD").bid
    buy(sl=round(bid - 0.01, 5), magic=2**63 + 5, comment="kept")
    buy(type=1, volume=0.2)
    mt5.order_send(
        {"action": 5, "symbol": "EURUSD", "volume": 0.1, "type": 2, "type_filling": 2, "price": round(bid - 0.005, 5)}
    )
    simulator.control.advance(seconds=61.25)
    positions, orders, deals = mt5.positions_get(), mt5.orders_get(), mt5.history_deals_get(0, 2**31 - 1)
    truth = simulator.control.ledger(1001)

    simulator.kill()
    assert mt5.account_info() is None
    simulator.restart()
    connect(simulator)

    assert simulator.control.ledger(1001) == truth
    assert (mt5.positions_get(), mt5.orders_get(), mt5.history_deals_get(0, 2**31 - 1)) == (positions, orders, deals)
    assert buy().order > max(order.ticket for order in orders)


def test_kills_in_the_middle_of_orders_double_and_lose_nothing(simulator: RunningSimulator) -> None:
    """Orders go out as fast as they can while the broker is killed: what was confirmed is there, and nothing twice."""
    chance, confirmed, sent = random.Random(5), [], 0
    for _ in range(4):
        killer = threading.Timer(chance.uniform(0.02, 0.25), simulator.process.kill)
        killer.start()
        while (result := buy(volume=0.01, magic=sent)) is not None:
            assert result.retcode == 10009
            confirmed.append((result.order, sent))
            sent += 1
        sent += 1  # this one's fate is unknown
        killer.join()
        simulator.kill()
        simulator.restart()
        connect(simulator)

    truth = simulator.control.ledger(1001)
    opened = {position["ticket"]: position["magic"] for position in truth["positions"]}
    assert set(confirmed) <= set(opened.items())
    assert len(set(opened.values())) == len(opened) <= sent
    assert len(confirmed) > 4
    deals = truth["deals"]
    assert len({deal["ticket"] for deal in deals}) == len(deals) == len(opened) + 1
    money = sum(Decimal(deal[kind]) for deal in deals for kind in ("profit", "commission", "swap", "fee"))
    assert Decimal(truth["balance"]) == money


def test_the_clock_does_not_go_back_over_a_kill(simulator: RunningSimulator) -> None:
    mt5.sim_subscribe("EURUSD", M1)
    simulator.control.set_speed("max")
    simulator.control.resume()
    for _ in range(25):
        opened = wait_for_bar()
        mt5.sim_ack(opened)
    opened = wait_for_bar()

    simulator.kill()
    simulator.restart()

    assert simulator.control.state()["market_at"] == opened + 60


def test_a_data_directory_belongs_to_one_market_and_one_process(simulator: RunningSimulator) -> None:
    def start(*words: str) -> tuple[int, str]:
        command = [sys.executable, "-m", "simulator", "--data-dir", str(simulator.data_dir), *words]
        environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'platform'}"}
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)
        return done.returncode, done.stderr

    code, text = start(*simulator.options)
    assert code == 2
    assert "another simulator runs" in text
    port = str(simulator.ready["port"])
    code, text = start("--data-dir", str(simulator.data_dir / "other"), "--port", port)
    assert code == 2
    assert "cannot listen" in text
    simulator.stop()
    code, text = start("--seed", "99", "--spread-points", "10")
    assert code == 2
    assert "another market" in text
    code, text = start("--replay", "no-such-file.csv")
    assert code == 2
    assert "no-such-file.csv" in text
    simulator.restart()


# doors ---------------------------------------------------------------------------------------------------------------


def test_the_control_door_needs_the_token(shared: RunningSimulator) -> None:
    token = shared.data_dir / "control.token"
    assert stat.S_IMODE(token.stat().st_mode) == 0o600
    with socket.create_connection(("127.0.0.1", shared.ready["port"])) as stranger:
        stranger.sendall(wire.pack({"m": "control.state", "a": {}, "t": "guess"}))
        assert wire.read_frame(stranger)[0]["e"][0] == "FORBIDDEN"


def test_no_password_is_kept_or_told(shared: RunningSimulator) -> None:
    told = json.dumps([shared.control.state(), shared.control.ledger(shared.login)])
    kept = b"".join(path.read_bytes() for path in shared.data_dir.iterdir())

    assert PASSWORD not in told
    assert "password" not in told
    assert PASSWORD.encode() not in kept


def test_opening_an_account_twice_changes_nothing(shared: RunningSimulator) -> None:
    again = shared.control.open_account(login=shared.login, password=PASSWORD, server=SERVER, balance="5")

    assert again == {"login": shared.login, "created": False}
    assert shared.control.ledger(shared.login)["balance"] == "100000"
    with pytest.raises(ControlError) as refused:
        shared.control.open_account(login=shared.login, password="other", server=SERVER)
    assert refused.value.code == "ACCOUNT_EXISTS"
    for wrong in ({"balance": "NaN"}, {"balance": "-1"}, {"leverage": 0}, {"currency": "EURO"}, {"nonsense": 1}):
        with pytest.raises(ControlError, match=r".") as refused:
            shared.control.open_account(login=2000, password="x", **wrong)
        assert refused.value.code == "INVALID"
    assert 2000 not in [account["login"] for account in shared.control.state()["accounts"]]


def test_a_wrong_login_is_refused(shared: RunningSimulator) -> None:
    for wrong in ({"password": "x"}, {"login": 5}, {"server": "Elsewhere"}):
        assert (
            mt5.initialize(shared.address, **{"login": shared.login, "password": PASSWORD, "server": SERVER} | wrong)
            is False
        )
        assert mt5.last_error() == (-6, "Terminal: Authorization failed")
        assert mt5.account_info() is None
    assert mt5.initialize("sim://127.0.0.1:1") is False
    assert mt5.last_error()[0] == -10003
    assert mt5.initialize("C:\\nowhere\\terminal64.exe") is False
    assert mt5.last_error()[0] == -10003


def test_a_stray_client_does_not_disturb_the_market(shared: RunningSimulator) -> None:
    frames = (
        b"GET / HTTP/1.1\r\n\r\n",
        wire.HEAD.pack(5, 0) + b"{nope",
        wire.pack([1]),
        wire.HEAD.pack(2**21, 0),
        wire.HEAD.pack(9, 9),
    )
    for frame in frames:
        with socket.create_connection(("127.0.0.1", shared.ready["port"]), timeout=60) as stray:
            stray.sendall(frame)
            assert stray.recv(10) == b""
    with socket.create_connection(("127.0.0.1", shared.ready["port"]), timeout=60) as stray:
        for method in ("no_such", "copy_rates_from_pos", "order_send", "login", "__init__", "_account"):
            stray.sendall(wire.pack({"m": method, "a": {"x": 1}}))
            assert wire.read_frame(stray)[0]["e"][0] in (-7, -1, -6)

    assert mt5.account_info().balance == 100000.0


def test_the_command_line_opens_accounts(
    shared: RunningSimulator, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("from a file\n")
    words = ["--data-dir", str(shared.data_dir), "open-account", "--login", "9005", "--password-file", str(secret)]

    assert main([*words, "--json", '{"balance": "2500", "margin_mode": 0}']) == 0
    assert json.loads(capsys.readouterr().out) == {"login": 9005, "created": True}
    assert mt5.initialize(shared.address, login=9005, password="from a file")
    assert (mt5.account_info().balance, mt5.account_info().margin_mode) == (2500.0, 0)
    assert main(["--data-dir", str(tmp_path), "state"]) == 1


def test_the_door_of_an_ended_simulator_says_so(simulator: RunningSimulator) -> None:
    assert simulator.stop() == 0

    with pytest.raises(ControlError) as refused:
        Control(simulator.data_dir)
    assert refused.value.code == "NOT_RUNNING"
    simulator.restart()
