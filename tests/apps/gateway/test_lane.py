"""The agents' lane: few at a time and in turn, whoever sends slowly, leaves or breaks."""

from __future__ import annotations

import asyncio

import pytest

from apps.gateway.lane import AT_ONCE, mount

REPORTS = "/api/v1/executor/reports"


class Inside:
    """An application that notes who came in, and lets nobody out before it may."""

    def __init__(self, *, breaks=False):
        self.came, self.bodies, self.open, self.breaks = [], [], asyncio.Event(), breaks
        self.door = mount(self._serve)

    async def _serve(self, scope, receive, send):
        self.came.append(scope["name"])
        message, body = {"more_body": True}, b""
        while message.get("more_body"):
            message = await receive()
            body += message["body"]
        self.bodies.append(body)
        if self.breaks:
            raise RuntimeError("broken")
        await self.open.wait()

    def ask(self, name, *messages, path=REPORTS, method="POST"):
        given = list(messages or [{"type": "http.request", "body": b"whole"}])

        async def receive():
            return given.pop(0) if given else await asyncio.Event().wait()

        scope = {"type": "http", "method": method, "path": path, "name": name}
        return asyncio.create_task(self.door(scope, receive, None))


async def settle():
    for _ in range(10):
        await asyncio.sleep(0)


async def end(*tasks):
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_few_are_handled_at_a_time_and_the_others_in_the_order_they_came():
    inside = Inside()
    tasks = [inside.ask(n) for n in range(AT_ONCE + 3)]
    await settle()
    assert inside.came == list(range(AT_ONCE))
    inside.open.set()
    await asyncio.gather(*tasks)
    assert inside.came == list(range(AT_ONCE + 3))


async def test_who_sends_slowly_keeps_nobody_waiting():
    inside = Inside()
    piece = {"type": "http.request", "body": b"half", "more_body": True}
    slow = [inside.ask(f"slow {n}", piece) for n in range(AT_ONCE + 1)]
    quick = inside.ask("quick")
    await settle()
    assert inside.came == ["quick"]
    await end(*slow, quick)


async def test_a_body_in_pieces_arrives_whole():
    inside = Inside()
    inside.open.set()
    await inside.ask(
        "one", {"type": "http.request", "body": b"a", "more_body": True}, {"type": "http.request", "body": b"b"}
    )
    assert inside.bodies == [b"ab"]


async def test_who_leaves_before_the_end_of_the_body_is_not_let_in():
    inside = Inside()
    await inside.ask("gone", {"type": "http.disconnect"})
    assert inside.came == []


async def test_who_breaks_or_is_cut_off_gives_the_place_back():
    broken = Inside(breaks=True)
    for n in range(AT_ONCE + 1):
        with pytest.raises(RuntimeError):
            await broken.ask(n)
    inside = Inside()
    tasks = [inside.ask(n) for n in range(AT_ONCE)]
    await settle()
    await end(*tasks)
    following = inside.ask("following")
    await settle()
    assert inside.came[-1] == "following"
    await end(following)


async def test_two_that_hang_keep_the_others_no_longer_than_half_a_second():
    inside = Inside()
    hanging = [inside.ask(n) for n in range(AT_ONCE)]
    following = inside.ask("following")
    async with asyncio.timeout(60):
        while "following" not in inside.came:
            await asyncio.sleep(0.02)
    assert not any(task.done() for task in hanging)
    inside.open.set()
    await asyncio.gather(*hanging, following)
    again = [inside.ask(n) for n in range(AT_ONCE)]
    await asyncio.gather(*again)  # as many places as before


@pytest.mark.parametrize(
    ("path", "method"), [("/api/v1/executor/desired", "GET"), ("/api/v1/trades/approve", "POST"), ("/", "GET")]
)
async def test_what_waits_and_what_others_ask_is_not_in_the_lane(path, method):
    inside = Inside()
    agents = [inside.ask(n) for n in range(AT_ONCE + 1)]
    other = inside.ask("other", path=path, method=method)
    await settle()
    assert "other" in inside.came
    await end(*agents, other)
