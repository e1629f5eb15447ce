"""The other side of `/ws/dashboard`, and a stage with something to watch."""

from __future__ import annotations

import asyncio
import json

from django.db import transaction

from apps.common.clock import read_at
from apps.common.models import OutboxEvent
from apps.common.outbox import tell
from apps.risk.services.events import write_event
from apps.teams.scopes import GRANTABLE
from tests import world as cast
from tests.apps.gateway.conftest import WAIT_S, Socket, bearer, in_database
from tests.risk import make_desk

PATH = "/ws/dashboard"
ALL = ["account_updates", "bot_updates", "risk_events", "trade_updates"]


class Dashboard(Socket):
    """The IDE's side of the socket."""

    def __init__(self, key=None, path=PATH, *, headers=(), direct=True):
        super().__init__(path, headers=bearer(key) if key else headers, direct=direct)

    async def subscribe(self, *channels, **more):
        """Subscribe and return the acknowledgement with all that is shown until the snapshot is complete."""
        await self.send({"action": "subscribe", "channels": list(channels or ALL), **more})
        ack = await self.hear_until(lambda message: message.get("type") == "subscribed")
        shown = []
        while (message := await self.hear_any()).get("type") != "snapshot_complete":
            shown.append(message)
        return ack, shown, message["seq"]

    async def hear_any(self):
        return json.loads(await self.wire.receive_from(timeout=WAIT_S))

    async def hear_until(self, wanted):
        while not wanted(message := await self.hear_any()):
            pass
        return message

    async def hear_on(self, channel, **data):
        """Return the next message on a channel whose data has these values."""
        return await self.hear_until(
            lambda message: (
                message.get("channel") == channel
                and all(message["data"].get(name) == value for name, value in data.items())
            )
        )


class Stage:
    """Alice's desk with one bot, a key that opens everything, and a stranger's desk."""

    def __init__(self, scopes=GRANTABLE):
        self.world = cast.make_world()
        self.key_row, self.key = cast.make_key(self.world.alice, scopes)
        self.desk = make_desk(self.world, code="account_001")


@in_database
def set_stage(**more):
    return Stage(**more)


@in_database
def happen(desk, kind="trade.opened", **data):
    with transaction.atomic():
        tell(team_id=desk.account.team_id, account_id=desk.account.pk, kind=kind, data=data)


@in_database
def warn(desk, message="Daily loss limit at 75% (3.75% / 5.0%)", **more):
    metrics = {"current_loss_pct": 3.75, "limit_pct": 5.0, "remaining_pct": 1.25}
    with transaction.atomic():
        return write_event(
            desk.account, "DAILY_LIMIT_APPROACHING", "WARNING", message, at=read_at(), metrics=metrics, **more
        )


async def settle(stage):
    """Return when everything told so far is published."""
    while await in_database(OutboxEvent.objects.filter(published_at=None).count)():
        await asyncio.sleep(0.02)
