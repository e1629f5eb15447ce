"""One-shots on the whole platform: a flattening proven by the broker's own ledger, and two real agents with one key."""

from __future__ import annotations

import gzip
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.journeys.running import ROOT, RULES_BUSY, Platform, wait_for
from tests.journeys.trading.test_kills import ledger_of, open_positions, pids_of

pytestmark = pytest.mark.journey

KEPT = ("PENDING", "LEASED", "ACKNOWLEDGED")


def ask(platform: Platform, kind: str, **payload: Any) -> dict[str, Any]:
    """Ask the one executor and return the command as it ended."""
    executor = platform.ready["executor_id"]
    command = platform.post(f"executors/{executor}/commands", {"kind": kind, "payload": payload})
    return wait_end(platform, command["id"])


def wait_end(platform: Platform, command: str) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        row = platform.get(f"commands/{command}")
        return None if row["state"] in KEPT else row

    return dict(wait_for(f"{command} to end", look))


def sign_in(platform: Platform) -> httpx.Client:
    """Return a person's browser: a halt is lifted by nobody else."""
    browser = httpx.Client(base_url=platform.ready["url"].rstrip("/"), follow_redirects=True, timeout=30)
    page = browser.get("/accounts/login/").text
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
    assert token is not None
    form = {"login": platform.ready["email"], "password": platform.ready["password"]}
    answer = browser.post(
        "/accounts/login/",
        data={**form, "csrfmiddlewaretoken": token[1]},
        headers={"Referer": f"{browser.base_url}/accounts/login/"},
    )
    assert answer.is_success, answer.text[:500]
    return browser


def lift(platform: Platform) -> None:
    browser = sign_in(platform)
    headers = {"X-CSRFToken": browser.cookies["csrftoken"], "Referer": str(browser.base_url)}
    body = {"password": platform.ready["password"]}
    answer = browser.post(f"/api/v1/accounts/{platform.ready['account_id']}/lift", json=body, headers=headers)
    assert answer.is_success, answer.text


def test_what_an_agent_is_asked_it_does_and_a_flat_account_stays_flat(platform: Platform) -> None:
    strategy = platform.create_strategy("Asked", RULES_BUSY)
    platform.post(f"strategies/{strategy}/activate", {"executors": ["all"]})
    platform.wait_observed(strategy, "RUNNING")
    wait_for("a trade", lambda: platform.trades(strategy))

    assert ask(platform, "SNAPSHOT")["state"] == "EXECUTED"
    facts = ask(platform, "PREFLIGHT")["result"]
    assert facts["login"] == platform.ready["simulator"]["login"]
    assert "EURUSD" in facts["symbols"]
    assert ask(platform, "PULL_HISTORY")["result"]["deals"] >= 1
    assert ask(platform, "UPGRADE", version="99.0.0")["result"]["code"] == "UNSUPPORTED"
    check_journal(platform, ask(platform, "SEND_JOURNAL"))

    wait_for("an open position", lambda: open_positions(platform, strategy) == 1)
    account = platform.ready["account_id"]
    flattening = platform.post(f"accounts/{account}/flatten", {"reason": "journey"})
    ended = [wait_end(platform, command["id"]) for command in flattening["commands"]]
    assert [(row["state"], "flat" in row["result"]["message"]) for row in ended] == [("EXECUTED", True)]
    assert ledger_of(platform)["positions"] == []
    platform.wait_observed(strategy, "PAUSED")
    assert platform.get(f"accounts/{account}/state")["trading_allowed"] is False

    lift(platform)
    assert [row["desired"] for row in platform.assignments(strategy)] == ["PAUSED"]
    assert ledger_of(platform)["positions"] == []
    platform.post(f"strategies/{strategy}/stop")
    platform.wait_observed(strategy, "STOPPED")
    steps = [
        step["name"]
        for step in platform.get(f"assignments/{platform.assignments(strategy)[0]['id']}/timeline")["results"][0][
            "steps"
        ]
    ]
    assert steps == ["ASKED", "PULLED", "ACKNOWLEDGED", "PROVEN"]


def check_journal(platform: Platform, command: dict[str, Any]) -> None:
    assert command["state"] == "EXECUTED", command
    executor = platform.ready["executor_id"]
    (file, *_) = platform.get(f"executors/{executor}/files")["results"]
    answer = platform.client.get(f"executors/{executor}/files/{file['id']}")
    rows = [json.loads(line)["row"] for line in gzip.decompress(answer.content).splitlines()]
    assert "assignment" in rows
    assert platform.ready["api_key"].encode() not in gzip.decompress(answer.content)


def config_of(platform: Platform) -> Path:
    (path,) = Path(platform.ready["data_dir"]).rglob("agent.toml")
    return path


@contextmanager
def cloned_agent(platform: Platform, folder: Path) -> Iterator[Path]:
    """A second agent process with the first one's configuration, as on a cloned disk."""
    folder.mkdir(parents=True)
    text = config_of(platform).read_text()
    text = re.sub(r'data_dir = ".*"', f'data_dir = "{folder / "data"}"', text)
    text = re.sub(r'log_file = ".*"', f'log_file = "{folder / "agent.log"}"', text)
    clone = config_of(platform).with_name("clone.toml")  # beside it, for the paths that are relative
    clone.write_text(text)
    words = [sys.executable, "-m", "executor_agent", "--config", str(clone)]
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'platform'}"}
    with (folder / "stderr").open("wb") as errors:
        process = subprocess.Popen(words, cwd=ROOT, env=environment, stderr=errors, start_new_session=True)
    try:
        yield folder / "agent.log"
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)
        clone.unlink()


def rival_of(platform: Platform) -> str:
    return str(platform.get(f"executors/{platform.ready['executor_id']}")["rival"].get("code", ""))


@pytest.mark.long
def test_of_two_agents_with_one_key_one_trades_and_the_other_takes_over_only_when_the_lease_is_over(
    platform: Platform, tmp_path: Path
) -> None:
    strategy = platform.create_strategy("Twins", RULES_BUSY)
    platform.post(f"strategies/{strategy}/activate", {"executors": ["all"]})
    platform.wait_observed(strategy, "RUNNING")
    first = pids_of(platform)["agent"]
    with cloned_agent(platform, tmp_path / "clone") as log:
        wait_for("the clone to be refused and told of", lambda: rival_of(platform) == "TWO_INSTANCES")
        before = len(platform.trades(strategy))
        wait_for("trading to go on", lambda: len(platform.trades(strategy)) > before)
        assert "TRADE_EXECUTED" not in log.read_text()
        assert '"lease": true' not in log.read_text()

        os.kill(first, signal.SIGSTOP)
        try:
            wait_for("the clone to be granted the account", lambda: '"lease": true' in log.read_text())
        finally:
            os.kill(first, signal.SIGCONT)
        wait_for("the first to be fenced", lambda: pids_of(platform)["agent"] == first and rival_of(platform))
        wait_for("the clone to trade", lambda: "TRADE_EXECUTED" in log.read_text())
        entries = [deal for deal in ledger_of(platform)["deals"] if deal["entry"] == 0 and deal["symbol"]]
        tags = [deal["comment"] for deal in entries]
        assert len(tags) == len(set(tags)), "an approval was used twice"
        platform.post(f"strategies/{strategy}/stop")
        platform.wait_observed(strategy, "STOPPED")
