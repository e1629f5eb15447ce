"""
Daphne's sockets with a direct way for frames: one message for many is framed once, and written without a task's turn.

`apps.gateway.fanout` says what the extension `mikrobot.frames` is for; `direct_uvicorn` is the same for production's server.
"""

from __future__ import annotations

from typing import Any

import daphne.server
from daphne.cli import CommandLineInterface
from daphne.ws_protocol import WebSocketFactory, WebSocketProtocol


class DirectSocket(WebSocketProtocol):  # type: ignore[misc]
    """A socket whose application may write ready frames."""

    def write_frames(self, frames: bytes) -> bool:
        """Write whole frames; False where the socket is not open, or its reader so slow that the buffer is full."""
        if self.state != self.STATE_OPEN or self.muted or self.send_queue:
            return False
        if getattr(self.transport, "producerPaused", False):
            return False
        self.transport.write(frames)
        return True


class _Factory(WebSocketFactory):  # type: ignore[misc]
    protocol = DirectSocket


class _Server(daphne.server.Server):  # type: ignore[misc]
    def create_application(self, protocol: Any, scope: dict[str, Any]) -> Any:
        if scope["type"] == "websocket":
            scope["extensions"] = {"mikrobot.frames": protocol.write_frames}
        return super().create_application(protocol, scope)


def install() -> None:
    """Make every Daphne server of this process offer the direct way."""
    daphne.server.WebSocketFactory = _Factory
    CommandLineInterface.server_class = _Server
