"""
HTTP for hundreds of agents in one process: kept connections, one question at a time on each, headers written once.

A general client spends more on a question than the server on its answer; a load that costs more than what it loads measures itself.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

import httptools

TIMEOUT_S: Final = 35.0
PORTS: Final = {"http": 80, "https": 443}


class NotAnswered(OSError):
    """The server answered with an error, or with nothing."""


class Asker:
    """
    Asks one server under the same headers; as many connections as questions are under way.

    :param url: where the server is, with or without a path before all others.
    """

    def __init__(self, url: str, headers: Mapping[str, str]) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port or PORTS[parts.scheme]
        self._tls = ssl.create_default_context() if parts.scheme == "https" else None
        self._before = parts.path.rstrip("/")
        lines = {"Host": parts.netloc, **headers}
        self._headers = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        self._idle: list[_Connection] = []

    async def get(self, path: str) -> bytes:
        """Return the body at a path; :raises NotAnswered: where there is none, or the status is not 2xx."""
        return await self._ask(f"GET {self._before}{path} HTTP/1.1\r\n{self._headers}\r\n".encode())

    async def post(self, path: str, body: bytes) -> bytes:
        """Return what is answered to a JSON body; :raises NotAnswered: as `get`."""
        lines = f"POST {self._before}{path} HTTP/1.1\r\n{self._headers}Content-Type: application/json\r\n"
        return await self._ask(f"{lines}Content-Length: {len(body)}\r\n\r\n".encode() + body)

    def close(self) -> None:
        """Close what is open and not in use."""
        while self._idle:
            self._idle.pop().close()

    async def _ask(self, request: bytes) -> bytes:
        async with asyncio.timeout(TIMEOUT_S):
            connection = self._take() or await self._open()
            try:
                answer = await connection.ask(request)
            except BaseException:  # also when cancelled: its answer would be taken for the next one's
                connection.close()
                raise
        if connection.is_open:
            self._idle.append(connection)
        return answer

    def _take(self) -> _Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if connection.is_open:
                return connection
        return None

    async def _open(self) -> _Connection:
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(_Connection, self._host, self._port, ssl=self._tls)
        return connection


class _Connection(asyncio.Protocol):
    """One connection; the parser calls its `on_…`."""

    def __init__(self) -> None:
        self._answered: asyncio.Future[bytes] | None = None
        self._transport: asyncio.Transport | None = None

    @property
    def is_open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    async def ask(self, request: bytes) -> bytes:
        assert self._transport is not None
        self._answered = asyncio.get_running_loop().create_future()
        self._body = list[bytes]()
        self._parser = httptools.HttpResponseParser(self)
        self._transport.write(request)
        return await self._answered

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        if self._answered is None or self._answered.done():
            return self.close()  # nobody asked
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(str(error))
            self.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._fail(str(exc or "the connection was closed"))

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        status, body = self._parser.get_status_code(), b"".join(self._body)
        if not self._parser.should_keep_alive():
            self.close()
        if status // 100 != 2:
            self._fail(f"{status}: {body[:200].decode(errors='replace')}")
        elif self._answered is not None and not self._answered.done():
            self._answered.set_result(body)

    def _fail(self, problem: str) -> None:
        if self._answered is not None and not self._answered.done():
            self._answered.set_exception(NotAnswered(problem))
