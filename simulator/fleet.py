"""
A fleet of light agents, to load a server as hundreds of real ones would: ``python -m simulator.fleet --url … --api-key … --agents 200``.

Each says hello, sends a snapshot every five seconds, listens on its socket, keeps a long poll open, pulls what is wanted and proves
it. None has a terminal, and none trades: a started strategy is RUNNING, a stopped one STOPPED and flat. The accounts and executors
it needs are paper ones it creates with the key, named ``load-…``; the key needs accounts:write and executors:write.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import random
import secrets
import statistics
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

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
    statuses: list[AssignmentStatus] = field(default_factory=list)
    version: int = 0
    fence: int = 0
    seq: int = 0
    nudges: int = 0
    instance: str = field(default_factory=lambda: secrets.token_hex(8))
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    _look: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """Live until cancelled; whatever breaks is begun again."""
        headers = {**self.headers, "X-Instance-Id": self.instance}  # as an agent does: or it gets no lease with its set
        async with httpx.AsyncClient(base_url=self.url, headers=headers, timeout=35, trust_env=False) as client:
            while not self.ready.is_set():
                with contextlib.suppress(httpx.HTTPError):
                    await self._greet(client)
            parts = [lambda: self._beat(client), lambda: self._poll(client), lambda: self._converge(client)]
            parts += [self._listen] if self.has_socket else []
            await asyncio.gather(*(_for_ever(part) for part in parts))

    async def _greet(self, client: httpx.AsyncClient) -> None:
        hello = Hello(
            protocol_version=1, agent_version="0.1.0", core_version="0.1.0", instance_id=self.instance, host="load",
            login=self.login, broker_server=SERVER, currency="USD", leverage=100, margin_mode="HEDGING", trade_mode="DEMO",
            trade_allowed=True, at=datetime.now(UTC),
        )  # fmt: skip
        answer = await client.post("/api/v1/executor/hello", content=encode(hello), headers=JSON)
        lease = decode(answer.raise_for_status().content, Welcome).lease
        self.fence = lease.fence if lease else 0
        symbols = SymbolsMessage(symbols=[EURUSD])
        (await client.post("/api/v1/executor/symbols", content=encode(symbols), headers=JSON)).raise_for_status()
        await self.tell(client, "START")
        self.ready.set()

    async def tell(self, client: httpx.AsyncClient, reason: str) -> None:
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
        answer = await client.post("/api/v1/executor/snapshot", content=encode(message), headers=JSON)
        decode(answer.raise_for_status().content, SnapshotAnswer)

    async def _beat(self, client: httpx.AsyncClient) -> None:
        await asyncio.sleep(SNAPSHOT_EVERY_S * (self.login % 50) / 50)  # not all at once
        while True:
            await self.tell(client, "INTERVAL")
            await asyncio.sleep(SNAPSHOT_EVERY_S)

    async def _poll(self, client: httpx.AsyncClient) -> None:
        while True:
            await self._pull(client, 25_000)

    async def _converge(self, client: httpx.AsyncClient) -> None:
        while True:
            await self._look.wait()
            self._look.clear()
            await self._pull(client, 0)

    async def _pull(self, client: httpx.AsyncClient, wait_ms: int) -> None:
        asked = {"since": self.version, "wait_ms": wait_ms}
        answer = await client.get("/api/v1/executor/desired", params=asked)
        wanted = decode(answer.raise_for_status().content, DesiredSet)
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
        await self.tell(client, "CHANGE")

    async def _listen(self) -> None:
        address = "ws" + self.url.removeprefix("http") + "/ws/executor"
        async with connect(address, additional_headers=self.headers, proxy=None) as socket:
            async for _ in socket:
                self.nudges += 1
                if self.on_nudge:
                    self.on_nudge(self, time.perf_counter())
                self._look.set()


JSON = {"Content-Type": "application/json"}


async def _for_ever(live: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Begin anew, after a pause, whatever ends: a server that is busy or away says so, and agents come again."""
    while True:
        with contextlib.suppress(httpx.HTTPError, WebSocketException, OSError):
            await live()
        await asyncio.sleep(random.uniform(0.5, 1.5))


def enrol(url: str, api_key: str, count: int, *, has_socket: bool = True) -> list[LightAgent]:
    """
    Create paper accounts and executors, and return an agent for each.

    :raises httpx.HTTPStatusError: where the key may not.
    """
    agents = []
    run = secrets.token_hex(3)
    with httpx.Client(base_url=f"{url}/api/v1/", headers={"Authorization": f"Bearer {api_key}"}, timeout=30) as client:
        for number in range(count):
            code, login = f"load-{run}-{number}", int(run, 16) * 1000 + number + 1
            account = {"code": code, "name": code, "mode": "PAPER", "server": SERVER, "login": login}
            made = client.post("accounts", json={**account, "initial_balance": int(BALANCE)}).raise_for_status().json()
            asked = {"code": code, "name": code, "account_id": made["id"]}
            executor = client.post("executors", json=asked).raise_for_status().json()
            keys = {"X-API-Key": executor["api_key"], "X-API-Secret": executor["api_secret"]}
            agents.append(LightAgent(url, code, login, executor["id"], keys, has_socket))
    return agents


async def _run(agents: list[LightAgent], seconds: float) -> None:
    running = [asyncio.create_task(agent.run()) for agent in agents]
    began_s = time.monotonic()
    try:
        async with asyncio.timeout(seconds or None):
            while True:
                await asyncio.sleep(5)
                failed = [task for task in running if task.done()]
                beats = [agent.seq for agent in agents]
                told: dict[str, float] = {"agents": len(agents), "ended": len(failed), "snapshots": sum(beats)}
                told |= {"median_snapshots": statistics.median(beats), "nudges": sum(agent.nudges for agent in agents)}
                print(json.dumps({"after_s": round(time.monotonic() - began_s), **told}), flush=True)
    except TimeoutError:
        pass
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


def main() -> None:
    """Enrol and run a fleet until interrupted, or for a while."""
    parser = argparse.ArgumentParser(prog="python -m simulator.fleet", description=__doc__)
    parser.add_argument("--url", required=True)
    parser.add_argument("--api-key", required=True)
    parser.add_argument("--agents", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=0.0, help="0: until interrupted")
    asked = parser.parse_args()
    agents = enrol(asked.url.rstrip("/"), asked.api_key, asked.agents)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_run(agents, asked.seconds))


if __name__ == "__main__":
    main()
