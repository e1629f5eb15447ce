"""`deploy/process` starts each process for production, here on the embedded services."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys

import httpx
import pytest

from config.launch.testing import embedded_services
from tests.journeys.running import ROOT, free_port, wait_for

pytestmark = [pytest.mark.journey, pytest.mark.skipif(sys.platform == "win32", reason="a shell script")]

# What each says in its log when it works; the web process is asked for a page instead.
SIGNS = {"worker": "ready", "compute": "ready", "beat": "beat: Starting", "relay": "RELAY_"}


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """A production-like environment with its tables made by `deploy/process migrate`."""
    with embedded_services() as services:
        given = os.environ | services
        given |= {
            "MIKROBOT_PYTHON": sys.executable,
            "MIKROBOT_DATA_DIR": str(tmp_path_factory.mktemp("deploy")),
            "API_SECRET_KEY": secrets.token_urlsafe(48),
            "KEY_PEPPER": secrets.token_urlsafe(48),
        }
        migrated = process("migrate", given)
        said, _ = migrated.communicate(timeout=240)
        assert migrated.returncode == 0, said
        yield given


def process(name, environment, **options):
    """Start one process of production; what it says goes to a pipe, or to the file given as `stdout`."""
    return subprocess.Popen(
        [str(ROOT / "deploy" / "process"), name],
        env=environment,
        stderr=subprocess.STDOUT,
        text=True,
        cwd="/",
        **({"stdout": subprocess.PIPE} | options),
    )


def test_every_process_works_beside_the_others_and_ends_when_told(environment, tmp_path):
    port = free_port()
    running = {}
    try:
        for name in (*SIGNS, "web"):
            with (tmp_path / name).open("w") as said:
                running[name] = process(name, environment | {"RISKMIND_PORT": str(port)}, stdout=said)
        for name, sign in SIGNS.items():
            wait_for(f"{name} to say {sign!r}", lambda n=name, s=sign: s in (tmp_path / n).read_text())
        door = f"http://127.0.0.1:{port}/healthz"
        wait_for("the web process", lambda: httpx.get(door).status_code == 200)
        assert {name: child.poll() for name, child in running.items()} == dict.fromkeys(running)
    finally:
        for child in running.values():
            child.send_signal(signal.SIGTERM)
        for child in running.values():
            child.wait(60)


@pytest.mark.parametrize("missing", ["DATABASE_URL", "REDIS_URL", "API_SECRET_KEY", "KEY_PEPPER"])
def test_without_an_own_database_or_secret_nothing_starts(environment, missing):
    bare = {name: value for name, value in environment.items() if name != missing}

    refused = process("web", bare)
    said, _ = refused.communicate(timeout=120)

    assert refused.returncode == 2
    assert f"{missing} or {missing}_FILE must be set" in said


def test_every_process_of_the_procfile_exists():
    lines = (ROOT / "deploy" / "Procfile").read_text().splitlines()
    script = (ROOT / "deploy" / "process").read_text()

    for command in (line.split(": ", 1)[1] for line in lines):
        program, name = command.split()
        assert (ROOT / program).exists()
        assert f"\n    {name})" in script
