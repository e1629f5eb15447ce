"""What ASGI hands to an application, and a body that is read before the application that is to have it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, Final

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]
EMPTY_BODY: Final[dict[str, Any]] = {"type": "http.request", "body": b"", "more_body": False}


def read_headers(pairs: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """
    Return headers by their names in small letters; of several with one name the last.

    >>> read_headers([(b"X-API-Key", b"exe_1")])
    {'x-api-key': 'exe_1'}
    """
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in pairs}


async def read_messages(receive: Receive) -> list[dict[str, Any]] | None:
    """Return the messages of a whole body; None where the sender is gone."""
    messages: list[dict[str, Any]] = []
    while not messages or messages[-1].get("more_body", False):
        messages.append(await receive())
        if messages[-1]["type"] != "http.request":
            return None
    return messages


def replay(messages: Sequence[dict[str, Any]], receive: Receive) -> Receive:
    """Return what gives the messages that were read already, and then whatever else comes."""
    left = list(reversed(messages))

    async def again() -> dict[str, Any]:
        return left.pop() if left else await receive()

    return again
