"""The rules of the house that a tool can keep."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
OURS = ("apps", "executor_agent", "simulator", "platform", "cli", "sdk", "tests")
LONGEST_FILE = 400
# One long commented function is allowed there, by design.
KERNEL = {"platform/trading/engine/kernel.py"}


def sources():
    files = [path for folder in OURS for path in (ROOT / folder).rglob("*.py")]
    return sorted(path for path in files if "migrations" not in path.parts)


def imported_names(path):
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield node.module


def test_the_import_contracts_hold():
    done = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command as run; run()"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )

    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]


def test_only_the_terminal_adapter_imports_metatrader5():
    importers = {
        path.relative_to(ROOT).as_posix()
        for path in sources()
        if any(name.split(".")[0] == "MetaTrader5" for name in imported_names(path))
    }

    allowed = {path for path in importers if path.startswith(("executor_agent/terminal/", "tests/contracts/terminal/"))}
    assert importers == allowed


@pytest.mark.parametrize("path", [path.relative_to(ROOT).as_posix() for path in sources()])
def test_no_file_is_too_long_to_read(path):
    lines = len((ROOT / path).read_text("utf-8").splitlines())

    assert lines <= LONGEST_FILE or path in KERNEL, f"{path} has {lines} lines"


def test_beside_the_terminal_no_moment_is_converted_by_the_system():
    # Windows converts none before 1970, nor a zero of the broker's clock; `trading.model.moments` does.
    files = [path for folder in ("executor_agent", "simulator") for path in (ROOT / folder).rglob("*.py")]

    assert [path.name for path in files if ".fromtimestamp(" in path.read_text("utf-8")] == []


def test_front_door_keeps_to_the_standard_library():
    modules = {name.split(".")[0] for name in imported_names(ROOT / "go.py")}

    assert modules <= sys.stdlib_module_names


def test_the_web_process_refuses_to_serve_with_the_built_in_key():
    pytest.importorskip("django")
    bare = {name: value for name, value in os.environ.items() if not name.startswith("API_SECRET_KEY")}
    done = subprocess.run(
        [sys.executable, "-c", "import config.asgi"], cwd=ROOT, env=bare, capture_output=True, text=True, timeout=60
    )

    assert done.returncode != 0
    assert "API_SECRET_KEY must be set to serve" in done.stderr


def test_the_web_process_never_loads_numba():
    pytest.importorskip("django")
    program = (
        "import os, sys; os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'config.settings');"
        "import config.asgi; print('numba' in sys.modules, 'numpy' in sys.modules)"
    )
    environment = os.environ | {"API_SECRET_KEY": "only-for-this-test-" + "0" * 40}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60
    )

    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.split()[0] == "False"


def test_a_process_that_serves_nobody_loads_nothing_to_serve_with():
    """Workers, beat and relay are half of what starts, and start again after a fault."""
    heavy = (
        "rest_framework.serializers",
        "drf_spectacular.plumbing",
        "requests",
        "pyarrow",
        "numba",
        "apps.dashboard.views",
    )
    program = (
        "import os, sys; os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'config.settings');"
        "import django; django.setup(); from config.celery import app; app.loader.import_default_modules();"
        f"print(sorted({{*{heavy}}} & {{*sys.modules}}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env=os.environ | {"CELERY_SKIP_CHECKS": "true"},
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.strip() == "[]"


def test_nobody_waits_with_wait_for():
    """Until Python 3.12 it swallows a cancellation that comes in the moment of the answer; `asyncio.timeout` does not."""
    waits = {
        path.relative_to(ROOT).as_posix()
        for path in sources()
        if not path.is_relative_to(ROOT / "tests") and "asyncio.wait_for(" in path.read_text("utf-8")
    }

    assert waits == set()
