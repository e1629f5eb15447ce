"""
A fleet of light agents, to load a server as hundreds of real ones would: ``python -m simulator.fleet --url … --api-key … --agents 200``.

Each says hello, sends a snapshot every five seconds, listens on its socket, keeps a long poll open, pulls what is wanted, writes
it to its journal (synced to the disk before anything is proven) and proves it. None has a terminal, and none trades: a started
strategy is RUNNING, a stopped one STOPPED and flat; no bars, reports or approvals are sent. The accounts and executors it needs
are paper ones it creates with the key, named ``load-…``; the key needs accounts:write and executors:write. How to read what it
prints: docs/guides/scale.md.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import random
import secrets
import tempfile
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import psutil
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from simulator.asking import Asker
from simulator.keeping import Journal
from trading.protocol import (
    AccountState,
    AgentHealth,
    AssignmentStatus,
    DesiredSet,
    Hello,
    MarketClock,
    SnapshotAnswer,
    SnapshotMessage,
    SymbolsMessage,
    SymbolSpec,
    Welcome,
    decode,
    encode,
)

SERVER = "Load-Test"
BALANCE = Decimal(100_000)
SNAPSHOT_EVERY_S = 5.0
TELL_EVERY_S, COME_PER_S, ENROL_AT_ONCE = 5.0, 40.0, 3
PROVEN = {"RUNNING": "RUNNING", "PAUSED": "PAUSED", "STOPPED": "STOPPED"}
EURUSD = SymbolSpec(
    name="EURUSD", broker_symbol="EURUSD", digits=5, point=Decimal("0.00001"), tick_size=Decimal("0.00001"),
    tick_value=Decimal(1), tick_value_profit=Decimal(1), tick_value_loss=Decimal(1), contract_size=Decimal(100_000),
    volume_min=Decimal("0.01"), volume_max=Decimal(100), volume_step=Decimal("0.01"), volume_limit=Decimal(0),
    stops_level_points=0, freeze_level_points=0, filling_mode=3, trade_mode=4, calc_mode=0, execution_mode=2,
    currency_base="EUR", currency_profit="USD", currency_margin="EUR",
)  # fmt: skip
Heard = Callable[["LightAgent", float], None]


@dataclass(eq=False)
class LightAgent:
    """One agent of the protocol, without a terminal."""

    url: str
    code: str
    login: int
    executor_id: str
    headers: dict[str, str]
    has_socket: bool = True
    on_nudge: Heard | None = None
    on_set: Heard | None = None
    on_proof: Heard | None = None
    journal: Journal | None = None
    statuses: list[AssignmentStatus] = field(default_factory=list)
    version: int = 0
    fence: int = 0
    seq: int = 0
    nudges: int = 0
    failures: int = 0
    answered_s: float = 0.0
    took_ms: list[float] = field(default_factory=list)
    instance: str = field(default_factory=lambda: secrets.token_hex(8))
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    _look: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """Live until cancelled; whatever breaks is begun again."""
        headers = {**self.headers, "X-Instance-Id": self.instance}  # as an agent does: or it gets no lease with its set
        with contextlib.closing(Asker(self.url, headers)) as client:
            while not self.ready.is_set():
                try:
                    await self._greet(client)
                except OSError:
                    self.failures += 1
                    await asyncio.sleep(random.uniform(0.5, 1.5))
            parts = [lambda: self._beat(client), lambda: self._poll(client), lambda: self._converge(client)]
            parts += [self._listen] if self.has_socket else []
            await asyncio.gather(*(self._for_ever(part) for part in parts))

    async def _for_ever(self, live: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Begin anew, after a pause, whatever ends: a server that is busy or away says so, and agents come again."""
        while True:
            with contextlib.suppress(WebSocketException, OSError):
                await live()
            self.failures += 1
            await asyncio.sleep(random.uniform(0.5, 1.5))

    async def _greet(self, client: Asker) -> None:
        hello = Hello(
            protocol_version=1, agent_version="0.1.0", core_version="0.1.0", instance_id=self.instance, host="load",
            login=self.login, broker_server=SERVER, currency="USD", leverage=100, margin_mode="HEDGING", trade_mode="DEMO",
            trade_allowed=True, at=datetime.now(UTC),
        )  # fmt: skip
        lease = decode(await client.post("/api/v1/executor/hello", encode(hello)), Welcome).lease
        self.fence = lease.fence if lease else 0
        await client.post("/api/v1/executor/symbols", encode(SymbolsMessage(symbols=[EURUSD])))
        await self.tell(client, "START")
        self.ready.set()

    async def tell(self, client: Asker, reason: str) -> None:
        """Send a snapshot of a flat account."""
        self.seq += 1
        at = datetime.now(UTC)
        message = SnapshotMessage(
            seq=self.seq, instance_id=self.instance, fence=self.fence, complete=True, age_ms=0, taken_at=at, reason=reason,
            market=MarketClock(market_at=at), trade_allowed=True, positions=[], orders=[], deals=[], deals_since_ms=0,
            quotes=[], assignments=self.statuses, desired_version=self.version,
            account=AccountState(balance=BALANCE, equity=BALANCE, margin=Decimal(0), free_margin=BALANCE),
            health=AgentHealth(rss_bytes=1, threads=1, spool_reports=0, journal_bytes=0, uptime_s=time.monotonic()),
        )  # fmt: skip
        began_s = time.perf_counter()
        decode(await client.post("/api/v1/executor/snapshot", encode(message)), SnapshotAnswer)
        self.answered_s = time.perf_counter()
        self.took_ms.append((self.answered_s - began_s) * 1000)

    async def _beat(self, client: Asker) -> None:
        await asyncio.sleep(SNAPSHOT_EVERY_S * (self.login % 50) / 50)  # not all at once
        while True:
            await self.tell(client, "INTERVAL")
            await asyncio.sleep(SNAPSHOT_EVERY_S)

    async def _poll(self, client: Asker) -> None:
        while True:
            await self._pull(client, 25_000)

    async def _converge(self, client: Asker) -> None:
        while True:
            await self._look.wait()
            self._look.clear()
            await self._pull(client, 0)

    async def _pull(self, client: Asker, wait_ms: int) -> None:
        asked = f"/api/v1/executor/desired?since={self.version}&wait_ms={wait_ms}"
        wanted = decode(await client.get(asked), DesiredSet)
        if wanted.desired_version <= self.version:
            return
        self.version = wanted.desired_version
        if self.on_set:
            self.on_set(self, time.perf_counter())
        self.statuses = [
            AssignmentStatus(
                assignment_id=one.assignment_id,
                observed=PROVEN[one.desired],
                observed_generation=one.generation,
                facts_number=one.facts.number,
            )
            for one in wanted.assignments
        ]
        if self.journal is not None:
            await self.journal.keep(f"{s.assignment_id} {s.observed_generation}\n" for s in self.statuses)
        await self.tell(client, "CHANGE")
        if self.on_proof:
            self.on_proof(self, time.perf_counter())

    async def _listen(self) -> None:
        address = "ws" + self.url.removeprefix("http") + "/ws/executor"
        async with connect(address, additional_headers=self.headers, proxy=None, compression=None) as socket:
            async for _ in socket:
                self.nudges += 1
                if self.on_nudge:
                    self.on_nudge(self, time.perf_counter())
                self._look.set()


