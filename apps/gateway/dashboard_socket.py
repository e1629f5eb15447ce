"""
`/ws/dashboard`: RiskMind §6. A client subscribes to channels, is told which it may have, then how things stand, then what changes.

Accounts and bots are shown by their latest state (`TeamFeed`), so a slow reader misses nothing that still holds. Risk events and
trades come one by one, in order, each once behind `seq`; after a lost connection `after` (or `last_event_id`) brings what was missed.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from channels.db import database_sync_to_async

from apps.common.codes import Code
from apps.common.errors import Forbidden
from apps.common.ids import public_id
from apps.common.wire import to_json
from apps.gateway.consumers import RECHECK_S, KeyedConsumer
from apps.gateway.dashboard_messages import join, say_event
from apps.gateway.fanout import Batch
from apps.gateway.feeds import TeamFeed, follow
from apps.gateway.hub import get_hub
from apps.gateway.places import Subscriber
from apps.gateway.selectors.dashboards import (
    ACCOUNT_UPDATES,
    BOT_UPDATES,
    RISK_EVENTS,
    TRADE_UPDATES,
    channel_of,
    find_event_number,
    list_latest,
)  # fmt: skip
from apps.teams.callers import Caller

HEARTBEAT_S = 30.0  # RiskMind §9.1; fixed, so that a client knows after a minute that nobody is there
# A channel, and the scopes of which one is needed.
CHANNELS = {
    ACCOUNT_UPDATES: ("accounts:read", "risk:read"),
    BOT_UPDATES: ("bots:read",),
    RISK_EVENTS: ("risk:read",),
    TRADE_UPDATES: ("trades:read",),
}
STATES, EVENTS = (ACCOUNT_UPDATES, BOT_UPDATES), (RISK_EVENTS, TRADE_UPDATES)
HELP = 'Try {"action": "subscribe", "channels": ["account_updates", "bot_updates", "risk_events", "trade_updates"]}.'


@dataclass
class _Wish:
    """A subscription to be answered, in the order of asking."""

    allowed: list[str]
    refused: dict[str, str]
    after: int | None = None
    event_id: str = ""
    dropped: set[str] = field(default_factory=set)


@dataclass
class _Place:
    """Where one socket stands: its events, its feed, and the revision of the states it was shown, by channel."""

    subscriber: Subscriber
    feed: TeamFeed
    shown: dict[str, int] = field(default_factory=dict)


class DashboardConsumer(KeyedConsumer):
    """One dashboard of one person or program."""

    heartbeat_s = HEARTBEAT_S
    channels: set[str]
    _wishes: deque[_Wish]
    _place: _Place | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.channels, self._wishes = set(), deque()

    def check(self, caller: Caller) -> None:
        if caller.executor_id is not None:
            raise Forbidden(Code.FORBIDDEN, "Executors have a socket of their own.")

    # --- what the client says

    async def handle(self, message: dict[str, Any]) -> None:
        action = message.get("action")
        if action == "ping":
            return await self.tell({"type": "pong"})
        if action == "resume":
            message = {**message, "channels": sorted(self.channels)}
        if action in ("subscribe", "resume", "unsubscribe"):
            wanted = message.get("channels")
            if isinstance(wanted, list) and all(isinstance(name, str) for name in wanted) and len(wanted) <= 20:
                return await self._take_wish(str(action), wanted, message)
        await self.tell({"type": "error", "code": Code.FIELD_INVALID, "message": HELP})

    async def _take_wish(self, action: str, wanted: list[str], message: dict[str, Any]) -> None:
        after, event_id = message.get("after"), message.get("last_event_id", "")
        if not _is_number_or_none(after) or not isinstance(event_id, str):
            text = "after is the seq of the last message you have; last_event_id its event_id."
            return await self.tell({"type": "error", "code": Code.FIELD_INVALID, "message": text})
        if action == "unsubscribe":
            self._wishes.append(_Wish([], {}, dropped=set(wanted)))
        else:
            allowed = [name for name in CHANNELS if name in wanted and self._may_hear(name)]
            refused = {name: _why_not(name) for name in wanted if name not in allowed}
            self._wishes.append(_Wish(allowed, refused, after, event_id))
        if self._place is not None:  # else the stream is opened at this moment, and begins there
            self._place.subscriber.nudge()

    def _may_hear(self, channel: str) -> bool:
        return any(self.caller.may(scope) for scope in CHANNELS[channel])

    # --- what the client hears

    async def serve(self) -> None:
        clock = asyncio.get_running_loop().time
        checked_s = beaten_s = clock()
        async with get_hub().subscribe(self.caller.team.pk) as subscriber:
            async with follow(self.caller.team.pk, subscriber) as feed:
                self._place = place = _Place(subscriber, feed)
                if self.write is not None:
                    subscriber.tell_directly, subscriber.show_directly = self._tell_directly, self._show_directly
                if self._wishes:
                    subscriber.nudge()
                while True:
                    await subscriber.wait(max(0.0, min(RECHECK_S, beaten_s + self.heartbeat_s - clock())))
                    if subscriber.must_recheck or clock() - checked_s >= RECHECK_S:
                        subscriber.must_recheck, checked_s = False, clock()
                        if not await self.recheck():
                            return
                    while self._wishes:
                        await self._grant(place, self._wishes.popleft())
                    await self._pass_on(place)
                    await self._show_states(place)
                    if clock() - beaten_s >= self.heartbeat_s:
                        beaten_s = clock()
                        beat = {"type": "heartbeat", "seq": subscriber.last, "states_read_at": feed.read_at}
                        await self.tell(beat)
                    await self.pause()

    async def _grant(self, place: _Place, wish: _Wish) -> None:
        """Acknowledge, then show how things stand; behind `after`, what was missed comes instead of the latest events."""
        fresh = set(wish.allowed) - self.channels
        self.channels = (self.channels | fresh) - wish.dropped
        verb = "unsubscribed" if wish.dropped else "subscribed"
        await self.tell({"type": verb, "channels": sorted(self.channels), "refused": wish.refused})
        if wish.dropped:
            return
        await place.feed.ensure()
        after = wish.after
        if after is None and wish.event_id:
            found = await database_sync_to_async(find_event_number)(self.caller.team.pk, wish.event_id)
            after = -1 if found is None else found  # nobody knows it (any more): all is shown anew
        if after is None:
            await self._show_latest(place, fresh)
        else:
            place.subscriber.resume(after)
            await self._pass_on(place)
        for name in wish.allowed:
            place.shown.pop(name, None)
        await self._show_states(place, snapshot=True)
        await self.tell({"type": "snapshot_complete", "seq": place.subscriber.last})

    async def _pass_on(self, place: _Place) -> None:
        subscriber = place.subscriber
        events: list[dict[str, Any]] = subscriber.take()
        if subscriber.is_behind:
            missed = await subscriber.catch_up()
            if missed is None:
                await self.tell({"type": "snapshot_required", "seq": subscriber.last})
                return await self._show_latest(place, self.channels)
            events += missed
        await self.say(self._say_events(events))

    async def _show_states(self, place: _Place, *, snapshot: bool = False) -> None:
        """Show what this socket was not shown yet: in one write where it may, else one by one at its reader's pace."""
        shown, revision = self._heard_states(place), place.feed.revision
        wanted = (shown, self.caller.account_id, place.subscriber.last)
        if self.write is None or not self.write_directly(place.feed.frames(*wanted, snapshot=snapshot)):
            await self.say(place.feed.messages(*wanted, snapshot=snapshot))
        place.shown = dict.fromkeys(shown, revision)

    def _heard_states(self, place: _Place) -> dict[str, int]:
        """Return the channels of states that are heard, and the revision up to which each was shown."""
        return {name: place.shown.get(name, 0) for name in STATES if name in self.channels and self._may_hear(name)}

    def _tell_directly(self, batch: Batch) -> bool:
        audience = ("dashboard", frozenset(self.channels), self.caller.scopes, self.caller.account_id)
        return self.write_directly(batch.frames_for(audience, self._say_events))

    def _show_directly(self) -> bool:
        place = self._place
        assert place is not None
        shown = self._heard_states(place)
        if not self.write_directly(place.feed.frames(shown, self.caller.account_id, place.subscriber.last)):
            return False
        place.shown = dict.fromkeys(shown, place.feed.revision)
        return True

    async def _show_latest(self, place: _Place, channels: set[str]) -> None:
        for channel in EVENTS:
            if channel in channels:
                latest = database_sync_to_async(list_latest)
                head = {"channel": channel, "seq": place.subscriber.last, "ts": place.feed.read_at, "snapshot": True}
                found = await latest(channel, self.caller.team.pk, self.caller.account_id)
                await self.say([join(head, to_json(data).decode()) for data in found])

    def _say_events(self, events: list[dict[str, Any]]) -> list[str]:
        """Return the messages of those events that this dashboard hears of."""
        texts = []
        for event in events:
            channel = channel_of(event["kind"])
            if channel in self.channels and self._may_hear(channel) and self._bound in (None, event["account_id"]):
                texts.append(say_event(channel, event))
        return texts

    @property
    def _bound(self) -> str | None:
        """The one account of which this caller hears."""
        return public_id("acc", self.caller.account_id) if self.caller.account_id else None


def _why_not(channel: str) -> str:
    return str(Code.SCOPE_MISSING) if channel in CHANNELS else "UNKNOWN_CHANNEL"


def _is_number_or_none(value: Any) -> bool:
    return value is None or (isinstance(value, int) and not isinstance(value, bool) and value >= 0)
