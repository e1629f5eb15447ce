"""Slippage and positions without approval, as they come in at the doors: EA reports, agent reports, snapshots."""

from decimal import Decimal

import pytest

from apps.accounts.models import Account
from apps.risk.models import BotBreaker, PositionFlag, RiskEvent
from tests.apps.gateway.test_reports import Agent
from tests.fleet import OUT, SELL, deal, position, snapshot
from tests.risk import make_desk
from tests.world import api_client, make_key
from trading.protocol import SnapshotAnswer, decode

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk(world):
    return make_desk(world)


@pytest.fixture
def ea(world, desk):
    return api_client(make_key(world.alice, ["trades:report"])[1])


def see(agent, **more):
    """Send a snapshot as the agent would; return what it is answered."""
    return decode(agent.post("snapshot", snapshot(fence=agent.fence, **more)).content, SnapshotAnswer)


def opened(ea, desk, **more):
    body = {
        "bot_id": desk.bot.bot_id, "ticket": 77, "symbol": "EURUSD", "direction": "BUY", "actual_lots": 0.1,
        "actual_entry": 1.1, "stop_loss": 1.098, **more,
    }  # fmt: skip
    return ea.post("/api/v1/trades/opened", body, format="json").json()


def test_an_ea_is_told_to_close_what_slipped_too_far_and_hears_the_same_again(ea, desk):
    answer = desk.ask()

    told = opened(ea, desk, actual_entry=1.10201, request_id=answer["request_id"])
    assert (told["action"], told["ticket"], told["lots"]) == ("close", 77, 0.1)
    assert opened(ea, desk, actual_entry=1.10201, request_id=answer["request_id"])["action"] == "close"
    assert RiskEvent.objects.filter(event_type="SLIPPAGE_EXCEEDED").count() == 1


def test_what_an_ea_opened_without_approval_is_flagged_and_handled_by_the_accounts_policy(ea, desk):
    told = opened(ea, desk)
    assert (told["action"], told["source"]) == ("none", "UNAPPROVED")

    Account.objects.filter(pk=desk.account.pk).update(unapproved="CLOSE")
    assert opened(ea, desk)["action"] == "none"  # the same report has the same answer
    told = opened(ea, desk, ticket=78)
    assert (told["action"], told["ticket"], told["lots"]) == ("close", 78, 0.1)
    assert PositionFlag.objects.filter(kind="UNAPPROVED", told_at__isnull=False).count() == 2
    assert RiskEvent.objects.filter(event_type="UNAPPROVED_POSITION", bot=desk.bot).count() == 2


def test_an_agents_snapshot_answer_asks_for_the_close(world):
    agent = Agent(world)
    Account.objects.filter(pk=agent.account.pk).update(unapproved="CLOSE")
    strange = position(7, magic=0)
    assert see(agent, positions=[strange], seq=1).actions == []
    PositionFlag.objects.update(first_seen_at="2026-01-01T00:00:00Z")

    answer = see(agent, positions=[strange], seq=2)

    assert answer.actions == [{"action": "close", "ticket": 7, "reason": "UNAPPROVED"}]
    assert see(agent, positions=[], seq=3).actions == []


def test_losses_that_a_snapshot_brings_open_the_breaker(world):
    agent = Agent(world)
    limits = agent.account.limit_sets.get(in_force=True)
    limits.document["max_consecutive_losses"] = 2
    limits.save(update_fields=["document"])
    deals = []
    for number in (1, 2):
        deals += [
            deal(2 * number, position_id=number, magic=agent.bot.magic),
            deal(
                2 * number + 1, position_id=number, magic=agent.bot.magic, deal_type=SELL, entry=OUT, profit=Decimal(-5)
            ),
        ]

    agent.send(deals=deals)

    assert BotBreaker.objects.get().reason_code == "CONSECUTIVE_LOSSES"
