"""Structured JSON logs: one line an event, to standard error and to a file; secrets never reach them."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterator
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

import structlog
from structlog.tracebacks import ExceptionDictTransformer

_MAX_BYTES, _FILES_KEPT = 10_000_000, 5
_LONGEST_LINE, _LOOK_EVERY_S = 4_000, 0.5
_SECRET_WORDS = ("secret", "password", "api_key", "token", "authorization")


def configure_logs(log_file: Path | None, *, level: str = "INFO") -> None:
    """Send the agent's events to ``log_file`` (10 MB, five kept) and its warnings to standard error; without a file, all of them."""
    to_error = logging.StreamHandler(sys.stderr)
    handlers: list[logging.Handler] = [to_error]
    if log_file is not None:
        to_error.setLevel(logging.WARNING)
        log_file.parent.mkdir(parents=True, exist_ok=True)
        handlers.append(RotatingFileHandler(log_file, maxBytes=_MAX_BYTES, backupCount=_FILES_KEPT, encoding="utf-8"))
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
        place = file.tell()
    while follow:
        time.sleep(_LOOK_EVERY_S)
        size = path.stat().st_size if path.exists() else 0
        place = place if size >= place else 0  # rotated: a new file has begun
        with path.open("rb") as file:
            file.seek(place)
            for raw in file:
                if raw.endswith(b"\n"):
                    place += len(raw)
                    yield raw.decode("utf-8", "replace").rstrip()


def get_log() -> Any:
    """Return the agent's logger: ``log.info("TRADE_EXECUTED", ticket=…)``."""
    return structlog.get_logger("executor_agent")


def _hide_secrets(_logger: Any, _method: str, event: Any) -> Any:
    for name in event:
        if any(word in name.lower() for word in _SECRET_WORDS):
            event[name] = "(hidden)"
    return event
