"""What people do to an account: open it, change its settings and limits; and what its limits mean for others."""

from __future__ import annotations

from dataclasses import fields
from datetime import timedelta
from decimal import Decimal

from django.urls import reverse

from apps.accounts.models import Account, LimitSet
from apps.common.clock import read_at
from apps.dashboard.forms.limits import PERCENTS, LimitsForm
from apps.dashboard.selectors.limit_words import CHECK_WORDS
from apps.executors.models import Command
from apps.market.models import NewsRelease
from apps.risk.schema import LimitsInput
from apps.teams.models import ApiKey
from tests.world import PASSWORD
from trading.risk.limits import LIMIT_CHECKS, Limits, parse_limits


def read(response):
    return response.content.decode()


def test_activation_says_what_the_accounts_limits_add_and_what_would_refuse_every_trade(desk, tom):
    path = f"/strategies/{desk.idle.slug}/activate"
    set_limit(desk.paper, news_before_s=300, news_after_s=300, trailing_stop_fraction="0.03")

    page = read(tom.post(path, {"executors": ["sim-1"], "do": "check"}))

    assert "stops follow the price at 3.00 % of the entry" in page
    assert "no calendar reaches the next 14 days: every new trade is refused" in page
    assert "no calendar reaches the next 14 days" in read(tom.get(f"/risk/{desk.paper.code}"))

    NewsRelease.objects.create(
        at=read_at() + timedelta(days=3), currency="USD", impact="HIGH", title="Jobs", imported_at=read_at()
    )
    assert "no calendar" not in read(tom.post(path, {"executors": ["sim-1"], "do": "check"}))
    set_limit(desk.paper, modes={"news": "OFF"})
    NewsRelease.objects.all().delete()
    assert "no calendar" not in read(tom.get(f"/risk/{desk.paper.code}"))


def set_limit(account, **changes):
    row = LimitSet.objects.get(account=account, in_force=True)
    LimitSet.objects.filter(pk=row.pk).update(document={**row.document, **changes})


def test_an_account_is_opened_and_its_settings_change(world, alice):
    form = {
        "name": "Paper", "code": "paper-9", "mode": "PAPER", "server": "Mikrobot-Sim", "login": "77", "currency": "USD",
        "initial_balance": "10000", "margin_mode": "HEDGING", "zone": "Europe/Prague", "reset_time": "00:00", "leverage": "100",
        "connection_loss": "HOLD", "unapproved": "CLOSE",
    }  # fmt: skip
    assert alice.post("/risk/new", {**form, "zone": "Prague"}).status_code == 422
    assert alice.post("/risk/new", form)["Location"] == "/fleet/new"
    assert Account.objects.get(code="paper-9").unapproved == "CLOSE"
    given = {"name": "Paper", "zone": "UTC", "reset_time": "00:00", "leverage": "50"}
    changes = {**given, "connection_loss": "FLATTEN", "unapproved": "ALERT"}
    alice.post("/risk/paper-9/settings", changes)
    account = Account.objects.get(code="paper-9")
    assert (account.connection_loss, account.leverage, account.unapproved) == ("FLATTEN", 50, "ALERT")
    assert alice.post("/risk/new", form).status_code == 422  # taken


def test_limits_change_by_a_new_version_with_a_name_on_it(desk, alice):
    form = {
        "daily_loss": "2.5",
        "total_drawdown": "5",
        "risk_per_trade": "0.4",
        "daily_risk": "",
        "max_open_positions": "3",
        "max_consecutive_losses": "4",
        "max_order_errors_per_hour": "10",
        "max_slippages_per_day": "2",
    }
    assert alice.post("/risk/paper-1/limits", {**form, "max_slippages_per_day": "0"}).status_code == 422
    assert alice.post("/risk/paper-1/limits", {**form, "daily_loss": "0"}).status_code == 422
    asked = alice.post("/risk/paper-1/limits", form)
    assert (asked.status_code, "give your password again" in read(asked)) == (
        422,
        True,
    )  # the day's risk becomes unlimited
    assert "not your password" in read(alice.post("/risk/paper-1/limits", {**form, "password": "guess"}))
    alice.post("/risk/paper-1/limits", {**form, "password": PASSWORD})

    newest = desk.paper.limit_sets.get(in_force=True)
    assert (newest.number, newest.set_by) == (2, "user:alice@example.com")
    assert Decimal(newest.document["daily_loss_fraction"]) == Decimal("0.025")
    assert newest.document["max_daily_risk_fraction"] is None
    assert newest.document["max_open_positions"] == 3
    assert desk.paper.limit_sets.filter(number=1, in_force=False).exists()
    page = read(alice.get("/risk/paper-1"))
    assert "2.5 % of the initial balance" in page
    assert "after 4 losing trades in a row or 10 rejected orders in an hour" in page
    assert "after 2 fills a day beyond 2 × their risk" in page


def test_every_limit_the_judge_reads_is_on_the_form_and_over_the_api_and_saving_as_shown_changes_nothing(desk, alice):
    names = {field.name for field in fields(Limits)}
    shown = {PERCENTS.get(name, name) for name in LimitsForm.base_fields} - {"password"}
    assert (shown | {"modes"}, set(LimitsInput().fields) - {"password"}) == (names, names)
    assert set(CHECK_WORDS) == LIMIT_CHECKS

    before = desk.paper.limit_sets.get(in_force=True)
    page = alice.get("/risk/paper-1/limits")
    form = {name: "" if value is None else value for name, value in page.context["form"].initial.items()}
    assert alice.post("/risk/paper-1/limits", form).status_code == 302
    assert desk.paper.limit_sets.get(in_force=True) == before
    assert set(form) == set(page.context["form"].fields) - {"password"}


def test_newer_limits_change_on_the_page_and_loosening_one_takes_the_password(desk, alice):
    path = "/risk/paper-1/limits"
    tighter = {
        "trailing_stop_fraction": "2",
        "max_correlation": "0.8",
        "flat_by": "15:10 America/Chicago",
        "forbid_opposite_positions": "yes",
    }
    assert alice.post(path, tighter).status_code == 302
    kept = parse_limits(desk.paper.limit_sets.get(in_force=True).document)
    assert (kept.trailing_stop_fraction, kept.max_correlation) == (Decimal("0.02"), Decimal("0.8"))
    assert (kept.flat_by, kept.forbid_opposite_positions) == ("15:10 America/Chicago", True)
    assert kept.max_open_positions == 20, "what is not sent stays"

    refused = alice.post(path, {"mode_news": "SHADOW"})
    assert refused.status_code == 422
    assert "give your password again" in read(refused)
    wrong = alice.post(path, {"flat_by": "tea time"})
    assert "must be a time of day and a zone" in read(wrong)
    assert wrong.context["form"].errors.keys() == {"flat_by"}
    assert alice.post(path, {"mode_news": "SHADOW", "password": PASSWORD}).status_code == 302
    page = read(alice.get("/risk/paper-1"))
    for words in (
        "Only watched",
        "2.00 % of the entry price",
        "15:10 America/Chicago; nothing is opened from 3600 s before",
    ):
        assert words in page


def test_a_key_is_called_by_its_name(desk, alice):
    key = ApiKey.objects.create(team=desk.paper.team, name="Grafana", key_id="k1", digest="0" * 64)
    Command.objects.filter(pk=desk.command.pk).update(asked_by=f"key:{key.public_id}")

    page = read(alice.get(reverse("dashboard:command", args=[desk.command.public_id])))

    assert "key “Grafana”" in page
    assert key.public_id not in page
