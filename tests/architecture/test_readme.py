"""The commands that people are told to type exist."""

import importlib.util
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs" / "guides").glob("*.md"))]


def front_door_verbs():
    spec = importlib.util.spec_from_file_location("go_door", ROOT / "go.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.VERBS


def told_commands(start):
    for page in PAGES:
        for block in re.findall(r"^```[a-z]*\n(.*?)^```", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL):
            for line in block.splitlines():
                # Other programs' commands may go on over several lines, which no single line can be split by.
                words = shlex.split(line, comments=True) if line.strip().startswith(start[0]) else []
                if words[: len(start)] == start:
                    yield pytest.param(words[len(start) :], id=f"{page.name}: {line.strip()[:60]}")


def known_options(verb):
    done = subprocess.run(
        [sys.executable, "-m", "config.launch", verb, "-h"], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    return set(re.findall(r"--[a-z-]+", done.stdout))


@pytest.mark.parametrize("words", [*told_commands(["python3", "go.py"])])
def test_commands_of_the_front_door_exist(words):
    verbs = front_door_verbs()
    verb = words[0] if words and not words[0].startswith("-") else "run"

    assert verb in verbs
    if verb == "run":
        options = {word for word in words if word.startswith("--")}
        assert options <= known_options("run")


@pytest.mark.parametrize("words", [*told_commands(["python", "manage.py"]), *told_commands(["python3", "manage.py"])])
def test_management_commands_exist(words):
    from django.core.management import get_commands

    assert words[0] in get_commands()


def test_the_readme_tells_the_two_commands():
    told = [tuple(parameter.values[0]) for parameter in told_commands(["python3", "go.py"])]

    assert told[:2] == [(), ("test",)]
