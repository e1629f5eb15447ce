"""An account under a firm's rules: seen before it is confirmed, kept until a person changes it, never loosened by a key."""

from __future__ import annotations

from dataclasses import fields
from datetime import timedelta
from decimal import Decimal

import pytest

from apps.accounts.models import LimitSet
from apps.accounts.selectors import get_limits_in_force, get_pack_version
from apps.accounts.services import change_account, load_presets
from apps.common.clock import read_at
from apps.common.errors import Conflict, Forbidden, Impossible
from apps.risk.schema import LimitsInput
from apps.risk.services import set_limits
from apps.risk.services.packs import leave_pack, preview_pack, put_under_pack, read_phase
from apps.teams.callers import get_key_caller
from apps.teams.models import AuditEntry
from tests.packs import make_pack
from tests.world import PASSWORD, api_client, browser, caller_of, make_key
from trading.risk.limits import Limits, parse_limits

D = Decimal


@pytest.fixture
def alice(world):
    return caller_of(world.alice)


def in_force(desk):
    return get_limits_in_force(desk.account, read_at().date())


def bind(desk, caller, version, *, phase="challenge", number=None, confirmed=True):
    number = number or in_force(desk).number
    return put_under_pack(
        account=desk.account, caller=caller, version=version, phase=phase, number=number, confirmed=confirmed
    )


def test_an_account_gets_the_strictest_limits_and_the_firms_day(desk, alice):
    version = make_pack()
    seen = preview_pack(account=desk.account, present=in_force(desk), version=version, phase="challenge")
    assert in_force(desk).pack_version is None  # looking changes nothing

    row = bind(desk, alice, version)

    limits = parse_limits(row.document)
    assert limits == seen.limits
    assert (limits.daily_loss_fraction, limits.total_drawdown_fraction) == (D("0.02"), D("0.05"))  # firm's, account's
    assert limits.daily_kind == "HARD"
    desk.account.refresh_from_db()
    assert desk.account.zone == seen.zone == "Europe/Prague"
    assert (row.pack_version, row.pack_phase, row.number) == (version, "challenge", 2)
    deed = AuditEntry.objects.get(action="LIMITS_SET")
    assert deed.detail["pack"] == {"version": "Acme, Two steps, version 1", "phase": "challenge"}
    assert bind(desk, alice, version).number == 2  # the same again is no change


def test_a_trade_that_the_firm_would_not_forgive_is_denied(desk, alice):
    bind(desk, alice, make_pack(max_loss={"mode": "static", "pct": 0.1}))

    answer = desk.ask(
        requested_lots=1, stop_loss=1.098
    )  # 200 at risk, 100 to the firm's floor; the account's own is 5 %

    assert (answer["approved"], answer["reason_code"]) == (False, "DRAWDOWN_LIMIT")


def test_the_version_stays_until_a_person_upgrades(desk, alice):
    first = make_pack()
    bind(desk, alice, first)
    second = make_pack(daily_loss={"kind": "hard", "pct": 2.4, "reset": {"tz": "Europe/Prague"}})

    kept = in_force(desk)
    assert (kept.pack_version, kept.newest_number) == (first, 2)
    seen = preview_pack(account=desk.account, present=kept, version=second, phase="challenge")
    assert [(one.path, one.before, one.after) for one in seen.changes] == [
        ("daily_loss_fraction", D("0.02"), D("0.024"))
    ]
    assert ("daily_loss.pct", 2, 2.4) in [(one.path, one.before, one.after) for one in seen.words]
    assert seen.needs_password

    with pytest.raises(Forbidden) as refused:
        bind(desk, alice, second, confirmed=False)
    assert refused.value.code == "LOOSENING_NEEDS_PASSWORD"
    assert in_force(desk).pack_version == first
    bind(desk, alice, second)
    assert parse_limits(in_force(desk).document).daily_loss_fraction == D("0.024")


def test_a_stricter_version_needs_no_password_and_still_a_person(desk, world, alice):
    bind(desk, alice, make_pack())
    stricter = make_pack(max_loss={"mode": "static", "pct": 4})
    machine = get_key_caller(make_key(world.alice, ["risk:write"])[1], ip="")

    with pytest.raises(Forbidden) as refused:
        bind(desk, machine, stricter)
    assert refused.value.code == "PACK_NEEDS_PERSON"
    bind(desk, alice, stricter, confirmed=False)
    assert parse_limits(in_force(desk).document).total_drawdown_fraction == D("0.04")


def test_nobody_confirms_what_they_have_not_seen(desk, alice):
    version, seen = make_pack(), in_force(desk).number
    set_limits(account=desk.account, caller=alice, document={"max_open_positions": 1})

    with pytest.raises(Conflict) as refused:
        bind(desk, alice, version, number=seen)
    assert refused.value.code == "LIMITS_CHANGED"


def test_the_accounts_own_limits_may_be_tighter_and_no_looser_than_the_firms(desk, alice):
    bind(desk, alice, make_pack())

    tighter = set_limits(account=desk.account, caller=alice, document={"daily_loss_fraction": 0.01})
    assert (tighter.document["daily_loss_fraction"], tighter.pack_phase) == ("0.01", "challenge")
    for name, value in (("daily_loss_fraction", 0.021), ("total_drawdown_fraction", 0.09), ("daily_kind", "PAUSE")):
        with pytest.raises(Impossible) as refused:
            set_limits(account=desk.account, caller=alice, document={name: value}, confirmed=True)
        assert (refused.value.code, refused.value.field) == ("PACK_IS_STRICTER", name)
    with pytest.raises(Impossible):  # above the upper end of the matrix
        set_limits(account=desk.account, caller=alice, document={"max_risk_per_trade_fraction": 0.006}, confirmed=True)
    looser = set_limits(
        account=desk.account, caller=alice, document={"max_risk_per_trade_fraction": 0.005}, confirmed=True
    )
    assert parse_limits(looser.own_document).max_risk_per_trade_fraction == D("0.005")
    assert parse_limits(looser.own_document).daily_loss_fraction == D("0.01")


