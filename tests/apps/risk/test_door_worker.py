"""The door's worker: one thread, deadlines kept, no error ends it."""

import asyncio
import threading
import time

import pytest

from apps.risk import queueing
from apps.risk.services.wire import Answer

ANSWER = Answer(200, b"{}", approved=True)


class Bench:
    """Stands in for `decide`: records its batches, and blocks or breaks when told to."""

    def __init__(self):
        self.batches = []
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Event()
        self.breaks = 0

    def decide(self, requests, at):
        self.entered.set()
        self.gate.wait(timeout=60)
        self.batches.append(list(requests))
        if self.breaks:
            self.breaks -= 1
            raise RuntimeError("injected")
        return [ANSWER for _ in requests]


class Asked:
    def __init__(self, name):
        self.request_id = name


@pytest.fixture
def bench(monkeypatch):
    bench = Bench()
    monkeypatch.setattr(queueing, "decide", bench.decide)
    monkeypatch.setattr(queueing, "read_at", lambda: None)
    monkeypatch.setattr(queueing.Worker, "_warm", lambda worker: None)
    return bench


def ask_all(worker, names, within_s=5.0):
    async def ask():
        until_s = time.monotonic() + within_s
        return await asyncio.gather(*(worker.ask(Asked(name), until_s) for name in names))

    return asyncio.run(ask())


def test_what_waits_is_decided_together_and_each_gets_its_answer(bench):
    worker = queueing.Worker()
    names = [str(number) for number in range(300)]
    bench.gate.clear()
    threading.Timer(0.2, bench.gate.set).start()

    answers = ask_all(worker, names)

    assert answers == [ANSWER] * 300
    assert sum(len(batch) for batch in bench.batches) == 300
    assert len(bench.batches) <= 4
    assert max(len(batch) for batch in bench.batches) <= 256


def test_who_waits_too_long_is_refused_and_never_decided_later(bench):
    worker = queueing.Worker()
    bench.gate.clear()

    async def scene():
        first = asyncio.create_task(worker.ask(Asked("first"), time.monotonic() + 5))
        assert await asyncio.to_thread(bench.entered.wait, 5)  # the worker stands before the gate
        late = await worker.ask(Asked("late"), time.monotonic() + 0.1)
        bench.gate.set()
        return await first, late, await worker.ask(Asked("next"), time.monotonic() + 5)

    first, late, following = asyncio.run(scene())

    assert (late.status, late.reason_code, late.approved) == (503, "UNAVAILABLE", False)
    assert b'"approved":false' in late.body
    assert first == following == ANSWER
    assert [request.request_id for batch in bench.batches for request in batch] == ["first", "next"]


def test_an_error_refuses_its_batch_and_the_worker_goes_on(bench):
    worker = queueing.Worker()
    bench.breaks = 1

    (broken,) = ask_all(worker, ["a"])
    (whole,) = ask_all(worker, ["b"])

    assert (broken.status, broken.approved) == (503, False)
    assert whole == ANSWER


def test_a_burst_that_comes_over_some_passes_of_the_loop_is_one_batch(bench, monkeypatch):
    monkeypatch.setattr(queueing, "GATHER_AT_MOST_S", 60)
    worker = queueing.Worker()

    async def scene():
        asking = []
        for number in range(50):
            asking.append(asyncio.create_task(worker.ask(Asked(str(number)), time.monotonic() + 5)))
            await asyncio.sleep(0)
        return await asyncio.gather(*asking)

    assert asyncio.run(scene()) == [ANSWER] * 50
    assert [len(batch) for batch in bench.batches] == [50]


def test_what_keeps_coming_is_handed_over_all_the_same(bench, monkeypatch):
    monkeypatch.setattr(queueing, "GATHER_AT_MOST_S", 0)
    worker = queueing.Worker()

    async def scene():
        asking = []
        while not bench.batches:
            asking.append(asyncio.create_task(worker.ask(Asked("again"), time.monotonic() + 5)))
            await asyncio.sleep(0)
        return await asyncio.gather(*asking)

    assert set(asyncio.run(scene())) == {ANSWER}


def test_other_requests_give_way_to_a_burst_and_to_no_single_approval(bench, monkeypatch):
    monkeypatch.setattr(queueing, "GIVE_WAY_S", 60)
    worker = queueing.Worker()
    bench.gate.clear()

    async def scene():
        await worker.give_way()  # nobody asks
        asking = [asyncio.create_task(worker.ask(Asked("0"), time.monotonic() + 30))]
        assert await asyncio.to_thread(bench.entered.wait, 5)
        await worker.give_way()  # one asks
        more = range(1, queueing.CROWD)
        asking += [asyncio.create_task(worker.ask(Asked(str(number)), time.monotonic() + 30)) for number in more]
        await asyncio.sleep(0)
        other = asyncio.create_task(worker.give_way())
        done, _ = await asyncio.wait([other], timeout=0.05)
        assert not done
        bench.gate.set()
        await other
        return await asyncio.gather(*asking)

    assert set(asyncio.run(scene())) == {ANSWER}


def test_other_requests_give_way_for_a_moment_only(bench, monkeypatch):
    monkeypatch.setattr(queueing, "GIVE_WAY_S", 0.01)
    worker = queueing.Worker()
    bench.gate.clear()

    async def scene():
        names = [str(number) for number in range(queueing.CROWD)]
        asking = [asyncio.create_task(worker.ask(Asked(name), time.monotonic() + 30)) for name in names]
        await asyncio.sleep(0)
        await worker.give_way()
        assert not any(task.done() for task in asking)
        bench.gate.set()
        await asyncio.gather(*asking)

    asyncio.run(scene())


def test_a_full_queue_refuses_at_once(bench, monkeypatch):
    monkeypatch.setattr(queueing, "MOST_WAITING", 2)
    worker = queueing.Worker()
    bench.gate.clear()
    threading.Timer(0.3, bench.gate.set).start()

    answers = ask_all(worker, [str(number) for number in range(20)])

    refused = [answer for answer in answers if answer.status == 503]
    assert 17 <= len(refused) <= 18
    assert all(not answer.approved for answer in refused)


@pytest.mark.django_db
def test_a_database_that_is_away_refuses_everything_without_asking_item_by_item(desk, monkeypatch):
    from django.db import OperationalError, connection

    from apps.common.clock import read_at
    from apps.risk.services import decide

    requests, at, tried = [desk.request() for _ in range(50)], read_at(), []

    def away(execute, sql, params, many, context):
        tried.append(sql)
        raise OperationalError("server closed the connection unexpectedly")

    with connection.execute_wrapper(away):
        answers = decide(requests, at)

    assert {(answer.status, answer.reason_code, answer.approved) for answer in answers} == {(503, "UNAVAILABLE", False)}
    assert len(tried) <= 4
