"""Fifty dashboards that watch: `python -m tests.bench.approve.watchers PORT KEY COUNT`; the last line says what they heard."""

from __future__ import annotations

import asyncio
import json
import signal
import sys

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

SUBSCRIBE = json.dumps(
    {"action": "subscribe", "channels": ["account_updates", "bot_updates", "risk_events", "trade_updates"]}
)


async def main() -> None:
    """Watch until SIGTERM."""
    port, key, count = sys.argv[1:]
    over, heard, open_sockets = asyncio.Event(), [0], []
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, over.set)
    for _ in range(int(count)):
        headers = {"Authorization": f"Bearer {key}"}
        socket = await connect(f"ws://127.0.0.1:{port}/ws/dashboard", additional_headers=headers)
        await socket.send(SUBSCRIBE)
        open_sockets.append(socket)
    listening = [asyncio.create_task(_listen(socket, heard)) for socket in open_sockets]
    print("watching", flush=True)
    await over.wait()
    print(heard[0], sum(task.done() for task in listening), flush=True)
    for task in listening:
        task.cancel()


async def _listen(socket, heard: list[int]) -> None:
    try:
        async for _ in socket:
            heard[0] += 1
    except ConnectionClosed:
        return


if __name__ == "__main__":
    asyncio.run(main())
