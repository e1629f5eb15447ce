"""Rule packs as rows: loaded once, never changed, copied by a team, told apart from another team's."""

from __future__ import annotations

from datetime import date

import pytest
from django.core.management import call_command
from django.db import DatabaseError, transaction

from apps.accounts.models import RulePack, RulePackVersion
from apps.accounts.selectors import get_pack_version, list_packs
from apps.accounts.services import clone_pack, load_presets
from apps.common.errors import Conflict, Impossible, NotFound
from apps.teams.models import AuditEntry
from tests.packs import make_pack, pack_document
from tests.world import api_client, browser, make_key
from trading.risk.pack_document import parse_pack
from trading.risk.presets import presets

pytestmark = pytest.mark.django_db
TODAY = date(2026, 11, 21)


def test_the_packaged_presets_are_loaded_once_with_date_and_source():
    assert load_presets() == 15
    assert load_presets() == 0

    ftmo = RulePackVersion.objects.get(pack__code="ftmo_2step", pack__team=None)
    assert (ftmo.number, ftmo.firm, ftmo.checked_on) == (1, "FTMO", date(2026, 10, 4))
    assert ftmo.source_url == "https://academy.ftmo.com/lesson/maximum-daily-loss"
    for row in RulePackVersion.objects.select_related("pack"):
        assert parse_pack(row.document) == presets()[row.pack.code], row
        assert row.content_hash == presets()[row.pack.code].content_hash


def test_a_start_brings_tables_and_packs_however_often():
    for _ in range(2):
        call_command("prepare", verbosity=0)

    assert RulePackVersion.objects.count() == 15


def test_a_restart_does_not_undo_what_staff_wrote():
    load_presets()
    document = RulePackVersion.objects.get(pack__code="ftmo_2step").document
    make_pack(**{**document, "code": "ftmo_2step", "breach_on_touch": True})

    assert load_presets() == 0
    assert RulePackVersion.objects.filter(pack__code="ftmo_2step").count() == 2


def test_a_version_is_never_changed_even_past_the_services():
    rows = RulePackVersion.objects.filter(pk=make_pack().pk)

    with pytest.raises(DatabaseError, match="never changed"), transaction.atomic():
        rows.update(firm="Other")
    with pytest.raises(DatabaseError, match="never changed"), transaction.atomic():
        rows.delete()


def test_other_words_are_a_new_version_and_the_same_words_are_none():
    first, again = make_pack(), make_pack()
    other = make_pack(max_loss={"mode": "static", "pct": 6})

    assert again == first
    assert (other.number, other.pack) == (2, first.pack)
    assert other.content_hash != first.content_hash
    assert AuditEntry.objects.filter(action="RULE_PACK_VERSION").count() == 2


def test_a_remark_is_a_new_version_that_decides_the_same():
    first = make_pack()
    other = make_pack(conflict="A dataset says otherwise.")

    assert (other.number, other.content_hash) == (2, first.content_hash)


@pytest.mark.parametrize(
    "changes, field",
    [
        ({"daily_loss": {"kind": "soft"}}, "daily_loss.kind"),
        ({"max_loss": {"mode": "static", "pct": "NaN"}}, "max_loss.pct"),
        ({"unknown": 1}, "unknown"),
        ({"id": "Not A Handle"}, "id"),
        ({"phases": [{"name": "x" * 121, "profit_target_pct": 8}]}, "phases"),
    ],
)
def test_what_can_never_be_right_is_refused_with_its_field(changes, field):
    with pytest.raises(Impossible) as refused:
        make_pack(**changes)

    assert (refused.value.code, refused.value.field) == ("PACK_INVALID", field)
    assert not RulePack.objects.exists()


def test_a_version_counts_from_its_day():
    make_pack()
    make_pack(valid_from=date(2027, 1, 1), max_loss={"mode": "static", "pct": 6})

    found = [get_pack_version(None, "acme-two-step", day).number for day in (TODAY, date(2027, 1, 1))]
    assert found == [1, 2]
    with pytest.raises(NotFound):
        get_pack_version(None, "acme-two-step", date(2026, 2, 28))
    with pytest.raises(NotFound):
        get_pack_version(None, "acme-two-step", TODAY, number=2)


def test_a_team_copies_a_pack_and_edits_its_copy(world):
    version = make_pack()
    copy = clone_pack(version=version, team=world.team, code="ours", actor="user:alice@example.com")

    assert (copy.number, copy.document["id"], copy.pack.cloned_from) == (1, "ours", version)
    assert [row.pack.code for row in list_packs(world.team.pk, TODAY)] == ["acme-two-step", "ours"]
    assert [row.pack.code for row in list_packs(world.other_team.pk, TODAY)] == ["acme-two-step"]
    for taken in ("ours", "acme-two-step"):
        with pytest.raises(Conflict):
            clone_pack(version=version, team=world.team, code=taken, actor="test")
    assert clone_pack(version=version, team=world.other_team, code="ours", actor="test").pack != copy.pack


def test_packs_over_the_api(world, django_assert_num_queries):
    make_pack()
    owner, stranger = api_client(make_key(world.alice)[1]), api_client(make_key(world.charlie)[1])

    assert owner.post("/api/v1/risk/packs/acme-two-step/clone", {"code": "ours"}, format="json").status_code == 201
    assert [row["code"] for row in stranger.get("/api/v1/risk/packs").json()["results"]] == ["acme-two-step"]
    assert stranger.get("/api/v1/risk/packs/ours").status_code == 404
    assert browser(world.bob).get("/api/v1/risk/packs/ours").json()["document"]["firm"] == "Acme"

    words = {"document": pack_document("ours", max_loss={"mode": "static", "pct": 6})}
    days = {"checked_on": "2026-11-20", "valid_from": "2026-11-20"}
    written = owner.post("/api/v1/risk/packs/ours/versions", {**words, **days}, format="json")
    assert (written.status_code, written.json()["number"]) == (201, 2)
    platform = owner.post("/api/v1/risk/packs/acme-two-step/versions", {**words, **days}, format="json")
    assert (platform.status_code, platform.json()["code"]) == (403, "PACK_IS_THE_PLATFORMS")
    wrong = {"document": {**words["document"], "daily_loss": {"kind": "soft"}}, **days}
    refused = owner.post("/api/v1/risk/packs/ours/versions", wrong, format="json")
    assert (refused.status_code, refused.json()["field"]) == (422, "daily_loss.kind")
    other = owner.post("/api/v1/risk/packs/ours/versions", {"document": pack_document("mine"), **days}, format="json")
    assert (other.status_code, other.json()["field"]) == (422, "document.id")


def test_a_list_of_many_packs_costs_what_a_list_of_one_does(world, django_assert_num_queries):
    make_pack()
    with django_assert_num_queries(1):
        list_packs(world.team.pk, TODAY)
    load_presets()
    with django_assert_num_queries(1):
        assert len([row.pack.code for row in list_packs(world.team.pk, TODAY)]) == 16
