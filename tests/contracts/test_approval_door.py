"""
One contract, two doors: the approval view behind Django, and the approval door in front of it, both over HTTP from Daphne;
the door once more as production serves it, by uvicorn.

The door and the view must not differ in status, in fields, or in what is kept.
"""

from __future__ import annotations

import json
import uuid
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from itertools import product

import httpx
import msgspec
import pytest

from apps.accounts.models import AccountRisk
from apps.common.clock import read_at
from apps.risk.models import Approval
from apps.risk.schema import ApprovalAnswerOutput, ApprovalRequestInput
from apps.risk.services import verify_chain
from apps.teams import keys
from apps.teams.models import ApiKey
from tests.contracts.daphne import Server, make_web_process
from tests.risk import EURUSD, make_desk, store_symbol
from tests.world import make_key, make_world
from trading.protocol import ApprovalAnswer, ApprovalRequest

pytestmark = pytest.mark.django_db(transaction=True)
PATH = "/api/v1/trades/approve"
APPLICATIONS = {"door": "tests.contracts.approval_apps:door", "view": "tests.contracts.approval_apps:view"}


@pytest.fixture(scope="module", params=["door", "view", "production"])
def server(request, django_db_setup):
    server = Server(APPLICATIONS[request.param]) if request.param in APPLICATIONS else make_web_process("uvicorn")
    yield server
    server.stop()


@pytest.fixture
def people(server, transactional_db):
    """The cast, committed: the server is another process."""
    return make_world()


@pytest.fixture
def desk(people):
    return make_desk(people)


@pytest.fixture
def client(server):
    with httpx.Client(base_url=server.url, timeout=60) as client:
        yield client


def post(client, desk, *, key=None, headers=None, content=None, **changes):
    given = {"Authorization": f"Bearer {key or desk.key}", "Content-Type": "application/json", **(headers or {})}
    return client.post(PATH, headers=given, content=content or json.dumps(desk.body(**changes)))


def test_an_approval_is_answered_in_the_protocols_shape_after_it_is_kept(client, desk):
    response = post(client, desk)

    answer = msgspec.json.decode(response.content, type=ApprovalAnswer, strict=True)
    assert (response.status_code, answer.approved, answer.reason_code) == (200, True, "APPROVED")
    assert set(response.json()) == set(ApprovalAnswer.__struct_fields__)
    assert Approval.objects.get(account=desk.account).response.encode() == response.content
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["x-request-id"].startswith("req_")
    assert response.headers["content-type"].startswith("application/json")


def test_a_denial_is_200_with_a_reason_and_a_sentence(client, desk):
    response = post(client, desk, stop_loss=1.2)

    assert (response.status_code, response.json()["approved"]) == (200, False)
    assert response.json()["reason_code"] == "SL_WRONG_SIDE"
    assert response.json()["rejection_reason"].endswith(".")


def test_the_same_key_gets_the_same_bytes_at_both_spellings(client, desk):
    key = uuid.uuid4().hex
    first = post(client, desk, headers={"Idempotency-Key": key})
    second = post(client, desk, headers={"idempotency-key": key})
    third = post(client, desk, client_request_id=key)
    other = post(client, desk, headers={"Idempotency-Key": key}, requested_lots=0.2)

    assert first.content == second.content == third.content
    assert second.headers["idempotent-replay"] == "true"
    assert (other.status_code, other.json()["code"]) == (422, "IDEMPOTENCY_CONFLICT")
    assert Approval.objects.filter(account=desk.account).count() == 1


def test_numbers_are_read_from_numbers_and_from_texts_direction_in_any_case(client, desk):
    assert post(client, desk, direction="buy", entry_price="1.10000").json()["approved"]


JUNK = [
    (b"", 400, "FIELD_REQUIRED"),
    (b"{", 400, "MALFORMED"),
    (b"[]", 400, "MALFORMED"),
    (b'"x"', 400, "MALFORMED"),
    (b"\xff\xfe", 400, "MALFORMED"),
    (b'{"bot_id": "a", "bot_id": "b"}', 400, "MALFORMED"),
    (b'{"bot_id": ' + b"[" * 2000 + b"]" * 2000 + b"}", 400, "MALFORMED"),
    (b'{"bot_id": "' + b"x" * 70_000 + b'"}', 413, "BODY_TOO_LARGE"),
]


def test_junk_is_refused(client, desk):
    given = {"Authorization": f"Bearer {desk.key}", "Content-Type": "application/json"}
    for content, status, code in JUNK:
        response = client.post(PATH, headers=given, content=content)

        assert (response.status_code, response.json()["code"]) == (status, code), content[:40]
        assert response.json()["approved"] is False
        assert response.json()["request_id"].startswith("req_")


