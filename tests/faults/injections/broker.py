"""Group C: the broker and the terminal."""

from __future__ import annotations

import contextlib
from decimal import Decimal
from typing import Any

from simulator.control import ControlError
from tests.faults.injections.registry import fault, hold, one
from tests.faults.rig import Agent, Rig
from tests.journeys.running import wait_for


@fault(42, "the simulated terminal killed", "I5 I2", short=True, within_s=150)
def kill_simulator(rig: Rig) -> None:
    rig.kill_process("simulator")


def scripted(number: int, kind: str, aims: str, *, is_long: bool = False, **values: Any) -> None:
    words = ", ".join(f"{name} {value}" for name, value in values.items())

    @fault(number, f"broker: {kind.replace('_', ' ')}{', ' if words else ''}{words}", aims, short=not is_long)
    def inject(rig: Rig) -> None:
        for agent in rig.agents:
            rig.script(kind, agent, **values)


scripted(34, "timeout_filled", "I2 I6", on="open", reply="none")
scripted(34, "timeout_filled", "I2 I6", on="open", reply="drop")
scripted(34, "timeout_filled", "I2 I6", on="close", reply="none")
scripted(34, "timeout_unfilled", "I2 I6", on="open")
scripted(34, "timeout_unfilled", "I2 I6", on="close")
scripted(34, "timeout_filled", "I2 I6", on="open", reply="hang", is_long=True)
scripted(35, "partial_fill", "I1 I6", on="open", share="0.5")
scripted(35, "partial_fill", "I1 I6", on="close", share="0.5")
scripted(36, "reject", "I2 I10", on="close", count=2)
scripted(36, "reject", "I2 I10", on="open", count=2)
scripted(37, "requote", "I2 I10", on="open", count=5)
scripted(37, "price_changed", "I2 I10", on="close", count=3)
scripted(38, "slippage", "I1", points=30, count=2)
scripted(42, "positions_none", "I5 I2", count=3)
scripted(42, "positions_empty", "I5 I2", count=3)
scripted(42, "disconnect", "I5 I2", seconds=3.0)
scripted(42, "server_down", "I5 I2", seconds=3.0)
scripted(42, "hang", "I5 I2", seconds=6.0, is_long=True)
scripted(38, "slippage", "I1", is_long=True, points=300, count=1)
scripted(42, "positions_half", "I5 I2", count=3)

# Every code an order may be refused with; what says that it was done, or that nobody knows, has faults of its own (34, 35).
REFUSED = (10004, 10006, 10007, 10011, 10013, 10014, 10015, 10016, 10018, 10019, 10020, 10021, 10022, 10023, 10024, 10025, 10026,
           10028, 10029, 10030, 10031, 10032, 10033, 10034, 10035, 10036, 10038, 10039, 10040, 10041, 10042, 10043, 10044, 10045, 10046)  # fmt: skip


AT_ONCE = 6  # more in a row and the agents' own pauses between attempts are all that is waited for


@fault(36, "broker: each code of refusal once, opening and closing", "I2 I10", within_s=180)
def refuse_with_each_code(rig: Rig) -> None:
    """More refusals than a bot may meet in an hour: a person has taken that limit away."""
    for agent in rig.agents:
        _let_errors_be(rig, agent)
    for start in range(0, len(REFUSED), AT_ONCE):
        for number, code in enumerate(REFUSED[start : start + AT_ONCE]):
            for turn, on in enumerate(("open", "close")):
                rig.script("reject", rig.agents[(number + turn) % len(rig.agents)], on=on, retcode=code)
        rig.wait_trading(timeout_s=90)


def _let_errors_be(rig: Rig, agent: Agent) -> None:
    address = f"accounts/{agent.account_id}/limits"
    limits = rig.platform.get(address)["limits"] | {"max_order_errors_per_hour": None}
    with rig.signed_in() as person:
        person.send("PUT", f"/api/v1/{address}", limits | {"password": rig.platform.ready["password"]})


@fault(39, "broker: a STOP that meets a closed market", "I5 I4")
def refuse_to_close(rig: Rig) -> None:
    agent = one(rig)
    wait_for(f"{agent.code} to hold a position", lambda: rig.held(agent), 60, 0.05)
    rig.script("reject", agent, on="close", retcode=10018, count=4)
    rig.stop(agent)
    assert not rig.held(agent), "I5 STOPPED was proven over an open position"
    rig.control("clear_faults")
    rig.activate(agent)


@fault(40, "broker: a stop loss lost", "I2", short=True)
def lose_stop(rig: Rig) -> None:
    agent = one(rig)
    ticket = wait_for("a stop to be lost", lambda: _drop_stop(rig, agent), 60, 0.05)

    def is_safe() -> bool:
        return all(one["sl"] for one in rig.held(agent) if one["ticket"] == ticket)

    wait_for("the stop to be set again, or the position closed", is_safe, 30)


