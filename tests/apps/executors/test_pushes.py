"""What a push to an executor carries."""

from __future__ import annotations

import json

import pytest

from apps.assignments.services import activate
from apps.common.clock import read_at
from apps.common.models import OutboxEvent
from apps.executors.models import Command
from apps.executors.services.pushes import read_command_push
from tests.fleet import make_account, make_executor, make_strategy

pytestmark = pytest.mark.django_db


@pytest.fixture
def started(world):
    executor = make_executor(make_account(world.team))
    activate(strategy=make_strategy(world.team), references=[executor.code], actor="test", at=read_at())
    return executor


def pushes_of(executor):
    events = OutboxEvent.objects.filter(kind="command.changed").order_by("created_at")
    return [read_command_push({"data": event.data}) for event in events]


def test_an_activation_is_pushed_with_the_guides_fields(started):
    ((channel, name, data),) = pushes_of(started)

    told = json.loads(data)
    assert (channel, name) == (f"private-executor-{started.public_id}", "command-received")
    assert set(told) == {"id", "command", "parameters", "createdAt"}
    assert told["command"] == "START_STRATEGY"
    assert "rules" in told["parameters"]


def test_what_is_too_large_for_a_push_goes_without_its_parameters(started):
    Command.objects.update(payload={"rules": "x" * 12_000})

    told = json.loads(pushes_of(started)[0][2])

    assert (told["parameters"], told["truncated"]) == (None, True)


def test_only_what_waits_is_pushed(started):
    event = OutboxEvent.objects.get(kind="command.changed")

    assert read_command_push({"data": {**event.data, "state": "EXECUTED"}}) is None
    assert read_command_push({"data": {**event.data, "command_id": "cmd_nothing"}}) is None
