"""`import_accounts`: the difference first, whole or not at all, no looser without a person, and never a secret."""

import io
import sys

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from apps.accounts.models import Account, LimitSet
from tests.world import PASSWORD

pytestmark = pytest.mark.django_db
SPECS_OWN = """
accounts:
  - id: "account_001"
    mt5_login: 12345678
    mode: "prop_firm"
    initial_balance: 100000
    daily_loss_limit_pct: 5.0
    total_drawdown_limit_pct: 10.0
    max_risk_per_trade_pct: 0.5

  - id: "account_002"
    mt5_login: 87654321
    mode: "personal"
    initial_balance: 50000
    daily_loss_limit_pct: 3.0
    total_drawdown_limit_pct: 10.0
    max_risk_per_trade_pct: 1.0
"""
CAREFUL = """
accounts:
  - {id: careful, mt5_login: 7, mode: paper, initial_balance: 20000, server: Demo, daily_loss_limit_pct: 2, reset_time: "17:00"}
"""


@pytest.fixture
def bring(world, tmp_path, capsys):
    def run(text, *arguments):
        path = tmp_path / "accounts.yaml"
        path.write_text(text)
        call_command("import_accounts", str(path), "--team", world.team.slug, *arguments)
        return capsys.readouterr().out

    return run


def type_in(monkeypatch, password):
    monkeypatch.setattr(sys, "stdin", io.StringIO(password + "\n"))


def limits_of(code):
    return LimitSet.objects.get(account__code=code, in_force=True).document


def test_the_difference_is_shown_and_nothing_happens_without_apply(bring):
    said = bring(SPECS_OWN, "--server", "Broker-Live")

    assert "account_001: new, PROP_FIRM, login 12345678 on Broker-Live" in said
    assert "daily_loss_fraction: 0.025 → 0.05" in said
    assert "allows more than before" in said
    assert said.endswith("Nothing is changed yet: add --apply.\n")
    assert not Account.objects.exists()


def test_looser_limits_need_an_owner_and_the_password(bring, monkeypatch):
    with pytest.raises(CommandError, match="LOOSENING_NEEDS_PERSON: account_001, account_002"):
        bring(SPECS_OWN, "--server", "B", "--apply")
    with pytest.raises(CommandError, match="OWNER_NEEDED"):
        bring(SPECS_OWN, "--server", "B", "--apply", "--user", "tom@example.com", "--password-stdin")
    type_in(monkeypatch, "wrong")
    with pytest.raises(CommandError, match="PASSWORD_WRONG"):
        bring(SPECS_OWN, "--server", "B", "--apply", "--user", "alice@example.com", "--password-stdin")
    type_in(monkeypatch, "")
    with pytest.raises(CommandError, match="LOOSENING_NEEDS_PASSWORD"):
        bring(SPECS_OWN, "--server", "B", "--apply", "--user", "alice@example.com", "--password-stdin")
    assert not Account.objects.exists()


def test_the_specs_own_file_is_applied_once_and_again_changes_nothing(bring, monkeypatch):
    for expected in ("2 of 2 accounts changed.", "0 of 2 accounts changed."):
        type_in(monkeypatch, PASSWORD)
        said = bring(SPECS_OWN, "--server", "B", "--apply", "--user", "alice@example.com", "--password-stdin")
        assert said.splitlines()[-1] == expected

    first, second = Account.objects.order_by("code")
    assert (first.code, first.login, first.mode, first.initial_balance) == (
        "account_001",
        12345678,
        "PROP_FIRM",
        100_000,
    )
    document = limits_of("account_001")
    assert [document[name] for name in ("daily_loss_fraction", "total_drawdown_fraction")] == ["0.05", "0.1"]
    assert document["active_capital_ratio"] == "1"
    assert limits_of(second.code)["max_risk_per_trade_fraction"] == "0.01"
    assert LimitSet.objects.count() == 4
    assert bring(SPECS_OWN) == "account_001: as it is\naccount_002: as it is\n"


def test_tighter_limits_and_settings_need_nobody(bring):
    assert bring(CAREFUL, "--apply").splitlines()[-1] == "1 of 1 accounts changed."
    assert limits_of("careful")["daily_loss_fraction"] == "0.02"

    said = bring(CAREFUL.replace("17:00", "16:30").replace("pct: 2", "pct: 1.5"), "--apply")

    assert "reset_time: 17:00:00 → 16:30:00" in said
    assert "daily_loss_fraction: 0.02 → 0.015" in said
    assert Account.objects.get().resets == "16:30 UTC"


def test_where_one_account_is_refused_none_is_opened(bring):
    both = (
        CAREFUL
        + "  - {id: wide, mt5_login: 8, mode: paper, initial_balance: 20000, server: Demo, daily_loss_limit_pct: 9}\n"
    )

    with pytest.raises(CommandError, match="wide would be allowed more"):
        bring(both, "--apply")

    assert not Account.objects.exists()


@pytest.mark.parametrize(
    "text, said",
    [
        ("", "accounts: a list"),
        ("accounts: []", "accounts: a list"),
        ("accounts: [1]", "must be an object"),
        ("accounts: [{id: a}]", "needs mt5_login"),
        ("- a: [", "no YAML"),
        ("accounts: !!python/object/apply:os.system ['true']", "no YAML"),
        (CAREFUL.replace("server: Demo", "password: x"), "holds no secrets"),
        (CAREFUL.replace("server: Demo", "investor_token: x"), "holds no secrets"),
        (CAREFUL.replace("server: Demo", "colour: red"), "is no field"),
        (CAREFUL.replace("server: Demo, ", ""), "names no server"),
        (CAREFUL.replace("pct: 2", "pct: .nan"), "must be percent"),
        (CAREFUL.replace("pct: 2", "pct: -1"), "must be percent"),
        (CAREFUL.replace("pct: 2", "pct: 2, daily_loss_limit_pct: 3"), "stands twice"),
        (CAREFUL.replace("20000", ".inf"), "initial_balance"),
        (CAREFUL.replace("mode: paper", "mode: casino"), "mode"),
        (CAREFUL.replace("mt5_login: 7", "mt5_login: -7"), "mt5_login"),
        (CAREFUL.replace("id: careful", "id: Not A Handle"), "id"),
        (CAREFUL.replace('"17:00"', "17:00"), "must be quoted"),
        (CAREFUL.replace('"17:00"', '"17:00", zone: Mars/Base'), "zone"),
        (CAREFUL + CAREFUL.split("accounts:\n")[1], "stands twice"),
    ],
)
def test_what_cannot_be_right_is_said_and_nothing_is_done(bring, text, said):
    with pytest.raises(CommandError, match=said):
        bring(text, "--apply")

    assert not Account.objects.exists()


def test_an_account_never_becomes_another_one(bring):
    bring(CAREFUL, "--apply")

    for change in (("mt5_login: 7", "mt5_login: 9"), ("20000", "30000"), ("paper", "personal"), ("Demo", "Live")):
        with pytest.raises(CommandError, match="ACCOUNT_DIFFERS"):
            bring(CAREFUL.replace(*change), "--apply")
