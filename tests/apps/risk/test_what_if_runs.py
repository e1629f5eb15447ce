"""Long what-ifs on a worker: the same answer, kept; one worker, cancelled when nobody wants it, never beyond a bound."""

from datetime import UTC, datetime

import pytest

from apps.backtests.services import leases
from apps.common.clock import read_at
from apps.common.errors import Conflict
from apps.risk import history
from apps.risk.models import WhatIfRun
from apps.risk.services import what_if_runs
from apps.risk.what_if import make_limits
from tests.apps.risk.test_what_if import ask, closed, traded  # noqa: F401
from tests.world import api_client, browser, make_key

pytestmark = pytest.mark.django_db


@pytest.fixture
def client(world):
    return api_client(make_key(world.alice)[1])


def order(client, desk, **body):
    return client.post(f"/api/v1/accounts/{desk.account.code}/what-if-runs", body, format="json")


def read(client, desk, run):
    return client.get(f"/api/v1/accounts/{desk.account.code}/what-if-runs/{run['id']}").json()


def test_a_worker_gives_the_answer_that_would_be_given_at_once(ask, client, traded):  # noqa: F811
    body = {"limits": {"max_risk_per_trade_fraction": 0.001, "max_daily_risk_fraction": 0.001}}
    asked = order(client, traded, **body)
    assert (asked.status_code, asked.json()["status"], asked.json()["result"]) == (202, "QUEUED", None)

    assert what_if_runs.nudge_waiting()
    assert what_if_runs.work_next()
    assert not what_if_runs.work_next()

    done = read(client, traded, asked.json())
    assert (done["status"], done["progress_fraction"], done["problem"]) == ("DONE", 1, None)
    assert done["result"] == ask(**body).json()
    assert done["name"] == "limits in force; max_risk_per_trade_fraction 0.001; max_daily_risk_fraction 0.001"
    listed = client.get(f"/api/v1/accounts/{traded.account.code}/what-if-runs").json()["results"]
    assert [one["id"] for one in listed] == [done["id"]]


def test_what_is_too_long_to_wait_for_is_said_and_a_worker_takes_it(ask, client, traded, monkeypatch):  # noqa: F811
    monkeypatch.setattr(history, "MOST_REQUESTS", 2)
    refused = ask()
    assert (refused.status_code, refused.json()["code"]) == (422, "PERIOD_TOO_LONG")
    assert "let a worker answer" in refused.json()["message"]

    run = order(client, traded).json()
    what_if_runs.work_next()
    assert read(client, traded, run)["result"]["requests"] == 3


def test_more_than_a_worker_may_read_is_its_problem_and_not_the_workers(client, traded, monkeypatch):  # noqa: F811
    monkeypatch.setattr(what_if_runs, "MOST_REQUESTS", 2)
    run = order(client, traded).json()
    assert what_if_runs.work_next()
    failed = read(client, traded, run)
    assert (failed["status"], failed["problem"]["code"]) == ("FAILED", "PERIOD_TOO_LONG")


def test_a_cancelled_one_keeps_nothing_of_the_worker_that_had_it(client, traded, world, monkeypatch):  # noqa: F811
    monkeypatch.setattr(leases, "LOOK_EVERY_S", 0)
    run = order(client, traded).json()
    address = f"/api/v1/accounts/{traded.account.code}/what-if-runs/{run['id']}"

    def cancel_and_read(*given, **options):
        assert client.delete(address).json()["status"] == "CANCELLED"
        return history.find_period(*given, **options)

    monkeypatch.setattr(what_if_runs, "find_period", cancel_and_read)
    assert what_if_runs.work_next()
    kept = WhatIfRun.objects.get()
    assert (kept.status, kept.result) == ("CANCELLED", None)
    assert client.delete(address).json()["code"] == "ALREADY_FINISHED"


def test_a_dead_workers_what_if_is_taken_over_and_what_kills_workers_is_given_up(client, traded):  # noqa: F811
    order(client, traded)
    gone = {"status": "RUNNING", "fence": 7, "lease_until": datetime(2020, 1, 1, tzinfo=UTC)}
    WhatIfRun.objects.update(**gone, attempts=1)
    assert what_if_runs.work_next()
    assert WhatIfRun.objects.get().status == "DONE"
    WhatIfRun.objects.update(**gone, attempts=3)
    assert what_if_runs.work_next()
    assert WhatIfRun.objects.get().problem["code"] == "WORKER_LOST"


def test_a_team_has_four_at_a_time(traded):  # noqa: F811
    account = traded.account
    asked = {"account": account, "limits": make_limits(account, {}), "first": None, "last": None, "actor": "test"}
    for number in range(4):
        what_if_runs.ask_run(**asked, name=str(number))
    with pytest.raises(Conflict, match="4 what-ifs"):
        what_if_runs.ask_run(**asked, name="fifth")
    first = WhatIfRun.objects.order_by("created_at").first()
    what_if_runs.cancel_run(row=first, actor="test", at=read_at())
    what_if_runs.ask_run(**asked, name="fifth")


def test_the_page_asks_a_worker_shows_how_far_it_is_and_the_answer(traded, world):  # noqa: F811
    alice, path = browser(world.alice), f"/risk/{traded.account.code}/what-if"
    asked = {"first": "2026-03-04", "last": "2026-03-04", "program": "", "risk_per_trade": "0.1"}
    where = alice.post(path, asked)["Location"]

    waiting = alice.get(where).content.decode()
    assert "Waiting for a compute worker" in waiting
    assert "Risk of one trade at most 0.1" in waiting
    what_if_runs.work_next()
    done = alice.get(where).content.decode()
    for words in ("Under these", "Fewer lots", "What nobody can know", "2026-03-04"):
        assert words in done
    assert alice.get(where, headers={"HX-Request": "true"})["HX-Refresh"] == "true"
    assert "Answered by workers" in alice.get(path).content.decode()
    assert browser(world.charlie).get(where).status_code == 404
    cancelled = alice.post(alice.post(path, asked)["Location"] + "/cancel", follow=True).content.decode()
    assert "Nothing of it was kept" in cancelled


def test_too_little_memory_is_its_problem_and_says_what_to_do(client, traded, monkeypatch):  # noqa: F811
    def run_out_of_memory(*_, **__):
        raise MemoryError

    monkeypatch.setattr(what_if_runs, "ask_what_if", run_out_of_memory)
    run = order(client, traded).json()
    assert what_if_runs.work_next()
    failed = read(client, traded, run)
    assert (failed["status"], failed["problem"]["code"]) == ("FAILED", "TOO_LARGE")
