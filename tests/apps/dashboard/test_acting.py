"""What people do on the pages: each act is one service call, said before, refused to those who may not."""

from __future__ import annotations

import json
import re

import pytest
from django.core import mail

from apps.accounts.models import Account, AccountRisk
from apps.assignments.models import Assignment
from apps.executors.models import Command, Executor, ExecutorKey
from apps.strategies.models import Strategy
from apps.teams.models import ApiKey, AuditEntry, Membership
from tests.scenes import RULES, observe
from tests.world import PASSWORD, browser, make_user

FIELDS = {
    "name": "Cross 5/20", "symbol": "EURUSD", "timeframe": "M1", "description": "", "entry_type": "indicator_cross",
    "first_kind": "EMA", "first_period": "5", "second_kind": "EMA", "second_period": "20", "direction": "both",
    "stop_loss": "15", "take_profit": "", "on_opposite": "on", "max_risk": "0.2", "zone": "UTC", "leads": "fields",
    "days": ["1", "2", "3", "4", "5"], "text": "",
}  # fmt: skip


def read(response):
    return response.content.decode()


def test_a_strategy_is_written_with_the_form(world, tom):
    answer = tom.post("/strategies/new", FIELDS, follow=True)

    strategy = Strategy.objects.get(slug="cross-5-20")
    rules = strategy.versions.get().rules
    assert answer.redirect_chain == [("/strategies/cross-5-20", 302)]
    assert rules["entry"] == {"type": "indicator_cross", "indicators": ["EMA_5", "EMA_20"], "direction": "both"}
    assert rules["filters"] == {"daysOfWeek": [1, 2, 3, 4, 5]}
    assert strategy.team == world.team
    assert "Buy when EMA_5 crosses above EMA_20" in read(answer)


def test_a_strategy_is_written_as_text(world, tom):
    tom.post("/strategies/new", {**FIELDS, "leads": "text", "text": json.dumps(RULES)})
    assert Strategy.objects.get().versions.get().rules == RULES


@pytest.mark.parametrize(
    ("change", "field", "words"),
    [
        ({"second_period": "1"}, "id_second_period", "2 to 1000"),
        ({"second_period": "5"}, "id_second_period", "nothing crosses itself"),
        ({"stop_loss": "forty"}, "id_stop_loss", "must be a number"),
        ({"trailing": "on"}, "id_trailing_distance", "required where"),
        ({"from_time": "09:00", "until_time": "9 pm"}, "id_until_time", "filters.timeRange.end"),
        ({"leads": "text", "text": '{"entry": }'}, "id_text", "Not JSON at line 1"),
        ({"leads": "text", "text": '{"entry": {"type": "magic"}, "exit": {}}'}, "id_text", "indicator_cross"),
        ({"symbol": "EUR USD"}, "id_symbol", "Letters, digits"),
        ({"name": ""}, "id_name", "required"),
    ],
)
def test_an_error_stands_at_its_field_and_nothing_is_saved(world, tom, change, field, words):
    answer = tom.post("/strategies/new", {**FIELDS, **change})

    page = read(answer)
    assert answer.status_code == 422
    assert not Strategy.objects.exists()
    place = re.search(rf'id="{field}_error">(.*?)</p>', page, re.DOTALL)
    assert place, page
    assert words in place[1]
    assert f'<a href="#{field}">' in page  # the summary leads there


def test_the_preview_brings_each_side_up_to_the_other(world, tom):
    by_fields = read(tom.post("/strategies/preview", FIELDS, headers={"HX-Request": "true"}))
    assert "&quot;EMA_5&quot;" in by_fields
    assert "Buy when EMA_5 crosses above EMA_20" in by_fields

    rsi = {"entry": {"type": "rsi_threshold", "indicator": "RSI_9", "oversold": 25}, "exit": {"stopLoss": 33}}
    by_text = read(
        tom.post(
            "/strategies/preview", {**FIELDS, "leads": "text", "text": json.dumps(rsi)}, headers={"HX-Request": "true"}
        )
    )
    assert 'name="oversold" value="25"' in by_text
    assert 'name="stop_loss" value="33"' in by_text
    assert "<html" not in by_text
    assert not Strategy.objects.exists()


