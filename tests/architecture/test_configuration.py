"""The table of variables, `.env.example` and the code that reads them say the same."""

import ast
import os
import re
from pathlib import Path

import pytest

from config.env import ConfigurationError
from config.launch.dotenv import family_of, load_dotenv, parse

ROOT = Path(__file__).resolve().parents[2]
READERS = {"env_text", "env_bool", "env_int", "env_list", "env_secret"}


def read_names():
    """Return every variable that is read through `config.env`, and what kind of reader reads it."""
    found = {}
    for path in [*ROOT.glob("platform/config/**/*.py"), *ROOT.glob("apps/**/*.py")]:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in READERS:
                if path.name == "env.py":
                    continue
                found.setdefault(variable(node.args[0]), set()).add(node.func.id)
    return found


def variable(name):
    """Return a literal name; `f"KEY_PEPPER_{n}"` stands for a numbered family, written KEY_PEPPER_N."""
    if isinstance(name, ast.JoinedStr):
        return "".join(part.value if isinstance(part, ast.Constant) else "N" for part in name.values)
    assert isinstance(name, ast.Constant), f"line {name.lineno} must name its variable literally"
    return name.value


def table_rows():
    text = (ROOT / "docs/guides/configuration.md").read_text("utf-8").split("\n## ")[0]
    return dict(re.findall(r"^\| `([A-Z_]+)`(\*?) \|", text, flags=re.MULTILINE))


def test_the_table_lists_exactly_what_is_read():
    assert set(table_rows()) == set(read_names())


def test_the_example_lists_exactly_what_is_read():
    listed = {family_of(name) for name in parse(ROOT / ".env.example", commented=True)}

    assert listed == set(read_names())


def test_the_table_marks_exactly_the_secrets():
    secrets = {name for name, readers in read_names().items() if "env_secret" in readers}

    assert {name for name, mark in table_rows().items() if mark} == secrets


def test_the_environment_wins_over_the_file(tmp_path, monkeypatch):
    (tmp_path / ".env.example").write_text("#LOG_LEVEL=INFO\n#API_SECRET_KEY=\n#KEY_PEPPER_2=\n")
    (tmp_path / ".env").write_text("# mine\nLOG_LEVEL=DEBUG\nexport API_SECRET_KEY='a # b'\nKEY_PEPPER_3=c # d\n")
    monkeypatch.setenv("KEY_PEPPER_3", "")
    monkeypatch.delenv("KEY_PEPPER_3")
    monkeypatch.setenv("LOG_LEVEL", "ERROR")
    monkeypatch.setenv("API_SECRET_KEY", "")
    monkeypatch.delenv("API_SECRET_KEY")

    load_dotenv(tmp_path)

    assert (os.environ["LOG_LEVEL"], os.environ["API_SECRET_KEY"]) == ("ERROR", "a # b")
    assert os.environ["KEY_PEPPER_3"] == "c"


@pytest.mark.parametrize(("line", "problem"), [("DATABSE_URL=x", "DATABSE_URL is unknown"), ("nonsense", "line 1")])
def test_a_line_that_says_nothing_known_stops_the_start(tmp_path, line, problem):
    (tmp_path / ".env.example").write_text("#DATABASE_URL=\n")
    (tmp_path / ".env").write_text(line)

    with pytest.raises(ConfigurationError, match=problem):
        load_dotenv(tmp_path)
