"""Sockets that know their caller, and that of events for browsers and programs. They say what happened; they decide nothing."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import structlog
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.db import DatabaseError, InterfaceError

from apps.common.codes import Code
from apps.common.errors import Forbidden, PlatformError
from apps.common.ids import public_id
from apps.common.wire import MAX_BODY_BYTES, parse_json, to_json
from apps.gateway.credentials import Credential, ip_of, read_first_message
from apps.gateway.fanout import Batch, Write, find_write, frames_of
from apps.gateway.hub import get_hub
from apps.gateway.places import Subscriber
from apps.teams.callers import Caller

log = structlog.get_logger(__name__)

NOT_AUTHENTICATED, FORBIDDEN, MALFORMED, TOO_LARGE, GONE = 4401, 4403, 4400, 1009, 4410
FIRST_MESSAGE_S = 10.0
RECHECK_S = 60.0
FRAME_EVERY_S = 0.25  # who is not written to directly is told at most four bursts a second
AT_ONCE = 50  # messages in one write: below what a transport holds before it calls its reader slow

# Which scope shows which kind of event; what is not listed needs team:read.
EVENT_SCOPES = {
    "account": "accounts:read",
    "alert": "alerts:read",
    "assignment": "assignments:read",
    "backtest": "backtests:read",
    "bot": "bots:read",
    "command": "executors:read",
    "executor": "executors:read",
    "risk": "risk:read",
    "signal": "signals:read",
    "strategy": "strategies:read",
    "trade": "trades:read",
}


class KeyedConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]
    """A socket that knows its caller: from the handshake, else from the first message within ten seconds."""

    channel_layer_alias = None  # the hub subscribes for all of us
    caller: Caller
    credential: Credential | None
    write: Write | None = None
    _work: asyncio.Task[None] | None = None
    _late: asyncio.TimerHandle | None = None

    async def connect(self) -> None:
        self.credential, self.write = self.scope["credential"], find_write(self.scope)
        if self.credential is not None:
            try:
                self.caller = await self._look_up()
            except PlatformError:
                await self.close(NOT_AUTHENTICATED)
                return
        await self.accept()
        if self.credential is None:
            self._late = asyncio.get_running_loop().call_later(FIRST_MESSAGE_S, self._give_up)
        else:
            await self._begin()

    async def disconnect(self, code: int) -> None:
        if self._late:
            self._late.cancel()
        if self._work:
            self._work.cancel()
            await asyncio.gather(self._work, return_exceptions=True)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        raw = bytes_data if text_data is None else text_data.encode("utf-8", "surrogatepass")
        if raw is None or len(raw) > MAX_BODY_BYTES:
            await self.close(TOO_LARGE)
            return
        try:
            message = parse_json(raw)
            if not isinstance(message, dict):
                raise ValueError("a message is a JSON object")
        except (ValueError, RecursionError) as error:
            return await self._refuse(Code.MALFORMED, str(error), MALFORMED)
        if self.credential is None:
            return await self._authenticate(message)
        await self.handle(message)

    async def tell(self, message: dict[str, Any]) -> None:
        """Send one message."""
        await self.send(text_data=to_json(message).decode())

    async def say(self, texts: list[str]) -> None:
        """Send messages that are JSON already: in few writes where the server and the reader's pace allow it."""
        for start in range(0, len(texts), AT_ONCE):
            some = texts[start : start + AT_ONCE]
            if not self.write_directly(frames_of(some) if self.write else b""):
                for text in some:
                    await self.send(text_data=text)

    def write_directly(self, frames: bytes) -> bool:
        """Write frames (perhaps none) without a turn of the task; say whether the server took them."""
        return self.write is not None and (not frames or self.write(frames))

    async def pause(self) -> None:
        """Fold what comes quickly, where each message costs a turn of the task."""
        if self.write is None:
            await asyncio.sleep(FRAME_EVERY_S)

    async def handle(self, message: dict[str, Any]) -> None:
        """Read a message of a known caller."""

    async def serve(self) -> None:
        """Send what there is to say, until cancelled."""

    def check(self, caller: Caller) -> None:
        """
        Do nothing for a caller who may have this socket.

        :raises PlatformError: for anybody else.
        """

    async def recheck(self) -> bool:
        """Look whether the credential still opens; close if not. A database that is away is not a reason."""
        try:
            self.caller = await self._look_up()
        except PlatformError as error:
            await self._refuse(error.code, error.message, NOT_AUTHENTICATED)
            return False
        except (DatabaseError, InterfaceError):
            pass
        return True

    async def _look_up(self) -> Caller:
        assert self.credential is not None
        caller: Caller = await database_sync_to_async(self.credential.look_up)()
        self.check(caller)
        return caller

    async def _authenticate(self, message: dict[str, Any]) -> None:
        try:
            self.credential = read_first_message(message, ip_of(self.scope))
            self.caller = await self._look_up()
        except PlatformError as error:
            return await self._refuse(error.code, error.message, NOT_AUTHENTICATED)
        if self._late:
            self._late.cancel()
        await self._begin()

    async def _begin(self) -> None:
        self._work = asyncio.create_task(self._serve())

    async def _serve(self) -> None:
        try:
            await self.serve()
        except asyncio.CancelledError:
            raise
        except Exception as error:  # the client comes again; a socket is only a nudge
            log.warning("SOCKET_BROKE", problem=repr(error)[:200])
            with contextlib.suppress(Exception):
                await self.close(1011)

    async def _refuse(self, code: str, message: str, close_code: int) -> None:
        await self.tell({"type": "error", "code": str(code), "message": message})
        await self.close(close_code)

    def _give_up(self) -> None:
        self._work = asyncio.create_task(self.close(NOT_AUTHENTICATED))


