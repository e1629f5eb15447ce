"""The front door with real processes: it starts, heals, stops, recovers, and leaves nothing behind."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import psutil
import pytest

from tests.journeys.running import ROOT, Platform, free_port, running, start, wait_for

pytestmark = [pytest.mark.journey, pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")]

EVERY_PROCESS = {"postgres", "valkey", "web", "worker", "compute", "beat", "relay", "simulator", "agent"}


def pids_now(data_dir: Path) -> dict[str, int]:
    return dict(json.loads((data_dir / "run" / "pids.json").read_text()))


def runs(pid: int) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False


def family_of(platform: Platform) -> set[psutil.Process]:
    """Everything the launcher has started, grandchildren too."""
    return set(psutil.Process(platform.process.pid).children(recursive=True))


def first_page(platform: Platform) -> int:
    return httpx.get(platform.ready["url"] + "/", follow_redirects=True, timeout=5).status_code


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory) -> Path:
    """One data directory; these journeys tell its life in order, as every start costs some seconds."""
    return tmp_path_factory.mktemp("launcher") / "data"


@pytest.fixture(scope="module")
def first_life(data_dir):
    """The first start in an empty data directory, and everything it has started. The next life kills it."""
    platform = start(data_dir, "--port", str(free_port()))
    yield platform, family_of(platform)
    platform.client.close()
    platform.process.kill()


@pytest.fixture(scope="module")
def second_life(data_dir, first_life):
    """The next start after `kill -9`, while another program has taken the port of the database."""
    platform, family = first_life
    platform.process.kill()
    assert platform.process.wait(30) == -signal.SIGKILL
    if sys.platform == "linux":
        wait_for("the children to end", lambda: not [p for p in family if runs(p.pid)], every_s=0.05)
    port = json.loads((data_dir / "ports.json").read_text())["postgres"]
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", port))
        other.listen()
        healed = start(data_dir, "--port", str(free_port()))
    yield healed, port
    healed.client.close()
    healed.process.kill()
    healed.process.wait(30)


def test_it_serves_what_it_says_and_keeps_its_secrets(data_dir, first_life):
    platform, family = first_life
    assert first_page(platform) == 200
    assert platform.get(f"executors/{platform.ready['executor_id']}")["state"] == "ONLINE"
    assert set(platform.ready["pids"]) == EVERY_PROCESS
    assert {pid for pid in platform.ready["pids"].values() if not runs(pid)} == set()
    assert files_open_to_others(data_dir) == []
    assert secrets_on_command_lines(data_dir, platform, family) == []


def files_open_to_others(data_dir: Path) -> list[Path]:
    kept = [path for path in data_dir.rglob("*") if path.is_file() and "postgres" not in path.parts]
    return [path for path in kept if path.suffix in {".json", ".toml", ".conf"} and path.stat().st_mode & 0o077]


def secrets_on_command_lines(data_dir: Path, platform: Platform, family: set[psutil.Process]) -> list[str]:
    words = " ".join(word for process in family for word in process.cmdline())
    secrets = json.loads((data_dir / "secrets.json").read_text()) | {"password": platform.ready["password"]}
    return [name for name, secret in secrets.items() if secret in words]


def test_after_a_kill_children_die_by_themselves_and_the_next_start_heals(data_dir, first_life, second_life):
    """The next start also finds a port taken meanwhile, and gives out the same credentials."""
    (platform, family), (healed, taken) = first_life, second_life

    assert first_page(healed) == 200
    same = ("email", "password", "api_key", "account_id", "executor_id")
    assert {name: healed.ready[name] for name in same} == {name: platform.ready[name] for name in same}
    assert [process for process in family if runs(process.pid)] == []
    assert json.loads((data_dir / "ports.json").read_text())["postgres"] != taken


def test_two_platforms_live_side_by_side_and_heal_each_for_itself(data_dir, second_life, tmp_path):
    one, _ = second_life
    with running(tmp_path / "other", "--no-demo", "--port", str(free_port())) as other:
        assert first_page(one) == first_page(other) == 200
        foreign = {"Authorization": f"Bearer {one.ready['api_key']}"}
        assert httpx.get(f"{other.ready['url']}/api/v1/accounts", headers=foreign).status_code in {401, 403}

        third = front_door("--data-dir", str(data_dir), "--port", str(free_port()))
        assert third.returncode == 1
        assert "in use by another run" in third.stderr

        untouched = pids_now(tmp_path / "other")
        check_every_process_is_healed(one, data_dir)
        assert pids_now(tmp_path / "other") == untouched


def test_it_ends_in_order_says_why_and_leaves_no_process(data_dir, second_life):
    platform, _ = second_life
    family = family_of(platform)

    platform.process.send_signal(signal.SIGTERM)

    assert platform.process.wait(60) == 0
    assert [process for process in family if runs(process.pid)] == []
    told = [json.loads(line) for line in (data_dir / "logs" / "launcher.log").read_text().splitlines()]
    assert [line["why"] for line in told if line["event"] == "STOPPING"] == ["SIGTERM"]


def check_every_process_is_healed(platform: Platform, data_dir: Path) -> None:
    for victim in sorted(EVERY_PROCESS):
        before = pids_now(data_dir)

        os.kill(before[victim], signal.SIGKILL)

        wait_for(f"{victim} to come back", lambda v=victim, b=before: is_back(data_dir, v, b[v]), every_s=0.05)
        wait_for(f"pages after {victim}", lambda: first_page(platform) == 200, every_s=0.05)
        # A process may choose to end when its database or queue goes; it is started again like any other.
        may_end = {"relay", "beat", "worker", "compute", "web"} if victim in {"postgres", "valkey"} else set()
        same = {name for name, pid in pids_now(data_dir).items() if pid == before[name]}
        assert same >= EVERY_PROCESS - may_end - {victim}
    door = f"executors/{platform.ready['executor_id']}"
    wait_for("the agent to be online", lambda: platform.get(door)["state"] == "ONLINE")


def is_back(data_dir: Path, victim: str, old: int) -> bool:
    new = pids_now(data_dir)[victim]
    return new != old and runs(new)


def test_a_taken_web_port_is_refused_before_anything_starts(tmp_path):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        refused = front_door("--data-dir", str(tmp_path / "data"), "--port", str(other.getsockname()[1]))

    assert refused.returncode == 1
    assert "choose one with --port" in refused.stderr
    assert not (tmp_path / "data" / "postgres").exists()


def test_workers_inside_the_web_process_serve_where_there_is_no_queue(tmp_path):
    environment = {"REDIS_URL": "memory://"}
    process = subprocess.Popen(
        [
            sys.executable,
            str(ROOT / "go.py"),
            "--json",
            "--data-dir",
            str(tmp_path / "data"),
            "--port",
            str(free_port()),
        ],
        stdout=subprocess.PIPE,
        text=True,
        env={name: value for name, value in os.environ.items() if name != "DATABASE_URL"} | environment,
        cwd=ROOT,
    )
    try:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        assert set(ready["pids"]) == {"postgres", "web", "simulator", "agent"}
        assert httpx.get(ready["url"] + "/", follow_redirects=True, timeout=5).status_code == 200
        log = tmp_path / "data" / "logs" / "web.log"
        wait_for("the schedule to send and the worker to do a task", lambda: "mark_silent" in done_tasks(log))
        assert "RELAY_STARTED" in log.read_text()
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def done_tasks(log: Path) -> str:
    return " ".join(line for line in log.read_text().splitlines() if "succeeded" in line)


def front_door(*options: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "REDIS_URL"}}
    return subprocess.run(
        [sys.executable, str(ROOT / "go.py"), "run", "--json", *options],
        capture_output=True,
        text=True,
        timeout=120,
        env=environment,
        cwd=ROOT,
    )
