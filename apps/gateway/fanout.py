"""
One message for many sockets: put into letters once, framed once, written by the loop itself.

The way through a consumer costs a task's turn and six calls for each socket and message; for two hundred dashboards that is the
whole processor. A server of ours therefore gives a socket the extension `mikrobot.frames`: a function that takes ready frames
and answers whether it took them. It refuses where the socket is not open or its reader is slow; who is refused is told by its
own task, from the queue or the database, and so nothing is lost.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import Any

from websockets.frames import Frame, Opcode

EXTENSION = "mikrobot.frames"

Write = Callable[[bytes], bool]
Event = dict[str, Any]


def find_write(scope: dict[str, Any]) -> Write | None:
    """Return how to write frames to this socket directly; None where the server has no such way."""
    write: Write | None = (scope.get("extensions") or {}).get(EXTENSION)
    return write


def frame_of(text: str) -> bytes:
    r"""
    Return a text message as the frame of RFC 6455 in which a server sends it, not compressed.

    >>> frame_of("ok")
    b'\x81\x02ok'
    """
    return Frame(Opcode.TEXT, text.encode()).serialize(mask=False)


def frames_of(texts: Iterable[str]) -> bytes:
    """Return messages as frames, one behind the other."""
    return b"".join(frame_of(text) for text in texts)


class Batch:
    """Events of one team that were published together, and their frames for each kind of listener, made once."""

    def __init__(self, events: list[Event]) -> None:
        self.events = events
        self.first: int = events[0]["number"] if events else 0
        self.last: int = events[-1]["number"] if events else -1
        self._frames: dict[Hashable, bytes] = {}

    def follows(self, number: int) -> bool:
        """Say whether these are the very next events behind a number, without a gap or a repetition."""
        return self.first == number + 1 and self.last - self.first + 1 == len(self.events)

    def frames_for(self, audience: Hashable, say: Callable[[list[Event]], list[str]]) -> bytes:
        """Return what `say` makes of the events, as frames. Who has the same audience is sent the same."""
        frames = self._frames.get(audience)
        if frames is None:
            frames = self._frames[audience] = frames_of(say(self.events))
        return frames
