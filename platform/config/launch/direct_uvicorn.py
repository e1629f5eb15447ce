"""
uvicorn's sockets with a direct way for frames: one message for many is framed once, and written without a task's turn.

`apps.gateway.fanout` says what the extension `mikrobot.frames` is for. It is one method beside those of uvicorn.
"""

from __future__ import annotations

from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request
from websockets.protocol import State


class DirectSocket(WebSocketsSansIOProtocol):
    """A socket whose application may write ready frames."""

    def handle_connect(self, event: Request) -> None:
        """Called by uvicorn with the handshake; the application begins in the loop's next turn."""
        super().handle_connect(event)
        if hasattr(self, "scope"):
            extensions: dict[str, Any] = self.scope["extensions"]
            extensions["mikrobot.frames"] = self.write_frames

    def write_frames(self, frames: bytes) -> bool:
        """Write whole frames; False where the socket is not open, or its reader so slow that the buffer is full."""
        if self.conn.state is not State.OPEN or self.close_sent or not self.writable.is_set():
            return False
        if not self.handshake_complete or self.transport.is_closing():
            return False
        self.transport.write(frames)
        return True
