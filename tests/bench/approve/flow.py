# ruff: noqa: E402 - models may not load before Django is up
"""
What flows while bots ask: every account's agent sends a snapshot each 5 s and reports each second what became of approvals.

`python -m tests.bench.approve.flow PORT`, the agents as one JSON line. About 40 reports a second: 200 bots, a trade each 5 s.
"""

from __future__ import annotations

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

import django

django.setup()

import asyncio
import itertools
import json
import sys
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import psycopg

from apps.common.ids import public_id
from apps.common.postgres import open_connection
from tests.fleet import position, snapshot
from tests.risk import MARKET_AT
from trading.protocol import Hello, MarketClock, Report, Reports, Welcome, decode, encode

SNAPSHOT_EVERY_S, REPORTS_PER_S = 5, 2
POSITIONS = 5
HELD = """SELECT id, tag FROM risk_approval WHERE account_id = %s AND reservation = 'HELD' AND position_id IS NULL
ORDER BY at LIMIT %s"""
tickets = itertools.count(1000)


async def main() -> None:
    """Be all agents until the process is ended."""
    port, agents = int(sys.argv[1]), json.loads(sys.stdin.readline())
    database = await open_connection("bench-flow")
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
        fences = [await _greet(client, agent) for agent in agents]
        await asyncio.gather(*(_look(client, agent, fence, 1) for agent, fence in zip(agents, fences, strict=True)))
        print("flowing", flush=True)
        await asyncio.gather(
            *(
                _be(client, database, agent, fence, n)
                for n, (agent, fence) in enumerate(zip(agents, fences, strict=True))
            )
        )


async def _be(
    client: httpx.AsyncClient, database: psycopg.AsyncConnection[Any], agent: dict[str, Any], fence: int, number: int
) -> None:
    await asyncio.sleep(number / 21)
    for second in itertools.count():
        if (second + number) % SNAPSHOT_EVERY_S == 0:
            await _look(client, agent, fence, second + 2)
        rows = await (await database.execute(HELD, [agent["account"], REPORTS_PER_S])).fetchall()
        if rows:
            reports = [_outcome(public_id("apr", pk), tag) for pk, tag in rows]
            await _post(client, agent, "reports", encode(Reports(instance_id="one", fence=fence, reports=reports)))
        await asyncio.sleep(1)


async def _look(client: httpx.AsyncClient, agent: dict[str, Any], fence: int, seq: int) -> None:
    # The desks' market day, so that no day turns: months of missed days would be a bench of their own.
    clock = MarketClock(market_at=MARKET_AT + timedelta(seconds=seq))
    held = [position(n, profit=0) for n in range(1, POSITIONS + 1)]
    view = snapshot(seq=seq, fence=fence, market=clock, taken_at=datetime.now(UTC), positions=held)
    await _post(client, agent, "snapshot", encode(view))


def _outcome(approval_id: str, tag: str) -> Report:
    at, ticket = datetime.now(UTC), next(tickets)
    body = {
        "approval_id": approval_id,
        "tag": tag,
        "outcome": "DONE",
        "order_ticket": ticket,
        "position_id": ticket,
        "filled_lots": 0.1,
        "price": 1.1,
        "stop_loss": 1.098,
    }
    return Report(report_id=str(uuid4()), kind="order_outcome", at=at, market_at=at, assignment_id=None, body=body)


async def _greet(client: httpx.AsyncClient, agent: dict[str, Any]) -> int:
    words = Hello(
        protocol_version=1,
        agent_version="0.1.0",
        core_version="0.1.0",
        instance_id="one",
        host="bench",
        login=agent["login"],
        broker_server="Mikrobot-Sim",
        currency="USD",
        leverage=100,
        margin_mode="HEDGING",
        trade_mode="DEMO",
        trade_allowed=True,
        at=datetime.now(UTC),
    )
    lease = decode(await _post(client, agent, "hello", encode(words)), Welcome).lease
    if lease is None:
        raise RuntimeError("an agent got no lease")
    return lease.fence


async def _post(client: httpx.AsyncClient, agent: dict[str, Any], door: str, content: bytes) -> bytes:
    headers = {"X-API-Key": agent["key"], "X-API-Secret": agent["secret"], "Content-Type": "application/json"}
    answer = await client.post(f"/api/v1/executor/{door}", content=content, headers=headers)
    if answer.status_code != 200:
        raise RuntimeError(f"{door}: {answer.status_code} {answer.text[:300]}")
    return answer.content


if __name__ == "__main__":
    asyncio.run(main())
