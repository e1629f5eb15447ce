"""
Daphne with bodies of bounded size.

Daphne takes a request's whole body before it calls the application, first into a file and then into memory in small
pieces: several gigabytes for an upload of half a one. Here it stops at the limit of the path, and answers.
"""

from __future__ import annotations

from typing import Any

import daphne.server
from daphne.http_protocol import HTTPFactory, WebRequest
from django.utils.module_loading import import_string
from twisted.internet import reactor

LINGER_S = 5.0  # a sender must get the time to read the answer before the line is cut


class BoundedRequest(WebRequest):  # type: ignore[misc]
    """A request that keeps no more of its body than its path takes; the rest is thrown away until the sender stops."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._left = 0
        self._refused = False

    def gotLength(self, length: int | None) -> None:
        """Called by Twisted when the headers are there; `length` is None for a body in chunks."""
        path = _path_of(self.channel)
        self._left = import_string("apps.common.bodies.limit_of")(path)
        if length is not None and length > self._left:
            super().gotLength(0)
            self._refuse()
        else:
            super().gotLength(length)

    def handleContentChunk(self, data: bytes) -> None:
        """Called by Twisted for each piece of the body."""
        if self._refused:
            return
        self._left -= len(data)
        if self._left < 0:
            self._refuse()
        else:
            super().handleContentChunk(data)

    def process(self) -> Any:
        """Called by Twisted when the body is there."""
        if self._refused:
            self.channel.loseConnection()
            return None
        return super().process()

    def _refuse(self) -> None:
        self._refused = True
        headers, body = import_string("apps.common.bodies.refuse_body")(_path_of(self.channel))
        lines = [b"HTTP/1.1 413 Content Too Large", *(name + b": " + value for name, value in headers)]
        self.channel.transport.write(b"\r\n".join(lines) + b"\r\n\r\n" + body)
        reactor.callLater(LINGER_S, self.channel.transport.abortConnection)  # type: ignore[arg-type]


class _Factory(HTTPFactory):  # type: ignore[misc]
    def buildProtocol(self, addr: Any) -> Any:
        protocol = super().buildProtocol(addr)
        protocol.requestFactory = BoundedRequest
        return protocol


def install() -> None:
    """Make every Daphne server of this process use bounded requests."""
    daphne.server.HTTPFactory = _Factory


def _path_of(channel: Any) -> str:
    """Return the path from the request line: Twisted gives it to the request only when the whole body is there."""
    return str(channel._path.split(b"?", 1)[0].decode("latin-1"))