NAMES = ("entry_price", "stop_loss", "requested_lots", "take_profit")
NO_NUMBERS = ("NaN", "Infinity", "-Infinity", "1e400", "1e15", '"NaN"', '"sNaN"', "true", '"x"')


def test_what_is_no_number_is_refused(client, desk):
    for name, number in product(NAMES, NO_NUMBERS):
        body = json.dumps(desk.body(**{name: "@"})).replace('"@"', number)
        response = post(client, desk, content=body)

        assert response.status_code == 400, (name, number)
        assert response.json()["approved"] is False
    assert not Approval.objects.exists()


def test_a_volume_that_cannot_be_traded_is_denied(client, desk):
    for lots in (0, -1, 1e-9):
        assert post(client, desk, requested_lots=lots).json()["approved"] is False, lots


NO_TRADES = [
    ({"entry_price": -1.1}, "BAD_REQUEST"),
    ({"stop_loss": -1.098}, "BAD_REQUEST"),
    ({"stop_loss": 0}, "BAD_REQUEST"),
    ({"take_profit": -1}, "BAD_REQUEST"),
    ({"requested_lots": -0.1}, "BAD_REQUEST"),
    ({"requested_lots": 99_999_999_999}, "BAD_REQUEST"),
    ({"stop_loss": 1.1}, "SL_WRONG_SIDE"),
    ({"stop_loss": 1.102}, "SL_WRONG_SIDE"),
    ({"direction": "SELL"}, "SL_WRONG_SIDE"),
    ({"take_profit": 1.09}, "TP_WRONG_SIDE"),
    ({"entry_price": 1.100005}, "PRICE_NOT_ON_TICK"),
    ({"symbol": "NOWHERE"}, "SYMBOL_UNKNOWN"),
    ({"symbol": "EURUSD'; --"}, "SYMBOL_UNKNOWN"),
    ({"symbol": "WORTHLESS"}, "NO_TICK_VALUE"),
]


def test_what_no_market_could_mean_is_denied_with_its_code_and_kept(client, desk):
    worthless = msgspec.structs.replace(EURUSD, name="WORTHLESS", tick_value=Decimal(0), tick_value_loss=Decimal(0))
    store_symbol(desk.account, worthless)
    for changes, code in NO_TRADES:
        while (response := post(client, desk, **changes)).status_code == 503:  # not judged in time, so not approved
            assert response.json()["approved"] is False

        assert response.status_code == 200, changes
        assert (response.json()["approved"], response.json()["reason_code"]) == (False, code), changes
    kept = Approval.objects.filter(account=desk.account)
    assert set(kept.values_list("approved", "reason_code")) == {(False, code) for _, code in NO_TRADES}
    assert AccountRisk.objects.get(account=desk.account).reserved == 0


def test_a_body_of_100_kb_and_a_key_that_stands_twice_are_refused(client, desk):
    body = json.dumps(desk.body())

    large = post(client, desk, content=json.dumps(desk.body(metadata={"x": "y" * 100_000})))
    twice = post(client, desk, content=body[:-1] + ', "requested_lots": 0.01}')

    assert (large.status_code, large.json()["code"]) == (413, "BODY_TOO_LARGE")
    assert (twice.status_code, twice.json()["code"]) == (400, "MALFORMED")
    assert not Approval.objects.exists()


BAD_FIELDS = [
    ({"direction": "HOLD"}, "direction"),
    ({"symbol": ""}, "symbol"),
    ({"symbol": "X" * 33}, "symbol"),
    ({"bot_id": 5}, "bot_id"),
    ({"fence": -1}, "fence"),
    ({"market_at": "2026-01-01T00:00:00"}, "market_at"),
    ({"metadata": {"x": "y" * 5000}}, "metadata"),
    ({"metadata": 5}, "metadata"),
    ({"client_request_id": "a b"}, "client_request_id"),
]


def test_a_bad_field_is_named(client, desk):
    for changes, field in BAD_FIELDS:
        response = post(client, desk, **changes)

        assert (response.status_code, response.json().get("field")) == (400, field)


UNKNOWN = [
    ({}, 401, "NOT_AUTHENTICATED"),
    ({"Authorization": "Bearer nonsense"}, 401, "KEY_INVALID"),
    ({"Authorization": "Bearer mk_live_" + "a" * 57}, 401, "KEY_INVALID"),
    ({"Authorization": "Basic YTpi"}, 400, "MALFORMED"),
    ({"X-API-Key": "exe_x", "X-API-Secret": "y"}, 401, "KEY_INVALID"),
]


def test_who_is_not_known_is_refused(client, desk):
    for headers, status, code in UNKNOWN:
        response = client.post(PATH, headers=headers, json=desk.body())

        assert (response.status_code, response.json()["code"]) == (status, code)
        assert ("www-authenticate" in response.headers) == (status == 401)


