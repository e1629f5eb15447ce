"""
How fast a command reaches its agent, a STOP is proven on two hundred, and events reach two hundred dashboards.

Targets: commit → agent p99 ≤ 5 ms by push with 1 and 200 agents, all of them also after 60 s of silence, within a poll with push
cut; STOP on 200 agents proven p99 ≤ 2 s; 200 dashboards at 50 events/s, none lost, p99 ≤ 2 × a bare `websockets` broadcast.

The cells run one after the other on one platform, first on the server of production (uvicorn, a web process beside), then on
that of the embedded platform (Daphne). `BENCH_CELLS=push,stop` runs only those named, `BENCH_SERVERS=uvicorn` only that server.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import tempfile
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil

from config.launch import postgres
from config.launch.data_dir import DataDir
from simulator.fleet import LightAgent, enrol
from simulator.keeping import Journal
from tests.bench.deliver import dashboards as two_hundred
from tests.bench.deliver.agents import Fleet, deliver
from tests.bench.deliver.costs import Meter
from tests.bench.deliver.servers import SERVERS, Served, serving
from tests.journeys.running import RULES_LONG, Platform, free_port, running

AGENTS = int(os.environ.get("BENCH_AGENTS", "200"))
STEPS = [int(one) for one in os.environ.get("BENCH_STEPS", "50,100,200").split(",")]
SILENT_S = float(os.environ.get("BENCH_SILENT_S", "60"))
SETTLE_S = 18.0  # a new account's ledger is looked at twice, ten seconds apart; those snapshots go the whole way
METERED_S = float(os.environ.get("BENCH_METERED_S", "15"))
STOP_SETTLE_S = 2.0  # polls stand again, and what the start left to publish is published
STOPS = int(os.environ.get("BENCH_STOPS", "5"))
CELLS = ("one", "cost", "push", "silence", "stop", "restart", "dashboards", "cut")
METERED = ("postgres", "relay", "worker", "valkey")
ASKED = os.environ.get("BENCH_CELLS", ",".join(CELLS)).split(",")
SERVERS_ASKED = os.environ.get("BENCH_SERVERS", ",".join(SERVERS)).split(",")


def main() -> None:
    """Start a platform (its demo at the speed of real time) and print each figure beside its target as JSON lines."""
    with (
        tempfile.TemporaryDirectory() as folder,
        running(Path(folder) / "data", "--speed", "1", "--port", str(free_port())) as platform,
    ):
        bench = Bench(platform, Path(folder))
        for name in SERVERS_ASKED:
            with serving(platform, name, Path(folder)) as served:
                show({"server": name, "cells": ASKED})
                asyncio.run(bench.measure(served))


class Bench:
    """One platform and its cells; the same agents for each server."""

    def __init__(self, platform: Platform, folder: Path) -> None:
        self._platform, self._folder = platform, folder
        database = DataDir.open(Path(platform.ready["data_dir"]))
        self._dsn = postgres.url(database, database.read("ports.json")["postgres"])
        self._agents = list[LightAgent]()

    async def measure(self, served: Served) -> None:
        """Measure what is asked for on this server, one after the other."""
        self._served = served
        if "one" in ASKED:
            async with Fleet(await self._get_agents(1)) as fleet:
                await self._push("push_1_agent", fleet)
        if (
            "dashboards" in ASKED
        ):  # before the fleet: when that has left, two hundred alarms are told to every dashboard
            await self._dashboards()
        if {"cost", "push", "silence", "stop", "restart"} & set(ASKED):
            async with Fleet([]) as fleet:
                await self._grow(fleet)
                for cell in ("push", "silence", "stop", "restart"):
                    if cell in ASKED:
                        await getattr(self, f"_{cell}")(f"{cell}_{len(fleet.agents)}_agents", fleet)
        if "cut" in ASKED:
            async with Fleet([replace(one, has_socket=False) for one in await self._get_agents(20)]) as fleet:
                _, had = await deliver(fleet, self._dsn, by_set=True, count=40)
                tell("push_cut_ms", had, "max <= 25000, one poll")

    async def _get_agents(self, count: int) -> list[LightAgent]:
        """Return so many agents of this server, enrolled where they are not yet; those of the last server come as anew."""
        missing, key = count - len(self._agents), self._platform.ready["api_key"]
        if missing > 0:
            url, journal = self._served.url, Journal(self._folder / "journal")
            self._agents += await asyncio.to_thread(lambda: enrol(url, key, missing, journal=journal))
        return [replace(one, url=self._served.url, ready=asyncio.Event()) for one in self._agents[:count]]

    async def _grow(self, fleet: Fleet) -> None:
        """Enrol the fleet, in steps where their cost is asked for; wait until new accounts are looked at like others."""
        for size in STEPS if "cost" in ASKED else [AGENTS]:
            count, began_s = size - len(fleet.agents), time.perf_counter()
            agents = (await self._get_agents(size))[len(fleet.agents) :]
            enrolled_s = time.perf_counter() - began_s
            served_s = await fleet.grow(agents)
            figures = {"agents": size, "enrolled_s": round(enrolled_s, 1), "served_s": round(served_s, 1)}
            show({"come": {"new": count, **figures}})
            await asyncio.sleep(SETTLE_S)
            if "cost" in ASKED:
                await self._cost(fleet)

    async def _cost(self, fleet: Fleet) -> None:
        for agent in fleet.agents:
            agent.took_ms.clear()
        failed = sum(agent.failures for agent in fleet.agents)
        meter = self._meter()
        await asyncio.sleep(METERED_S)
        spent = meter.spent()
        took = [one for agent in fleet.agents for one in agent.took_ms]
        told = {
            "agents": len(fleet.agents),
            "snapshots_per_s": round(len(took) / METERED_S, 1),
            "snapshot_ms": shown(took),
        }
        failures = sum(agent.failures for agent in fleet.agents) - failed
        show({"cost": {**told, "failures": failures, "cores": spent}, "target": "none: what it costs"})

    async def _push(self, name: str, fleet: Fleet) -> None:
        heard, had = await deliver(fleet, self._dsn)
        tell(f"{name}_heard_ms", heard, "p99 <= 5, none lost")
        tell(f"{name}_has_set_ms", had, "none: the set pulled and read")

    async def _silence(self, name: str, fleet: Fleet) -> None:
        await asyncio.sleep(SILENT_S)
        heard, _ = await deliver(fleet, self._dsn, count=len(fleet.agents))
        tell(f"{name}_heard_ms", heard, f"none lost after {SILENT_S:g} s without a nudge")

    async def _stop(self, name: str, fleet: Fleet) -> None:
        """Start a strategy on every agent and stop it, again and again; from the call to each agent's answered proof."""
        strategy = await asyncio.to_thread(self._platform.create_strategy, "Everywhere", RULES_LONG)
        executors = [agent.executor_id for agent in fleet.agents]
        each: list[float | None] = []
        wholes: list[float] = []
        answers: list[float] = []
        spent: list[dict[str, float]] = []
        stages = {"heard": fleet.heard, "had": fleet.had, "proved": fleet.proved}
        taken: dict[str, list[float]] = {name: [] for name in stages}
        for _ in range(STOPS):
            await self._ask(f"strategies/{strategy}/activate", {"executors": executors})
            await self._observed(strategy, "RUNNING", len(executors))
            await asyncio.sleep(STOP_SETTLE_S)
            for noted in stages.values():
                noted.clear()
            meter = self._meter()
            began_s = time.perf_counter()
            await self._ask(f"strategies/{strategy}/stop")
            answers.append((time.perf_counter() - began_s) * 1000)
            async with asyncio.timeout(60):
                while len(fleet.proved) < len(executors):
                    fleet.noted.clear()
                    await fleet.noted.wait()
            took = [(at_s - began_s) * 1000 for at_s in fleet.proved.values()]
            each += took
            for stage, noted in stages.items():
                taken[stage] += [(at_s - began_s) * 1000 for at_s in noted.values()]
            spent.append(meter.spent_s())
            wholes.append(max(took))
            await self._observed(strategy, "STOPPED", len(executors))
        tell(f"{name}_each_proven_ms", each, "p99 <= 2000 from the call")
        show({f"{name}_all_proven_ms": shown(wholes), "call_answered_ms": shown(answers), "rounds": STOPS})
        show({f"{name}_stages_ms": {stage: shown(times) for stage, times in taken.items()}})
        show({f"{name}_cpu_s": {one: round(statistics.median(cell[one] for cell in spent), 3) for one in spent[0]}})

    async def _restart(self, name: str, fleet: Fleet) -> None:
        """Kill the web process (the platform's own is started again); from then until every agent is answered and its socket stands again."""
        if self._served.name != "daphne":
            return
        nudges = {agent.code: agent.nudges for agent in fleet.agents}
        psutil.Process(self._platform.ready["pids"]["web"]).kill()
        killed_s = time.perf_counter()
        while True:
            try:
                await asyncio.to_thread(self._platform.get, "executors", limit=1)
                break
            except Exception:
                await asyncio.sleep(0.05)
        up_s = time.perf_counter() - killed_s
        await fleet.wait_served(killed_s + 0.5)
        answered_s = time.perf_counter() - killed_s
        await fleet.wait_served(killed_s + 0.5, nudges=nudges)
        figures = {"up_s": round(up_s, 1), "all_answered_s": round(answered_s, 1)}
        figures |= {"all_sockets_s": round(time.perf_counter() - killed_s, 1)}
        show({name: figures, "target": "all served within seconds of the server's being up"})

    async def _dashboards(self) -> None:
        """Publish events through outbox and relay to many sockets, and the same number through a bare broadcast."""
        address = "ws" + self._served.url.removeprefix("http") + "/ws/events"
        figures = await two_hundred.measure(address, self._platform.ready["api_key"], self._dsn)
        show({**figures, "target": "lost 0, ratio of p99 <= 2"})

    async def _ask(self, path: str, body: dict[str, Any] | None = None) -> Any:
        return await asyncio.to_thread(self._platform.post, f"{self._served.url}/api/v1/{path}", body)

    def _meter(self) -> Meter:
        others = {name: pid for name, pid in self._platform.ready["pids"].items() if name in METERED}
        return Meter({**others, "web": self._served.pid, "bench": os.getpid()})

    async def _observed(self, strategy: str, state: str, count: int) -> None:
        async with asyncio.timeout(120):
            while True:
                rows = (
                    await asyncio.to_thread(
                        self._platform.get, f"{self._served.url}/api/v1/assignments", strategy=strategy, limit=500
                    )
                )["results"]
                proven = [r for r in rows if r["observed"] == state and r["observed_generation"] == r["generation"]]
                if len(proven) >= count:
                    return
                await asyncio.sleep(0.2)


def tell(name: str, took: list[float | None], target: str) -> None:
    """Print one figure."""
    heard = [one for one in took if one is not None]
    show({name: shown(heard), "asked": len(took), "lost": len(took) - len(heard), "target": target})


def show(figures: Mapping[str, Any]) -> None:
    print(json.dumps(figures), flush=True)


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
