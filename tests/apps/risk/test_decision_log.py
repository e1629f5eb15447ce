"""The decision log: the database refuses changes, and the chain shows those it could not refuse."""

import json
import random

import pytest
from django.db import DatabaseError, connection, transaction

from apps.accounts.models import AccountRisk
from apps.common.clock import read_at
from apps.risk.models import Approval, Decision, LogDocument
from apps.risk.services import halt_account, lift_account, set_limits, verify_chain, verify_log
from apps.risk.services.anchors import sign_heads
from apps.risk.services.decision_log import hash_line
from tests.risk import make_desk, shown, store_quote
from tests.world import caller_of
from trading.risk import checks_loss
from trading.risk.judge import judge

pytestmark = pytest.mark.django_db


@pytest.fixture
def logged(desk):
    """Line 1 is the day, 2 to 5 are verdicts."""
    for _ in range(4):
        desk.ask()
    return desk


@pytest.fixture(autouse=True)
def _own_key(settings, tmp_path):
    settings.ANCHOR_KEY_FILE = tmp_path / "keys" / "anchor.ed25519"


def past_the_guard(statement, *values):
    """Change the table as an intruder with all rights would."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE risk_decision DISABLE TRIGGER decision_append_only")
        cursor.execute(statement, values)
        cursor.execute("ALTER TABLE risk_decision ENABLE ALWAYS TRIGGER decision_append_only")


def codes_of(desk, **more):
    return {fault.code for fault in verify_log(desk.account, **more).faults}


# --- what the database refuses ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "attempt",
    [
        lambda rows: rows.update(body="{}"),
        lambda rows: rows.filter(number=2).delete(),
        lambda rows: rows.filter(number=4)._raw_delete(using="default"),
    ],
)
def test_the_database_refuses_to_change_or_delete_a_decision(logged, attempt):
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        attempt(Decision.objects.all())
    assert Decision.objects.count() == 5


@pytest.mark.parametrize(
    "table, trigger",
    [("risk_decision", "decision"), ("risk_logdocument", "document"), ("risk_loganchor", "anchor")],
)
@pytest.mark.parametrize("statement", ["TRUNCATE {0} CASCADE", "DELETE FROM {0}"])
def test_the_applications_role_cannot_empty_the_evidence(logged, table, trigger, statement):
    sign_heads(read_at())
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {trigger}_never_truncated")
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            cursor.execute(statement.format(table))


def test_the_applications_role_cannot_call_itself_a_replica_which_would_leave_triggers_out(logged):
    with connection.cursor() as cursor, pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
        cursor.execute("SET LOCAL session_replication_role = replica")


def test_documents_and_anchors_are_append_only_too(logged):
    sign_heads(read_at())
    for statement in ("UPDATE risk_logdocument SET body = '{}'", "UPDATE risk_loganchor SET head = ''"):
        with connection.cursor() as cursor, pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            cursor.execute(statement)


# --- what a line holds ------------------------------------------------------------------------------------------------


def test_every_verdict_is_judged_again_from_its_line_alone(world):
    desk = make_desk(world)
    store_quote(desk.account)
    desk.see(positions=[shown(desk, ticket=n, position_id=n) for n in range(1, 5)])
    asked = [{}, {"stop_loss": 1.2}, {"requested_lots": 40}, {"symbol": "GBPUSD"}, {"entry_price": 1.5}]
    reasons = [desk.ask(**one)["reason_code"] for one in asked]
    desk.limit(max_open_positions=2)
    desk.ask()
    desk.see(balance=99_000, equity=97_600)
    reasons.append(desk.ask()["reason_code"])

    report = verify_log(desk.account)

    assert report.faults == []
    assert (report.judged, report.unjudged) == (7, 1)
    assert len(set(reasons)) > 3


def test_a_line_of_an_account_with_many_symbols_stays_below_2_kb_and_can_be_judged_again(desk):
    desk.see(positions=[shown(desk, ticket=n, position_id=n, symbol=f"SYMBOL{n:03}", profit="-33.33333331",
                              current_price="1.09877777") for n in range(60)])  # fmt: skip
    assert desk.ask(take_profit=1.2)["approved"] is False

    line = Decision.objects.get(number=2)
    assert len(line.body) <= 2048
    assert LogDocument.objects.filter(kind="state").count() == 1
    assert verify_log(desk.account).judged == 1
    assert verify_chain(desk.account.pk) == []


def test_limits_and_terms_are_kept_once_and_the_line_names_them(logged):
    bodies = [json.loads(line.body) for line in Decision.objects.filter(number__gt=1)]

    assert {(len(body["limits"]), len(body["terms"])) for body in bodies} == {(64, 64)}
    assert LogDocument.objects.count() == 2
    assert max(len(line.body) for line in Decision.objects.all()) < 1500


def test_what_changes_later_verdicts_stands_in_the_log(desk, world):
    desk.ask()
    owner = caller_of(world.alice)
    halt_account(account=desk.account, reason="the news", actor="usr_1", at=read_at())
    lift_account(account=desk.account, actor="usr_1", at=read_at())
    set_limits(account=desk.account, caller=owner, document={"max_open_positions": 3})

    bodies = [json.loads(line.body) for line in Decision.objects.order_by("number")]
    assert [body["kind"] for body in bodies] == ["day", "approval", "latch", "lift", "limits"]
    assert (bodies[2]["latch"], bodies[2]["why"], bodies[2]["by"]) == ("account", "the news", "usr_1")
    assert bodies[0]["balance"] == 100_000
    assert json.loads(LogDocument.objects.get(pk=bodies[4]["limits"]).body)["max_open_positions"] == 3
    assert verify_chain(desk.account.pk) == []


# --- what tampering shows ---------------------------------------------------------------------------------------------


def test_an_untouched_log_has_no_faults(logged):
    assert verify_chain(logged.account.pk) == []


@pytest.mark.parametrize(
    "statement, fault",
    [
        ("UPDATE risk_decision SET body = replace(body, 'true', 'false') WHERE number = 2", "line 2 was changed"),
        ("DELETE FROM risk_decision WHERE number = 2", "line 2 is missing"),
        ("DELETE FROM risk_decision WHERE number = 5", "the log has 4 lines"),
        ("DELETE FROM risk_decision", "the log has 0 lines"),
        ("UPDATE risk_decision SET number = CASE number WHEN 2 THEN 3 ELSE 2 END WHERE number IN (2, 3)", "line 2"),
        ("UPDATE risk_decision SET previous_hash = '' WHERE number = 3", "line 3 does not follow"),
        (
            "INSERT INTO risk_decision (account_id, number, at, body, previous_hash, hash) "
            "SELECT account_id, 6, at, body, hash, hash FROM risk_decision WHERE number = 5",
            "line 6 was changed",
        ),
    ],
)
def test_verify_chain_finds_each_kind_of_tampering(logged, statement, fault):
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE risk_decision DROP CONSTRAINT decision_number_once")
    past_the_guard(statement)

    assert any(found.startswith(fault) for found in verify_chain(logged.account.pk))


def test_a_last_line_rewritten_with_a_right_hash_is_found_by_the_head(logged):
    last = Decision.objects.get(number=5)
    forged = last.body.replace("EURUSD", "GBPUSD")
    past_the_guard(
        "UPDATE risk_decision SET body = %s, hash = %s WHERE number = 5", forged, hash_line(last.previous_hash, forged)
    )

    assert "the last line is not the one the account knows" in verify_chain(logged.account.pk)


def test_a_log_cut_off_together_with_its_count_is_found_by_the_head(logged):
    past_the_guard("DELETE FROM risk_decision WHERE number = 5")
    AccountRisk.objects.filter(account=logged.account).update(chain_number=4)

    assert "the last line is not the one the account knows" in verify_chain(logged.account.pk)


def rewrite(account, lines):
    """Put a whole log anew, with right hashes, and the head to it: what an intruder with all rights and time can do."""
    previous = ""
    past_the_guard("DELETE FROM risk_decision WHERE account_id = %s", account.pk)
    for number, body in enumerate(lines, start=1):
        hashed = hash_line(previous, body)
        Decision.objects.create(
            account=account, number=number, at=read_at(), body=body, previous_hash=previous, hash=hashed
        )
        previous = hashed
    AccountRisk.objects.filter(account=account).update(chain_number=len(lines), chain_head=previous)


EDITS = {
    "edit": lambda lines, n, _: [*lines[:n], lines[n].replace('"EURUSD"', '"EURUSX"'), *lines[n + 1 :]],
    "delete": lambda lines, n, _: [*lines[:n], *lines[n + 1 :]],
    "insert": lambda lines, n, m: [*lines[:n], lines[m], *lines[n:]],
    "swap": lambda lines, n, m: [*lines[:n], lines[m], *lines[n + 1 : m], lines[n], *lines[m + 1 :]],
    "truncate": lambda lines, n, _: lines[:n],
}


@pytest.mark.parametrize("kind", EDITS)
@pytest.mark.parametrize("seed", range(4))
def test_a_log_rewritten_whole_with_right_hashes_and_head_is_found_by_the_signed_anchor(logged, kind, seed):
    logged.ask()
    sign_heads(read_at())
    lines = list(Decision.objects.order_by("number").values_list("body", flat=True))
    chance = random.Random(f"{kind}{seed}")
    first, second = sorted(chance.sample(range(1, len(lines)), 2))
    rewrite(logged.account, EDITS[kind](lines, first, second))

    assert codes_of(logged) & {"ANCHOR_DIFFERS", "ANCHOR_WITHOUT_LINE"}


@pytest.mark.parametrize("seed", range(20))
def test_any_byte_changed_anywhere_in_a_line_is_found(logged, seed):
    chance = random.Random(seed)
    line = Decision.objects.order_by("number")[chance.randrange(5)]
    column = chance.choice(["body", "hash", "previous_hash", "number"])
    if column == "number":
        past_the_guard("UPDATE risk_decision SET number = number + 100 WHERE id = %s", line.pk)
    else:
        text = getattr(line, column) or "0"
        place = chance.randrange(len(text))
        other = chance.choice([letter for letter in "0123456789abcdef" if letter != text[place]])
        past_the_guard(
            f"UPDATE risk_decision SET {column} = %s WHERE id = %s", text[:place] + other + text[place + 1 :], line.pk
        )

    assert verify_log(logged.account).faults


# --- the rows beside the log ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        {"approved": False},
        {"adjusted_lots": 5},
        {"reason_code": "X"},
        {"response": "{}"},
        {"risk_amount": 1},
        {"side": "SELL"},
    ],
)
def test_an_approval_that_says_something_else_than_the_log_is_found(logged, change):
    approval = Approval.objects.order_by("at").first()
    Approval.objects.filter(pk=approval.pk).update(**change)

    faults = verify_log(logged.account).faults
    assert [(fault.number, fault.code) for fault in faults] == [(2, "APPROVAL_DIFFERS")]


def test_an_approval_put_in_past_the_log_is_found(logged):
    forged = Approval.objects.first()
    forged.pk, forged.tag, forged._state.adding = None, "forged", True
    from apps.common.ids import new_id

    forged.pk = new_id()
    forged.save()

    assert codes_of(logged) == {"APPROVAL_WITHOUT_LINE"}


def test_a_document_that_was_changed_or_is_missing_is_found_in_each_line_that_names_it(logged):
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE risk_logdocument DISABLE TRIGGER document_append_only")
        cursor.execute("UPDATE risk_logdocument SET body = replace(body, '0.025', '0.050') WHERE kind = 'limits'")
    assert [fault.code for fault in verify_log(logged.account).faults] == ["CASE_UNREADABLE"] * 4


# --- another judge ----------------------------------------------------------------------------------------------------


def test_a_judge_that_decides_otherwise_is_found_in_the_very_lines(logged, monkeypatch):
    logged.ask(requested_lots=9)  # shrunk: what sizing allows matters here only
    monkeypatch.setattr("trading.risk.case.LARGEST", -1)
    assert verify_log(logged.account).is_whole  # not every change changes a verdict

    def stricter(case):
        figures = checks_loss.check_per_trade(case)
        if figures["risk"] > 100:
            from trading.risk.verdict import Denied

            raise Denied("RISK_PER_TRADE", "too much")
        return figures

    checks = tuple((name, stricter if name == "per_trade" else check) for name, check in judge.__globals__["CHECKS"])
    monkeypatch.setattr("trading.risk.judge.CHECKS", checks)

    faults = verify_log(logged.account).faults
    assert [(fault.number, fault.code) for fault in faults] == [(6, "VERDICT_DIFFERS")]
    assert "reason APPROVED, now RISK_PER_TRADE" in faults[0].message


def test_a_verdict_of_another_judge_that_differs_is_named_with_its_version_and_may_be_accepted(logged, monkeypatch):
    then = json.loads(Decision.objects.get(number=2).body)["code"]
    monkeypatch.setattr("apps.risk.services.verification.read_judge_version", lambda: "today")
    monkeypatch.setattr("trading.risk.judge.CHECKS", judge.__globals__["CHECKS"][:-1])

    assert f"by version {then}" in verify_log(logged.account).faults[0].message
    assert verify_log(logged.account, accepted=[then]).is_whole


def test_since_leaves_older_lines_out_but_holds_the_first_one_against_the_line_before(logged):
    cut = Decision.objects.get(number=3).at
    assert (verify_log(logged.account, since=cut).judged, verify_log(logged.account, since=cut).lines) == (3, 3)

    past_the_guard("UPDATE risk_decision SET body = replace(body, 'true', 'false') WHERE number = 2")
    assert {fault.number for fault in verify_log(logged.account, since=cut).faults} == {2}
