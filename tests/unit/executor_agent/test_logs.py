"""What is written for people holds no secret, whatever goes wrong."""

import json
import logging
import os
import subprocess
import sys

from executor_agent.logs import configure_logs, get_log, tail


def test_no_secret_in_a_line_and_no_local_variable_in_a_traceback(tmp_path):
    path = tmp_path / "agent.log"
    configure_logs(path)

    def fail(local_secret: str) -> None:
        raise ValueError("broken")

    try:
        fail("hunter2-in-a-local")
    except ValueError:
        get_log().exception("STEP_FAILED", api_secret="hunter2", password="hunter2", part="feed")
    logging.getLogger("executor_agent").handlers[-1].flush()

    line = json.loads(path.read_text())
    assert (line["event"], line["part"], line["api_secret"]) == ("STEP_FAILED", "feed", "(hidden)")
    assert "broken" in path.read_text()
    assert "hunter2" not in path.read_text()


def test_the_last_lines_of_a_log_are_shown_and_what_follows_also_after_a_rotation(tmp_path):
    path = tmp_path / "agent.log"
    path.write_text("".join(f"line {number}\n" for number in range(500)), "utf-8")

    lines = tail(path, 2, follow=True)
    heard = [next(lines), next(lines)]
    with path.open("a", encoding="utf-8") as file:
        file.write("later\n")
    heard.append(next(lines))
    path.write_text("new\n", "utf-8")
    heard.append(next(lines))

    assert heard == ["line 498", "line 499", "later", "new"]


def test_a_log_that_is_not_there_has_no_lines(tmp_path):
    assert list(tail(tmp_path / "agent.log", 10)) == []


def test_a_line_outside_the_consoles_letters_is_shown_all_the_same(tmp_path):
    (tmp_path / "agent.log").write_text('{"event": "≤ 1 → ok"}\nlast\n', "utf-8")
    (tmp_path / "agent.toml").write_text(
        '[server]\nurl="https://m.example"\napi_key="k"\napi_secret="s"\nexecutor_id="e"\n'
        '[terminal]\nlogin=1\npassword="p"\nserver="s"\n[agent]\ndata_dir="d"\nlog_file="agent.log"\n',
        "utf-8",
    )

    shown = subprocess.run(
        [sys.executable, "-m", "executor_agent", "logs", "--config", str(tmp_path / "agent.toml")],
        env={**os.environ, "PYTHONIOENCODING": "cp1252"},
        capture_output=True,
        timeout=60,
    )

    assert (shown.returncode, shown.stdout.split()[-1]) == (0, b"last"), shown.stderr
    assert b"\\u2264 1 \\u2192 ok" in shown.stdout
