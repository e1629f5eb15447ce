"""
Events to two hundred dashboards through outbox and relay, beside a bare `websockets` broadcast in the same run.

The platform's own web process is the one of `deploy/process web`, on the platform's database. Both broadcasts are heard by the
same program: a process of its own with 200 sockets, which takes an event's time from the instant before it was written (ours:
before its transaction) to the instant it was read.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

import psycopg
from websockets.asyncio.client import connect
from websockets.asyncio.server import broadcast, serve

from tests.bench.approve.programs import free_port, module

DASHBOARDS, EVENTS, EVENTS_PER_S = 200, 300, 50
SETTLE_S, DRAIN_S, WARM_UP = 2.0, 20.0, 10
INSERT = (
    "insert into common_outboxevent (event_id, team_id, kind, data) values (gen_random_uuid(), %s, 'trade.bench', %s)"
)

Tell = Callable[[dict[str, float]], Awaitable[None]]


async def measure(address: str, key: str, dsn: str) -> dict[str, Any]:
    """Return what both broadcasts took [ms], what was lost, and the ratio of their p99."""
    bare = await through_bare_websockets()
    ours = await through_platform(address, key, dsn)
    ratio = percentile(ours, 99) / max(0.001, percentile(bare, 99))
    figures = {"ours": shown(ours), "bare_websockets": shown(bare)}
    return {"dashboards_ms": figures, "lost": DASHBOARDS * EVENTS - len(ours), "ratio_p99": round(ratio, 2)}


async def through_bare_websockets() -> list[float]:
    """Return the times of a server that does nothing but broadcast."""
    clients: set[Any] = set()

    async def keep(socket: Any) -> None:
        clients.add(socket)
        await socket.wait_closed()

    async def tell(sent: dict[str, float]) -> None:
        broadcast(clients, json.dumps({"data": sent}))

    port = free_port()
    async with serve(keep, "127.0.0.1", port, compression=None):
        return await _heard(f"ws://127.0.0.1:{port}", "", tell)


async def through_platform(address: str, key: str, dsn: str) -> list[float]:
    """Return the times of events that are written to the outbox, one transaction each."""
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
        row = await (
            await connection.execute("select team_id from teams_apikey order by created_at limit 1")
        ).fetchone()
        assert row is not None

        async def tell(sent: dict[str, float]) -> None:
            async with connection.transaction():
                await connection.execute(INSERT, [row[0], json.dumps(sent)])
                await connection.execute("select pg_notify('outbox', '')")

        return await _heard(address, key, tell)


async def _heard(address: str, key: str, tell: Tell) -> list[float]:
    """Tell at the pace, and return what the listeners' process heard."""
    listening = await asyncio.create_subprocess_exec(
        *module("tests.bench.deliver.dashboards", address, key or "-"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=16 * 1024 * 1024,
    )
    assert listening.stdout is not None
    assert listening.stdin is not None
    await listening.stdout.readline()
    await asyncio.sleep(SETTLE_S)
    for number in range(WARM_UP):  # not counted: whoever tells for the first time connects and loads
        await tell({"warm": number})
    await asyncio.sleep(SETTLE_S)
    begun_s = time.perf_counter()
    for number in range(EVENTS):
        await asyncio.sleep(max(0.0, begun_s + number / EVENTS_PER_S - time.perf_counter()))
        await tell({"sent_s": time.perf_counter()})
    listening.stdin.write_eof()
    took: list[float] = json.loads(await listening.stdout.readline())
    await listening.wait()
    return took


async def listen(address: str, key: str) -> None:
    """Be all dashboards; after the end of the input and a drain, print the times of what was heard."""
    headers = {} if key == "-" else {"Authorization": f"Bearer {key}"}
    took: list[float] = []
    sockets = [
        await connect(address, additional_headers=headers, proxy=None, open_timeout=60, compression=None)
        for _ in range(DASHBOARDS)
    ]
    tasks = [asyncio.create_task(_take(socket, took)) for socket in sockets]
    print("listening", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    until_s = time.monotonic() + DRAIN_S
    while len(took) < DASHBOARDS * EVENTS and time.monotonic() < until_s:
        await asyncio.sleep(0.1)
    print(json.dumps(took), flush=True)
    for task in tasks:
        task.cancel()


async def _take(socket: Any, took: list[float]) -> None:
    async for text in socket:
        heard_s = time.perf_counter()
        sent_s = (json.loads(text).get("data") or {}).get("sent_s")
        if sent_s is not None:
            took.append((heard_s - sent_s) * 1000)


def shown(took: list[float]) -> dict[str, float]:
    """Return median, 99th percentile and maximum."""
    if not took:
        return {}
    return {
        "p50": round(statistics.median(took), 2),
        "p99": round(percentile(took, 99), 2),
        "max": round(max(took), 2),
    }


def percentile(took: list[float], percent: float) -> float:
    """Return the value that so many percent did not exceed."""
    ordered = sorted(took)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))] if ordered else float("nan")


if __name__ == "__main__":
    asyncio.run(listen(*sys.argv[1:]))
