"""
A line between agents and server that misbehaves on request: delays, duplicates, drops, cuts, slices, goes silent.

It reads HTTP/1.1 requests whole, so that it can send one twice, hold one back, or swallow an answer after its effect. An
upgraded connection (WebSocket) is passed through as bytes, under the same cuts and silences.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import threading
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Weather:
    """What happens on the line. Chances are per request."""

    delay_s: tuple[float, float] = (0.0, 0.0)  # each request is held back by something between
    duplicate: float = 0.0  # the server gets it twice; the agent hears the first answer
    lose_reply: float = 0.0  # the server got it, the agent never hears
    lose_request: float = 0.0  # the connection breaks before the server got it
    is_silent: bool = False  # half open: nothing passes, nothing breaks
    is_down: bool = False  # refused at once
    no_sockets: bool = False  # WebSockets break
    slice_bytes: int = 0  # answers come in pieces of so many bytes


FAIR = Weather()


@dataclass
class Counts:
    requests: int = 0
    duplicated: int = 0
    replies_lost: int = 0
    requests_lost: int = 0


class Line:
    """A proxy on a port of its own, in a thread of its own."""

    def __init__(self, upstream_port: int, seed: int) -> None:
        self.weather = FAIR
        self.counts = Counts()
        self._upstream_port, self._random = upstream_port, random.Random(seed)
        self._loop = asyncio.new_event_loop()
        self._open: set[asyncio.StreamWriter] = set()
        self._serving: set[asyncio.Task[object] | None] = (
            set()
        )  # the loop itself keeps no task that waits for an answer alive
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="line", daemon=True)
        self._thread.start()
        self._ready.wait(10)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def change(self, **weather: object) -> None:
        """Let the weather change; what is down or silent also takes the connections that are open."""
        self.weather = replace(FAIR, **weather)  # type: ignore[arg-type]
        if self.weather.is_down or self.weather.no_sockets:
            self._loop.call_soon_threadsafe(self._break_all)

    def clear(self) -> None:
        """Let everything pass; connections that stood in silence break, as they would by their keepalive."""
        was_silent, self.weather = self.weather.is_silent, FAIR
        if was_silent:
            self._loop.call_soon_threadsafe(self._break_all)

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _end(self) -> None:
        self._server.close()
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.port = self._server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()

    def _break_all(self) -> None:
        for writer in list(self._open):
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.weather.is_down:
            writer.transport.abort()
            return
        self._open.add(writer)
        self._serving.add(asyncio.current_task())
        try:
            while (request := await _read_message(reader)) is not None:
                self.counts.requests += 1
                if b"upgrade: websocket" in request[:4096].lower():
                    await self._tunnel(request, reader, writer)
                    return
                if not await self._pass(request, writer):
                    return
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError, ValueError):
            pass
        finally:
            self._open.discard(writer)
            self._serving.discard(asyncio.current_task())
            writer.transport.abort()

    async def _pass(self, request: bytes, writer: asyncio.StreamWriter) -> bool:
        await asyncio.sleep(self._random.uniform(*self.weather.delay_s))
        if self._happens(self.weather.lose_request):
            self.counts.requests_lost += 1
            return False
        await self._wait_while_silent()
        asked = [self._ask(request)]
        if self._happens(self.weather.duplicate):
            self.counts.duplicated += 1
            asked.append(self._ask(request))
        answers = await asyncio.gather(*asked, return_exceptions=True)
        if isinstance(answers[0], BaseException) or self._happens(self.weather.lose_reply):
            self.counts.replies_lost += 1
            return False
        await self._wait_while_silent()
        await self._write(writer, answers[0])
        return True

    def _happens(self, chance: float) -> bool:
        return chance > 0.0 and self._random.random() < chance

    async def _wait_while_silent(self) -> None:
        while self.weather.is_silent:
            await asyncio.sleep(0.05)

    async def _ask(self, request: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._upstream_port)
        try:
            writer.write(request)
            await writer.drain()
            answer = await _read_message(reader)
            if answer is None:
                raise ConnectionResetError
            return answer
        finally:
            writer.close()

    async def _write(self, writer: asyncio.StreamWriter, answer: bytes) -> None:
        step = self.weather.slice_bytes or len(answer)
        for start in range(0, len(answer), step):
            writer.write(answer[start : start + step])
            await writer.drain()
            if step < len(answer):
                await asyncio.sleep(0.002)

    async def _tunnel(self, request: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.weather.no_sockets:
            return
        upstream_reader, upstream = await asyncio.open_connection("127.0.0.1", self._upstream_port)
        upstream.write(request)
        ways = [
            asyncio.ensure_future(self._copy(reader, upstream)),
            asyncio.ensure_future(self._copy(upstream_reader, writer)),
        ]
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in ways:
            way.cancel()
        upstream.transport.abort()

    async def _copy(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(65_536):
                await self._wait_while_silent()
                target.write(data)
                await target.drain()


async def _read_message(reader: asyncio.StreamReader) -> bytes | None:
    """Return one request or answer whole, or None at the end of the connection."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    fields = dict(line.lower().split(b":", 1) for line in head.split(b"\r\n")[1:] if b":" in line)
    if b"chunked" in fields.get(b"transfer-encoding", b""):
        return head + await _read_chunks(reader)
    length = int(fields.get(b"content-length", b"0"))
    return head + (await reader.readexactly(length) if length else b"")


async def _read_chunks(reader: asyncio.StreamReader) -> bytes:
    parts = []
    while True:
        size = await reader.readline()
        chunk = await reader.readexactly(int(size.split(b";")[0], 16) + 2)
        parts += [size, chunk]
        if chunk == b"\r\n":
            return b"".join(parts)
