"""The agent's wheel: it holds the agent and the core, nothing of the server, and runs by itself."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from executor_agent import AGENT_VERSION

ROOT = Path(__file__).resolve().parents[3]
# Imports everything in the folder given, with the server's libraries out of reach.
PROGRAM = """
import importlib, pkgutil, sys
class NotHere:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"django", "rest_framework", "channels", "celery", "redis", "psycopg", "apps", "config"}:
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, NotHere())
sys.path.insert(0, sys.argv[1])
import executor, executor_agent.__main__ as program
assert program.__file__.startswith(sys.argv[1]), program.__file__
for package in ("executor_agent", "trading.engine", "trading.rules", "trading.strategies", "trading.protocol"):
    for module in pkgutil.walk_packages(importlib.import_module(package).__path__, package + "."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
sys.exit(program.main(sys.argv[2:]))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT / "deploy" / "agent",
        check=True,
        capture_output=True,
        timeout=120,
    )
    (built,) = folder.glob("*.whl")
    return built


def test_it_holds_the_agent_and_the_core_and_nothing_of_the_server(wheel):
    names = zipfile.ZipFile(wheel).namelist()

    tops = {name.split("/")[0] for name in names}
    assert tops == {"executor.py", "executor_agent", "trading", f"mikrobot_agent-{AGENT_VERSION}.dist-info"}
    assert not [name for name in names if "__pycache__" in name or name.endswith((".toml", ".log"))]


def test_it_names_its_command_and_what_it_needs(wheel):
    inside = zipfile.ZipFile(wheel)
    about = f"mikrobot_agent-{AGENT_VERSION}.dist-info"

    assert "mikrobot-agent = executor_agent.__main__:main" in inside.read(f"{about}/entry_points.txt").decode()
    needs = inside.read(f"{about}/METADATA").decode()
    assert "Requires-Dist: metatrader5; sys_platform == 'win32'" in needs.replace("MetaTrader5", "metatrader5")
    assert "django" not in needs.lower()


def test_unpacked_alone_it_loads_without_the_server_and_answers(wheel, tmp_path):
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    (tmp_path / "agent.toml").write_text("[server]\n", "utf-8")
    environment = {
        name: text for name, text in os.environ.items() if name not in {"PYTHONPATH", "DJANGO_SETTINGS_MODULE"}
    }

    done = subprocess.run(
        [
            sys.executable,
            "-P",
            "-c",
            PROGRAM,
            str(tmp_path / "site"),
            "check",
            "--config",
            str(tmp_path / "agent.toml"),
        ],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=180,
    )

    assert done.returncode == 2, done.stderr[-2000:]
    assert "is missing" in done.stderr