def test_what_the_account_had_by_itself_comes_back_when_it_leaves(desk, world, alice):
    before = in_force(desk).document
    bind(desk, alice, make_pack())
    number = in_force(desk).number

    with pytest.raises(Forbidden):
        leave_pack(account=desk.account, caller=alice, number=number, confirmed=False)
    left = leave_pack(account=desk.account, caller=alice, number=number, confirmed=True)

    assert (left.document, left.pack_version, left.own_document) == (before, None, None)
    with pytest.raises(Conflict):
        leave_pack(account=desk.account, caller=alice, number=left.number, confirmed=True)


def test_the_firms_day_is_not_moved_by_a_setting(desk, alice):
    bind(desk, alice, make_pack())

    with pytest.raises(Conflict) as refused:
        change_account(account_id=desk.account.pk, actor="test", changes={"zone": "UTC"})
    assert refused.value.code == "PACK_SETS_ZONE"
    change_account(account_id=desk.account.pk, actor="test", changes={"name": "Renamed", "zone": "Europe/Prague"})


@pytest.mark.parametrize(
    "code, phase, refusal",
    [
        ("e8_signature", "", "PACK_INCOMPLETE"),  # figures chosen at the checkout
        ("ftmo_2step", "payout", "PACK_INVALID"),
        ("fundednext_stellar_instant", "swing", "PACK_INVALID"),
    ],
)
def test_a_pack_that_cannot_be_kept_is_refused_and_nothing_is_half_done(desk, alice, code, phase, refusal):
    load_presets()
    version = get_pack_version(desk.account.team_id, code, read_at().date())

    with pytest.raises(Impossible) as refused:
        bind(desk, alice, version, phase=phase or read_phase(version.document, None))

    assert refused.value.code == refusal
    assert LimitSet.objects.filter(account=desk.account).count() == 1


def test_one_owner_puts_an_account_under_a_pack_over_the_api(world, desk):
    make_pack()
    url = f"/api/v1/accounts/{desk.account.code}/pack"
    owner, machine = browser(world.alice), api_client(make_key(world.alice)[1])

    assert machine.get(url).json()["pack"] is None
    seen = machine.get(f"{url}/preview?pack=acme-two-step").json()
    assert (seen["phase"], seen["needs_password"], seen["number"]) == ("challenge", True, 1)
    assert seen["unenforced"][:2] == ["Profit target: 8 %.", "At least 4 trading days."]
    wanted = {"pack": "acme-two-step", "phase": "challenge", "number": seen["number"]}
    assert machine.post(f"{url}/bind", wanted, format="json").status_code == 401
    for person in (world.tom, world.bob):
        assert browser(person).post(f"{url}/bind", wanted, content_type="application/json").status_code == 403
    assert (
        owner.post(f"{url}/bind", wanted, content_type="application/json").json()["code"] == "LOOSENING_NEEDS_PASSWORD"
    )
    confirmed = {**wanted, "password": PASSWORD}
    bound = owner.post(f"{url}/bind", confirmed, content_type="application/json").json()
    assert (bound["pack"]["number"], bound["phase"], bound["limits"]["daily_loss_fraction"]) == (1, "challenge", 0.02)
    assert bound["own_limits"]["daily_loss_fraction"] == 0.025
    stale = owner.post(f"{url}/leave", {"number": 1, "password": PASSWORD}, content_type="application/json")
    assert (stale.status_code, stale.json()["code"]) == (409, "LIMITS_CHANGED")
    left = owner.post(f"{url}/leave", {"number": 2, "password": PASSWORD}, content_type="application/json")
    assert (left.status_code, left.json()["pack"]) == (200, None)


def test_another_teams_copy_is_not_there(world, desk):
    make_pack(world.other_team, code="theirs")
    owner = browser(world.alice)

    assert owner.get(f"/api/v1/accounts/{desk.account.code}/pack/preview?pack=theirs").status_code == 404


def test_a_firm_whose_day_turns_in_the_afternoon_is_followed(desk, alice):
    load_presets()
    version = get_pack_version(desk.account.team_id, "topstep_combine", read_at().date())

    bound = bind(desk, alice, version, phase="combine")

    desk.account.refresh_from_db()
    assert desk.account.resets == "17:00 America/Chicago"
    limits = parse_limits(bound.document)
    assert (limits.drawdown_mode, limits.drawdown_locks_at_initial) == ("TRAILING_EOD", True)
    assert (limits.flat_by, limits.weekend_holding) == ("15:10 America/Chicago", False)
    assert desk.ask()["approved"]  # noon in London is morning in Chicago
    assert (desk.risk.day.isoformat(), desk.risk.day_ends_at.isoformat()) == ("2026-03-04", "2026-03-04T23:00:00+00:00")
    desk.see(market_at=desk.risk.day_ends_at - timedelta(hours=2, minutes=49))  # within the guard before 15:10
    assert desk.ask()["reason_code"] == "FLAT_BY_TIME"


def test_the_limits_described_are_all_there_are():
    described = set(LimitsInput().fields) - {"password"}

    assert described == {field.name for field in fields(Limits)}