def test_a_changed_rule_is_a_new_version_and_its_difference_is_shown(desk, tom):
    form = {**FIELDS, "name": desk.trend.name, "timeframe": "M5", "stop_loss": "25"}
    answer = tom.post(f"/strategies/{desk.trend.slug}/edit", form, follow=True)

    assert desk.trend.versions.count() == 3
    page = read(answer)
    assert 'class="come"' in page
    assert "3 is out" in page  # what runs keeps version 2


def test_cloning_and_archiving(desk, tom):
    tom.post(f"/strategies/{desk.idle.slug}/clone")
    assert Strategy.objects.filter(name="RSI reversal, copy").exists()

    tom.post(f"/strategies/{desk.idle.slug}/archive")
    assert Strategy.objects.get(pk=desk.idle.pk).status == "ARCHIVED"
    answer = tom.post(f"/strategies/{desk.trend.slug}/archive", follow=True)
    assert "is not proven stopped and flat on 2 executors yet" in read(answer)
    assert Strategy.objects.get(pk=desk.trend.pk).status != "ARCHIVED"


def test_activation_says_what_will_happen_and_starts_only_on_the_confirmation(desk, tom):
    path = f"/strategies/{desk.idle.slug}/activate"

    review = tom.post(path, {"executors": ["sim-1"], "max_risk": "0.25", "do": "check"})
    page = read(review)
    assert "Activate on 1 executor" in page
    assert "all on paper" in page
    assert "open positions stay with their stops at the broker" in page
    assert not Assignment.objects.filter(strategy=desk.idle).exists()

    confirm = {"executors": ["sim-1"], "shown": ["sim-1"], "max_risk": "0.25", "do": "confirm"}
    answer = tom.post(path, confirm, follow=True)
    tom.post(path, confirm)  # a double click makes nothing twice

    assignment = Assignment.objects.get(strategy=desk.idle)
    assert assignment.settings == {"maxRisk": 0.25}
    assert assignment.desired_by == "user:tom@example.com"
    assert Command.objects.filter(assignment_id=assignment.pk).count() == 1
    page = read(answer)
    assert "STARTING" in page  # asked, not painted as running
    assert "agent at generation 0 of 1" in page


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "Choose at least one executor"),
        ({"executors": ["sim-1"], "max_risk": "5"}, "may only tighten"),
        ({"executors": ["sim-1"], "lot_size": "a lot"}, "Write a number"),
        ({"executors": ["nobody"]}, "not one of the available choices"),
        ({"executors": ["ldn-1", "home-pc"], "shown": ["ldn-1", "home-pc"]}, "trade the same account"),
    ],
)
def test_activation_refused_changes_nothing(desk, tom, given, words):
    answer = tom.post(f"/strategies/{desk.idle.slug}/activate", {**given, "do": "confirm"})

    assert answer.status_code == 422
    assert words in read(answer)
    assert not Assignment.objects.filter(strategy=desk.idle).exists()


def test_all_online_means_those_that_were_shown(desk, tom):
    Executor.objects.filter(code="ldn-1").update(last_seen_at=None)
    page = read(tom.post(f"/strategies/{desk.idle.slug}/activate", {"everyone": "on", "do": "check"}))
    assert re.findall(r'name="shown" value="([^"]+)"', page) == ["sim-1"]


def test_stopping_says_first_what_happens_to_positions_and_is_not_painted_as_done(desk, tom):
    path = f"/strategies/{desk.trend.slug}/stop"
    page = read(tom.get(path))
    assert "1 open position of this strategy is closed at market" in page
    assert "Stop on 1 executor, close 1 position" in page

    page = read(tom.post(path, follow=True))
    assert "STOPPING" in page
    assert "1 position open" in page
    assignment = Assignment.objects.get(executor__code="sim-1")
    assert assignment.desired == "STOPPED"

    observe(assignment, "STOPPED", desk.at)
    assert "STOPPED, flat" in read(tom.get(f"/strategies/{desk.trend.slug}"))


def test_pause_and_resume(desk, tom):
    assert "1 open position stays" in read(tom.get(f"/strategies/{desk.trend.slug}/pause"))
    tom.post(f"/strategies/{desk.trend.slug}/pause")
    assert Assignment.objects.get(executor__code="sim-1").desired == "PAUSED"
    tom.post(f"/strategies/{desk.trend.slug}/resume")
    assert Assignment.objects.get(executor__code="sim-1").desired == "RUNNING"


