"""What an agent sends because it was asked: old deals, its log while somebody reads along, its journal as a file."""

from __future__ import annotations

from trading.protocol.codec import Message
from trading.protocol.snapshot import DealMessage

MOST_DEALS = 500
"""Deals of one history message; the next one follows when it was answered."""
MOST_LINES, LONGEST_LINE = 200, 1_000
"""Lines of one log message, and letters of a line."""
LARGEST_FILE_BYTES = 2_000_000
"""A file as it is sent, packed."""


class HistoryMessage(Message, frozen=True, kw_only=True):
    """POST /api/v1/executor/history: at most `MOST_DEALS` deals of the account, each booked once however often it is sent."""

    instance_id: str
    fence: int
    command_id: str
    deals: list[DealMessage]


class HistoryAnswer(Message, frozen=True, kw_only=True):
    booked: int  # of these deals, how many were news


class LogLine(Message, frozen=True, kw_only=True):
    """One event of the agent's log as JSON, without secrets; `number` rises by one with each in the life of a process."""

    number: int
    text: str


class LogMessage(Message, frozen=True, kw_only=True):
    """POST /api/v1/executor/log: the newest lines, at most `MOST_LINES`, oldest first; only while the server wants them."""

    instance_id: str
    lines: list[LogLine]


class FileMessage(Message, frozen=True, kw_only=True):
    """POST /api/v1/executor/files: the file a leased command asked for, as base64; `sha256` is that of the bytes."""

    instance_id: str
    fence: int
    command_id: str
    name: str
    sha256: str
    content: bytes