class EventsConsumer(KeyedConsumer):
    """
    `/ws/events`: the team's events, each with its `number`; `{"action": "resume", "after": n}` brings what was missed.

    Numbers a caller may not see are left out, so a client asks for what follows the last number it *was told*
    (`{"type": "position", "number": n}` says how far the stream has come).
    """

    subscriber: Subscriber | None = None
    _resume_after: int | None = None

    def check(self, caller: Caller) -> None:
        if caller.executor_id is not None:
            raise Forbidden(Code.FORBIDDEN, "Executors have a socket of their own.")

    async def serve(self) -> None:
        checked_s = asyncio.get_running_loop().time()
        async with get_hub().subscribe(self.caller.team.pk) as subscriber:
            self.subscriber = subscriber
            if self.write is not None:
                subscriber.tell_directly = self._tell_directly
            if self._resume_after is not None:
                subscriber.resume(self._resume_after)
            await self.tell({"type": "position", "number": subscriber.last})
            while True:
                await subscriber.wait(RECHECK_S)
                now_s = asyncio.get_running_loop().time()
                if subscriber.must_recheck or now_s - checked_s >= RECHECK_S:
                    subscriber.must_recheck, checked_s = False, now_s
                    if not await self.recheck():
                        return
                await self._pass_on(subscriber)
                await self.pause()

    async def handle(self, message: dict[str, Any]) -> None:
        action, after = message.get("action"), message.get("after")
        if action in ("subscribe", "ping"):
            return await self.tell({"type": "pong"}) if action == "ping" else None
        if action != "resume" or isinstance(after, bool) or not isinstance(after, int) or after < 0:
            return await self.tell(
                {"type": "error", "code": Code.FIELD_INVALID, "message": 'Try {"action": "resume", "after": 17}.'}
            )
        self._resume_after = after
        if self.subscriber is not None:  # else the stream is opened at this moment, and begins there
            self.subscriber.resume(after)

    async def _pass_on(self, subscriber: Subscriber) -> None:
        before = subscriber.last
        events: list[dict[str, Any]] | None = subscriber.take()
        if subscriber.is_behind:
            missed = await subscriber.catch_up()
            if missed is None:
                return await self.tell({"type": "snapshot_required", "number": subscriber.last})
            events = [*(events or []), *missed]
        if subscriber.last != before:
            await self.say(self._say_events(events or [], subscriber.last))

    def _tell_directly(self, batch: Batch) -> bool:
        audience = ("events", self.caller.scopes, self.caller.account_id)
        return self.write_directly(batch.frames_for(audience, lambda found: self._say_events(found, batch.last)))

    def _say_events(self, events: list[dict[str, Any]], last: int) -> list[str]:
        """Return the messages of those events that the caller may see, and how far the stream has come."""
        seen = [event for event in events if self._may_see(event)]
        texts = [to_json(event).decode() for event in seen]
        if not seen or seen[-1]["number"] != last:
            texts.append(to_json({"type": "position", "number": last}).decode())
        return texts

    def _may_see(self, event: dict[str, Any]) -> bool:
        scope = EVENT_SCOPES.get(event["kind"].partition(".")[0], "team:read")
        if not self.caller.may(scope):
            return False
        bound = self.caller.account_id
        return bound is None or event["account_id"] == public_id("acc", bound)
