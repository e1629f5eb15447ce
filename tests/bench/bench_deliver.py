"""
How fast a command reaches its agent, a STOP is proven on two hundred, and events reach two hundred dashboards.

Targets: commit → agent p99 ≤ 5 ms by push with 1 and 200 agents, all of them also after 60 s of silence, within a poll with push
cut; STOP on 200 agents proven p99 ≤ 2 s; 200 dashboards at 50 events/s, none lost, p99 ≤ 2 × a bare `websockets` broadcast.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import psycopg

from config.launch import postgres
from config.launch.data_dir import DataDir
from simulator.fleet import LightAgent, enrol
from tests.bench.deliver import dashboards as two_hundred
from tests.journeys.running import RULES_LONG, Platform, free_port, running

AGENTS = int(os.environ.get("BENCH_AGENTS", "200"))
COMMANDS, EVERY_S = 150, 1 / 15
SILENT_S = float(os.environ.get("BENCH_SILENT_S", "60"))
CHANGE = "update executors_executor set desired_version = desired_version + 1 where id = %s"


def main() -> None:
    """Start a platform (its demo at the speed of real time) and print each figure beside its target as JSON lines."""
    with (
        tempfile.TemporaryDirectory() as folder,
        running(Path(folder) / "data", "--speed", "1", "--port", str(free_port())) as platform,
    ):
        asyncio.run(measure(platform))


async def measure(platform: Platform) -> None:
    """Measure one after the other, on one platform."""
    url = platform.ready["url"].rstrip("/").replace("localhost", "127.0.0.1")
    database = DataDir.open(Path(platform.ready["data_dir"]))
    dsn = postgres.url(database, database.read("ports.json")["postgres"])
    one = await asyncio.to_thread(enrol, url, platform.ready["api_key"], 1)
    async with Fleet(one) as fleet:
        tell("push_1_agent_ms", await deliver(fleet, dsn), "p99 <= 5")
    many = await asyncio.to_thread(enrol, url, platform.ready["api_key"], AGENTS)
    async with Fleet(many) as fleet:
        tell(f"push_{AGENTS}_agents_ms", await deliver(fleet, dsn), "p99 <= 5")
        await asyncio.sleep(SILENT_S)
        tell("after_silence_ms", await deliver(fleet, dsn, count=AGENTS), "all heard")
        await stop_all(platform, fleet)
        await dashboards(url, platform, dsn)
    deaf = await asyncio.to_thread(lambda: enrol(url, platform.ready["api_key"], 20, has_socket=False))
    async with Fleet(deaf) as fleet:
        tell("push_cut_ms", await deliver(fleet, dsn, by_set=True, count=40), "max <= 25000, one poll")


class Fleet:
    """Agents that live, and when each heard of what."""

    def __init__(self, agents: list[LightAgent]) -> None:
        self.agents, self.heard, self.had = agents, dict[str, float](), dict[str, float]()
        for agent in agents:
            agent.on_nudge = lambda one, at: self.heard.setdefault(one.executor_id, at)
            agent.on_set = lambda one, at: self.had.setdefault(one.executor_id, at)

    async def __aenter__(self) -> Fleet:
        self._running = [asyncio.create_task(agent.run()) for agent in self.agents]
        async with asyncio.timeout(120):
            for agent in self.agents:
                await agent.ready.wait()
        await asyncio.sleep(3)  # sockets and polls stand
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)


async def deliver(fleet: Fleet, dsn: str, *, count: int = COMMANDS, by_set: bool = False) -> list[float | None]:
    """Return for each change of one agent's row the time from the commit's return to the agent's hearing [ms], None where lost."""
    took: list[float | None] = []
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
        for _ in range(count):
            agent = random.choice(fleet.agents)
            times = fleet.had if by_set else fleet.heard
            times.pop(agent.executor_id, None)
            key = await _key_of(connection, agent)
            async with connection.transaction():
                await connection.execute(CHANGE, [key])
                await connection.execute("select pg_notify('executor', %s)", [str(key)])
            committed_s = time.perf_counter()
            took.append(await _await_time(times, agent.executor_id, committed_s, 30 if by_set else 5))
            await asyncio.sleep(EVERY_S)
    return took


async def _key_of(connection: Any, agent: LightAgent) -> Any:
    row = await (await connection.execute("select id from executors_executor where code = %s", [agent.code])).fetchone()
    return row[0]


async def _await_time(times: dict[str, float], key: str, since_s: float, most_s: float) -> float | None:
    until_s = time.perf_counter() + most_s
    while time.perf_counter() < until_s:
        if key in times:
            return max(0.0, (times[key] - since_s) * 1000)
        await asyncio.sleep(0.0005)
    return None


async def stop_all(platform: Platform, fleet: Fleet) -> None:
    """Start a strategy on every agent, stop it, and wait until each is proven stopped."""
    strategy = await asyncio.to_thread(platform.create_strategy, "Everywhere", RULES_LONG)
    executors = [agent.executor_id for agent in fleet.agents]
    await asyncio.to_thread(platform.post, f"strategies/{strategy}/activate", {"executors": executors})
    await _observed(platform, strategy, "RUNNING", len(executors))
    began_s = time.perf_counter()
    await asyncio.to_thread(platform.post, f"strategies/{strategy}/stop")
    asked_ms = (time.perf_counter() - began_s) * 1000
    await _observed(platform, strategy, "STOPPED", len(executors))
    whole_ms = (time.perf_counter() - began_s) * 1000
    figures = {"agents": len(executors), "answered_ms": round(asked_ms), "all_proven_ms": round(whole_ms)}
    print(json.dumps({"stop_all": figures, "target": "all proven <= 2000 from the ask"}), flush=True)


async def _observed(platform: Platform, strategy: str, state: str, count: int) -> None:
    async with asyncio.timeout(120):
        while True:
            rows = (await asyncio.to_thread(platform.get, "assignments", strategy=strategy, limit=500))["results"]
            proven = [
                row for row in rows if row["observed"] == state and row["observed_generation"] == row["generation"]
            ]
            if len(proven) >= count:
                return
            await asyncio.sleep(0.05)


async def dashboards(url: str, platform: Platform, dsn: str) -> None:
    """Publish events through outbox and relay to many sockets, and the same number through a bare broadcast."""
    address = "ws" + url.removeprefix("http") + "/ws/events"
    figures = await two_hundred.measure(address, platform.ready["api_key"], dsn)
    print(json.dumps({**figures, "target": "lost 0, ratio of p99 <= 2"}), flush=True)


def tell(name: str, took: list[float | None], target: str) -> None:
    """Print one figure."""
    heard = [one for one in took if one is not None]
    print(
        json.dumps({name: shown(heard), "asked": len(took), "lost": len(took) - len(heard), "target": target}),
        flush=True,
    )


def shown(took: list[float]) -> dict[str, float]:
    """Return median, 99th percentile and maximum."""
    if not took:
        return {}
    return {
        "p50": round(statistics.median(took), 2),
        "p99": round(_percentile(took, 99), 2),
        "max": round(max(took), 2),
    }


def _percentile(took: list[float], percent: float) -> float:
    ordered = sorted(took)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))] if ordered else float("nan")


if __name__ == "__main__":
    main()
