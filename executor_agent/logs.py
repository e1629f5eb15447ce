"""Structured JSON logs: one line an event, to standard error and to a file; secrets never reach them."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any, NamedTuple

import structlog
from structlog.tracebacks import ExceptionDictTransformer

_MAX_BYTES, _FILES_KEPT = 10_000_000, 5
_AGAIN_AFTER_BYTES = 100_000
_LONGEST_LINE, _LOOK_EVERY_S = 4_000, 0.5
_SECRET_WORDS = ("secret", "password", "api_key", "token", "authorization")


_RING_LINES = 500
_secrets: tuple[str, ...] = ()


class LogRing(logging.Handler):
    """The last lines of the log, numbered from 1 in the life of the process. Safe for several threads."""

    def __init__(self) -> None:
        super().__init__()
        self._guard = threading.Lock()
        self._lines: deque[tuple[int, str]] = deque(maxlen=_RING_LINES)
        self._number = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line, without any secret this process knows."""
        text = scrub(self.format(record))
        with self._guard:
            self._number += 1
            self._lines.append((self._number, text))

    def list_after(self, number: int) -> list[tuple[int, str]]:
        """Return the lines behind that number, oldest first."""
        with self._guard:
            return [line for line in self._lines if line[0] > number]


class RollingFile(RotatingFileHandler):
    """
    A log file that begins anew at its size. Where somebody else holds a file, which Windows then does not move, writing goes on
    in the old one and moving is tried again later: no line is lost for it.
    """

    _again_at = 0

    def shouldRollover(self, record: logging.LogRecord) -> bool:
        """Say whether the file is full, and not just found held."""
        if not super().shouldRollover(record):
            return False
        return self.stream is None or self.stream.tell() >= self._again_at

    def doRollover(self) -> None:
        """Move the full file aside and begin a new one, or go on in it."""
        full_bytes = self.stream.tell() if self.stream else 0
        if self.stream:
            self.stream.close()
        try:
            self._shift()  # what an earlier try left behind
            os.replace(self.baseFilename, f"{self.baseFilename}.0")
            self._again_at = 0
            self._shift()
        except OSError:
            self._again_at = full_bytes + _AGAIN_AFTER_BYTES
        self.stream = self._open()

    def _shift(self) -> None:
        if not os.path.exists(f"{self.baseFilename}.0"):
            return
        for number in range(self.backupCount - 1, -1, -1):
            with contextlib.suppress(FileNotFoundError):
                os.replace(f"{self.baseFilename}.{number}", f"{self.baseFilename}.{number + 1}")


RING = LogRing()


def configure_logs(log_file: Path | None, *, level: str = "INFO", secrets: Iterable[str] = ()) -> None:
    """
    Send the agent's events to ``log_file`` (10 MB, five kept) and its warnings to standard error; without a file, all of them.

    :param secrets: what must never leave this machine, wherever it turns up.
    """
    global _secrets
    _secrets = tuple(secret for secret in secrets if len(secret) >= 4)
    to_error = logging.StreamHandler(sys.stderr)
    handlers: list[logging.Handler] = [to_error, RING]
    if log_file is not None:
        to_error.setLevel(logging.WARNING)
        log_file.parent.mkdir(parents=True, exist_ok=True)
        handlers.append(RollingFile(log_file, maxBytes=_MAX_BYTES, backupCount=_FILES_KEPT, encoding="utf-8"))
    root = logging.getLogger("executor_agent")
    root.handlers, root.propagate = handlers, False
    root.setLevel(level)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _hide_secrets,
            # Local variables hold keys and passwords: none of them is logged.
            structlog.processors.ExceptionRenderer(ExceptionDictTransformer(show_locals=False)),
            structlog.processors.JSONRenderer(default=str),
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )


def tail(path: Path, lines: int, *, follow: bool = False) -> Iterator[str]:
    """
    Give the last lines of a log, and with ``follow`` each later one, also after the file was rotated.

    Reads the end of the file only: a log of ten megabytes is no reason to hold them.
    """
    if not path.exists():
        return
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - lines * _LONGEST_LINE))
        for raw in file.read().splitlines()[-lines:] if lines > 0 else ():
            yield raw.decode("utf-8", "replace")
        place = _Place(file.tell(), os.fstat(file.fileno()).st_ino)
    while follow:
        time.sleep(_LOOK_EVERY_S)
        new, place = _read_after(path, place)
        yield from new


class _Place(NamedTuple):
    at: int
    file: int


def _read_after(path: Path, place: _Place) -> tuple[list[str], _Place]:
    # Open no longer than reading takes: the writer cannot move the file meanwhile on Windows, nor we open it while it moves.
    try:
        with path.open("rb") as file:
            found = os.fstat(file.fileno())
            is_new = found.st_ino != place.file or found.st_size < place.at
            at = 0 if is_new else place.at
            file.seek(at)
            whole = [raw for raw in file if raw.endswith(b"\n")]
    except (FileNotFoundError, PermissionError):
        return [], place
    at += sum(map(len, whole))
    return [raw.decode("utf-8", "replace").rstrip() for raw in whole], _Place(at, found.st_ino)


def get_log() -> Any:
    """Return the agent's logger: ``log.info("TRADE_EXECUTED", ticket=…)``."""
    return structlog.get_logger("executor_agent")


def scrub(text: str) -> str:
    """Return a text without the secrets this process was told."""
    for secret in _secrets:
        text = text.replace(secret, "(hidden)")
    return text


def _hide_secrets(_logger: Any, _method: str, event: Any) -> Any:
    for name in event:
        if any(word in name.lower() for word in _SECRET_WORDS):
            event[name] = "(hidden)"
    return event
