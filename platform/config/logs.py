"""Structured logs: one JSON object a line, each with an `event` name, the time in UTC, and the request's id."""

from __future__ import annotations

import re
from collections.abc import MutableMapping
from typing import Any

import structlog

# Whatever looks like a key or carries a secret's name never reaches a log line.
_SECRET_NAME = re.compile(r"(secret|password|token|api_key|authorization|pepper|cookie)", re.IGNORECASE)
_SECRET_TEXT = re.compile(r"\b(mk_[a-z]+_[A-Za-z0-9]{6,}|exe_[A-Za-z0-9]{6,})[A-Za-z0-9_]*")


def hide_secrets(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """
    Return the log event with secrets replaced.

    >>> hide_secrets(None, "info", {"event": "x", "api_secret": "abc"})["api_secret"]
    '***'
    """
    for name, value in event.items():
        if _SECRET_NAME.search(name):
            event[name] = "***"
        elif isinstance(value, str):
            event[name] = _SECRET_TEXT.sub(r"\1…", value)
    return event


_trace = structlog.tracebacks.ExceptionDictTransformer(show_locals=False, max_frames=12)


def brief_exception(chain: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """
    Return what was raised and its first cause; a middleware chain repeats the same error fifteen times between them.

    >>> [step["exc_type"] for step in brief_exception([{"exc_type": name} for name in "abc"])]
    ['a', 'c']
    """
    return chain if len(chain) <= 2 else [chain[0], chain[-1]]


SHARED_PROCESSORS: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True, key="timestamp"),
    # Without the values of local variables: they hold keys and bodies.
    structlog.processors.ExceptionRenderer(lambda info: brief_exception(_trace(info))),
    hide_secrets,
]


def logging_settings(*, level: str, log_file: str) -> dict[str, Any]:
    """Return the dictConfig for this process and set structlog up to write through it."""
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *SHARED_PROCESSORS,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler: dict[str, Any] = {"class": "logging.StreamHandler", "formatter": "json"}
    if log_file:
        handler = {"class": "logging.handlers.WatchedFileHandler", "filename": log_file, "formatter": "json"}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "json": {
                "()": structlog.stdlib.ProcessorFormatter,
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    structlog.processors.JSONRenderer(),
                ],
                "foreign_pre_chain": SHARED_PROCESSORS,
            }
        },
        "handlers": {"out": handler},
        "root": {"handlers": ["out"], "level": level},
        "loggers": {
            "django.server": {"level": "WARNING"},
            "django.request": {"level": "ERROR"},
            "daphne": {"level": "WARNING"},
            "httpx": {"level": "WARNING"},
            "asyncio": {"level": "WARNING"},
        },
    }
