"""Signed heads: one for each log that grew, told outside, and good against an intruder with all rights."""

import json
import os
from io import StringIO

import pytest
from django.core import mail
from django.core.management import CommandError, call_command

from apps.accounts.models import AccountRisk
from apps.common.clock import read_at
from apps.common.errors import Unavailable
from apps.risk.models import Decision, LogAnchor, RiskEvent, SigningKey
from apps.risk.services import verify_log
from apps.risk.services.anchors import deliver_anchors, read_outside, sign_heads
from apps.risk.services.signing import is_signed, load_signer
from apps.risk.tasks import sign_log_heads
from tests.apps.risk.test_decision_log import past_the_guard, rewrite
from tests.risk import make_desk
from tests.world import api_client

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def outside(settings, tmp_path):
    settings.ANCHOR_KEY_FILE = tmp_path / "keys" / "anchor.ed25519"
    settings.ANCHOR_FILE = str(tmp_path / "heads.jsonl")
    return tmp_path / "heads.jsonl"


def verify(*arguments):
    out, err = StringIO(), StringIO()
    code = 0
    try:
        call_command("verify_log", *arguments, stdout=out, stderr=err)
    except CommandError as error:
        code = error.returncode
    return code, out.getvalue(), err.getvalue()


def test_every_minute_the_heads_that_moved_are_signed_and_no_others(desk, world):
    idle, at = make_desk(world), read_at()
    desk.ask()
    assert sign_log_heads() == 1
    assert sign_heads(at) == 0
    desk.ask()
    idle.ask()
    assert sign_heads(at) == 2

    rows = LogAnchor.objects.filter(account=desk.account).order_by("number")
    assert [(row.number, row.head) for row in rows][-1] == (desk.risk.chain_number, desk.risk.chain_head)
    assert all(is_signed(row.body, row.signature, row.key.public_key) for row in rows)


def test_the_key_is_made_once_and_only_its_owner_may_read_it(settings):
    first = load_signer()
    assert os.stat(settings.ANCHOR_KEY_FILE).st_mode & 0o777 == 0o600
    assert load_signer().public_key == first.public_key
    assert SigningKey.objects.get().public_key == first.public_key
    assert first.public_key not in settings.ANCHOR_KEY_FILE.read_text()


@pytest.mark.parametrize("spoil", [lambda path: path.chmod(0o644), lambda path: path.write_text("no key")])
def test_a_key_that_others_may_read_or_that_is_none_signs_nothing(settings, spoil):
    load_signer()
    spoil(settings.ANCHOR_KEY_FILE)
    with pytest.raises(Unavailable, match=r"0600|cannot be read"):
        load_signer()


def test_anybody_may_ask_for_the_public_keys(db):
    signer = load_signer()
    answer = api_client().get("/api/v1/evidence/keys").json()
    assert [(key["key_id"], key["public_key"], key["algorithm"]) for key in answer["keys"]] == [
        (signer.key_id, signer.public_key, "Ed25519")
    ]


def test_heads_are_told_to_the_file_and_by_mail_once_each(desk, outside, settings):
    settings.ANCHOR_EMAILS = ["auditor@example.com"]
    desk.ask()
    sign_heads(read_at())
    assert (deliver_anchors(read_at()), deliver_anchors(read_at())) == (1, 0)

    (kept,) = read_outside(outside)
    assert (kept.number, kept.head, kept.problem) == (desk.risk.chain_number, desk.risk.chain_head, "")
    assert kept.head in mail.outbox[0].body
    assert outside.stat().st_mode & 0o777 == 0o600


def test_heads_that_could_not_be_told_are_told_with_the_next(desk, outside, settings, tmp_path):
    settings.ANCHOR_FILE = str(tmp_path / "nowhere" / "heads.jsonl")
    desk.ask()
    sign_heads(read_at())
    assert deliver_anchors(read_at()) == 0

    settings.ANCHOR_FILE = str(outside)
    assert deliver_anchors(read_at()) == 1


def test_a_log_cut_off_with_its_head_and_its_anchors_is_found_by_the_copy_outside(desk, outside):
    for _ in range(3):
        desk.ask()
    sign_heads(read_at())
    deliver_anchors(read_at())
    lines = list(Decision.objects.order_by("number").values_list("body", flat=True))
    with_all_rights = "ALTER TABLE risk_loganchor DISABLE TRIGGER anchor_never_deleted; DELETE FROM risk_loganchor"
    past_the_guard(with_all_rights)
    rewrite(desk.account, lines[:-1])

    report = verify_log(desk.account)
    assert {fault.code for fault in report.faults} == {"APPROVAL_WITHOUT_LINE"}  # the log itself looks whole
    code, said, _ = verify("--anchors", str(outside))
    assert code == 1
    assert "ANCHOR_WITHOUT_LINE line 4 was anchored" in said


def test_a_log_that_lost_what_was_signed_is_not_signed_again_and_somebody_is_told(desk):
    desk.ask()
    sign_heads(read_at())
    lines = list(Decision.objects.order_by("number").values_list("body", flat=True))
    rewrite(desk.account, [lines[0], lines[1].replace("EURUSD", "EURUSX")])
    desk.ask()

    assert (sign_heads(read_at()), sign_heads(read_at())) == (0, 0)
    assert RiskEvent.objects.get(event_type="DECISION_LOG_TAMPERED").severity == "CRITICAL"


@pytest.mark.parametrize("column", ["number", "head", "body", "signature"])
def test_a_forged_anchor_is_found(desk, column):
    desk.ask()
    sign_heads(read_at())
    row = LogAnchor.objects.get()
    forged = {"number": 1, "head": "0" * 64, "body": row.body.replace("2", "3", 1), "signature": "0" * 128}[column]
    past_the_guard("ALTER TABLE risk_loganchor DISABLE TRIGGER anchor_append_only")
    LogAnchor.objects.update(**{column: forged})

    faults = verify_log(desk.account).faults
    assert "ANCHOR_INVALID" in {fault.code for fault in faults}


def test_a_file_of_anchors_that_are_none_is_refused(outside, desk):
    outside.write_text('{"body": 1}\n')
    assert verify("--anchors", str(outside))[0] == 2


def test_the_command_says_what_it_found_and_ends_with_1_where_anything_differs(desk, world):
    make_desk(world)
    desk.ask()
    code, said, speed = verify("--json")
    reports = [json.loads(line) for line in said.splitlines()]
    assert (code, [report["whole"] for report in reports], [report["lines"] for report in reports]) == (
        0, [True, True], [2, 0],
    )  # fmt: skip
    assert "lines/s" in speed

    past_the_guard("UPDATE risk_decision SET body = replace(body, 'true', 'false') WHERE number = 2")
    code, said, _ = verify("--account", desk.account.code)
    assert code == 1
    assert "LINE_CHANGED line 2 was changed" in said
    assert verify("--account", "nobody")[0] == 2
    assert verify("--since", "yesterday")[0] == 2
    assert AccountRisk.objects.count() == 2