def _drop_stop(rig: Rig, agent: Agent) -> int | None:
    for position in rig.held(agent):
        with contextlib.suppress(ControlError):
            rig.control("drop_stops", login=agent.login, ticket=position["ticket"])
            return int(position["ticket"])
    return None


@fault(41, "broker: a position opened by hand", "I1", short=True)
def trade_by_hand(rig: Rig) -> None:
    agent = one(rig, is_hedging=True)  # a netting account knows no second position
    stop = round(rig.entries(agent)[-1]["price"] - 0.02, 5)  # without one nothing would be approved beside it
    rig.control("trade_by_hand", login=agent.login, symbol="EURUSD", side="BUY", volume="0.01", sl=stop)
    (ticket,) = [one["ticket"] for one in rig.ledger(agent)["positions"] if not one["magic"]]
    external = {"account_id": agent.account_id, "source": "EXTERNAL"}
    wait_for("it to be shown as EXTERNAL", lambda: rig.platform.get("trades", **external)["results"], 60)
    rig.wait_trading([agent])
    assert any(one["ticket"] == ticket for one in rig.ledger(agent)["positions"]), "somebody closed it"
    rig.control("trade_by_hand", login=agent.login, symbol="EURUSD", side="SELL", volume="0.01", position=ticket)


@fault(43, "broker: a netted position turned round by hand", "I6 I2")
def turn_round_by_hand(rig: Rig) -> None:
    """One order of twice the volume: what was the bot's is closed, what is left is the person's, under the same position."""
    agent = one(rig, is_hedging=False)
    position = wait_for("a position to be turned round", lambda: _turn_round(rig, agent), 60, 0.05)
    hold(rig, 2, 4)
    for left in rig.ledger(agent)["positions"]:
        if left["identifier"] == position and not left["magic"]:
            rig.control(
                "trade_by_hand", login=agent.login, symbol="EURUSD", side=_other_side(left), volume=left["volume"]
            )


def _turn_round(rig: Rig, agent: Agent) -> int | None:
    for position in rig.held(agent):
        volume = str(2 * Decimal(position["volume"]))
        with contextlib.suppress(ControlError):
            rig.control("trade_by_hand", login=agent.login, symbol="EURUSD", side=_other_side(position), volume=volume)
            return int(position["identifier"])
    return None


def _other_side(position: dict[str, Any]) -> str:
    return "SELL" if position["type"] == 0 else "BUY"


@fault(44, "broker: money paid in and out", "I6 I7", short=True)
def move_money(rig: Rig) -> None:
    agent = one(rig)
    rig.control("deposit", login=agent.login, amount="250.50", comment="paid in")
    rig.control("deposit", login=agent.login, amount="-100", comment="paid out")


@fault(45, "broker: another contract size, and back", "I9")
def change_symbol(rig: Rig) -> None:
    rig.control("change_terms", symbol="EURUSD", contract_size="1000000")
    try:
        wait_for("the change to be seen", lambda: all(_look(rig, agent)["unseen_changes"] for agent in rig.agents), 120)
        before = {agent.code: len(rig.entries(agent)) for agent in rig.agents}
        hold(rig, 3, 5)
        assert before == {agent.code: len(rig.entries(agent)) for agent in rig.agents}, "I9 opened on a changed symbol"
    finally:
        rig.control("change_terms", symbol="EURUSD", contract_size="100000")
    for agent in rig.agents:
        wait_for("the change back to be seen, and accepted", lambda a=agent: _accept(rig, a), 150, 0.5)


def _look(rig: Rig, agent: Agent) -> dict[str, Any]:
    return dict(rig.platform.get("symbols/EURUSD", account_id=agent.account_id))


def _accept(rig: Rig, agent: Agent) -> bool:
    """Let a person accept what was changed back, and say whether nothing waits for one any more."""
    shown = _look(rig, agent)
    if float(shown["specification"]["contract_size"]) != 100_000:
        return False  # what is shown is not the last word
    if shown["unseen_changes"]:
        rig.platform.client.post("symbols/EURUSD/accept", params={"account_id": agent.account_id})
    return not shown["unseen_changes"]


@fault(46, "the terminal logged into another account", "I2 I9")
def log_in_elsewhere(rig: Rig) -> None:
    other = rig.platform.ready["simulator"]["login"]
    rig.control("force_login", login=other)
    try:
        before = {agent.code: len(rig.entries(agent)) for agent in rig.agents}
        hold(rig, 3, 4)
        assert before == {agent.code: len(rig.entries(agent)) for agent in rig.agents}, "I9 opened on another account"
    finally:
        rig.control("force_login", login=None)
    magics = {rig.assignment(agent)["magic_number"] for agent in rig.agents}
    strays = [deal["ticket"] for deal in rig.control("ledger", login=other)["deals"] if deal["magic"] in magics]
    assert not strays, f"I9 traded on another account: {strays}"
