"""The REST doors of risk, tried by the cast."""

import pytest

from apps.risk.models import Approval
from apps.teams.models import AuditEntry
from tests.risk import make_desk
from tests.world import PASSWORD, api_client, browser, make_key

pytestmark = pytest.mark.django_db


@pytest.fixture
def url(desk):
    return f"/api/v1/accounts/{desk.account.code}"


def test_state_is_read_by_the_team_only(world, desk, url):
    desk.ask()

    for person, status in ((world.alice, 200), (world.tom, 200), (world.bob, 200), (world.charlie, 404)):
        assert browser(person).get(f"{url}/state").status_code == status
    shape = browser(world.bob).get(f"/api/v1/accounts/{desk.account.public_id}/state").json()
    assert (shape["risk_level"], shape["reserved"], shape["day"]) == ("SAFE", 20, "2026-03-04")


def test_limits_are_read_tightened_and_loosened(world, desk, url):
    _, key = make_key(world.alice, ["risk:write", "risk:read"])
    machine, owner = api_client(key), browser(world.alice)

    assert machine.get(f"{url}/limits").json()["limits"]["daily_loss_fraction"] == 0.025
    assert machine.put(f"{url}/limits", {"daily_loss_fraction": 0.02}, format="json").json()["number"] == 2
    refused = machine.put(f"{url}/limits", {"daily_loss_fraction": 0.03}, format="json")
    assert (refused.status_code, refused.json()["code"]) == (403, "LOOSENING_NEEDS_PERSON")
    asked = owner.put(f"{url}/limits", {"daily_loss_fraction": 0.03}, content_type="application/json")
    assert (asked.status_code, asked.json()["code"]) == (403, "LOOSENING_NEEDS_PASSWORD")
    guessed = {"daily_loss_fraction": 0.03, "password": "guess"}
    assert owner.put(f"{url}/limits", guessed, content_type="application/json").json()["code"] == "PASSWORD_WRONG"
    confirmed = {"daily_loss_fraction": 0.03, "password": PASSWORD}
    loosened = owner.put(f"{url}/limits", confirmed, content_type="application/json")
    assert loosened.json()["limits"]["daily_loss_fraction"] == 0.03
    wrong = owner.put(f"{url}/limits", {"daily_loss": 0.03}, content_type="application/json")
    assert (wrong.status_code, wrong.json()["code"], wrong.json()["field"]) == (422, "LIMITS_INVALID", "daily_loss")


def test_a_trader_halts_and_only_the_owner_lifts(world, desk, url):
    _, key = make_key(world.alice)

    assert browser(world.bob).post(f"{url}/halt", {}, content_type="application/json").status_code == 403
    halted = browser(world.tom).post(f"{url}/halt", {"reason": "news"}, content_type="application/json")
    assert (halted.status_code, halted.json()["halted"], halted.json()["halt_epoch"]) == (200, True, 1)
    assert desk.ask()["reason_code"] == "HALTED_ACCOUNT"
    assert browser(world.tom).post(f"{url}/lift").status_code in (401, 403)
    assert api_client(key).post(f"{url}/lift").status_code in (401, 403)
    owner = browser(world.alice)
    unsure = owner.post(f"{url}/lift", {}, content_type="application/json")
    assert (unsure.status_code, unsure.json()["code"]) == (403, "LIFT_NEEDS_PASSWORD")
    guessed = owner.post(f"{url}/unhalt", {"password": "guess"}, content_type="application/json")
    assert (guessed.status_code, guessed.json()["code"]) == (403, "PASSWORD_WRONG")
    assert desk.ask()["reason_code"] == "HALTED_ACCOUNT"
    lifted = owner.post(f"{url}/unhalt", {"password": PASSWORD}, content_type="application/json")
    assert lifted.json()["halted"] is False
    assert AuditEntry.objects.filter(action="HALT_LIFTED", actor=f"user:{world.alice.email}").exists()
    assert desk.ask()["approved"]


def test_a_key_bound_to_another_account_finds_nothing(world, desk, url):
    other = make_desk(world)
    _, key = make_key(world.alice, ["risk:read", "risk:halt", "trades:read"], account_id=other.account.pk)
    desk.ask()
    other.ask()

    assert api_client(key).get(f"{url}/state").status_code == 404
    assert api_client(key).post(f"{url}/halt", {}, format="json").status_code == 404
    rows = api_client(key).get("/api/v1/approvals").json()["results"]
    assert {row["account_id"] for row in rows} == {other.account.public_id}


def test_approvals_and_events_are_listed_for_the_team(world, desk, django_assert_max_num_queries):
    for lots in (0.1, 0.2, 0.001):
        desk.ask(requested_lots=lots)

    bob = browser(world.bob)

    with django_assert_max_num_queries(8):
        page = bob.get("/api/v1/approvals?limit=2").json()
    assert (page["count"], len(page["results"])) == (3, 2)
    assert page["results"][0]["reason_code"] == "BELOW_MIN_LOT"
    assert browser(world.bob).get("/api/v1/approvals?approved=true").json()["count"] == 2
    assert browser(world.charlie).get("/api/v1/approvals").json()["count"] == 0
    assert browser(world.bob).get("/api/v1/risk/events").json()["count"] == 0


def test_the_view_answers_what_decide_answers(world, desk):
    response = api_client(desk.key).post("/api/v1/trades/approve", desk.body(), format="json")

    assert (response.status_code, response.json()["reason_code"]) == (200, "APPROVED")
    assert Approval.objects.get().response.encode() == response.content


def test_a_signed_in_person_asks_by_key_only(world, desk):
    response = browser(world.alice).post("/api/v1/trades/approve", desk.body(), content_type="application/json")

    assert (response.status_code, response.json()["code"]) == (401, "NOT_AUTHENTICATED")
