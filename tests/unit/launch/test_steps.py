import sys

from config.launch.steps import Step, run_lanes, run_steps


def says(name, program):
    return Step(name, (sys.executable, "-c", program))


def test_steps_go_on_after_a_failure_and_the_failed_are_named(capfd):
    failed = run_steps([says("first", "raise SystemExit(3)"), says("second", "print('here')")])

    assert failed == ["first"]
    told = capfd.readouterr().out
    assert "FAILED (3)" in told
    assert "here" in told


def test_lanes_run_at_the_same_time_and_mark_their_lines(tmp_path, capfd):
    """Each waits for the other's file: one after the other they would never end."""
    meet = (
        "import pathlib, sys, time\n"
        "here, there = map(pathlib.Path, sys.argv[1:])\n"
        "here.touch()\n"
        "while not there.exists(): time.sleep(0.01)\n"
        "print('met'); print('in words', file=sys.stderr)"
    )
    left, right = str(tmp_path / "left"), str(tmp_path / "right")

    failed = run_lanes(
        {
            "one": [Step("a", (sys.executable, "-c", meet, left, right)), says("b", "raise SystemExit(1)")],
            "other": [Step("c", (sys.executable, "-c", meet, right, left)), Step("d", ("no-such-tool",))],
        }
    )

    assert failed == ["b", "d"]
    lines = [line.split() for line in capfd.readouterr().out.splitlines()]
    assert {("one", "met"), ("other", "met")} <= {(line[0], line[-1]) for line in lines}
    assert sum(line[1:] == ["|", "in", "words"] for line in lines) == 2


def test_a_process_left_behind_does_not_hold_the_lane_up():
    leave = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(10)'])"

    assert run_lanes({"lane": [says("leaver", leave)]}) == []