def test_an_executor_is_retired_only_once_nothing_of_it_is_left_unproven(desk, alice):
    answer = alice.post("/fleet/sim-1/retire")

    assert answer.status_code == 409
    assert "1 assignment(s) on sim-1 are not stopped yet." in read(answer)
    assert "1 strategy is not proven stopped on it" in read(answer)
    assert ExecutorKey.objects.filter(executor__code="sim-1", revoked_at=None).exists()

    assert "is retired. Its history stays." in read(alice.post("/fleet/spare-1/retire", follow=True))
    assert Executor.objects.get(code="spare-1").retired_at is not None
    page = read(alice.get("/fleet/spare-1"))
    assert "RETIRED" in page
    assert "Retire…" not in page
    assert "New key" not in page
    assert "is retired already" in read(alice.get("/fleet/spare-1/retire"))


ACTS = {
    "/strategies/new": FIELDS,
    "/strategies/ema-trend-20-50/edit": FIELDS,
    "/strategies/ema-trend-20-50/clone": {},
    "/strategies/ema-trend-20-50/archive": {},
    "/strategies/rsi-reversal/activate": {"executors": ["sim-1"], "do": "confirm"},
    "/strategies/ema-trend-20-50/stop": {},
    "/strategies/ema-trend-20-50/pause": {},
    "/fleet/new": {"name": "X", "code": "x-1"},
    "/fleet/sim-1/rotate": {},
    "/fleet/sim-1/revoke": {},
    "/fleet/sim-1/retire": {},
    "/fleet/sim-1/snapshot": {},
    "/risk/new": {"name": "x"},
    "/risk/paper-1/settings": {"name": "x"},
    "/risk/paper-1/limits": {"daily_loss": "90", "total_drawdown": "90", "risk_per_trade": "90"},
    "/risk/paper-1/lift": {"password": PASSWORD},
    "/risk/paper-1/pack": {"number": "1", "version": "1", "password": PASSWORD},
    "/risk/paper-1/pack/leave": {"number": "1", "password": PASSWORD},
    "/risk/paper-1/breakers/nobodys/close": {},
    "/events/acknowledge": {"event": "evt_x"},
    "/halt": {"scope": "all"},
    "/halt/lift": {"password": PASSWORD},
    "/team/invite": {"email": "x@example.com", "role": "OWNER"},
    "/keys": {"name": "x"},
}


def fingerprint():
    return [
        list(model.objects.order_by("pk").values_list())
        for model in (Strategy, Assignment, Executor, ExecutorKey, Account, AccountRisk, ApiKey, Membership, AuditEntry)
    ]


def test_a_viewer_may_look_and_change_nothing(desk, bob):
    before = fingerprint()
    for path, form in ACTS.items():
        answer = bob.post(path, form)
        assert answer.status_code == 403, path
        assert "takes the role" in read(answer), path
    assert fingerprint() == before


def test_a_stranger_changes_nothing_either(desk, charlie):
    before = fingerprint()
    for path, form in ACTS.items():
        if "ema-trend" in path or "rsi-" in path or "sim-1" in path or "paper-1" in path:
            assert charlie.post(path, form).status_code == 404, path
    assert fingerprint() == before


def test_a_form_without_its_token_is_refused(desk, world):
    strict = browser(world.tom, enforce_csrf=True)
    assert strict.post(f"/strategies/{desk.trend.slug}/stop").status_code == 403
    assert Assignment.objects.get(executor__code="sim-1").desired == "RUNNING"


def test_the_kill_switch_halts_every_account_and_keeps_positions(desk, tom):
    answer = tom.post("/halt", {"scope": "all", "positions": "keep", "reason": "news"}, follow=True)

    assert set(AccountRisk.objects.filter(account__team=desk.paper.team).values_list("team_latch", flat=True)) == {
        "news"
    }
    assert Assignment.objects.get(executor__code="sim-1").desired == "RUNNING"
    page = read(answer)
    assert "is halted" in page
    assert "0 of 2 accounts may trade now" in page