def enrol(
    url: str, api_key: str, count: int, *, has_socket: bool = True, journal: Journal | None = None
) -> list[LightAgent]:
    """
    Create paper accounts and executors, and return an agent for each.

    :param journal: where the agents write down what they prove; without one they do not.
    :raises httpx.HTTPStatusError: where the key may not.
    """
    run = secrets.token_hex(3)

    def enrol_one(number: int) -> LightAgent:
        code, login = f"load-{run}-{number}", int(run, 16) * 1000 + number + 1
        account = {"code": code, "name": code, "mode": "PAPER", "server": SERVER, "login": login}
        made = client.post("accounts", json={**account, "initial_balance": int(BALANCE)}).raise_for_status().json()
        asked = {"code": code, "name": code, "account_id": made["id"]}
        executor = client.post("executors", json=asked).raise_for_status().json()
        keys = {"X-API-Key": executor["api_key"], "X-API-Secret": executor["api_secret"]}
        return LightAgent(url, code, login, executor["id"], keys, has_socket, journal=journal)

    headers = {"Authorization": f"Bearer {api_key}"}
    with (
        httpx.Client(base_url=f"{url}/api/v1/", headers=headers, timeout=60, trust_env=False) as client,
        ThreadPoolExecutor(ENROL_AT_ONCE) as pool,
    ):
        return list(pool.map(enrol_one, range(count)))


async def _run(agents: list[LightAgent], seconds: float) -> None:
    running = [asyncio.create_task(_come_later(agent, number)) for number, agent in enumerate(agents)]
    began_s = time.monotonic()
    try:
        async with asyncio.timeout(seconds or None):
            while True:
                await asyncio.sleep(TELL_EVERY_S)
                print(json.dumps({"after_s": round(time.monotonic() - began_s), **_sum_up(agents)}), flush=True)
    except TimeoutError:
        pass
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def _come_later(agent: LightAgent, number: int) -> None:
    await asyncio.sleep(number / COME_PER_S)  # people start a fleet one after the other
    await agent.run()


def _sum_up(agents: list[LightAgent]) -> dict[str, float]:
    """Return what the last seconds were like; the times begin anew."""
    took = sorted(one for agent in agents for one in agent.took_ms)
    for agent in agents:
        agent.took_ms.clear()
    used, memory = psutil.Process().cpu_times(), psutil.Process().memory_info()
    told: dict[str, float] = {
        "agents": len(agents),
        "serving": sum(agent.ready.is_set() for agent in agents),
        "snapshots_per_s": round(len(took) / TELL_EVERY_S, 1),
        "nudges": sum(agent.nudges for agent in agents),
        "failures": sum(agent.failures for agent in agents),
        "own_cpu_s": round(used.user + used.system, 1),
        "own_memory_mb": round(memory.rss / 1024 / 1024),
    }
    if took:
        told |= {
            "snapshot_p50_ms": round(took[len(took) // 2], 1),
            "snapshot_p99_ms": round(took[len(took) * 99 // 100], 1),
        }
    return told


def main() -> None:
    """Enrol and run a fleet until interrupted, or for a while."""
    parser = argparse.ArgumentParser(prog="python -m simulator.fleet", description=__doc__)
    parser.add_argument("--url", required=True)
    parser.add_argument("--api-key", required=True)
    parser.add_argument("--agents", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=0.0, help="0: until interrupted")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="load-journal-") as folder:
        journal = Journal(Path(folder) / "journal")
        agents = enrol(asked.url.rstrip("/"), asked.api_key, asked.agents, journal=journal)
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(_run(agents, asked.seconds))


if __name__ == "__main__":
    main()
