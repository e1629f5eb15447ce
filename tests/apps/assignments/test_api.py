"""The REST doors of the fleet as clients use them: shapes, filters, one account's keys, repeated clicks, query counts."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.assignments.models import Assignment
from apps.assignments.services import activate, stop
from apps.bots.services import register_bot
from apps.common.clock import read_at
from apps.market.services import store_quotes, store_specifications
from apps.trades.services.deals import apply_deals
from apps.trades.services.origins import Origin, Origins
from tests.fleet import (
    OUT,
    SELL,
    SPEC_FORMAT_RULES,
    SPEC_RULES,
    deal,
    make_account,
    make_executor,
    make_strategy,
    quote,
    symbol_spec,
)
from tests.world import api_client, make_key

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice(world):
    return api_client(make_key(world.alice)[1])


def post(client, path, body=None, **headers):
    return client.post(f"/api/v1/{path}", body or {}, format="json", **headers)


def get(client, path):
    response = client.get(f"/api/v1/{path}")
    assert response.status_code == 200, response.content
    return response.json()


def test_from_an_empty_team_to_a_running_strategy_over_http(alice):
    account = {
        "code": "ftmo-1",
        "name": "FTMO",
        "mode": "prop_firm",
        "server": "FTMO-Demo",
        "login": "123456789012",
        "initial_balance": 100000,
        "zone": "Europe/Prague",
    }
    made = post(alice, "accounts", account)
    assert made.status_code == 201, made.content
    assert (made.json()["mode"], made.json()["login"]) == ("PROP_FIRM", 123456789012)
    executor = post(alice, "executors", {"code": "pc-1", "name": "PC", "account_id": "ftmo-1"})
    assert executor.status_code == 201
    assert executor.json()["api_key"].startswith("exe_")
    assert "api_secret" not in str(get(alice, "executors/pc-1"))
    strategy = {"name": "EMA", "symbol": "EURUSD", "timeframe": "M1", "rules": SPEC_RULES}
    assert post(alice, "strategies", strategy).status_code == 201
    started = post(alice, "strategies/ema/activate", {"executors": ["pc-1"], "overrides": {"lotSize": 0.01}})
    assert started.status_code == 202, started.content
    (row,) = started.json()["results"]
    wanted = {"desired": "RUNNING", "generation": 1, "observed": "UNKNOWN", "observed_generation": 0, "proven": False}
    assert {name: row[name] for name in wanted} == wanted
    assert row["progress"] == "STARTING, agent at 0 of 1"
    assert get(alice, "assignments?strategy=ema")["results"][0]["id"] == row["id"]
    stopped = post(alice, "strategies/ema/stop")
    assert (stopped.status_code, stopped.json()["results"][0]["desired"]) == (202, "STOPPED")
    assert get(alice, "strategies/ema/results")["by_executor"][0]["executor"] == "pc-1"


@pytest.mark.parametrize("verb", ["pause", "resume", "update"])
def test_a_wish_about_what_runs_nowhere_is_refused_and_stop_never_is(world, alice, verb):
    make_strategy(world.team, slug="ema")

    refused = post(alice, f"strategies/ema/{verb}")

    assert (refused.status_code, refused.json()["code"]) == (409, "NOT_ASSIGNED")
    assert post(alice, "strategies/ema/stop").json()["results"] == []


@pytest.mark.parametrize("path", ["strategies/ema/activate", "strategies/ema/update"])
def test_a_misspelt_setting_starts_nothing(world, alice, path):
    make_strategy(world.team, slug="ema")
    executor = make_executor(make_account(world.team))

    body = {"executors": [executor.code], "override": {"lotSize": 0.01}}
    refused = post(alice, path, body if path.endswith("activate") else {"override": {}})

    assert (refused.status_code, refused.json()["code"]) == (400, "FIELD_INVALID")
    assert refused.json()["field"] == "override"
    assert get(alice, "assignments")["count"] == 0


def test_a_repeated_key_gets_the_same_bytes_and_starts_nothing_twice(world, alice):
    make_strategy(world.team, slug="ema")
    executor = make_executor(make_account(world.team))
    body = {"executors": [executor.code]}
    answers = [post(alice, "strategies/ema/activate", body, HTTP_IDEMPOTENCY_KEY="k1") for _ in range(2)]
    assert answers[0].content == answers[1].content
    other = post(alice, "strategies/ema/activate", {"executors": ["all"]}, HTTP_IDEMPOTENCY_KEY="k1")
    assert (other.status_code, other.json()["code"]) == (422, "IDEMPOTENCY_KEY_REUSED")


def test_the_guides_whole_format_is_activated(world, alice):
    make_strategy(world.team, slug="ema", rules=SPEC_FORMAT_RULES)
    executor = make_executor(make_account(world.team))
    taken = post(alice, "strategies/ema/activate", {"executors": [executor.code]})
    assert taken.status_code < 300, taken.content


def test_a_key_bound_to_an_account_sees_that_account_only(world):
    mine, other = make_account(world.team), make_account(world.team)
    executors = {account.pk: make_executor(account) for account in (mine, other)}
    client = api_client(make_key(world.alice, account_id=mine.pk)[1])
    make_strategy(world.team, slug="ema")
    assert [row["id"] for row in get(client, "accounts")["results"]] == [mine.public_id]
    assert client.get(f"/api/v1/accounts/{other.code}").status_code == 404
    assert client.get(f"/api/v1/executors/{executors[other.pk].code}").status_code == 404
    refused = post(client, "strategies/ema/activate", {"executors": [executors[other.pk].code]})
    assert refused.status_code == 404
    assert post(client, "strategies/ema/activate", {"executors": [executors[mine.pk].code]}).status_code == 202


def test_which_account_is_asked_for_where_nothing_says(alice):
    answer = alice.get("/api/v1/symbols/EURUSD")
    assert (answer.status_code, answer.json()["code"]) == (400, "ACCOUNT_REQUIRED")


def test_a_symbol_with_its_specification_and_quote(world, alice):
    account = make_account(world.team)
    store_specifications(account=account, specs=[symbol_spec()], at=read_at())
    store_quotes(account=account, quotes=[quote()], at=read_at())
    shown = alice.get("/api/v1/symbols/EURUSD", HTTP_X_ACCOUNT_ID=account.code).json()
    assert (shown["bid"], shown["ask"]) == (1.1, 1.1001)
    assert shown["specification"]["volume_step"] == 0.01
    assert shown["age_s"] >= 0
    assert alice.get("/api/v1/symbols/XAUUSD", HTTP_X_ACCOUNT_ID=account.code).status_code == 404


def test_a_bot_is_registered_as_riskmind_writes_it(world, alice):
    account = make_account(world.team)
    body = {
        "bot_id": "analyst-bot-007",
        "magic_number": 10007,
        "guild": "ANALYST",
        "tags": ["@perfect", "@scalping"],
        "strategy_type": "RSI_OVERSOLD_SCALPER",
        "assigned_account_id": account.code,
    }
    made = post(alice, "bots/register", body)
    assert made.status_code == 201, made.content
    assert {**made.json(), **body, "assigned_account_id": account.public_id} == made.json()
    assert alice.put("/api/v1/bots/analyst-bot-007/status", {"status": "paused"}, format="json").json()["status"] == (
        "PAUSED"
    )
    token = post(alice, "bots/analyst-bot-007/session").json()["session_token"]
    assert api_client(token).get("/api/v1/strategies").status_code == 403
    assert alice.delete("/api/v1/bots/analyst-bot-007").json()["status"] == "RETIRED"
    assert api_client(token).get("/api/v1/accounts").status_code == 401


def fill(team, count):
    """Rows of every kind: a strategy on `count` accounts, each with a closed trade."""
    strategy = make_strategy(team, name="Many")
    for number in range(count):
        account = make_account(team)
        executor = make_executor(account, online=True)
        bot = register_bot(account=account, actor="test", bot_id=f"ea-{account.code}", guild="ANALYST")
        activate(strategy=strategy, references=[executor.code], actor="test", at=read_at())
        magic = Origins({bot.magic: Origin(bot.pk, False, strategy_id=strategy.pk)}, {})
        deals = [
            deal(1, magic=bot.magic),
            deal(2, deal_type=SELL, entry=OUT, magic=bot.magic, profit=Decimal(number + 1)),
        ]
        apply_deals(account=account, deals=deals, origins=magic, at=read_at())
    return strategy


@pytest.mark.parametrize(
    "path",
    ["accounts", "strategies", "executors", "bots", "assignments", "trades", "strategies/many/results"],
)
def test_a_list_asks_as_often_for_many_as_for_one(world, alice, path):
    def count():
        with CaptureQueriesContext(
            connection,
        ) as queries:
            get(alice, path)
        return len(queries)

    fill(world.team, 1)
    get(alice, path)  # the key's time of use is kept once a minute
    few = count()
    make_strategy(world.team, name="Another")
    for _ in range(4):
        account = make_account(world.team)
        executor = make_executor(account, online=True)
        strategy = make_strategy(world.team, name="More")
        activate(strategy=strategy, references=[executor.code], actor="test", at=read_at())
        apply_deals(account=account, deals=[deal(1)], origins=Origins({}, {}), at=read_at())
    assert count() == few <= 8


def test_trades_are_filtered_and_added_up(world, alice):
    strategy = fill(world.team, 3)
    assert get(alice, f"trades?strategy={strategy.slug}&status=closed")["count"] == 3
    assert get(alice, "trades?status=open")["count"] == 0
    assert get(alice, "trades?symbol=GBPUSD")["count"] == 0
    (first, *_) = get(alice, "trades")["results"]
    assert {"opened_at", "closed_at", "entry_price", "exit_price", "volume_lots", "side", "pnl", "approval"} <= set(
        first
    )
    assert alice.get("/api/v1/trades?status=maybe").status_code == 400
    results = get(alice, "strategies/many/results")
    assert (results["trades"], results["wins"], results["net_pnl"]) == (3, 3, {"USD": 6})
    assert len(results["by_executor"]) == 3


def test_one_shots_are_asked_and_listed(world, alice):
    executor = make_executor(make_account(world.team))
    path = f"executors/{executor.code}/commands"
    assert post(alice, path, {"kind": "CLOSE_POSITION", "payload": {}}).status_code == 400
    assert post(alice, path, {"kind": "FORMAT_DISK"}).status_code == 400
    asked = post(alice, path, {"kind": "CLOSE_POSITION", "payload": {"ticket": 7, "volume_lots": 0.1}})
    assert (asked.status_code, asked.json()["payload"]) == (202, {"ticket": 7, "volume_lots": "0.1"})
    assert get(alice, path)["results"][0]["state"] == "PENDING"


@pytest.mark.parametrize("path", ["bots?status=foo", "strategies?status=foo"])
def test_a_status_that_does_not_exist_is_refused_with_what_is_allowed(alice, path):
    refused = alice.get(f"/api/v1/{path}")
    assert (refused.status_code, refused.json()["code"], refused.json()["field"]) == (400, "FIELD_INVALID", "status")
    assert "PAUSED" in refused.json()["extra"]["allowed"]
    assert alice.get(f"/api/v1/{path.replace('foo', 'paused')}").status_code == 200


def run_on_one(world):
    executor, strategy = make_executor(make_account(world.team), online=True), make_strategy(world.team)
    row = activate(strategy=strategy, references=[executor.code], actor="test", at=read_at())[0]
    return executor, strategy, row


def test_nothing_is_archived_or_retired_while_a_stop_is_unproven(world, alice):
    executor, strategy, row = run_on_one(world)
    stop(assignment_ids=[row.pk], actor="test", at=read_at())

    kept = alice.patch(f"/api/v1/strategies/{strategy.slug}", {"status": "ARCHIVED"}, format="json")
    assert (kept.status_code, kept.json()["code"]) == (409, "STRATEGY_RUNNING")
    serves = alice.delete(f"/api/v1/executors/{executor.code}")
    assert (serves.status_code, serves.json()["code"]) == (409, "EXECUTOR_IN_USE")
    assert get(alice, f"executors/{executor.code}")["keys"][0]["revoked_at"] is None, "nothing was half done"

    Assignment.objects.filter(pk=row.pk).update(observed="STOPPED", observed_generation=2)
    gone = alice.patch(f"/api/v1/strategies/{strategy.slug}", {"status": "ARCHIVED"}, format="json")
    assert (gone.status_code, gone.json()["status"]) == (200, "ARCHIVED")


def test_a_retired_executor_has_no_key_no_waiting_command_and_no_work(world, alice):
    executor, strategy, row = run_on_one(world)
    stop(assignment_ids=[row.pk], actor="test", at=read_at())
    Assignment.objects.filter(pk=row.pk).update(observed="STOPPED", observed_generation=2)
    asked = post(alice, f"executors/{executor.code}/commands", {"kind": "CLOSE_POSITION", "payload": {"ticket": 7}})
    assert asked.status_code == 202

    retired = alice.delete(f"/api/v1/executors/{executor.code}").json()
    again = alice.delete(f"/api/v1/executors/{executor.code}").json()

    assert retired["retired_at"] == again["retired_at"] is not None
    assert all(key["revoked_at"] for key in retired["keys"])
    assert get(alice, f"executors/{executor.code}/commands")["results"][0]["state"] == "EXPIRED"
    assert get(alice, "executors")["results"] == []
    refused = post(alice, f"strategies/{strategy.slug}/activate", {"executors": [executor.code]})
    assert (refused.status_code, refused.json()["code"]) == (409, "EXECUTOR_RETIRED")
