"""The door of agents: what is plain is stored and answered as the whole way does, everything else is left to it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection, transaction
from django.test import Client

from apps.accounts.models import Account, AccountRisk, AccountSnapshot, EquityPoint
from apps.assignments.models import Assignment
from apps.assignments.services import activate, stop
from apps.common.clock import read_at
from apps.common.models import OutboxEvent
from apps.executors.models import Command, Executor
from apps.executors.services.commands import ask_command
from apps.gateway.agents_door import Asked, Stands, Told, answer_desired, answer_snapshots
from apps.market.models import Quote
from apps.trades.models import LedgerCheck
from tests.fleet import (
    deal,
    hello,
    make_account,
    make_executor_with_key,
    make_strategy,
    pending_order,
    position,
    quote,
    race,
    snapshot,
    status,
)
from trading.protocol import AccountState, DesiredSet, SnapshotAnswer, decode, encode

pytestmark = pytest.mark.django_db


@dataclass
class Agent:
    account: Account
    executor: Executor
    headers: dict[str, str]
    assignment: Assignment

    def told(self, **more) -> Told:
        key, secret = self.headers["HTTP_X_API_KEY"], self.headers["HTTP_X_API_SECRET"]
        return Told(key, secret, encode(snapshot(**more)), time.monotonic())

    def asked(self, since=0, instance="one") -> Asked:
        return Asked(self.headers["HTTP_X_API_KEY"], self.headers["HTTP_X_API_SECRET"], instance, since)

    def post(self, door, message):
        response = Client(headers={"host": "localhost"}).post(
            f"/api/v1/executor/{door}", encode(message), content_type="application/json", **self.headers
        )
        assert response.status_code == 200, response.content
        return response.content

    def send(self, **more) -> SnapshotAnswer:
        return decode(self.post("snapshot", snapshot(**more)), SnapshotAnswer)

    def proof(self, observed, generation):
        return [status(self.assignment.public_id, observed, generation)]


def make_agent(team, strategy, **first) -> Agent:
    """Return an agent whose first snapshots were taken in, and whose ledger is settled."""
    account = make_account(team)
    executor, headers = make_executor_with_key(account)
    (assignment,) = activate(strategy=strategy, references=[executor.code], actor="test", at=read_at())
    agent = Agent(account, executor, headers, assignment)
    agent.post("hello", hello(account))
    agent.send(seq=1, **first)
    LedgerCheck.objects.filter(account=account).update(candidate_at=read_at() - timedelta(minutes=1))
    agent.send(seq=2, **first)
    return agent


@pytest.fixture
def strategy(world):
    return make_strategy(world.team)


@pytest.fixture
def agents(world, strategy):
    return [make_agent(world.team, strategy) for _ in range(3)]


def seq_of(agent):
    return AccountSnapshot.objects.get(account=agent.account).seq


def kept_of(agent):
    """All that a snapshot leaves behind, without ids and times."""
    row = AccountSnapshot.objects.get(account=agent.account)
    executor = Executor.objects.get(pk=agent.executor.pk)
    assignment = Assignment.objects.get(pk=agent.assignment.pk)
    events = OutboxEvent.objects.filter(account_id=agent.account.pk).order_by("id")
    names = ("observed", "observed_generation", "open_positions", "pending_orders", "problem", "last_bar_at")
    return {
        "snapshot": [row.seq, row.fence, row.balance, row.equity, row.positions, row.orders, row.market_at],
        "points": list(
            EquityPoint.objects.filter(account=agent.account).order_by("id").values_list("equity", "market_at")
        ),
        "executor": [executor.reported_state, executor.health],
        "assignment": [getattr(assignment, name) for name in names],
        "commands": list(Command.objects.filter(executor=executor).order_by("created_at").values_list("kind", "state")),
        "events": list(events.values_list("kind", flat=True)),
        "quotes": list(Quote.objects.filter(account=agent.account).values_list("symbol", "bid")),
    }


def plain_of(answer):
    return [
        answer.halt,
        answer.desired_version,
        answer.deals_since_ms,
        answer.actions,
        answer.log_wanted,
        answer.lease.fence,
    ]


FLOATING = AccountState(
    balance=Decimal(100_000), equity=Decimal(99_950), margin=Decimal(110), free_margin=Decimal(99_840)
)
HELD = {"positions": [position(7)], "orders": [pending_order(9)]}


@pytest.mark.parametrize(
    ("first", "later"),
    [
        ({}, {}),
        ({}, {"quotes": [quote()]}),
        (HELD, {"account": FLOATING, "positions": [position(7, profit=Decimal(-50))], "orders": [pending_order(9)]}),
    ],
    ids=["nothing", "quotes", "floating"],
)
def test_a_plain_snapshot_leaves_and_answers_what_the_whole_way_does(world, strategy, first, later):
    by_door, by_view = make_agent(world.team, strategy, **first), make_agent(world.team, strategy, **first)
    message = {"seq": 3, **later}

    (body,) = answer_snapshots([by_door.told(assignments=by_door.proof("RUNNING", 1), **message)])
    answer = by_view.send(assignments=by_view.proof("RUNNING", 1), **message)

    assert body is not None
    assert plain_of(decode(body, SnapshotAnswer)) == plain_of(answer)
    assert kept_of(by_door) == kept_of(by_view)
    assert decode(body, SnapshotAnswer).lease.valid_for_ms == 15_000


def test_two_hundred_stops_would_be_proven_by_the_same_few_statements(agents, django_assert_max_num_queries):
    stop(assignment_ids=[agent.assignment.pk for agent in agents], actor="test", at=read_at())

    with django_assert_max_num_queries(30):
        answers = answer_snapshots([agent.told(seq=3, assignments=agent.proof("STOPPED", 2)) for agent in agents])

    assert None not in answers
    assert set(Assignment.objects.values_list("observed", "observed_generation")) == {("STOPPED", 2)}
    assert set(Command.objects.filter(kind="STOP_STRATEGY").values_list("state", flat=True)) == {"EXECUTED"}


def test_an_agent_that_comes_back_is_told_as_online(agents):
    Executor.objects.update(reported_state="STALE")

    answer_snapshots([agent.told(seq=3) for agent in agents])

    assert set(Executor.objects.values_list("reported_state", flat=True)) == {"ONLINE"}
    assert OutboxEvent.objects.filter(kind="executor.changed", data__was="STALE").count() == 3


@pytest.mark.parametrize(
    "more",
    [
        {
            "account": AccountState(
                balance=Decimal(99_000), equity=Decimal(99_000), margin=Decimal(0), free_margin=Decimal(0)
            )
        },
        {"positions": [position(7)]},
        {"orders": [pending_order(9)]},
        {"deals": [deal(1)]},
        {"complete": False},
        {"seq": 2},
        {"fence": 2},
        {"instance": "two"},
        {"trade_allowed": False},
    ],
    ids=["balance", "position", "order", "deal", "incomplete", "older", "fence", "instance", "forbidden"],
)
def test_what_is_not_plain_is_left_to_the_whole_way_untouched(agents, more):
    before = [kept_of(agent) for agent in agents]

    first, second, _ = answer_snapshots(
        [agents[0].told(**{"seq": 3, **more}), agents[1].told(seq=3), agents[2].told(seq=3)]
    )

    assert first is None
    assert second is not None
    assert kept_of(agents[0]) == before[0]
    assert seq_of(agents[1]) == 3


@pytest.mark.parametrize(
    "change", [{"stop_loss": Decimal("1.09")}, {"take_profit": Decimal("1.2")}, {"volume_lots": Decimal("0.2")}]
)
def test_a_moved_stop_or_target_is_not_plain(world, strategy, change):
    agent = make_agent(world.team, strategy, positions=[position(7)])

    assert answer_snapshots([agent.told(seq=3, positions=[position(7, **change)])]) == [None]
    assert answer_snapshots([agent.told(seq=3, positions=[position(7)])]) != [None]


def test_a_ledger_that_is_due_and_a_flatten_that_waits_for_proof_go_the_whole_way(agents):
    LedgerCheck.objects.filter(account=agents[0].account).update(checked_at=read_at() - timedelta(hours=1))
    command = ask_command(executor=agents[1].executor, kind="FLATTEN_ACCOUNT", payload={}, actor="test", at=read_at())
    Command.objects.filter(pk=command.pk).update(
        state="ACKNOWLEDGED", result={"said": "EXECUTED", "said_at": read_at().isoformat()}
    )

    answers = answer_snapshots([agent.told(seq=3) for agent in agents])

    assert [answer is None for answer in answers] == [True, True, False]


def test_a_wrong_key_or_a_broken_body_is_the_views_to_refuse(agents):
    good = agents[0].told(seq=3)
    wrong = Told(good.key_id, good.secret[:-1] + "x", good.body, good.came_mono_s)
    broken = Told(good.key_id, good.secret, b"{", good.came_mono_s)

    assert answer_snapshots([wrong, broken]) == [None, None]
    assert seq_of(agents[0]) == 2


def test_of_two_snapshots_of_one_account_the_second_comes_after_the_first(agents):
    first, second = answer_snapshots([agents[0].told(seq=3), agents[0].told(seq=4)])

    assert (first is not None, second) == (True, None)
    assert seq_of(agents[0]) == 3


def test_nobody_speaks_for_anothers_assignment(agents):
    answer_snapshots([agents[0].told(seq=3, assignments=agents[1].proof("RUNNING", 1)), agents[1].told(seq=3)])

    assert Assignment.objects.get(pk=agents[1].assignment.pk).observed_generation == 0


def test_the_time_in_the_queue_makes_a_view_older_not_younger(agents):
    told = agents[0].told(seq=3)

    answer_snapshots([Told(told.key_id, told.secret, told.body, told.came_mono_s - 2)])

    row = AccountSnapshot.objects.get(account=agents[0].account)
    assert read_at() - row.taken_at >= timedelta(seconds=2)


@pytest.mark.django_db(transaction=True)
def test_rows_that_somebody_holds_are_not_waited_for(agents):
    def told():
        return answer_snapshots([agent.told(seq=3) for agent in agents])

    with transaction.atomic():
        AccountRisk.objects.select_for_update().get(pk=agents[0].account.pk)
        Executor.objects.select_for_update().get(pk=agents[1].executor.pk)
        (answers,) = race(told)

    assert [answer is None for answer in answers] == [True, True, False]
    connection.close()


def test_sets_are_those_of_the_view_and_one_shots_are_leased_once(agents):
    ask_command(executor=agents[0].executor, kind="SNAPSHOT", payload={}, actor="test", at=read_at())

    bodies = answer_desired(
        [agents[0].asked(), agents[0].asked(), agents[1].asked(), agents[2].asked(instance="clone")]
    )

    sets = [decode(body, DesiredSet) for body in bodies]
    assert [len(one.commands) for one in sets] == [1, 0, 0, 0]
    assert [one.lease is not None for one in sets] == [True, True, True, False]
    assert [one.assignments[0].assignment_id for one in sets[1:3]] == [one.assignment.public_id for one in agents[:2]]


def test_what_waits_for_one_executor_keeps_no_other_waiting(agents):
    for number in range(41):
        ask_command(executor=agents[0].executor, kind="PULL_HISTORY", payload={"n": number}, actor="test", at=read_at())
    ask_command(executor=agents[1].executor, kind="FLATTEN_ACCOUNT", payload={}, actor="test", at=read_at())

    sets = [decode(body, DesiredSet) for body in answer_desired([agents[0].asked(), agents[1].asked()])]

    assert [len(one.commands) for one in sets] == [20, 1]


def test_what_lowers_risk_goes_before_what_is_only_fetched(agents):
    for number in range(21):
        ask_command(executor=agents[0].executor, kind="PULL_HISTORY", payload={"n": number}, actor="test", at=read_at())
    for ticket in (7, 8):
        ask_command(
            executor=agents[0].executor, kind="CLOSE_POSITION", payload={"ticket": ticket}, actor="test", at=read_at()
        )

    (body,) = answer_desired([agents[0].asked()])

    kinds = [one.kind for one in decode(body, DesiredSet).commands]
    assert kinds == ["CLOSE_POSITION"] * 2 + ["PULL_HISTORY"] * 18


def test_a_version_that_stands_is_said_to_stand_and_a_wrong_secret_gets_nothing(agents):
    version = Executor.objects.get(pk=agents[0].executor.pk).desired_version
    wrong = Asked(agents[0].asked().key_id, agents[1].asked().secret, "one")

    assert answer_desired([agents[0].asked(since=version), wrong]) == [Stands(agents[0].executor.pk), None]
