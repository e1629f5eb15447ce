"""The dispute pack: whole, signed, checked by a script that knows nothing of us, and found out where anything was changed."""

import io
import json
import subprocess
import sys
import zipfile
from datetime import timedelta
from decimal import Decimal

import pytest
from django.core.management import CommandError, call_command

from apps.accounts.models import EquityPoint
from apps.common.clock import read_at
from apps.risk.dispute import verify
from apps.risk.dispute.day import get_day
from apps.risk.dispute.pack import SCRIPT, write_dispute_pack
from apps.risk.services.anchors import sign_heads
from apps.risk.services.signing import load_signer
from apps.teams.models import AuditEntry
from apps.trades.models import Deal, Trade
from tests.risk import MARKET_AT
from tests.world import api_client, browser, make_key

pytestmark = pytest.mark.django_db
DAY = MARKET_AT.date()


@pytest.fixture(autouse=True)
def _own_key(settings, tmp_path):
    settings.ANCHOR_KEY_FILE = tmp_path / "keys" / "anchor.ed25519"


@pytest.fixture
def traded(desk):
    """A day with two approvals, a denial, a closed position and a view every minute; and the next day's first request."""
    desk.ask()
    desk.ask(requested_lots=40)
    desk.ask(stop_loss=1.2)
    sign_heads(read_at())
    at = read_at()
    for minute in range(10):
        market_at = MARKET_AT + timedelta(minutes=minute)
        EquityPoint.objects.create(
            account=desk.account, at=at, market_at=market_at, balance=100_000, equity=Decimal(100_000 - 37 * minute)
        )
    Deal.objects.create(
        account=desk.account, ticket=1, position_id=7, deal_type=0, entry=0, symbol="EURUSD", profit=0, time_raw_ms=1,
        market_at=MARKET_AT, received_at=at,
    )  # fmt: skip
    Trade.objects.create(
        account=desk.account, bot=desk.bot, position_id=7, source="MANAGED", symbol="EURUSD", side="BUY", volume_lots=1,
        open_lots=0, opened_at=MARKET_AT, closed_at=MARKET_AT + timedelta(minutes=5), entry_price=1, pnl=-37, updated_at=at,
    )  # fmt: skip
    desk.see(market_at=MARKET_AT + timedelta(days=1))
    desk.ask()
    return desk


@pytest.fixture
def pack(traded, tmp_path):
    path = tmp_path / "pack.zip"
    with path.open("wb") as file:
        write_dispute_pack(get_day(traded.account, DAY), file, at=read_at())
    return path


def files_of(path):
    return verify.read_pack(path)


def rewrite(path, change):
    """Change the pack's files as `change` does, and seal it in a ZIP file again."""
    files = files_of(path)
    change(files)
    with zipfile.ZipFile(path, "w") as pack:
        for name, content in files.items():
            pack.writestr(name, content)


def run_script(path, *arguments):
    """Run the pack's own script, with nothing of ours on the path."""
    script = path.with_name("verify.py")
    script.write_bytes(files_of(path)["verify.py"])
    command = [sys.executable, "-I", "-S", str(script), str(path), *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=path.parent, check=False)


def test_the_script_in_the_pack_finds_an_untouched_pack_whole(pack):
    done = run_script(pack, "--key", load_signer().public_key)

    assert (done.returncode, done.stderr) == (0, "")
    assert "Everything holds." in done.stdout
    assert "1 heads signed on the day" in done.stdout


def test_the_pack_holds_the_day_and_nothing_of_the_next(traded, pack):
    files = files_of(pack)
    approvals = json.loads(files["approvals.json"])
    lines = [json.loads(line) for line in files["decisions.jsonl"].splitlines()]

    assert [row["reason_code"] for row in approvals] == ["APPROVED", "APPROVED", "SL_WRONG_SIDE"]
    assert [(line["number"], json.loads(line["body"])["kind"]) for line in lines] == [
        (1, "day"), (2, "approval"), (3, "approval"), (4, "approval"),
    ]  # fmt: skip
    assert files["equity.csv"].decode().count("\n") == 11
    assert json.loads(files["positions.json"])[0]["pnl"] == -37
    assert json.loads(files["limits.json"])[0]["number"] == 1
    assert files["verify.py"] == SCRIPT.read_bytes()
    assert len([name for name in files if name.startswith("documents/")]) == 2


def test_the_summary_says_what_happened_in_words_and_draws_equity_against_the_floors(pack):
    page = files_of(pack)["summary.html"].decode()

    assert "3 trades were asked for: 2 approved (1 with fewer lots), 1 denied" in page
    assert "denied: SL_WRONG_SIDE" in page
    assert "1 position closed with -37.00 USD" in page
    assert page.count("<line class=") == 3
    assert "<script" not in page
    readme = files_of(pack)["README.txt"].decode()
    assert load_signer().public_key in readme


def test_names_from_people_are_escaped_in_the_summary(traded, tmp_path):
    traded.account.name = "<script>alert(1)</script>"
    traded.account.save()
    file = io.BytesIO()
    write_dispute_pack(get_day(traded.account, DAY), file, at=read_at())

    with zipfile.ZipFile(file) as pack:
        assert b"<script>" not in pack.read("summary.html")


def forge_answer(files):
    files["approvals.json"] = files["approvals.json"].replace(b"SL_WRONG_SIDE", b"SL_WRONG_SIDF")


def forge_line(files):
    files["decisions.jsonl"] = files["decisions.jsonl"].replace(b"EURUSD", b"GBPUSD", 1)


def drop_line(files):
    files["decisions.jsonl"] = b"\n".join(files["decisions.jsonl"].splitlines()[:-1]) + b"\n"


