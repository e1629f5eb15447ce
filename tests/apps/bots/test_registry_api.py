"""The registry's doors: register, list, filter, status, stage, unregister (RiskMind §4.3)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, transaction

from apps.accounts.models import AccountRisk
from apps.accounts.services import store_snapshot
from apps.bots.models import Bot, BotStatus
from apps.bots.services import register_bot, set_bot_status
from apps.common.clock import read_at
from apps.common.errors import Forbidden
from apps.common.models import OutboxEvent
from apps.risk.models import Approval, Reservation
from apps.risk.services import decide
from tests.fleet import make_account, pending_order, position, snapshot
from tests.risk import make_desk
from tests.world import api_client, browser, make_key, make_world

pytestmark = pytest.mark.django_db

SPEC = {
    "bot_id": "analyst-bot-007",
    "magic_number": 10007,
    "guild": "ANALYST",
    "tags": ["@perfect", "@scalping", "@london-session"],
    "strategy_type": "RSI_OVERSOLD_SCALPER",
}


@pytest.fixture
def account(world):
    return make_account(world.team, code="account_001")


@pytest.fixture
def client(world):
    return api_client(make_key(world.alice)[1])


@pytest.fixture
def alice(world):
    return browser(world.alice)


def register(client, **changes):
    body = {**SPEC, "assigned_account_id": "account_001", **changes}
    return client.post("/api/v1/bots/register", body, format="json")


def put(client, bot_id, what, **body):
    return client.put(f"/api/v1/bots/{bot_id}/{what}", body, content_type="application/json")


def test_the_specs_entry_is_registered_and_read_back(client, account):
    made = register(client)
    assert made.status_code == 201, made.content

    read = client.get("/api/v1/bots/analyst-bot-007").json()

    assert {name: read[name] for name in SPEC} == SPEC
    assert (read["status"], read["stage"], read["assigned_account_id"]) == ("ACTIVE", "PERFECT", account.public_id)
    assert read == made.json()


@pytest.mark.parametrize("tags", [["scalping"], ["@dead"], ["@perfect", "@pending"], ["@" + "x" * 35]])
def test_a_bad_tag_is_refused_and_nothing_is_registered(client, account, tags):
    refused = register(client, tags=tags)
    assert (refused.status_code, refused.json()["code"], refused.json()["field"]) == (400, "FIELD_INVALID", "tags")
    assert not Bot.objects.exists()


def test_only_a_person_says_that_a_bot_is_live(client, alice, account):
    refused = register(client, tags=["@live"])
    assert (refused.status_code, refused.json()["code"]) == (403, "PERSON_REQUIRED")

    by_hand = alice.post(
        "/api/v1/bots/register",
        {**SPEC, "tags": ["@live"], "account_id": "account_001"},
        content_type="application/json",
    )
    assert by_hand.json()["stage"] == "LIVE"


def test_a_paper_only_bot_is_not_registered_on_real_money(world, client):
    make_account(world.team, code="prop", mode="PROP_FIRM")
    refused = register(client, tags=["@paper_only"], assigned_account_id="prop")
    assert (refused.status_code, refused.json()["code"]) == (422, "PAPER_ONLY")


def test_one_bot_id_or_magic_twice_is_a_conflict_and_another_account_has_its_own_numbers(world, client, account):
    make_account(world.team, code="account_002")
    register(client)
    assert register(client, bot_id="other").json()["code"] == "ALREADY_EXISTS"
    assert register(client, magic_number=10008).json()["code"] == "ALREADY_EXISTS"
    elsewhere = register(client, bot_id="other", assigned_account_id="account_002")
    assert (elsewhere.status_code, elsewhere.json()["magic_number"]) == (201, 10007)


def test_lists_are_narrowed_by_guild_status_stage_tag_account_and_words(world, client, account):
    second = make_account(world.team, code="account_002")
    register(client)
    register_bot(account=account, actor="test", bot_id="scalper-like", guild="QUANTCODE", tags=["@scalping-fast"])
    register_bot(account=second, actor="test", bot_id="by-hand", guild="MANUAL")
    set_bot_status(bot_id=Bot.objects.get(bot_id="by-hand").pk, actor="test", status="PAUSED")

    def listed(query):
        return sorted(row["bot_id"] for row in client.get(f"/api/v1/bots?{query}").json()["results"])

    assert listed("") == ["analyst-bot-007", "by-hand", "scalper-like"]
    assert listed("guild=quantcode") == ["scalper-like"]
    assert listed("status=paused") == ["by-hand"]
    assert listed("stage=perfect") == listed("tag=@Perfect") == ["analyst-bot-007"]
    assert listed("tag=@scalping") == ["analyst-bot-007"]  # whole tags, never a part
    assert listed("account_id=account_002") == ["by-hand"]
    assert listed("q=RSI_OVER") == ["analyst-bot-007"]
    assert client.get("/api/v1/bots?guild=NONE").json()["code"] == "FIELD_INVALID"
    assert client.get("/api/v1/bots?account_id=nobodys").status_code == 404


def test_a_key_pauses_and_quarantines_and_only_a_person_releases(client, alice, account):
    register(client)
    assert put(client, "analyst-bot-007", "status", status="paused").json()["status"] == "PAUSED"
    assert put(client, "analyst-bot-007", "status", status="ACTIVE").json()["status"] == "ACTIVE"
    kept = put(client, "analyst-bot-007", "status", status="QUARANTINE", reason="slips").json()
    assert (kept["status"], kept["status_reason"], kept["status_at"] is not None) == ("QUARANTINE", "slips", True)
    for status in ("ACTIVE", "PAUSED"):
        refused = put(client, "analyst-bot-007", "status", status=status)
        assert (refused.status_code, refused.json()["code"]) == (403, "PERSON_REQUIRED")
    assert put(alice, "analyst-bot-007", "status", status="ACTIVE").json()["status"] == "ACTIVE"


def test_a_bot_is_promoted_step_by_step_by_a_person_and_demoted_by_anybody(client, alice, account):
    register(client, tags=[])
    assert put(client, "analyst-bot-007", "stage", stage="PENDING").json()["code"] == "PERSON_REQUIRED"
    assert put(alice, "analyst-bot-007", "stage", stage="LIVE").json()["code"] == "STAGE_SKIPPED"
    assert put(alice, "analyst-bot-007", "stage", stage="pending").json()["tags"] == ["@pending"]
    assert put(client, "analyst-bot-007", "stage", stage="PRIMAL").json()["tags"] == []


@pytest.mark.parametrize("status", ["PAUSED", "QUARANTINE", "RETIRED"])
def test_a_bot_that_is_not_active_is_denied_new_trades(world, status):
    desk = make_desk(world)
    assert desk.ask()["approved"]
    set_bot_status(bot_id=desk.bot.pk, actor="test", status=status)
    answer = desk.ask()
    assert (answer["approved"], answer["reason_code"]) == (False, "BOT_NOT_ACTIVE")


def test_unregistering_leaves_a_tombstone_and_tells(client, account):
    register(client)
    retired = client.delete("/api/v1/bots/analyst-bot-007").json()
    assert retired["status"] == "RETIRED"
    assert client.get("/api/v1/bots/analyst-bot-007").json()["magic_number"] == 10007
    assert register(client, bot_id="successor").json()["code"] == "ALREADY_EXISTS"
    assert OutboxEvent.objects.filter(kind="bot.changed", data__status="RETIRED").count() == 1


@pytest.mark.parametrize(
    "holds, code",
    [("positions", "BOT_HAS_POSITIONS"), ("orders", "BOT_HAS_ORDERS")],
)
def test_a_bot_that_the_terminal_shows_is_not_unregistered(client, account, holds, code):
    magic = register(client).json()["magic_number"]
    shown = {"positions": [position(1, magic=magic)], "orders": [pending_order(1, magic=magic)]}
    store_snapshot(account=account, executor_id=None, message=snapshot(**{holds: shown[holds]}), at=read_at())
    refused = client.delete("/api/v1/bots/analyst-bot-007")
    assert (refused.status_code, refused.json()["code"]) == (409, code)
    assert Bot.objects.get().status == BotStatus.ACTIVE


def test_a_bot_with_a_held_or_unresolved_reservation_is_not_unregistered(world):
    desk, client = make_desk(world), api_client(make_key(world.alice)[1])
    assert desk.ask()["approved"]
    for reservation in (Reservation.HELD, Reservation.UNRESOLVED):
        Approval.objects.update(reservation=reservation)
        refused = client.delete(f"/api/v1/bots/{desk.bot.bot_id}")
        assert (refused.status_code, refused.json()["code"]) == (409, "BOT_HAS_RESERVATIONS")
    Approval.objects.update(reservation=Reservation.VOID)
    assert client.delete(f"/api/v1/bots/{desk.bot.bot_id}").json()["status"] == "RETIRED"


def test_a_strangers_bot_is_not_there(world, client, account):
    register(client)
    stranger = api_client(make_key(world.charlie)[1])
    for answer in (
        stranger.get("/api/v1/bots/analyst-bot-007"),
        stranger.delete("/api/v1/bots/analyst-bot-007"),
        put(stranger, "analyst-bot-007", "status", status="PAUSED"),
        put(stranger, "analyst-bot-007", "stage", stage="PRIMAL"),
    ):
        assert answer.status_code == 404
    assert stranger.get("/api/v1/bots").json()["count"] == 0


def test_the_platform_quarantines_and_cannot_release(world, account):
    bot = register_bot(account=account, actor="test", bot_id="slips", guild="ANALYST")
    set_bot_status(bot_id=bot.pk, actor="system", status="QUARANTINE", reason="slipped three times")
    with pytest.raises(Forbidden):
        set_bot_status(bot_id=bot.pk, actor="system", status="ACTIVE")


def test_a_session_trades_for_its_bot_and_changes_nothing_of_it(client, account):
    register(client)
    session = client.post("/api/v1/bots/analyst-bot-007/session", {}, format="json").json()
    assert session["magic_number"] == 10007
    ea = api_client(session["session_token"])
    assert put(ea, "analyst-bot-007", "status", status="PAUSED").status_code == 403
    assert ea.delete("/api/v1/bots/analyst-bot-007").status_code == 403


@pytest.mark.django_db(transaction=True)
def test_an_approval_that_waited_while_its_bot_was_paused_is_not_given():
    """What was read before the account's lock was had may be over."""
    desk = make_desk(make_world())
    pool = ThreadPoolExecutor(1)
    with transaction.atomic():
        AccountRisk.objects.select_for_update(no_key=True).get(pk=desk.account.pk)
        asked = pool.submit(in_thread, lambda: decide([desk.request()], read_at())[0])
        wait_for_a_waiter()
        set_bot_status(bot_id=desk.bot.pk, actor="test", status="PAUSED")
    answer = asked.result(timeout=60)
    assert answer.reason_code in ("BOT_NOT_ACTIVE", "BUSY")
    assert not Approval.objects.filter(approved=True).exists()


def wait_for_a_waiter():
    """Return when another session waits for a lock, or has given up waiting."""
    with connection.cursor() as cursor:
        for _ in range(1000):
            cursor.execute("SELECT count(*), pg_sleep(0.005) FROM pg_locks WHERE NOT granted")
            if cursor.fetchone()[0]:
                return


def in_thread(work):
    try:
        return work()
    finally:
        connection.close()
