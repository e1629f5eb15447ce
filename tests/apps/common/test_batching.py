"""A batch's thread: who comes alone is answered at once, who comes in a stream is taken together with the others."""

from __future__ import annotations

import asyncio

from apps.common.batching import Batcher


def recording():
    batches = []

    def work(items):
        batches.append(list(items))
        return [10 * item for item in items]

    return batches, work


async def test_the_first_waits_for_nobody_and_the_next_are_taken_together():
    batches, work = recording()
    batcher = Batcher("gathering under test", work, gather_s=0.5)

    assert await batcher.ask(1, 60) == 10
    assert await asyncio.gather(*(batcher.ask(item, 60) for item in (2, 3, 4))) == [20, 30, 40]
    assert batches == [[1], [2, 3, 4]]


async def test_one_that_comes_later_than_the_gap_begins_a_batch_of_its_own():
    batches, work = recording()
    batcher = Batcher("late under test", work, gather_s=0.01)

    for item in (1, 2):
        assert await batcher.ask(item, 60) == 10 * item
        await asyncio.sleep(0.02)
    assert batches == [[1], [2]]


async def test_what_spoils_a_batch_is_refused_alone():
    def work(items):
        if 3 in items:
            raise ValueError("three")
        return items

    batcher = Batcher("spoilt under test", work, gather_s=0.1)
    assert await batcher.ask(1, 60) == 1
    answers = await asyncio.gather(*(batcher.ask(item, 60) for item in (2, 3, 4)), return_exceptions=True)
    assert [answers[0], str(answers[1]), answers[2]] == [2, "three", 4]
