"""`/ws/dashboard` for those who were away, who read slowly, and who are many."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal

from django.db import transaction

from apps.common.models import OutboxEvent
from apps.common.outbox import tell
from apps.gateway.places import MOST_WAITING
from apps.risk.models import RiskEvent
from tests.apps.gateway.conftest import in_database, relaying
from tests.apps.gateway.dashboards import Dashboard, happen, set_stage, settle, warn


async def test_after_a_lost_connection_what_was_missed_comes_once_and_in_order():
    stage = await set_stage()
    async with relaying():
        async with Dashboard(stage.key) as dashboard:
            await dashboard.subscribe("risk_events")
            await warn(stage.desk, "known")
            known = await dashboard.hear_on("risk_events")
        for name in ("first", "second"):
            await warn(stage.desk, name)
            await happen(stage.desk)
        await settle(stage)
        for resumed in ({"after": known["seq"]}, {"last_event_id": known["event_id"]}):
            async with Dashboard(stage.key) as dashboard:
                _, shown, _ = await dashboard.subscribe("risk_events", **resumed)
                assert [message["data"]["message"] for message in shown] == ["first", "second"]
                assert all("snapshot" not in message for message in shown)


async def test_resuming_behind_what_is_kept_shows_everything_anew():
    stage = await set_stage()
    async with relaying(), Dashboard(stage.key) as dashboard:
        await dashboard.subscribe("risk_events")
        for name in ("first", "second"):
            await warn(stage.desk, name)
        last = (await dashboard.hear_on("risk_events", message="second"))["seq"]
        await in_database(OutboxEvent.objects.filter(number__lt=last).delete)()
        for resumed in ({"after": 0}, {"after": last + 1000}, {"last_event_id": "evt_nonsense"}):
            await dashboard.send({"action": "resume", **resumed})
            required = await dashboard.hear_until(lambda message: message.get("type") == "snapshot_required")
            assert required["seq"] == last
            shown = [await dashboard.hear_on("risk_events") for _ in range(2)]
            assert [message["data"]["message"] for message in shown] == ["first", "second"]
            await dashboard.hear_until(lambda message: message.get("type") == "snapshot_complete")


async def test_a_slow_reader_gets_every_event_and_the_latest_state_only():
    stage = await set_stage()

    @in_database
    def flood():
        with transaction.atomic():
            for number in range(MOST_WAITING + 20):
                tell(
                    team_id=stage.desk.account.team_id, account_id=stage.desk.account.pk, kind="risk.event",
                    data={"number": number},
                )  # fmt: skip
        for equity in range(99_000, 99_050):
            stage.desk.see(equity=Decimal(equity))

    async with Dashboard(stage.key) as dashboard:
        await dashboard.subscribe("risk_events", "account_updates")
        await flood()
        async with relaying():
            numbers, equities = [], []
            while len(numbers) < MOST_WAITING + 20 or 99_049 not in equities:
                message = await dashboard.hear_any()
                if message["channel"] == "risk_events":
                    numbers.append(message["data"]["number"])
                else:
                    equities.append(message["data"]["equity"])
    assert numbers == list(range(MOST_WAITING + 20))
    assert len(equities) < 10


async def test_many_dashboards_read_the_states_once_between_them(monkeypatch):
    from apps.gateway import feeds

    reads = []
    read = feeds.read_states
    monkeypatch.setattr(feeds, "read_states", lambda team_id: reads.append(team_id) or read(team_id))
    stage = await set_stage()
    dashboards = [Dashboard(stage.key) for _ in range(30)]
    async with relaying():
        for dashboard in dashboards:
            await dashboard.__aenter__()
        shown = await asyncio.gather(*(dashboard.subscribe() for dashboard in dashboards))
        before = len(reads)
        await warn(stage.desk)
        await asyncio.gather(*(dashboard.hear_on("risk_events") for dashboard in dashboards))
        after = len(reads)
        for dashboard in dashboards:
            await dashboard.__aexit__()
    assert len({json.dumps([message["data"] for message in each[1]]) for each in shown}) <= 3
    assert before <= 5
    assert after - before <= 3
    assert await in_database(RiskEvent.objects.count)() == 1