def test_a_revoked_key_is_refused_at_the_next_request(client, desk):
    _, desk.key = make_key(desk.owner, ["trades:approve"])
    assert post(client, desk).status_code == 200
    ApiKey.objects.filter(key_id=keys.parse_api_key(desk.key)).update(revoked_at=read_at())

    response = post(client, desk)

    assert (response.status_code, response.json()["code"]) == (401, "KEY_REVOKED")


def test_a_strangers_key_finds_no_bot_and_a_key_without_the_scope_may_not(client, desk, people):
    _, foreign = make_key(people.charlie)
    _, reader = make_key(desk.owner, ["trades:read"])

    assert post(client, desk, key=foreign).status_code == 404
    assert post(client, desk, key=reader).status_code == 403


def test_a_bots_session_asks_for_its_bot_only(client, desk):
    from apps.bots.services import register_bot
    from apps.bots.sessions import open_session
    from tests.world import caller_of

    _, token = open_session(bot=desk.bot, caller=caller_of(desk.owner), at=read_at())
    another = register_bot(account=desk.account, actor="test", bot_id=f"{desk.bot.bot_id}-2", guild="ANALYST")

    assert post(client, desk, key=token).json()["approved"]
    assert post(client, desk, key=token, bot_id=another.bot_id).status_code == 404


def test_an_executor_asks_for_its_managed_bot_under_its_lease(client, desk):
    headers, proof = managed(desk)

    granted = client.post(PATH, headers=headers, json=desk.body(**proof))
    stale = client.post(PATH, headers=headers, json=desk.body(**{**proof, "fence": 0}))
    without = post(client, desk, **proof)

    assert granted.json()["reason_code"] == "APPROVED"
    assert stale.json()["reason_code"] == "LEASE_NOT_HELD"
    assert without.json()["reason_code"] == "LEASE_REQUIRED"


def managed(desk):
    """Make the desk's bot managed, running on an executor that holds the lease."""
    from apps.assignments.models import Assignment
    from apps.executors.services.leases import take_lease
    from apps.strategies.models import StrategyVersion
    from tests.fleet import make_executor_with_key, make_strategy

    executor, meta = make_executor_with_key(desk.account)
    lease = take_lease(executor=executor, instance_id="one", at=read_at())
    strategy = make_strategy(desk.account.team, name=f"EMA {desk.account.code}")
    type(desk.bot).objects.filter(pk=desk.bot.pk).update(managed=True)
    Assignment.objects.create(
        account=desk.account, bot=desk.bot, executor=executor, strategy=strategy, desired="RUNNING", generation=3,
        version=StrategyVersion.objects.get(strategy=strategy), desired_at=read_at(), desired_by="test",
    )  # fmt: skip
    headers = {"X-API-Key": meta["HTTP_X_API_KEY"], "X-API-Secret": meta["HTTP_X_API_SECRET"]}
    return headers, {"fence": lease.fence, "halt_epoch": 0, "generation": 3}


def test_other_methods_and_paths_are_djangos(client, desk):
    for method in ("GET", "PUT", "DELETE"):
        assert client.request(method, PATH, headers={"Authorization": f"Bearer {desk.key}"}).status_code == 405
    assert client.get("/api/v1/nothing").status_code == 404


def test_of_200_at_once_exactly_as_many_are_approved_as_there_is_room_for(server, client, desk):
    desk.limit(max_open_positions=17)
    limits = httpx.Limits(max_connections=40, max_keepalive_connections=40)
    headers = {"Authorization": f"Bearer {desk.key}"}

    with httpx.Client(base_url=server.url, timeout=60, limits=limits) as crowd, ThreadPoolExecutor(40) as pool:
        answers = list(pool.map(lambda _: ask_until_decided(crowd, headers, desk.body()), range(200)))

    assert sum(answer["approved"] for answer in answers) == 17
    assert Approval.objects.filter(account=desk.account, approved=True).count() == 17
    assert desk.risk.reserved == 17 * 20
    assert verify_chain(desk.account.pk) == []


def ask_until_decided(crowd, headers, body):
    """A refusal for want of time may be asked again, with the same key."""
    headers = {**headers, "Idempotency-Key": uuid.uuid4().hex}
    while True:
        answer = crowd.post(PATH, headers=headers, json=body).json()
        if answer.get("reason_code", answer.get("code")) not in ("BUSY", "UNAVAILABLE"):
            return answer


def test_the_described_shapes_are_the_protocols():
    assert set(ApprovalRequestInput().fields) == set(ApprovalRequest.__struct_fields__)
    assert set(ApprovalAnswerOutput().fields) == set(ApprovalAnswer.__struct_fields__)
