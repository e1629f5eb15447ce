"""Files on machines where somebody else may hold them, and text as editors leave it."""

from __future__ import annotations

import codecs
import logging
import os
import threading
from pathlib import Path

import pytest

from executor_agent.config import read_config
from executor_agent.ending import answer_window, list_ending_signals
from executor_agent.errors import ConfigError
from executor_agent.journal import Journal
from executor_agent.journal.files import replace_file
from executor_agent.logs import RollingFile, tail

CONFIG = """
[server]
url = "https://mikrobot.example"
api_key = "exe_1"
api_secret_file = "secret.txt"
executor_id = "exr_1"
[terminal]
login = 5000001
password = "p"
server = "Broker-Demo"
[agent]
data_dir = "data"
"""


class Held:
    """Windows' refusal to move a file that somebody holds, for as long as ``is_held``."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.is_held, self.refused, replace = False, 0, os.replace

        def refuse(source: str | Path, target: str | Path) -> None:
            if self.is_held:
                self.refused += 1
                raise PermissionError(
                    13, "The process cannot access the file because it is being used by another process"
                )
            replace(source, target)

        monkeypatch.setattr(os, "replace", refuse)


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Held:
    return Held(monkeypatch)


def test_a_log_that_somebody_holds_is_written_on_and_moved_later(tmp_path: Path, held: Held, monkeypatch) -> None:
    monkeypatch.setattr("executor_agent.logs._AGAIN_AFTER_BYTES", 200)
    path = tmp_path / "agent.log"
    handler = RollingFile(path, maxBytes=1000, backupCount=3, encoding="utf-8")

    def write(first: int, last: int) -> None:
        for number in range(first, last):
            handler.emit(logging.LogRecord("t", logging.INFO, "", 0, f"line {number:05}", None, None))

    write(0, 50)
    held.is_held = True
    write(50, 300)
    tries = held.refused
    held.is_held = False
    write(300, 400)
    handler.close()

    names = ["agent.log.3", "agent.log.2", "agent.log.1", "agent.log"]
    lines = [line for name in names if (tmp_path / name).exists() for line in (tmp_path / name).read_text().split("\n")]
    kept = [int(line.removeprefix("line ")) for line in lines if line]
    assert kept == list(range(kept[0], 400)), "no line lost, none twice"
    assert kept[0] <= 50
    assert 0 < tries < 20, "not with every line"
    assert path.stat().st_size <= 1000
    assert not (tmp_path / "agent.log.0").exists()


def test_who_reads_along_misses_nothing_while_the_log_is_away_for_a_moment(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("executor_agent.logs._LOOK_EVERY_S", 0.01)
    path = tmp_path / "agent.log"
    path.write_text("one\n")
    lines = tail(path, 1, follow=True)
    assert next(lines) == "one"

    path.rename(tmp_path / "agent.log.1")
    timer = threading.Timer(0.1, lambda: path.write_text("two\n"))
    timer.start()

    assert next(lines) == "two"
    timer.join()


def test_a_journal_that_somebody_holds_at_the_start_is_gone_on_with(tmp_path: Path, held: Held, monkeypatch) -> None:
    monkeypatch.setattr(replace_file, "__kwdefaults__", {"patience_s": 0.0})
    first = Journal(tmp_path)
    first.set_mark("day", "2026-01-14")
    first.close()

    held.is_held = True
    second = Journal(tmp_path)
    second.set_mark("fence", "7")
    second.close()
    third = Journal(tmp_path)

    assert (second.damage, third.damage) == (None, None)
    assert (third.read_mark("day"), third.read_mark("fence")) == ("2026-01-14", "7")
    third.close()


def test_a_damaged_journal_that_somebody_holds_is_not_traded_on(tmp_path: Path, held: Held, monkeypatch) -> None:
    monkeypatch.setattr(replace_file, "__kwdefaults__", {"patience_s": 0.0})
    first = Journal(tmp_path)
    first.set_mark("day", "2026-01-14")
    first.close()
    with (tmp_path / "journal.log").open("ab") as file:
        file.write(b"torn")

    held.is_held = True
    with pytest.raises(PermissionError):
        Journal(tmp_path)


def test_a_file_held_for_a_moment_is_waited_for(tmp_path: Path, held: Held) -> None:
    (tmp_path / "new").write_text("new")
    held.is_held = True
    timer = threading.Timer(0.1, lambda: setattr(held, "is_held", False))
    timer.start()

    replace_file(tmp_path / "new", tmp_path / "old", patience_s=60.0)

    assert (tmp_path / "old").read_text() == "new"
    timer.join()


@pytest.mark.parametrize(
    "encode",
    [lambda text: text.encode(), lambda text: codecs.BOM_UTF8 + text.encode(), lambda text: text.encode("utf-16")],
    ids=["utf-8", "notepad", "powershell"],
)
def test_configuration_and_secret_are_read_as_windows_editors_write_them(tmp_path: Path, encode) -> None:
    folder = tmp_path / "Konto ä 1"
    folder.mkdir()
    (folder / "agent.toml").write_bytes(encode(CONFIG.replace("\n", "\r\n")))
    (folder / "secret.txt").write_bytes(encode("gehä1m\r\n"))
    (folder / "secret.txt").chmod(0o600)

    config = read_config(folder / "agent.toml")

    assert config.server.api_secret == "gehä1m"
    assert config.data_dir == folder / "data"


def test_a_path_with_backslashes_is_refused_with_what_would_be_right(tmp_path: Path) -> None:
    (tmp_path / "agent.toml").write_text('[terminal]\npath = "C:\\MT5\\terminal64.exe"\n')

    with pytest.raises(ConfigError, match=r'write a path with slashes \("C:/MT5/terminal64.exe"\) or in single quotes'):
        read_config(tmp_path / "agent.toml")


def test_an_empty_secret_is_refused(tmp_path: Path) -> None:
    (tmp_path / "agent.toml").write_text(CONFIG)
    (tmp_path / "secret.txt").write_text("\n")
    (tmp_path / "secret.txt").chmod(0o600)

    with pytest.raises(ConfigError, match="api_secret_file is empty"):
        read_config(tmp_path / "agent.toml")


def test_a_window_that_closes_stops_the_agent_and_waits_until_it_has_ended() -> None:
    ended, stopped = threading.Event(), threading.Event()

    def stop() -> None:
        stopped.set()
        ended.set()

    assert [answer_window(event, stop, ended) for event in (0, 1)] == [False, False], (
        "Ctrl-C and Ctrl-Break are signals"
    )
    assert not stopped.is_set()
    assert answer_window(2, stop, ended) is True
    assert stopped.is_set()


def test_the_signals_that_end_the_agent_are_those_of_this_system() -> None:
    assert {"SIGINT", "SIGTERM"} <= {number.name for number in list_ending_signals()}
