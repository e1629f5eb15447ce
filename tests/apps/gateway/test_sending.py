"""What an agent sends because it was asked: history, log, journal. Twice is once; from the wrong process it is nothing."""

from __future__ import annotations

import hashlib

import pytest
from rest_framework.test import APIClient

from apps.common.clock import read_at
from apps.executors.models import Command, Executor, ExecutorFile, ExecutorLog
from apps.executors.services import logs
from apps.executors.services.commands import ask_command
from apps.trades.models import Deal
from tests.fleet import deal, hello, lease_now, make_account, make_executor_with_key, snapshot
from trading.protocol import FileMessage, HistoryAnswer, HistoryMessage, LogLine, LogMessage, SnapshotAnswer, decode
from trading.protocol import encode as pack

pytestmark = pytest.mark.django_db


class Agent:
    def __init__(self, account):
        self.executor, self.headers = make_executor_with_key(account)
        self.client = APIClient(raise_request_exception=True)
        assert self.post("hello", hello(account)).status_code == 200

    def post(self, door, message):
        path, kind = f"/api/v1/executor/{door}", "application/json"
        return self.client.post(path, pack(message), content_type=kind, **self.headers)

    def lease(self, kind):
        ask_command(executor=self.executor, kind=kind, payload={}, actor="test", at=read_at())
        (command,) = lease_now(self.executor)
        return command


@pytest.fixture
def agent(world, settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    return Agent(make_account(world.team))


def history(command, *deals, **more):
    given = {"instance_id": "one", "fence": 1, "command_id": command.public_id, "deals": list(deals), **more}
    return HistoryMessage(**given)


def file_of(command, content=b"journal", **more):
    digest = hashlib.sha256(content).hexdigest()
    given = {"instance_id": "one", "fence": 1, "command_id": command.public_id, "name": "../journal.jsonl.gz"}
    return FileMessage(**{**given, "sha256": digest, "content": content, **more})


def test_history_is_booked_once_however_often_it_is_sent(agent):
    command = agent.lease("PULL_HISTORY")
    booked = [
        decode(agent.post("history", history(command, *deals)).content, HistoryAnswer).booked
        for deals in ((deal(1), deal(2)), (deal(2), deal(1)), (deal(3), deal(3)))
    ]
    assert booked == [2, 0, 1]
    assert Deal.objects.count() == 3


def test_history_needs_its_command_and_the_lease(agent):
    command = agent.lease("PULL_HISTORY")
    assert agent.post("history", history(command, deal(1), fence=0)).json()["code"] == "FENCED"
    assert agent.post("history", history(command, deal(1), command_id="cmd_nonsense")).status_code == 404
    Command.objects.update(state="EXECUTED")
    assert agent.post("history", history(command, deal(1))).json()["code"] == "COMMAND_ENDED"
    assert Deal.objects.count() == 0


def test_a_journal_is_kept_once_under_a_safe_name(agent):
    command = agent.lease("SEND_JOURNAL")
    assert [agent.post("files", file_of(command)).status_code for _ in range(2)] == [204, 204]
    row = ExecutorFile.objects.get()
    assert (row.name, row.size_bytes) == ("journal.jsonl.gz", 7)


def test_a_journal_with_another_hash_is_refused(agent):
    command = agent.lease("SEND_JOURNAL")
    answer = agent.post("files", file_of(command, sha256="0" * 64))
    assert (answer.status_code, answer.json()["field"]) == (400, "sha256")
    assert ExecutorFile.objects.count() == 0


def test_the_log_is_wanted_only_while_somebody_reads_along(agent):
    def is_wanted(seq):
        answer = agent.post("snapshot", snapshot(seq=seq))
        return decode(answer.content, SnapshotAnswer).log_wanted

    assert not is_wanted(1)
    logs.want_log(executor_id=agent.executor.pk, at=read_at())
    assert is_wanted(2)
    Executor.objects.update(log_wanted_until=read_at())
    assert not is_wanted(3)


def lines(*numbers):
    return [LogLine(number=number, text=f'{{"event": "E{number}"}}') for number in numbers]


def test_log_lines_follow_each_other_without_doubles_and_are_bounded(agent):
    for batch in (lines(1, 2), lines(2, 3), lines(*range(4, 204)), lines(*range(204, 404)), lines(*range(404, 604))):
        assert agent.post("log", LogMessage(instance_id="one", lines=batch)).status_code == 204
    kept = [number for number, _ in ExecutorLog.objects.get().lines]
    assert kept == list(range(104, 604))


def test_another_process_begins_its_log_anew_and_a_clone_is_not_heard(agent):
    agent.post("log", LogMessage(instance_id="one", lines=lines(1, 2)))
    assert agent.post("log", LogMessage(instance_id="two", lines=lines(1))).status_code == 409
    logs.keep_lines(executor_id=agent.executor.pk, instance_id="later", lines=lines(1), at=read_at())
    assert [number for number, _ in ExecutorLog.objects.get().lines] == [1]
