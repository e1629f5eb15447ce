"""The platform's administration: for staff only, ledgers read, deeds recorded, no secret shown."""

from __future__ import annotations

import json

import pytest
from django.contrib import admin
from django.urls import reverse

from apps.accounts.models import RulePackVersion
from apps.executors.models import ExecutorKey
from apps.risk.models import Approval
from apps.teams.models import ApiKey, AuditEntry, Team, User
from apps.trades.models import Trade
from tests.packs import make_pack, pack_document
from tests.world import browser, make_key, make_user


@pytest.fixture
def staff(world):
    user = make_user("staff")
    User.objects.filter(pk=user.pk).update(is_staff=True, is_superuser=True)
    user.refresh_from_db()
    return browser(user)


def test_owners_are_no_staff(desk, alice, client):
    assert alice.get("/admin/").status_code == 302
    assert client.get("/admin/teams/user/").status_code == 302


def test_the_administration_has_no_sign_in_of_its_own_that_would_pass_by_the_second_factor(world, client):
    assert client.get("/admin/login/")["Location"].startswith("/accounts/login/")


def test_no_list_opens_for_a_visitor_or_an_owner(desk, alice, client):
    for model in admin.site._registry:
        path = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        for person in (alice, client):
            answer = person.get(path)
            assert answer.status_code == 302, path
            assert answer["Location"].startswith("/admin/login/"), path


def test_every_list_and_row_opens_for_staff(desk, staff):
    for model in admin.site._registry:
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        assert staff.get(reverse(f"{name}_changelist")).status_code == 200, name
        if row := model.objects.first():
            assert staff.get(reverse(f"{name}_change", args=[row.pk])).status_code == 200, name


def test_second_factors_addresses_and_sessions_have_no_list(staff):
    assert {model._meta.app_label for model in admin.site._registry}.isdisjoint({"account", "mfa", "usersessions"})


@pytest.mark.parametrize("model", [Trade, Approval, AuditEntry, ExecutorKey])
def test_ledgers_cannot_be_changed_even_by_the_highest(desk, staff, model):
    row = model.objects.first()
    name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
    before = model.objects.filter(pk=row.pk).values().get()

    assert staff.post(reverse(f"{name}_change", args=[row.pk]), {"pnl": "1000000", "approved": "on"}).status_code == 403
    assert staff.post(reverse(f"{name}_delete", args=[row.pk]), {"post": "yes"}).status_code == 403
    assert staff.get(reverse(f"{name}_add")).status_code == 403
    assert model.objects.filter(pk=row.pk).values().get() == before


def test_a_changed_team_is_recorded_with_who_did_it(world, staff):
    staff.post(reverse("admin:teams_team_change", args=[world.team.pk]), {
        "name": "Renamed", "tier": "PRO", "memberships-TOTAL_FORMS": "0", "memberships-INITIAL_FORMS": "0",
    })  # fmt: skip

    assert Team.objects.get(pk=world.team.pk).name == "Renamed"
    entry = AuditEntry.objects.get(action="TEAM_CHANGED")
    assert entry.actor == "staff:staff@example.com"
    assert entry.detail == {"fields": ["name", "tier"]}


def test_keys_can_be_ended_and_never_read(world, staff):
    key, text = make_key(world.alice)
    page = staff.get(reverse("admin:teams_apikey_change", args=[key.pk])).content.decode()
    assert key.digest not in page
    assert text not in page

    staff.post(reverse("admin:teams_apikey_changelist"), {"action": "revoke", "_selected_action": [str(key.pk)]})

    assert ApiKey.objects.get(pk=key.pk).revoked_at is not None
    assert AuditEntry.objects.filter(action="KEY_REVOKED", actor="staff:staff@example.com").exists()


def test_staff_write_a_new_version_of_a_pack_and_change_none(staff):
    version = make_pack()
    read = reverse("admin:accounts_rulepackversion_change", args=[version.pk])
    write = reverse("admin:accounts_rulepackversion_add")
    days = {"checked_on": "2026-11-20", "valid_from": "2026-11-21"}

    assert "Acme" in staff.get(f"{write}?after={version.pk}").content.decode()
    assert staff.get(f"{write}?after=nothing").status_code == 200
    assert write in staff.get(reverse("admin:accounts_rulepack_change", args=[version.pack_id])).content.decode()
    assert staff.post(read, {"document": "{}", **days}).status_code == 403
    assert staff.post(reverse("admin:accounts_rulepackversion_delete", args=[version.pk])).status_code == 403
    wrong = staff.post(write, {"document": json.dumps(pack_document(daily_loss={"kind": "soft"})), **days})
    assert "daily_loss.kind must be one of hard, pause" in wrong.content.decode()
    for broken in ("{", "[]", "null", '"x"'):
        assert staff.post(write, {"document": broken, **days}).status_code == 200

    words = pack_document(max_loss={"mode": "static", "pct": 6})
    assert staff.post(write, {"document": json.dumps(words), **days}, follow=True).status_code == 200

    newest = RulePackVersion.objects.get(number=2)
    assert (newest.pack, newest.document, newest.written_by) == (version.pack, words, "staff:staff@example.com")
    assert AuditEntry.objects.filter(action="RULE_PACK_VERSION", actor="staff:staff@example.com").count() == 1
    assert RulePackVersion.objects.count() == 2
