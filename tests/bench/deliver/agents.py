"""A fleet of light agents inside the bench: when each heard of a change, had it, proved it, and was answered."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from typing import Any

import psycopg

from simulator.fleet import LightAgent

COMMANDS, EVERY_S = 150, 1 / 15
READ = "select id, code from executors_executor"
CHANGE = "update executors_executor set desired_version = desired_version + 1 where id = %s returning desired_version"


class Fleet:
    """Agents that live until the `with` block ends."""

    def __init__(self, agents: list[LightAgent]) -> None:
        self.agents = list[LightAgent]()
        self.heard, self.had, self.proved = dict[str, float](), dict[str, float](), dict[str, float]()
        self.noted = asyncio.Event()  # something was heard, had or proven
        self._new, self._running = agents, list[asyncio.Task[None]]()

    async def __aenter__(self) -> Fleet:
        await self.grow(self._new)
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def grow(self, agents: list[LightAgent]) -> float:
        """Let more agents live; return after how long [s] all of them were served."""
        began_s = time.perf_counter()
        for agent in agents:
            agent.on_nudge = lambda one, at: self._note(self.heard, one, at)
            agent.on_set = lambda one, at: self._note(self.had, one, at)
            agent.on_proof = lambda one, at: self._note(self.proved, one, at)
            self._running.append(asyncio.create_task(agent.run()))
        async with asyncio.timeout(200):
            for agent in agents:
                await agent.ready.wait()
        self.agents += agents
        took_s = time.perf_counter() - began_s
        await self.wait_served(began_s)
        await asyncio.sleep(3)  # sockets and polls stand
        return took_s

    async def wait_served(self, since_s: float, *, nudges: dict[str, int] | None = None) -> float:
        """Return when [s] each agent was answered a snapshot, and (with `nudges`) told a number by its socket, since then."""
        async with asyncio.timeout(120):
            while any(one.answered_s < since_s for one in self.agents):
                await asyncio.sleep(0.01)
            while nudges and any(one.nudges <= nudges[one.code] for one in self.agents):
                await asyncio.sleep(0.01)
        return time.perf_counter()

    async def await_time(self, times: dict[str, float], key: str, since_s: float, most_s: float) -> float | None:
        """Return how long after `since_s` [ms] the agent of that key was noted; None where it was not in `most_s`."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(most_s):
                while key not in times:
                    self.noted.clear()
                    await self.noted.wait()
        return max(0.0, (times[key] - since_s) * 1000) if key in times else None

    def _note(self, times: dict[str, float], agent: LightAgent, at_s: float) -> None:
        times.setdefault(agent.executor_id, at_s)
        self.noted.set()


async def deliver(
    fleet: Fleet, dsn: str, *, count: int = COMMANDS, by_set: bool = False
) -> tuple[list[float | None], list[float | None]]:
    """
    Change one agent's row after the other. Return the times [ms] from the commit's return to the agent's hearing that there is
    something, and to its having the set, None where lost; `by_set`: wait for the set only.
    """
    heard: list[float | None] = []
    had: list[float | None] = []
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
        keys = {code: key for key, code in await (await connection.execute(READ)).fetchall()}
        for _ in range(count):
            agent = random.choice(fleet.agents)
            fleet.heard.pop(agent.executor_id, None)
            fleet.had.pop(agent.executor_id, None)
            committed_s = await _change(connection, keys[agent.code])
            if not by_set:
                heard.append(await fleet.await_time(fleet.heard, agent.executor_id, committed_s, 5))
            had.append(await fleet.await_time(fleet.had, agent.executor_id, committed_s, 30 if by_set else 5))
            await asyncio.sleep(EVERY_S)
    return heard, had


async def _change(connection: psycopg.AsyncConnection[Any], key: Any) -> float:
    """Do what a wish does: raise the version, and say it in a nudge."""
    async with connection.transaction():
        row = await (await connection.execute(CHANGE, [key])).fetchone()
        assert row is not None
        await connection.execute("select pg_notify('executor', %s)", [f"{key}:{row[0]}"])
    return time.perf_counter()
