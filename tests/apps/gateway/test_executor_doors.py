"""The main path at the executor's doors: hello, desired, snapshot, reports — as an agent speaks them over HTTP."""

from __future__ import annotations

from decimal import Decimal

import pytest
from rest_framework.test import APIClient

from apps.assignments.models import Assignment
from apps.assignments.services import activate, stop
from apps.common.clock import read_at
from apps.executors.services.commands import ask_command
from apps.market.models import Quote
from apps.trades.models import Trade
from tests.fleet import (
    OUT,
    SELL,
    deal,
    hello,
    make_account,
    make_executor_with_key,
    make_strategy,
    position,
    quote,
    snapshot,
    status,
    symbol_spec,
)
from trading.protocol import DesiredSet, SnapshotAnswer, SymbolsMessage, Welcome, decode, encode

pytestmark = pytest.mark.django_db


@pytest.fixture
def agent(world):
    """An agent at its terminal, with a vocabulary."""
    return Agent(make_account(world.team))


class Agent:
    def __init__(self, account):
        self.account = account
        self.executor, self.headers = make_executor_with_key(account)
        self.client = APIClient(raise_request_exception=True)

    def post(self, door, message):
        return self.client.post(
            f"/api/v1/executor/{door}", encode(message), content_type="application/json", **self.headers
        )

    def say_hello(self, **more) -> Welcome:
        response = self.post("hello", hello(self.account, **more))
        assert response.status_code == 200, response.content
        return decode(response.content, Welcome)

    def send(self, **more) -> SnapshotAnswer:
        response = self.post("snapshot", snapshot(**more))
        assert response.status_code == 200, response.content
        return decode(response.content, SnapshotAnswer)

    def pull(self, since=0, wait_ms=0, instance="one") -> DesiredSet:
        path = f"/api/v1/executor/desired?since={since}&wait_ms={wait_ms}"
        response = self.client.get(path, HTTP_X_INSTANCE_ID=instance, **self.headers)
        assert response.status_code == 200, response.content
        return decode(response.content, DesiredSet)


def test_a_strategy_activated_is_pulled_run_and_proven(world, agent):
    welcome = agent.say_hello()
    assert welcome.may_run
    assert welcome.lease.fence == 1
    assert welcome.deals_since_ms == 0

    strategy = make_strategy(world.team)
    activate(strategy=strategy, references=["all"], actor="test", at=read_at())
    wanted = agent.pull(since=welcome.desired_version)
    (one,) = wanted.assignments
    assert (one.desired, one.generation, one.command) == ("RUNNING", 1, "START_STRATEGY")
    assert (one.magic, one.symbol, one.timeframe, one.rules) == (
        1_000_000,
        "EURUSD",
        "M1",
        strategy.versions.get().rules,
    )
    assert wanted.desired_version > welcome.desired_version
    assert wanted.lease.fence == 1
    assert wanted.may_run

    agent.send(assignments=[status(one.assignment_id, "RUNNING", 1)])
    row = Assignment.objects.get()
    assert (row.observed, row.observed_generation) == ("RUNNING", 1)


def test_a_stop_is_proven_only_when_nothing_is_left(world, agent):
    agent.say_hello()
    strategy = make_strategy(world.team)
    (row,) = activate(strategy=strategy, references=["all"], actor="test", at=read_at())
    (one,) = agent.pull().assignments
    stop(assignment_ids=[row.pk], actor="test", at=read_at())
    (one,) = agent.pull().assignments
    assert (one.desired, one.generation) == ("STOPPED", 2)

    lying = status(one.assignment_id, "STOPPED", 2)
    agent.send(seq=1, assignments=[lying], positions=[position(7, magic=one.magic)])
    row.refresh_from_db()
    assert (row.observed, row.open_positions) == ("STOPPING", 1)
    agent.send(seq=2, assignments=[lying])
    row.refresh_from_db()
    assert (row.observed, row.open_positions) == ("STOPPED", 0)


def test_an_agent_that_has_seen_more_than_the_database_is_told_to_halt(agent):
    welcome = agent.say_hello()

    wanted = agent.pull(since=welcome.desired_version + 5)

    assert wanted.halt.halted
    assert "after_restore" in wanted.halt.reason


def test_a_second_process_of_one_key_gets_no_lease_and_what_it_sends_is_fenced(agent):
    agent.say_hello(instance="one")
    twin = agent.say_hello(instance="two")
    assert twin.lease is None
    response = agent.post("snapshot", snapshot(instance="two", fence=1))
    assert response.status_code == 409
    assert response.json()["code"] == "FENCED"


def test_a_second_process_of_one_key_gets_neither_lease_nor_command_with_its_desired_set(agent):
    agent.say_hello(instance="one")
    ask_command(executor=agent.executor, kind="CLOSE_POSITION", payload={"ticket": 7}, actor="test", at=read_at())
    for clone in (agent.pull(instance="two"), agent.pull(instance="")):
        assert (clone.lease, clone.commands) == (None, [])
    holder = agent.pull(instance="one")
    assert holder.lease.fence == 1
    assert [command.kind for command in holder.commands] == ["CLOSE_POSITION"]


def test_what_a_second_process_sees_of_its_market_is_not_stored(agent):
    agent.say_hello(instance="one")
    symbols = SymbolsMessage(symbols=[symbol_spec()])
    for instance, status_code in (("two", 409), ("one", 204)):
        response = agent.client.post(
            "/api/v1/executor/symbols", encode(symbols), content_type="application/json",
            HTTP_X_INSTANCE_ID=instance, **agent.headers,
        )  # fmt: skip
        assert response.status_code == status_code, response.content


def test_an_agent_at_the_wrong_terminal_may_not_run(agent):
    welcome = agent.say_hello(login=42)
    assert not welcome.may_run
    assert welcome.lease is None
    assert "42" in welcome.reason


def test_an_agent_of_another_protocol_may_not_run(agent):
    assert not agent.say_hello(protocol_version=99).may_run
    assert not agent.pull().may_run


def test_a_snapshot_brings_deals_quotes_and_the_cursor(agent):
    agent.say_hello()
    closing = deal(2, deal_type=SELL, entry=OUT, price=Decimal("1.10100"), profit=Decimal(10), commission=Decimal(-1))
    answer = agent.send(deals=[deal(1), closing], quotes=[quote()])
    trade = Trade.objects.get()
    assert (trade.pnl, trade.source, trade.closed_at is not None) == (9, "EXTERNAL", True)
    assert Quote.objects.get().ask == Decimal("1.10010")
    assert answer.deals_since_ms == closing.time_raw_ms - 3_600_000


def test_junk_is_refused_with_a_sentence(agent):
    for body in (b"", b"{", b"[]", b'{"seq": NaN}', b'{"seq": 1}'):
        response = agent.client.post(
            "/api/v1/executor/snapshot", body, content_type="application/json", **agent.headers
        )
        assert response.status_code == 400, body
        assert response.json()["code"] == "MALFORMED"


def test_nobody_enters_without_an_executors_key(agent, world):
    response = APIClient().get("/api/v1/executor/desired")
    assert response.status_code == 401
