"""The monthly archive: whole, signed, without a gap between its files, checked by the script inside it."""

import json
import subprocess
import sys
import zipfile
from datetime import timedelta

import pytest

from apps.common.clock import read_at
from apps.risk.dispute import archive, verify
from apps.risk.dispute.archive import archive_months
from apps.risk.models import Decision, LogArchive
from apps.risk.services.anchors import sign_heads
from apps.teams.models import AuditEntry
from apps.trades.models import Deal
from tests.risk import MARKET_AT
from tests.world import api_client, make_key

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _own_places(settings, tmp_path):
    settings.ANCHOR_KEY_FILE = tmp_path / "keys" / "anchor.ed25519"
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": str(tmp_path)}},
    }


@pytest.fixture
def logged(desk):
    desk.ask()
    desk.ask(requested_lots=40)
    desk.ask(stop_loss=1.2)
    sign_heads(read_at())
    Deal.objects.create(
        account=desk.account, ticket=1, position_id=7, deal_type=0, entry=0, symbol="EURUSD", profit=0, time_raw_ms=1,
        market_at=MARKET_AT, received_at=read_at(),
    )  # fmt: skip
    return desk


def next_month():
    return (read_at().replace(day=1) + timedelta(days=32)).replace(day=1, hour=2)


def test_an_ended_month_is_archived_once_and_a_running_one_not_yet(logged, tmp_path):
    assert archive_months(read_at()) == 0
    assert archive_months(next_month()) == 1
    assert archive_months(next_month()) == 0

    row = LogArchive.objects.get()
    newest = Decision.objects.filter(account=logged.account).order_by("-number").first()
    assert (row.first, row.last, row.head) == (1, newest.number, newest.hash)
    files = verify.read_pack(tmp_path / row.file)
    assert all(holds for holds, _ in verify.check(files))
    assert {"decisions.jsonl", "deals.json", "approvals.json", "verify.py"} <= set(files)


def test_the_script_inside_checks_it_and_finds_a_changed_letter(logged, tmp_path):
    archive_months(next_month())
    path = tmp_path / LogArchive.objects.get().file
    with zipfile.ZipFile(path) as packed:
        packed.extractall(tmp_path / "out")

    def run(place):
        done = subprocess.run(
            [sys.executable, str(tmp_path / "out/verify.py"), str(place)], capture_output=True, text=True
        )
        return done.returncode, done.stdout

    assert run(path)[0] == 0
    lines = tmp_path / "out/decisions.jsonl"
    lines.write_text(lines.read_text().replace("EURUSD", "EURJPY", 1))
    code, said = run(tmp_path / "out")
    assert (code, "is NOT as it was signed" in said) == (1, True)


def test_a_month_with_many_lines_has_parts_that_follow_each_other(logged, tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "MOST_LINES", 2)
    count = Decision.objects.filter(account=logged.account).count()
    assert archive_months(next_month()) == (count + 1) // 2

    rows = list(LogArchive.objects.order_by("first"))
    assert [row.part for row in rows] == list(range(1, len(rows) + 1))
    previous = ""
    for row in rows:
        files = verify.read_pack(tmp_path / row.file)
        assert all(holds for holds, _ in verify.check(files))
        span = json.loads(files["manifest.json"])["log"]
        assert span["previous_hash"] == previous
        previous = row.head


def test_one_accounts_trouble_is_not_the_others(logged, monkeypatch, caplog):
    monkeypatch.setattr(archive, "load_signer", lambda: 1 / 0)
    assert archive_months(next_month()) == 0
    assert not LogArchive.objects.exists()


def test_an_owner_downloads_it_and_that_is_recorded(logged, world):
    archive_months(next_month())
    client = api_client(make_key(world.alice)[1])
    address = f"/api/v1/accounts/{logged.account.code}/archives"

    (row,) = client.get(address).json()["results"]
    answer = client.get(f"{address}/{row['id']}")

    assert b"".join(answer.streaming_content)[:2] == b"PK"
    assert AuditEntry.objects.filter(action="LOG_ARCHIVE_HANDED").count() == 1
    assert api_client(make_key(world.charlie)[1]).get(f"{address}/{row['id']}").status_code == 404
    assert client.get(f"{address}/arc_nothing").status_code == 404
