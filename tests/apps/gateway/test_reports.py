"""Reports at the door: each counted once, each kind with its consequence, a bad one spoils no other."""

from __future__ import annotations

from decimal import Decimal
from uuid import uuid4

import pytest
from rest_framework.test import APIClient

from apps.assignments.services import activate
from apps.bots.models import Bot
from apps.common.clock import read_at
from apps.common.models import OutboxEvent
from apps.executors.models import Command, Executor
from apps.executors.services.commands import ask_command
from apps.risk.models import Approval
from apps.trades.models import Order, Trade
from tests.fleet import (
    MARKET_AT,
    OUT,
    SELL,
    deal,
    hello,
    make_account,
    make_executor_with_key,
    make_strategy,
    new_report_id,
    snapshot,
)
from trading.protocol import DesiredSet, Report, ReportAnswers, Reports, Welcome, decode, encode

pytestmark = pytest.mark.django_db


class Agent:
    """An agent with its lease and one running strategy, whose bot has been granted an approval."""

    def __init__(self, world):
        self.account = make_account(world.team)
        self.executor, self.headers = make_executor_with_key(self.account)
        self.client = APIClient(raise_request_exception=True)
        self.fence = decode(self.post("hello", hello(self.account)).content, Welcome).lease.fence
        (self.assignment,) = activate(
            strategy=make_strategy(world.team), references=["all"], actor="test", at=read_at()
        )
        self.bot = Bot.objects.get()

    def post(self, door, message):
        return self.client.post(
            f"/api/v1/executor/{door}", encode(message), content_type="application/json", **self.headers
        )

    def report(self, *reports, fence=None):
        message = Reports(instance_id="one", fence=self.fence if fence is None else fence, reports=list(reports))
        response = self.post("reports", message)
        return response if response.status_code != 200 else decode(response.content, ReportAnswers).answers

    def send(self, **more):
        response = self.post("snapshot", snapshot(fence=self.fence, **more))
        assert response.status_code == 200, response.content

    def grant(self):
        at = read_at()
        return Approval.objects.create(
            account=self.account,
            bot=self.bot,
            assignment_id=self.assignment.pk,
            body_hash="x",
            at=at,
            market_at=MARKET_AT,
            symbol="EURUSD",
            side="BUY",
            entry_price=Decimal("1.1"),
            stop_loss=Decimal("1.095"),
            requested_lots=Decimal("0.1"),
            approved=True,
            reason_code="APPROVED",
            adjusted_lots=Decimal("0.1"),
            risk_amount=Decimal(50),
            tag=uuid4().hex[:27],
            response="{}",
        )


@pytest.fixture
def agent(world):
    return Agent(world)


def told(kind, body, **more):
    given = {"report_id": new_report_id(), "kind": kind, "at": MARKET_AT, "market_at": MARKET_AT, "assignment_id": None}
    return Report(body=body, **{**given, **more})


def filled(approval, **more):
    body = {
        "approval_id": approval.public_id,
        "tag": approval.tag,
        "outcome": "DONE",
        "order_ticket": 1001,
        "position_id": 1,
        "filled_lots": 0.1,
        "price": 1.1,
    }
    return told("order_outcome", {**body, **more})


def test_an_outcome_is_stored_once_however_often_it_is_told(agent):
    report = filled(agent.grant())
    statuses = [agent.report(report, report)[n].status for n in (0, 1)]
    assert statuses == ["ACCEPTED", "DUPLICATE"]
    assert agent.report(report)[0].status == "DUPLICATE"
    order = Order.objects.get()
    assert (order.outcome, order.filled_lots, order.price) == ("DONE", Decimal("0.1"), Decimal("1.1"))


@pytest.mark.parametrize("report_first", [True, False])
def test_report_and_deal_meet_in_one_managed_trade(agent, report_first):
    approval = agent.grant()
    opening = deal(1, magic=agent.bot.magic, comment=approval.tag)
    steps = [lambda: agent.report(filled(approval)), lambda: agent.send(deals=[opening])]
    for step in steps if report_first else reversed(steps):
        step()
    trade = Trade.objects.get()
    assert (trade.source, trade.approval_id, trade.bot_id) == ("MANAGED", approval.pk, agent.bot.pk)
    assert (trade.strategy_id, trade.assignment_id) == (agent.assignment.strategy_id, agent.assignment.pk)
    assert trade.planned_risk == 50


