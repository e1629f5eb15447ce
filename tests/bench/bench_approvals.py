# ruff: noqa: E402 - models may not load before Django is up
"""
Approvals under a burst: 200 bots ask in the same instant (a bar closes), through the door and through the plain view.

Both are served by a Daphne of their own on the same database, rounds alternate, and the figures are ratios of this run:
absolute times are this machine's.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import time
from collections import Counter

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

import django

django.setup()

from django.core.management import call_command

from apps.accounts.models import AccountRisk, AccountSnapshot
from apps.common.clock import read_at
from apps.risk.models import Approval
from tests.contracts.daphne import Server
from tests.risk import Desk, make_desk
from tests.world import make_key, make_world

ACCOUNTS, BOTS, ROUNDS = 20, 200, 4
PATH = "/api/v1/trades/approve"
REFUSED: Counter[int] = Counter()  # for want of time: their times are those of the refusal


def main() -> None:
    """This function will measure both doors and print their figures as one JSON line."""
    call_command("migrate", verbosity=0)
    desks = _make_desks()
    servers = {name: Server(f"tests.contracts.approval_apps:{name}") for name in ("door", "view")}
    try:
        print(json.dumps(_measure(servers, desks)))
    finally:
        for server in servers.values():
            server.stop()


def _make_desks() -> list[Desk]:
    world = make_world()
    _, key = make_key(world.alice, ["trades:approve"])
    desks = []
    for _ in range(ACCOUNTS):
        desk = make_desk(world, key=key)
        desk.limit(max_open_positions=None, mode="SHADOW")  # each is judged in full, and none runs out of room
        desks.append(desk)
    return desks


def _freshen() -> None:
    """A fresh view, and no reservation left over from the round before: agents resolve theirs within seconds."""
    AccountSnapshot.objects.update(taken_at=read_at(), received_at=read_at())
    Approval.objects.update(reservation="VOID", reserved=0)
    AccountRisk.objects.update(reserved=0)


def _measure(servers: dict[str, Server], desks: list[Desk]) -> dict[str, object]:
    spread = [desks[number % ACCOUNTS] for number in range(BOTS)]
    times: dict[str, list[list[float]]] = {f"{name}_{kind}": [] for name in servers for kind in ("spread", "hot")}
    for round_number in range(ROUNDS + 1):
        for name, server in servers.items():
            for kind, asking in (("spread", spread), ("hot", [desks[0]] * BOTS)):
                _freshen()
                taken = asyncio.run(_burst(server.port, asking))
                if round_number:
                    times[f"{name}_{kind}"].append(taken)
                else:  # the first warms up
                    REFUSED.clear()
    figures: dict[str, object] = {name: _figures(rounds) for name, rounds in times.items()}
    figures["refused"] = {name: REFUSED[server.port] for name, server in servers.items()}
    for kind in ("spread", "hot"):
        p99 = {name: statistics.median(_p99(one) for one in times[f"{name}_{kind}"]) for name in servers}
        figures[f"view_over_door_p99_{kind}"] = round(p99["view"] / p99["door"], 2)
    return figures


def _figures(rounds: list[list[float]]) -> dict[str, float]:
    return {
        "p50_ms": round(statistics.median(statistics.median(one) for one in rounds) * 1000, 1),
        "p99_ms": round(statistics.median(_p99(one) for one in rounds) * 1000, 1),
        "worst_ms": round(max(max(one) for one in rounds) * 1000, 1),
    }


def _p99(times: list[float]) -> float:
    return sorted(times)[int(len(times) * 0.99) - 1]


async def _burst(port: int, desks: list[Desk]) -> list[float]:
    """Return each bot's time from sending to the whole answer; all connections stand before the first byte is sent."""
    streams = [await asyncio.open_connection("127.0.0.1", port) for _ in desks]
    try:
        return await asyncio.gather(*(_ask(*stream, desk, port) for stream, desk in zip(streams, desks, strict=True)))
    finally:
        for _, writer in streams:
            writer.close()


async def _ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, desk: Desk, port: int) -> float:
    body = json.dumps(desk.body())
    head = f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {desk.key}\r\nContent-Length: {len(body)}\r\n"
    started = time.perf_counter()
    writer.write(f"{head}Content-Type: application/json\r\n\r\n{body}".encode())
    answer = await reader.readuntil(b"\r\n\r\n")
    length = next(line for line in answer.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    content = await reader.readexactly(int(length.partition(b":")[2]))
    taken = time.perf_counter() - started
    if b'"approved":true' not in content:
        REFUSED[port] += 1
    return taken


if __name__ == "__main__":
    main()
