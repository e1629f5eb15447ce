"""`platform/` is a source root: it must never hide the standard library's `platform`."""

import os
import platform
import subprocess
import sys
import sysconfig
import urllib.request
from pathlib import Path

import pytest

from config.launch.data_dir import free_port
from config.launch.supervisor import source_roots

ROOT = Path(__file__).resolve().parents[2]
STANDARD_LIBRARY = Path(sysconfig.get_path("stdlib")) / "platform.py"
ENVIRONMENT = os.environ | {"PYTHONPATH": source_roots(ROOT)}

ANSWER = "import platform; print('platform is', platform.__file__, platform.system())"


@pytest.fixture
def probe(tmp_path):
    """Return an environment in which programs can load a module `probe` from a folder that comes last."""

    def with_module(source):
        (tmp_path / "probe.py").write_text(source)
        return ENVIRONMENT | {"PYTHONPATH": os.pathsep.join([source_roots(ROOT), str(tmp_path)])}

    return with_module


def is_the_standard_one(said):
    return f"platform is {STANDARD_LIBRARY} {platform.system()}" in said


def test_there_is_no_package_marker():
    assert not (ROOT / "platform" / "__init__.py").exists()


def test_under_pytest():
    assert Path(platform.__file__) == STANDARD_LIBRARY
    assert platform.system()


def test_under_manage_py():
    done = subprocess.run(
        [sys.executable, "manage.py", "shell", "--no-imports", "-c", ANSWER],
        cwd=ROOT,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert is_the_standard_one(done.stdout), done.stderr


def test_under_daphne(probe):
    environment = probe(
        "import platform\n"
        "async def application(scope, receive, send):\n"
        "    said = f'platform is {platform.__file__} {platform.system()}'.encode()\n"
        "    await send({'type': 'http.response.start', 'status': 200, 'headers': []})\n"
        "    await send({'type': 'http.response.body', 'body': said})\n"
    )
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, "-m", "daphne", "-b", "127.0.0.1", "-p", str(port), "probe:application"],
        cwd=ROOT,
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        for line in server.stderr:
            if "Listening on TCP" in line:
                break
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10) as answer:
            assert is_the_standard_one(answer.read().decode())
    finally:
        server.terminate()
        server.communicate(timeout=20)


def test_under_celery(probe):
    environment = probe(
        "import os, platform, signal\n"
        "from celery import Celery\n"
        "from celery.signals import worker_ready\n"
        "app = Celery('probe', broker='memory://')\n"
        "@worker_ready.connect\n"
        "def say(**_):\n"
        "    os.write(1, f'platform is {platform.__file__} {platform.system()}'.encode())\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "celery", "-A", "probe", "worker", "-P", "solo", "--without-mingle"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert is_the_standard_one(done.stdout), done.stdout + done.stderr


def test_a_marker_would_be_noticed(tmp_path):
    (tmp_path / "platform").mkdir()
    (tmp_path / "platform" / "__init__.py").touch()

    done = subprocess.run(
        [sys.executable, "-c", ANSWER],
        env=ENVIRONMENT | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert not is_the_standard_one(done.stdout)
