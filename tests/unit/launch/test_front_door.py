"""go.py by itself: which commands it would run, without installing anything."""

import importlib.util
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


class Installers:
    """Stands for the programs that go.py calls; it remembers them and can be told to fail."""

    def __init__(self, door):
        self.door = door
        self.calls = []
        self.failing = ()

    def run(self, command, **_):
        words = " ".join(map(str, command))
        self.calls.append(words)
        if "-m venv" in words:
            self.door.PYTHON.parent.mkdir(parents=True, exist_ok=True)
            self.door.PYTHON.write_text("")
        fails = any(word in words for word in self.failing) or not self.door.PYTHON.exists()
        return subprocess.CompletedProcess(command, int(fails), stdout="", stderr="")

    def fail(self, *words):
        self.failing = words

    def made_environments(self):
        return sum("-m venv" in call for call in self.calls)

    def installed_by(self):
        return ["uv" if "uv pip" in call else "pip" for call in self.calls if "requirements.txt" in call]


@pytest.fixture
def door(tmp_path, monkeypatch):
    """Return go.py as a module whose checkout is a temporary folder."""
    spec = importlib.util.spec_from_file_location("go_under_test", ROOT / "go.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for name in ("requirements.txt", "requirements-dev.txt", "requirements-bootstrap.txt"):
        (tmp_path / name).write_text(f"{name} 1")
    venv = tmp_path / ".venv"
    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(module, "VENV", venv)
    monkeypatch.setattr(module, "PYTHON", venv / "bin" / "python")
    monkeypatch.setattr(module, "UV", venv / "bin" / "uv")
    monkeypatch.setattr(module, "STAMP", venv / ".mikrobot-ready")
    monkeypatch.setattr(module, "UNFINISHED", venv / ".mikrobot-installing")
    return module


@pytest.fixture
def installers(door, monkeypatch):
    installers = Installers(door)
    monkeypatch.setattr(door.subprocess, "run", installers.run)
    return installers


def test_a_warm_start_runs_nothing(door, installers):
    door.prepare(door.RUNTIME)
    installers.calls.clear()

    door.prepare(door.RUNTIME)

    assert installers.calls == []


def test_development_tools_come_only_when_asked_for_and_stay(door, installers):
    door.prepare(door.RUNTIME)
    assert not any("requirements-dev.txt" in call for call in installers.calls)

    door.prepare(door.DEVELOPMENT)
    assert any("requirements-dev.txt" in call for call in installers.calls)
    installers.calls.clear()

    door.prepare(door.RUNTIME)
    assert installers.calls == []


def test_a_changed_lock_is_installed_into_the_same_environment(door, installers):
    door.prepare(door.RUNTIME)
    (door.ROOT / "requirements.txt").write_text("requirements.txt 2")

    door.prepare(door.RUNTIME)

    assert installers.made_environments() == 1
    assert installers.installed_by() == ["uv", "uv"]


def test_pip_installs_where_uv_cannot_be_had(door, installers):
    installers.fail("requirements-bootstrap.txt")

    door.prepare(door.RUNTIME)

    assert installers.installed_by() == ["pip"]


def test_pip_installs_where_uv_does_not_manage(door, installers):
    installers.fail("uv pip")

    door.prepare(door.RUNTIME)

    assert installers.installed_by() == ["uv", "pip"]


def test_every_install_demands_the_locked_hashes(door, installers):
    installers.fail("uv pip")

    door.prepare(door.DEVELOPMENT)

    installs = [call for call in installers.calls if " install " in call]
    assert len(installs) == 3
    assert all("--require-hashes" in call for call in installs)


def test_an_interrupted_install_is_thrown_away_and_done_again(door, installers, monkeypatch):
    def interrupted(command, **options):
        if "uv pip" in " ".join(map(str, command)):
            (door.VENV / "half-a-package").mkdir()
            raise KeyboardInterrupt
        return installers.run(command, **options)

    monkeypatch.setattr(door.subprocess, "run", interrupted)
    with pytest.raises(KeyboardInterrupt):
        door.prepare(door.RUNTIME)
    monkeypatch.setattr(door.subprocess, "run", installers.run)

    door.prepare(door.RUNTIME)

    assert not (door.VENV / "half-a-package").exists()
    assert installers.made_environments() == 2
    assert door.STAMP.exists()


def test_an_install_that_fails_is_no_install(door, installers):
    installers.fail("requirements.txt")

    with pytest.raises(door.Unprepared, match="package index"):
        door.prepare(door.RUNTIME)

    assert not door.STAMP.exists()


def test_a_python_without_venv_is_told_what_to_install(door, installers, monkeypatch):
    monkeypatch.setattr(door.importlib.util, "find_spec", lambda name: None)

    with pytest.raises(door.Unprepared, match="apt install python3-venv"):
        door.prepare(door.RUNTIME)

    assert not door.VENV.exists()


@pytest.mark.parametrize("version", [(3, 10, 9), (3, 14, 0)])
def test_an_unsuitable_python_is_refused_in_one_sentence(door, monkeypatch, capsys, version):
    class Version(tuple):
        def split(self):
            return [".".join(map(str, self))]

    monkeypatch.setattr(door.sys, "version_info", version)
    monkeypatch.setattr(door.sys, "version", Version(version))

    assert door.main(["run"]) == 2
    assert "3.11, 3.12 or 3.13" in capsys.readouterr().err


def test_help_explains_every_verb(door, capsys):
    assert door.main(["-h"]) == 0

    said = capsys.readouterr().out
    assert all(f"  {verb}" in said for verb in ("run", "test", "check", "bench", "faults", "agent"))


def test_an_unknown_verb_is_refused_with_what_is_known(door, capsys):
    assert door.main(["trade"]) == 2
    assert "'trade'; known are run, test" in capsys.readouterr().err


def test_options_without_a_verb_belong_to_run(door, monkeypatch):
    became = []
    monkeypatch.setattr(door, "prepare", lambda requirements: None)
    monkeypatch.setattr(door, "become", became.append)

    door.main(["--port", "8123"])

    assert became == [[str(door.PYTHON), "-m", "config.launch", "run", "--port", "8123"]]
    assert Path(sys.executable) != door.PYTHON


@pytest.mark.skipif(sys.platform == "win32", reason="there it is a child")
def test_what_is_started_keeps_its_byte_code_whatever_the_image_says(door, monkeypatch):
    started = []
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setattr(door.os, "execve", lambda program, words, environment: started.append(environment))

    door.become(["python", "-m", "config.launch"])

    assert "PYTHONDONTWRITEBYTECODE" not in started[0]
    assert started[0]["PYTHONPATH"].startswith(str(door.ROOT))


@pytest.mark.skipif(sys.platform == "win32", reason="there the lock goes with the process")
def test_an_installer_that_outlives_a_killed_start_is_waited_for(door, tmp_path):
    killed = subprocess.Popen([sys.executable, "-c", INSTALL_AND_WAIT, str(ROOT / "go.py"), str(tmp_path)])
    deadline_s = time.monotonic() + 20
    while not (tmp_path / "installer").exists():
        assert time.monotonic() < deadline_s, "the installer did not start"
        time.sleep(0.02)
    killed.kill()
    killed.wait()

    with open(tmp_path / ".venv.lock", "a+b") as lock:
        assert not door.locked(lock.fileno())
        (tmp_path / "go-on").touch()
        while not door.locked(lock.fileno()):
            assert time.monotonic() < deadline_s, "the lock outlives the installer"
            time.sleep(0.02)


INSTALL_AND_WAIT = r"""
import importlib.util, pathlib, sys
spec = importlib.util.spec_from_file_location("door", sys.argv[1])
door = importlib.util.module_from_spec(spec); spec.loader.exec_module(door)
door.ROOT = pathlib.Path(sys.argv[2])
installer = (
    "import pathlib, sys, time; here = pathlib.Path(sys.argv[1]); (here / 'installer').touch()\n"
    "while not (here / 'go-on').exists(): time.sleep(0.02)"
)
with door.only_one_installer():
    door.succeeds([sys.executable, "-c", installer, sys.argv[2]])
"""