CHANGES = {
    "an answer": forge_answer,
    "a line": forge_line,
    "a line less": drop_line,
    "a file less": lambda files: files.pop("deals.json"),
    "a file more": lambda files: files.update({"note.txt": b"believe me"}),
    "equity": lambda files: files.update({"equity.csv": files["equity.csv"].replace(b"99667", b"98667")}),
    "the manifest": lambda files: files.update({"manifest.json": files["manifest.json"].replace(b"2026", b"2025")}),
    "the signature": lambda files: files.update(
        {"manifest.sig.json": files["manifest.sig.json"].replace(b'"signature": "', b'"signature": "00')}
    ),
    "the script": lambda files: files.update({"verify.py": files["verify.py"] + b"\n# changed\n"}),
}


@pytest.mark.parametrize("kind", CHANGES)
def test_whatever_is_changed_in_the_pack_is_found(pack, kind):
    rewrite(pack, CHANGES[kind])

    done = run_script(pack)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "NOT as it was signed" in done.stdout


def reseal(files, signer):
    """Write manifest and signature anew, as somebody with another key would."""
    import hashlib

    manifest = json.loads(files["manifest.json"])
    for name in manifest["files"]:
        manifest["files"][name] = {"sha256": hashlib.sha256(files[name]).hexdigest(), "bytes": len(files[name])}
    text = json.dumps(manifest)
    files["manifest.json"] = text.encode()
    seal = {"public_key": signer.public_key, "signature": signer.sign(text)}
    files["manifest.sig.json"] = json.dumps(seal).encode()


@pytest.mark.parametrize("kind", ["an answer", "a line", "a line less"])
def test_a_pack_sealed_again_by_another_key_is_found_by_the_key_and_by_what_does_not_fit(pack, settings, kind):
    ours = load_signer().public_key
    settings.ANCHOR_KEY_FILE = settings.ANCHOR_KEY_FILE.with_name("another")

    def change(files):
        CHANGES[kind](files)
        reseal(files, load_signer())

    rewrite(pack, change)

    assert run_script(pack).returncode == 1
    assert "FAILED  that key is one you gave" in run_script(pack, "--key", ours).stdout


def test_what_is_no_pack_is_said_to_be_none(tmp_path):
    path = tmp_path / "pack.zip"
    path.write_bytes(b"PK nothing")
    assert verify.main([str(path)]) == 2


def test_an_unpacked_folder_is_checked_too(pack, tmp_path):
    folder = tmp_path / "folder"
    with zipfile.ZipFile(pack) as packed:
        packed.extractall(folder)
    assert verify.main([str(folder)]) == 0


# --- the doors --------------------------------------------------------------------------------------------------------


def test_an_owner_downloads_a_day_and_that_is_recorded(traded, world, tmp_path):
    answer = api_client(make_key(world.alice)[1]).get(f"/api/v1/accounts/{traded.account.code}/days/{DAY}/dispute-pack")

    assert (answer.status_code, answer["Content-Type"]) == (200, "application/zip")
    path = tmp_path / "down.zip"
    path.write_bytes(b"".join(answer.streaming_content))
    assert verify.main([str(path)]) == 0
    assert AuditEntry.objects.filter(action="DISPUTE_PACK_MADE").count() == 1


@pytest.mark.parametrize("who, day, status", [("tom", DAY, 403), ("bob", DAY, 403), ("charlie", DAY, 404),
                                              ("alice", "1999-01-01", 404), ("alice", "yesterday", 404)])  # fmt: skip
def test_nobody_else_and_no_other_day(traded, world, who, day, status):
    client = browser(getattr(world, who))
    assert client.get(f"/api/v1/accounts/{traded.account.code}/days/{day}/dispute-pack").status_code == status


def test_a_day_too_large_for_a_download_is_refused_in_words(traded, monkeypatch, world):
    monkeypatch.setattr("apps.risk.dispute.pack.write_dispute_pack.__kwdefaults__", {"most_lines": 2})
    answer = browser(world.alice).get(f"/api/v1/accounts/{traded.account.code}/days/{DAY}/dispute-pack")

    assert (answer.status_code, answer.json()["code"]) == (422, "DAY_TOO_LARGE")


def test_the_command_writes_the_file_whole_or_not_at_all(traded, tmp_path):
    out = tmp_path / "evidence.zip"
    call_command("dispute_pack", traded.account.code, str(DAY), "--out", str(out))
    assert verify.main([str(out)]) == 0

    with pytest.raises(CommandError, match="no trading day"):
        call_command("dispute_pack", traded.account.code, "1999-01-01", "--out", str(tmp_path / "none.zip"))
    with pytest.raises(CommandError, match="no account"):
        call_command("dispute_pack", "nobody", str(DAY), "--out", str(tmp_path / "none.zip"))
    assert sorted(path.name for path in tmp_path.iterdir() if path.suffix != "") == ["evidence.zip"]


def test_the_account_page_offers_the_pack_to_its_owner_only(traded, world, tmp_path):
    path = f"/risk/{traded.account.code}"
    assert f"{path}/days/{DAY}/dispute-pack" in browser(world.alice).get(path).content.decode()
    assert "dispute-pack" not in browser(world.bob).get(path).content.decode()

    taken = browser(world.alice).get(f"{path}/days/{DAY}/dispute-pack")
    (tmp_path / "taken.zip").write_bytes(b"".join(taken.streaming_content))
    assert verify.main([str(tmp_path / "taken.zip")]) == 0
    assert browser(world.bob).get(f"{path}/days/{DAY}/dispute-pack").status_code == 403
    assert browser(world.charlie).get(f"{path}/days/{DAY}/dispute-pack").status_code == 404
