"""The what-if page: a question in the address, an answer that changes nothing."""

import pytest

from apps.risk.models import WhatIfRun
from apps.risk.services import what_if_runs
from tests.apps.risk.test_what_if import closed
from tests.packs import make_pack
from tests.risk import make_desk
from tests.world import browser

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk(world):
    desk = make_desk(world)
    closed(desk, desk.ask(requested_lots=1), -150)
    closed(desk, desk.ask(requested_lots=1), 90)
    return desk


def show(person, desk, **asked):
    path = f"/risk/{desk.account.code}/what-if"
    return browser(person).get(path, {"first": "2026-03-04", "last": "2026-03-04", **asked} if asked else {})


def test_the_form_offers_the_accounts_last_days_and_the_firms_programs(desk, world):
    make_pack()
    page = show(world.bob, desk).content.decode()

    assert 'value="2026-03-04"' in page
    assert "Acme, Two steps: challenge" in page
    assert "Result then" not in page


def test_the_answer_shows_both_histories_and_what_nobody_can_know(desk, world):
    answer = show(world.bob, desk, risk_per_trade="0.1", daily_risk="0.1")
    page = answer.content.decode()

    assert answer.status_code == 200
    assert "Fewer lots" in page and "Denied" in page  # noqa: PT018
    assert "What nobody can know" in page
    assert page.count('class="line"') == 2  # drawing and legend


def test_the_same_limits_say_that_nothing_would_be_different(desk, world):
    assert "answered just the same" in show(world.alice, desk, program="").content.decode()


@pytest.mark.parametrize(
    "asked", [{"last": "2026-03-01"}, {"first": "1999-01-01", "last": "1999-01-02"}, {"risk_per_trade": "-1"}]
)
def test_what_cannot_be_asked_is_said_in_the_form(desk, world, asked):
    assert show(world.alice, desk, **asked).status_code == 422


def test_an_account_without_a_day_says_so(world):
    empty = make_desk(world)
    assert "No trading day yet" in show(world.alice, empty).content.decode()


def test_a_stranger_finds_no_account(desk, world):
    assert show(world.charlie, desk, program="").status_code == 404


def test_the_account_page_leads_here(desk, world):
    assert f"/risk/{desk.account.code}/what-if" in browser(world.bob).get(f"/risk/{desk.account.code}").content.decode()


def test_a_workers_answer_is_drawn_with_its_age_and_a_failed_one_says_why(desk, world):
    person, path = browser(world.alice), f"/risk/{desk.account.code}/what-if"
    given = {"first": "2026-03-04", "last": "2026-03-04", "daily_loss": "1"}
    address = person.post(path, given)["Location"]
    assert "Waiting for a compute worker" in person.get(address).content.decode()

    assert what_if_runs.work_next()
    run = WhatIfRun.objects.get()
    run.result["days"][0]["deepest"]["daily"] = {"used_pct": 120, "market_at": "2026-03-04T10:00:00+00:00"}
    run.save()
    page = person.get(address).content.decode()
    assert "Daily loss at most 1 %" in page
    assert "answered <" in page  # and how long ago
    assert "at most 120 %" in page
    assert 'class="over" d="M' in page

    WhatIfRun.objects.update(status="FAILED", result=None, problem={"code": "WORKER_LOST", "message": "Three ended."})
    assert "Three ended." in person.get(address).content.decode()