def test_one_account_can_be_halted_and_its_strategies_stopped(desk, tom):
    tom.post("/halt", {"scope": "paper-1", "positions": "close"})

    assert AccountRisk.objects.get(account=desk.paper).account_latch == "halted by tom@example.com"
    assert AccountRisk.objects.get(account=desk.prop).account_latch == ""
    assert Assignment.objects.get(executor__code="sim-1").desired == "STOPPED"


def test_lifting_a_halt_takes_an_owner_and_the_password_again(desk, alice, tom):
    tom.post("/halt", {"scope": "paper-1"})

    assert tom.post("/risk/paper-1/lift", {"password": PASSWORD}).status_code == 403
    wrong = alice.post("/risk/paper-1/lift", {"password": "guess"})
    assert wrong.status_code == 422
    assert "not your password" in read(wrong)
    assert AccountRisk.objects.get(account=desk.paper).account_latch != ""

    alice.post("/risk/paper-1/lift", {"password": PASSWORD})
    assert AccountRisk.objects.get(account=desk.paper).account_latch == ""


def test_a_new_executors_key_is_shown_once(desk, alice):
    answer = alice.post("/fleet/new", {"name": "VPS 9", "code": "vps-9", "account": str(desk.prop.pk)})

    page = read(answer)
    secret = re.search(r'id="agent-secret"[^>]*>([^<]+)<', page)
    assert secret
    text = secret[1]
    assert page.count(text) == 1  # not in the configuration to paste: that names where the secret is kept
    assert answer["Cache-Control"] == "private, no-store"
    for path in ("/fleet", "/fleet/vps-9", "/team"):
        assert text not in read(alice.get(path)), path
    assert text not in str(list(AuditEntry.objects.values_list("detail", flat=True)))


def test_an_invitation_works_once_and_for_the_invited_only(world, alice, charlie):
    page = read(alice.post("/team/invite", {"email": "Dora@example.com", "role": "TRADER"}))
    link = re.search(r"http://testserver(/join/[^<]+)<", page)[1]
    assert link in mail.outbox[0].body

    assert charlie.post(link).status_code == 403
    dora = make_user("dora")
    browser(dora).post(link)
    assert Membership.objects.get(user=dora, team=world.team).role == "TRADER"

    Membership.objects.filter(user=dora).delete()
    assert browser(dora).post(link).status_code == 404
    assert not Membership.objects.filter(user=dora).exists()


def test_a_revoked_invitation_is_over(world, alice):
    page = read(alice.post("/team/invite", {"email": "dora@example.com", "role": "VIEWER"}))
    link = re.search(r"(/join/[^<]+)<", page)[1]
    entry = re.search(r'name="revoke" value="([^"]+)"', read(alice.get("/team")))[1]
    alice.post("/team/invite", {"revoke": entry})
    assert browser(make_user("dora")).get(link).status_code == 404


def test_a_team_keeps_an_owner(world, alice):
    mine = Membership.objects.get(user=world.alice, team=world.team)
    answer = alice.post(f"/team/members/{mine.public_id}", {"role": "VIEWER"}, follow=True)
    assert "at least one owner" in read(answer)
    bobs = Membership.objects.get(user=world.bob, team=world.team)
    alice.post(f"/team/members/{bobs.public_id}", {"role": "TRADER"})
    assert Membership.objects.get(pk=bobs.pk).role == "TRADER"
    alice.post(f"/team/members/{bobs.public_id}", {"do": "remove"})
    assert not Membership.objects.filter(pk=bobs.pk).exists()


def test_an_api_key_is_shown_once_and_can_be_replaced_and_revoked(desk, alice):
    page = read(
        alice.post("/keys", {"name": "bot", "scopes": ["trades:read"], "account": str(desk.paper.pk), "days": "30"})
    )
    text = re.search(r'id="key-text">(mk_[^<]+)<', page)[1]
    key = ApiKey.objects.get(name="bot")
    assert (key.scopes, key.account_id) == (["trades:read"], desk.paper.pk)
    assert text not in read(alice.get("/keys"))
    alice.post(f"/keys/{key.public_id}/revoke")
    assert ApiKey.objects.get(pk=key.pk).revoked_at is not None