def test_an_exit_told_before_its_deals_is_remembered(agent):
    agent.report(told("trade_closed", {"position_id": 1, "exit_reason": "TRAILING_STOP"}))
    agent.send(deals=[deal(1), deal(2, deal_type=SELL, entry=OUT, reason=4)])
    assert Trade.objects.get().exit_reason == "TRAILING_STOP"


def test_a_one_shots_result_settles_it(agent):
    ask_command(executor=agent.executor, kind="CLOSE_POSITION", payload={"ticket": 7}, actor="test", at=read_at())
    wanted = decode(
        agent.client.get("/api/v1/executor/desired", HTTP_X_INSTANCE_ID="one", **agent.headers).content, DesiredSet
    )
    (shot,) = wanted.commands
    body = {"command_id": shot.command_id, "lease_token": shot.lease_token, "state": "EXECUTED", "result": {"ok": 1}}
    assert agent.report(told("command_result", body))[0].status == "ACCEPTED"
    assert agent.report(told("command_result", {**body, "state": "FAILED"}))[0].code == "COMMAND_NOT_YOURS"
    assert Command.objects.get(kind="CLOSE_POSITION").state == "EXECUTED"


def test_denials_and_events_are_told_to_people(agent):
    agent.report(
        told("entry_denied", {"reason_code": "SPREAD", "message": "too wide"}),
        told("agent_event", {"event": "TERMINAL_RESTARTED", "severity": "CRITICAL", "message": "hung"}),
    )
    assert OutboxEvent.objects.filter(kind__in=["entry.denied", "agent.event"]).count() == 2
    assert "TERMINAL_RESTARTED" in Executor.objects.get(pk=agent.executor.pk).problem


def test_a_bad_report_spoils_no_other(agent):
    good = told("trade_closed", {"position_id": 1, "exit_reason": "MANUAL"})
    answers = agent.report(
        told("nonsense", {}),
        told("trade_closed", {"position_id": "x", "exit_reason": "MANUAL"}),
        told("trade_closed", {"position_id": 1, "exit_reason": "BOREDOM"}),
        told("order_outcome", {"approval_id": "apr_x", "outcome": "DONE"}),
        told("order_outcome", {"approval_id": "apr_x", "outcome": "PERHAPS"}),
        told("trade_closed", {"position_id": 1, "exit_reason": "MANUAL"}, report_id="no uuid"),
        good,
    )
    assert [answer.code for answer in answers[:-1]] == [
        "KIND_UNKNOWN",
        "MALFORMED_MESSAGE",
        "EXIT_REASON_UNKNOWN",
        "APPROVAL_UNKNOWN",
        "OUTCOME_UNKNOWN",
        "REPORT_ID_INVALID",
    ]
    assert {answer.status for answer in answers[:-1]} == {"REFUSED"}
    assert answers[-1].status == "ACCEPTED"


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("order_outcome", {"order_ticket": 2**70}),
        ("order_outcome", {"filled_lots": 1e20}),
        ("order_outcome", {"comment": "nul \x00"}),
        ("trade_closed", {"position_id": 2**70, "exit_reason": "MANUAL"}),
        ("agent_event", {"event": "nul \x00"}),
        ("nul \x00", {}),
    ],
)
def test_a_report_the_database_cannot_hold_does_not_block_those_behind_it(agent, kind, body):
    approval = agent.grant()
    body = {"approval_id": approval.public_id, "outcome": "DONE", **body} if kind == "order_outcome" else body
    good = told("trade_closed", {"position_id": 1, "exit_reason": "MANUAL"})

    answers = agent.report(told(kind, body), good)

    assert [answer.status for answer in answers] == ["REFUSED", "ACCEPTED"]


def test_a_fill_found_after_the_order_was_given_up_is_the_truth(agent):
    approval = agent.grant()
    agent.report(filled(approval, outcome="NOT_SENT", order_ticket=None, position_id=None, filled_lots=0, price=None))
    agent.report(filled(approval))
    agent.report(filled(approval, outcome="REJECTED", position_id=None))

    order = Order.objects.get()
    assert (order.outcome, order.position_id) == ("DONE", 1)


def test_a_smaller_fence_is_refused(agent):
    response = agent.report(told("agent_event", {"event": "X"}), fence=agent.fence - 1)
    assert (response.status_code, response.json()["code"]) == (409, "FENCED")


def test_another_accounts_approval_is_unknown(world, agent):
    approval = Agent.grant(agent)
    Approval.objects.filter(pk=approval.pk).update(account=make_account(world.team))
    assert agent.report(filled(approval))[0].code == "APPROVAL_UNKNOWN"
