"""Asking executors on the pages: said first, asked once, shown as it stands; one, an account, many."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse

from apps.accounts.models import AccountRisk
from apps.assignments.models import Assignment
from apps.common.clock import read_at
from apps.executors.models import Command, CommandBatch, Executor, ExecutorFile
from apps.executors.services.leases import renew_lease, take_lease
from tests.fleet import make_journal

pytestmark = pytest.mark.django_db


def url(name, *args):
    return reverse(f"dashboard:{name}", args=args)


@pytest.mark.parametrize(
    "what, form, payload",
    [
        ("close-bot", {"magic": "1000000"}, {"magic": 1_000_000}),
        ("cancel-pendings", {"magic": ""}, {}),
        ("pull-history", {"days": "30"}, {"days": 30}),
        ("preflight", {"symbols": "EURUSD, US30"}, {"symbols": ["EURUSD", "US30"]}),
        ("upgrade", {"version": "0.2.0"}, {"version": "0.2.0"}),
        ("send-journal", {}, {}),
    ],
)
def test_a_question_is_said_first_and_asked_once_confirmed(desk, tom, what, form, payload):
    before = Command.objects.count()
    shown = tom.get(url("ask", "sim-1", what))
    assert shown.status_code == 200
    assert Command.objects.count() == before
    answer = tom.post(url("ask", "sim-1", what), form)
    command = Command.objects.order_by("-created_at", "-pk")[0]
    assert (command.payload, command.asked_by) == (payload, "user:tom@example.com")
    assert answer.url == url("command", command.public_id)
    assert b"not fetched by the agent yet" in tom.get(answer.url).content


def test_who_may_look_may_not_ask(desk, bob):
    before = Command.objects.count()
    for path, form in (
        (url("ask", "sim-1", "close-bot"), {"magic": "1000000"}),
        (url("account-flatten", desk.paper.code), {}),
        (url("bulk"), {"act": "SNAPSHOT", "executor": ["sim-1"]}),
    ):
        assert bob.post(path, form).status_code == 403, path
    assert Command.objects.count() == before
    assert b'class="pick"' not in bob.get(url("fleet")).content


def test_a_bad_version_is_said_at_its_field(desk, tom):
    answer = tom.post(url("ask", "sim-1", "upgrade"), {"version": "../../x"})
    assert answer.status_code == 422
    assert b"thing to mend" in answer.content


def test_an_account_is_flattened_and_its_page_says_how_far_it_is(desk, tom):
    page = tom.get(url("account-flatten", desk.paper.code)).content.decode()
    assert "whoever placed it" in page
    answer = tom.post(url("account-flatten", desk.paper.code), {"reason": "news"}, follow=True)
    assert AccountRisk.objects.get(account=desk.paper).account_latch == "flattened: news"
    assert "Being flattened" in answer.content.decode()
    Command.objects.filter(kind="FLATTEN_ACCOUNT").update(state="EXECUTED")
    assert "Being flattened" not in tom.get(url("account", desk.paper.code)).content.decode()


def test_ticked_executors_are_asked_together_and_progress_is_counted_from_commands(desk, tom):
    picked = {"act": "PREFLIGHT", "executor": ["sim-1", "ldn-1"]}
    shown = tom.get(url("bulk"), picked).content.decode()
    assert "SIM-1" in shown
    assert "LDN-1" in shown
    answer = tom.post(url("bulk"), picked)
    batch = CommandBatch.objects.order_by("-created_at", "-pk")[0]
    assert answer.url == url("batch", batch.public_id)
    assert "0 of 2 at an end" in tom.get(answer.url).content.decode()
    batch.commands.update(state="EXECUTED")
    assert "2 of 2 at an end" in tom.get(answer.url).content.decode()


def test_ticked_strategies_are_paused_together(desk, tom):
    answer = tom.post(url("bulk"), {"act": "PAUSE", "strategy": [desk.trend.slug]})
    assert answer.status_code == 302
    assert Assignment.objects.get(pk=desk.assignment.pk).desired == "PAUSED"


def test_what_is_ticked_stays_ticked_when_the_list_is_fetched_anew(desk, tom):
    page = tom.get(url("fleet"), {"state": "online", "executor": "sim-1"}, HTTP_HX_REQUEST="true").content.decode()
    assert 'value="sim-1" aria-label="Tick SIM-1" checked' in page
    assert f'hx-get="{url("fleet")}?state=online"' in page


def test_names_of_another_team_mean_nobody(desk, charlie, world):
    answer = charlie.get(url("bulk"), {"act": "STOP", "executor": ["sim-1"], "strategy": [desk.trend.slug]})
    assert "Nobody is meant" in answer.content.decode()


def test_part_of_a_position_is_asked_for_in_lots(desk, tom):
    path = url("position-close", desk.paper.code, 101)
    assert tom.post(path, {"lots": "-1"}).status_code == 422
    tom.post(path, {"lots": "0.05"})
    assert Command.objects.filter(kind="CLOSE_POSITION").get().payload == {"ticket": 101, "volume_lots": "0.05"}


def test_the_fleet_is_filtered_by_trouble_host_and_version(desk, tom):
    Executor.objects.filter(code="home-pc").update(problem="STOP_MISSING: none", agent_version="0.0.9")
    for query, codes in (
        ({"state": "trouble"}, {"home-pc"}),
        ({"q": "0.0.9"}, {"home-pc"}),
        ({"q": "ldn-1"}, {"ldn-1"}),
    ):
        page = tom.get(url("fleet"), query).content.decode()
        assert {code for code in desk.executors if f'id="x-{code}"' in page} == codes, query


def test_a_second_process_with_one_key_is_told_on_the_pages_for_a_while(desk, tom):
    at = read_at()
    executor = desk.executors["sim-1"]
    fence = take_lease(executor=executor, instance_id="one", at=at - timedelta(seconds=9)).fence
    take_lease(executor=executor, instance_id="two", at=at - timedelta(seconds=6), host="stolen-disk")
    assert "A second process" not in tom.get(url("fleet")).content.decode(), "it may be the same agent, started anew"
    renew_lease(executor=executor, instance_id="one", fence=fence, at=at - timedelta(seconds=3))
    take_lease(executor=executor, instance_id="two", at=at, host="stolen-disk")
    for page in (url("fleet"), url("executor", "sim-1")):
        content = tom.get(page).content.decode()
        assert "A second process uses the key of SIM-1" in content
        assert "stolen-disk" in content
    rival = {**Executor.objects.get(code="sim-1").rival, "at": (at - timedelta(minutes=6)).isoformat()}
    Executor.objects.filter(code="sim-1").update(rival=rival)
    assert "A second process" not in tom.get(url("fleet")).content.decode()


def test_reading_the_log_asks_the_agent_to_send_it(desk, bob):
    page = bob.get(url("executor-log", "sim-1")).content.decode()
    assert page.index("POSITION_CLOSED") < page.index("SERVER_SAID_NO") < page.index("TRADE_EXECUTED")
    assert Executor.objects.get(code="sim-1").log_wanted_until > read_at()
    warned = bob.get(url("executor-log", "sim-1") + "?level=warning").content.decode()
    assert "SERVER_SAID_NO" in warned
    assert "POSITION_CLOSED" not in warned


def test_a_line_of_a_log_cannot_become_markup(desk, bob):
    Executor.objects.get(code="sim-1").log.__class__.objects.update(lines=[[1, "<script>alert(1)</script>"]])
    assert "<script>alert" not in bob.get(url("executor-log", "sim-1")).content.decode()


def test_a_journal_is_downloaded_by_those_who_may_trade(desk, tom, bob, charlie, settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    _, _, file = make_journal(desk.executors["sim-1"])
    path = url("executor-file", "sim-1", file.public_id)
    answer = tom.get(path)
    assert (answer.content, answer["Content-Disposition"]) == (b"journal", 'attachment; filename="journal.jsonl.gz"')
    assert [bob.get(path).status_code, charlie.get(path).status_code] == [403, 404]
    assert file.name in tom.get(url("executor", "sim-1")).content.decode()
    ExecutorFile.objects.update(stored_as="executors/gone")
    assert tom.get(path).status_code == 404


def test_the_timeline_names_who_asked_and_how_long_it_took(desk, bob):
    at = read_at()
    wish = Command.objects.get(assignment_id=desk.assignment.pk)
    moments = {"fetched_at": at, "acknowledged_at": at, "ended_at": wish.created_at + timedelta(milliseconds=1234)}
    Command.objects.filter(pk=wish.pk).update(state="EXECUTED", **moments)
    page = bob.get(url("timeline", desk.assignment.public_id)).content.decode()
    for words in ("by alice@example.com", "Pulled", "Acknowledged", "Proven", "1.2"):
        assert words in page, words


def test_commands_are_filtered_by_executor_strategy_and_state(desk, bob):
    def list_with(**query):
        answer = bob.get(url("commands"), query, HTTP_HX_REQUEST="true")
        return answer.content.decode() if answer.status_code == 200 else answer.status_code

    assert "Start strategy" in list_with()
    assert "Snapshot" in list_with()
    assert "Start strategy" not in list_with(executor="sim-1", kind="SNAPSHOT", state="executed")
    assert "Snapshot" not in list_with(strategy=desk.trend.slug)
    assert "Snapshot" not in list_with(account=desk.paper.code, state="waiting")
    assert list_with(executor="nobodys") == 404
