"""What the agent asks of the server, and what comes back."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

import msgspec


class Door(StrEnum):
    """The server's doors. One question is in flight at each at most."""

    HELLO = "hello"
    DESIRED = "desired"
    SNAPSHOT = "snapshot"
    REPORTS = "reports"
    SYMBOLS = "symbols"
    BARS = "bars"
    HISTORY = "history"
    LOG = "log"
    FILES = "files"
    APPROVE = "approve"


@dataclass(frozen=True, kw_only=True)
class Answered:
    """A well-formed answer. ``sent_mono``: when the question was sent, on the monotonic clock; validity counts from there."""

    door: Door
    message: Any
    sent_mono: float


@dataclass(frozen=True, kw_only=True)
class Failed:
    """No answer, or none that can be believed. ``status`` is HTTP's where there was one, ``code`` the server's stable code."""

    door: Door
    problem: str
    status: int | None = None
    code: str = ""


Event = Answered | Failed


class Courier(Protocol):
    """Carries messages without making the loop wait; only `approve` waits, and never longer than it is told."""

    def introduce(self, instance_id: str) -> None:
        """Say with every question which process asks: a clone with the same key is told apart by it."""
        ...

    def ask(self, door: Door, message: msgspec.Struct) -> None:
        """Send in the background; the answer comes by `take`. Only where `is_free`."""
        ...

    def is_free(self, door: Door) -> bool:
        """Say whether no question is in flight at that door."""
        ...

    def watch_desired(self, since: int | None) -> None:
        """Keep asking for the desired set above that version; None stops it."""
        ...

    def look_now(self) -> None:
        """Ask for the desired set at once, beside the question that waits."""
        ...

    def approve(self, body: bytes, key: str, timeout_s: float) -> Event:
        """Ask for approval and wait for the verdict, in all at most that long."""
        ...

    def take(self) -> list[Event]:
        """Return what has come in since."""
        ...

    def wait(self, seconds: float) -> None:
        """Return when something has come in, or after that time."""
        ...

    def close(self) -> None:
        """End within a second."""
        ...
