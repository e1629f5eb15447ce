"""`/ws/dashboard` (RiskMind §6): who may hear what, how things stand first, what changes after, and nothing of a stranger's."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from django.db import transaction

from apps.bots.services import set_bot_status
from apps.common.clock import read_at
from apps.common.outbox import tell
from apps.gateway.dashboard_socket import DashboardConsumer
from apps.risk.services import halt_account
from apps.teams import services
from tests import fleet
from tests import world as cast
from tests.apps.gateway.conftest import in_database, relaying
from tests.apps.gateway.dashboards import ALL, PATH, Dashboard, happen, set_stage, warn
from tests.risk import make_desk
from trading.protocol import encode


async def test_subscribing_is_acknowledged_and_everything_is_shown_first_in_the_specs_fields():
    stage = await set_stage()
    await warn(stage.desk)
    async with Dashboard(stage.key) as dashboard:
        ack, shown, _ = await dashboard.subscribe()

    assert ack["channels"] == ALL
    assert ack["refused"] == {}
    by_channel = {message["channel"]: message["data"] for message in shown}
    assert all(message["snapshot"] for message in shown)
    account = by_channel["account_updates"]
    assert {name: account[name] for name in ("balance", "equity", "daily_pnl", "open_positions", "risk_level")} == {
        "balance": 100000, "equity": 100000, "daily_pnl": None, "open_positions": 0, "risk_level": "SAFE",
    }  # fmt: skip
    assert set(account) >= {
        "account_id", "timestamp", "daily_loss_pct", "daily_limit_pct", "total_drawdown_pct", "total_limit_pct", "trading_allowed",
    }  # fmt: skip
    bot = by_channel["bot_updates"]
    assert set(bot) >= {
        "bot_id", "timestamp", "today_trades", "today_wins", "today_pnl", "today_risked", "current_positions",
        "unrealized_pnl", "status", "tags",
    }  # fmt: skip
    assert (bot["bot_id"], bot["status"], bot["today_trades"]) == (stage.desk.bot.bot_id, "ACTIVE", 0)
    event = by_channel["risk_events"]
    assert (event["severity"], event["event_type"]) == ("WARNING", "daily_limit_approaching")
    assert event["message"] == "Daily loss limit at 75% (3.75% / 5.0%)"
    assert event["metrics"] == {"current_loss_pct": 3.75, "limit_pct": 5.0, "remaining_pct": 1.25}


async def test_only_the_allowed_channels_are_had_and_the_others_say_why():
    stage = await set_stage(scopes=["risk:read"])
    async with relaying(), Dashboard(stage.key) as dashboard:
        ack, _, _ = await dashboard.subscribe(*ALL, "weather")
        assert ack["channels"] == ["account_updates", "risk_events"]
        assert ack["refused"] == {
            "bot_updates": "SCOPE_MISSING", "trade_updates": "SCOPE_MISSING", "weather": "UNKNOWN_CHANNEL",
        }  # fmt: skip
        await happen(stage.desk, "trade.opened")
        await warn(stage.desk)
        heard = await dashboard.hear_until(lambda message: message["channel"] in ("trade_updates", "risk_events"))
        assert heard["channel"] == "risk_events"


async def test_a_risk_event_arrives_in_the_specs_form():
    stage = await set_stage()
    async with relaying(), Dashboard(stage.key) as dashboard:
        await dashboard.subscribe("risk_events")
        event = await warn(stage.desk)
        heard = await dashboard.hear_on("risk_events")

    assert heard["data"] == {
        "severity": "WARNING",
        "event_type": "daily_limit_approaching",
        "message": "Daily loss limit at 75% (3.75% / 5.0%)",
        "account_id": stage.desk.account.public_id,
        "timestamp": heard["data"]["timestamp"],
        "metrics": {"current_loss_pct": 3.75, "limit_pct": 5.0, "remaining_pct": 1.25},
        "event_id": event.public_id,
    }
    assert heard["seq"] > 0
    assert heard["event_id"].startswith("evt_")


async def test_an_approval_over_rest_is_told_and_counted():
    stage = await set_stage()
    async with relaying(), Dashboard(stage.key) as dashboard:
        await dashboard.subscribe("trade_updates", "account_updates")
        client = await in_database(cast.api_client)(stage.key)
        body = await in_database(stage.desk.body)()
        answer = (await in_database(client.post)("/api/v1/trades/approve", body, format="json")).json()
        heard = await dashboard.hear_on("trade_updates", event="approval_decided")

    assert answer["approved"]
    assert heard["data"]["bot_id"] == stage.desk.bot.bot_id
    assert (heard["data"]["approved"], heard["data"]["adjusted_lots"]) == (True, 0.1)
    assert heard["data"]["account_id"] == stage.desk.account.public_id


async def test_a_snapshot_of_the_agent_shows_the_account_and_the_bot_anew():
    stage = await set_stage()
    _, headers = await in_database(fleet.make_executor_with_key)(stage.desk.account)
    async with relaying(), Dashboard(stage.key) as dashboard:
        await dashboard.subscribe("account_updates", "bot_updates")
        agent = await in_database(cast.api_client)()
        await greet(agent, stage.desk.account, headers)
        held = fleet.position(7, magic=stage.desk.bot.magic, profit=Decimal("12.30"))
        state = {"balance": 99_990, "equity": 99_750, "margin": 0, "free_margin": 99_750}
        message = fleet.snapshot(positions=[held], fence=1, seq=5)
        await send(agent, "snapshot", message, headers, account=state)
        account = await dashboard.hear_on("account_updates", equity=99_750)
        bot = await dashboard.hear_on("bot_updates", current_positions=1)

    assert (account["data"]["open_positions"], account["data"]["balance"]) == (1, 99_990)
    assert bot["data"]["unrealized_pnl"] == 12.3


async def test_a_trade_an_ea_reports_over_rest_is_told():
    stage = await set_stage()
    async with relaying(), Dashboard(stage.key) as dashboard:
        await dashboard.subscribe("trade_updates")
        client = await in_database(cast.api_client)(stage.key)
        asked = await in_database(stage.desk.ask)()
        report = {
            "bot_id": stage.desk.bot.bot_id, "ticket": 77, "symbol": "EURUSD", "direction": "BUY", "actual_lots": 0.1,
            "actual_entry": 1.1, "stop_loss": 1.098, "request_id": asked["request_id"],
        }  # fmt: skip
        answer = await in_database(client.post)("/api/v1/trades/opened", report, format="json")
        assert answer.status_code == 200, answer.content
        heard = await dashboard.hear_on("trade_updates", event="trade_reported")

    assert (heard["data"]["position_id"], heard["data"]["action"]) == (77, "none")


async def test_a_status_and_a_halt_are_shown_at_once():
    stage = await set_stage()
    async with relaying(), Dashboard(stage.key) as dashboard:
        await dashboard.subscribe("account_updates", "bot_updates")
        await in_database(set_bot_status)(bot_id=stage.desk.bot.pk, actor="test", status="QUARANTINE")
        await dashboard.hear_on("bot_updates", status="QUARANTINE")
        await in_database(
            lambda: halt_account(account=stage.desk.account, reason="enough", actor="test", at=read_at())
        )()
        heard = await dashboard.hear_on("account_updates", risk_level="HALTED")
    assert (heard["data"]["light"], heard["data"]["trading_allowed"]) == ("BLACK", False)


async def test_a_strangers_team_is_never_heard():
    stage = await set_stage()
    _, foreign = await in_database(cast.make_key)(stage.world.charlie)
    async with relaying(), Dashboard(foreign) as dashboard:
        _, shown, _ = await dashboard.subscribe()
        assert shown == []
        await warn(stage.desk)
        await happen(stage.desk)
        await in_database(lambda: tell_own(stage.world.other_team))()
        heard = await dashboard.hear_until(lambda message: "channel" in message)
        assert heard["data"]["mine"] is True


def tell_own(team):
    with transaction.atomic():
        tell(team_id=team.pk, kind="risk.event", data={"mine": True})


async def test_a_key_bound_to_one_account_hears_of_that_account_only():
    stage = await set_stage()
    other = await in_database(make_desk)(stage.world, code="account_002")
    _, bound = await in_database(cast.make_key)(stage.world.alice, account_id=other.account.pk)
    async with relaying(), Dashboard(bound) as dashboard:
        _, shown, _ = await dashboard.subscribe()
        assert {message["data"].get("account_id") for message in shown} == {other.account.public_id}
        await warn(stage.desk, "not yours")
        await warn(other, "yours")
        assert (await dashboard.hear_on("risk_events"))["data"]["message"] == "yours"


async def test_unsubscribed_channels_are_silent():
    stage = await set_stage()
    async with relaying(), Dashboard(stage.key) as dashboard:
        await dashboard.subscribe("risk_events", "trade_updates")
        await dashboard.send({"action": "unsubscribe", "channels": ["trade_updates"]})
        await dashboard.hear_until(lambda message: message.get("type") == "unsubscribed")
        await happen(stage.desk)
        await warn(stage.desk)
        assert (await dashboard.hear_until(lambda message: "channel" in message))["channel"] == "risk_events"


async def test_the_heart_beats(monkeypatch):
    monkeypatch.setattr(DashboardConsumer, "heartbeat_s", 0.05)
    stage = await set_stage()
    async with Dashboard(stage.key) as dashboard:
        beats = [await dashboard.hear_until(lambda message: message["type"] == "heartbeat") for _ in range(2)]
        await dashboard.send({"action": "ping"})
        await dashboard.hear_until(lambda message: message["type"] == "pong")
    assert set(beats[0]) == {"type", "seq", "states_read_at"}


@pytest.mark.parametrize(
    "message",
    [
        {"action": "subscribe"},
        {"action": "subscribe", "channels": "risk_events"},
        {"action": "subscribe", "channels": [1]},
        {"action": "subscribe", "channels": ["risk_events"], "after": -1},
        {"action": "subscribe", "channels": ["risk_events"], "after": True},
        {"action": "subscribe", "channels": ["risk_events"], "last_event_id": 7},
        {"action": "dance"},
        {},
    ],
)
async def test_what_makes_no_sense_is_told_so_and_the_socket_stays(message):
    stage = await set_stage()
    async with Dashboard(stage.key) as dashboard:
        await dashboard.send(message)
        assert (await dashboard.hear_any())["code"] == "FIELD_INVALID"
        await dashboard.subscribe()


async def test_a_ticket_opens_it_once_under_the_specs_name_too_and_a_key_in_the_address_does_not():
    stage = await set_stage()
    client = await in_database(cast.api_client)(stage.key)
    for name in ("ticket", "token"):
        ticket = (await in_database(client.post)("/api/v1/ws/tickets")).json()["ticket"]
        async with Dashboard(path=f"{PATH}?{name}={ticket}") as dashboard:
            ack, _, _ = await dashboard.subscribe()
            assert ack["channels"] == ALL
        async with Dashboard(path=f"{PATH}?{name}={ticket}") as dashboard:
            assert not dashboard.is_open
    async with Dashboard(path=f"{PATH}?token={stage.key}") as dashboard:
        assert not dashboard.is_open


async def test_the_key_may_come_with_the_first_message_and_a_page_with_its_cookie():
    stage = await set_stage()
    async with Dashboard() as dashboard:
        await dashboard.send({"action": "authenticate", "token": stage.key})
        ack, _, _ = await dashboard.subscribe()
        assert ack["channels"] == ALL
    browser = await in_database(cast.browser)(stage.world.bob)
    cookie = f"sessionid={browser.cookies['sessionid'].value}".encode()
    page = [(b"host", b"mikrobot.test"), (b"origin", b"https://mikrobot.test"), (b"cookie", cookie)]
    async with Dashboard(headers=page) as dashboard:
        assert (await dashboard.subscribe())[0]["channels"] == ALL
    async with Dashboard() as dashboard:
        await dashboard.send({"action": "subscribe", "channels": ALL})
        assert await dashboard.hear_close() == 4401


async def test_an_executors_key_and_a_wrong_one_get_no_dashboard():
    stage = await set_stage()
    _, headers = await in_database(fleet.make_executor_with_key)(stage.desk.account)
    names = {"HTTP_X_API_KEY": b"x-api-key", "HTTP_X_API_SECRET": b"x-api-secret"}
    async with Dashboard(headers=[(names[name], value.encode()) for name, value in headers.items()]) as dashboard:
        assert not dashboard.is_open
    async with Dashboard("mk_live_nonsense") as dashboard:
        assert not dashboard.is_open


async def test_a_revoked_key_closes_its_dashboard():
    stage = await set_stage()
    async with relaying(), Dashboard(stage.key) as dashboard:
        await dashboard.subscribe()
        owner = await in_database(cast.caller_of)(stage.world.alice)
        await in_database(services.revoke_key)(caller=owner, key=stage.key_row)
        assert await dashboard.hear_close() == 4401


async def greet(agent, account, headers):
    await send(agent, "hello", fleet.hello(account), headers)


async def send(agent, door, message, headers, **changes):
    body = {**json.loads(encode(message)), **changes}
    answer = await in_database(agent.post)(
        f"/api/v1/executor/{door}", json.dumps(body), content_type="application/json", **headers
    )
    assert answer.status_code == 200, answer.content
    return answer
