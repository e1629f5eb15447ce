"""The server's doors over HTTP: one question, one answer, all bytes checked."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import httpx
import msgspec

from executor_agent.config import ServerConfig
from executor_agent.server.ports import Answered, Door, Event, Failed
from trading.protocol import (
    ApprovalAnswer,
    DesiredSet,
    HistoryAnswer,
    MalformedMessage,
    ReportAnswers,
    SnapshotAnswer,
    Welcome,
    decode,
    encode,
)

PATHS = {
    Door.HELLO: "/api/v1/executor/hello",
    Door.DESIRED: "/api/v1/executor/desired",
    Door.SNAPSHOT: "/api/v1/executor/snapshot",
    Door.REPORTS: "/api/v1/executor/reports",
    Door.SYMBOLS: "/api/v1/executor/symbols",
    Door.BARS: "/api/v1/executor/bars",
    Door.HISTORY: "/api/v1/executor/history",
    Door.LOG: "/api/v1/executor/log",
    Door.FILES: "/api/v1/executor/files",
    Door.APPROVE: "/api/v1/trades/approve",
}
ANSWERS: dict[Door, type[msgspec.Struct]] = {
    Door.HELLO: Welcome,
    Door.DESIRED: DesiredSet,
    Door.SNAPSHOT: SnapshotAnswer,
    Door.REPORTS: ReportAnswers,
    Door.HISTORY: HistoryAnswer,
    Door.APPROVE: ApprovalAnswer,
}
_LARGEST_ANSWER = 8_000_000


class Doors:
    """
    A client for one lane: keeps its connection, adds the keys. Not for several threads at once.

    ``headers``: more of them, read anew for every question.
    """

    def __init__(self, config: ServerConfig, agent_version: str, headers: Mapping[str, str] | None = None) -> None:
        self._headers = {} if headers is None else headers
        self._client = httpx.Client(
            base_url=config.url,
            headers={
                "X-API-Key": config.api_key,
                "X-API-Secret": config.api_secret,
                "Content-Type": "application/json",
                "User-Agent": f"mikrobot-agent/{agent_version}",
            },
            # Keys must not follow a redirect to somewhere else, nor go through a proxy nobody named here.
            follow_redirects=False,
            trust_env=False,
        )

    def post(self, door: Door, message: msgspec.Struct, timeout_s: float) -> Event:
        """Send a message, return the event."""
        return self.send(door, "POST", timeout_s, content=encode(message))

    def approve(self, body: bytes, key: str, timeout_s: float) -> Event:
        """Ask for approval under a key that a repeat must use again."""
        return self.send(Door.APPROVE, "POST", timeout_s, content=body, headers={"Idempotency-Key": key})

    def pull(self, since: int, wait_ms: int) -> Event:
        """Ask for the desired set; the server waits up to ``wait_ms`` for one above ``since``."""
        params = {"since": since, "wait_ms": wait_ms}
        return self.send(Door.DESIRED, "GET", wait_ms / 1000 + 10, params=params)

    def send(self, door: Door, verb: str, timeout_s: float, **rest: Any) -> Event:
        """Send one request, return what came of it; never raises for the network's sake."""
        sent_mono = time.monotonic()
        headers = {**self._headers, **rest.pop("headers", {})}
        try:
            answer = self._client.request(verb, PATHS[door], timeout=timeout_s, headers=headers, **rest)
        except (httpx.HTTPError, RuntimeError) as error:  # RuntimeError: closed while asking
            return Failed(door=door, problem=f"{type(error).__name__}: {error}")
        if answer.status_code not in (200, 201, 202, 204):
            return _refused(door, answer)
        if door not in ANSWERS:
            return Answered(door=door, message=None, sent_mono=sent_mono)
        if len(answer.content) > _LARGEST_ANSWER:
            return Failed(door=door, problem="the answer is larger than any message", status=answer.status_code)
        try:
            message = decode(answer.content, ANSWERS[door])
        except MalformedMessage as error:
            return Failed(door=door, problem=f"malformed answer: {error.message}", status=answer.status_code)
        return Answered(door=door, message=message, sent_mono=sent_mono)

    def close(self) -> None:
        """Close the connection."""
        self._client.close()


def _refused(door: Door, answer: httpx.Response) -> Failed:
    code, text = "", answer.text[:300]
    try:
        shape = msgspec.json.decode(answer.content)
        if isinstance(shape, dict):
            error = shape["error"] if isinstance(shape.get("error"), dict) else shape
            code, text = str(error.get("code", "")), str(error.get("message", text))[:300]
    except (msgspec.DecodeError, UnicodeDecodeError):
        pass
    return Failed(door=door, problem=text, status=answer.status_code, code=code)
