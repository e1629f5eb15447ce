import contextlib
import json
import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from config.launch.data_dir import DataDir
from config.launch.errors import LaunchError, StopRequested
from config.launch.journal import LaunchJournal
from config.launch.processes import ProcessSpec, end_leftovers, note_of, write_note
from config.launch.supervisor import Supervised, Supervisor

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")

SLEEPER = "import time; time.sleep(60)"
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"


@pytest.fixture
def data(tmp_path):
    return DataDir.open(tmp_path)


@pytest.fixture
def supervisor(data):
    journal = LaunchJournal(data.log_of("launcher"))
    supervisor = Supervisor(data, journal)
    yield supervisor
    supervisor.stop_all([])
    journal.close()


def sleeper(name, data, program=SLEEPER, **options):
    return ProcessSpec(name, (sys.executable, "-c", program), cwd=data.root, **options)


def wait_for(condition, timeout_s=30.0):
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline_s, "it did not happen"
        time.sleep(0.01)


def is_alive(pid):
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False


def test_a_killed_process_is_started_again_while_others_go_on(supervisor, data):
    web = supervisor.start(sleeper("web", data)).pid
    relay = supervisor.start(sleeper("relay", data)).pid

    os.kill(web, signal.SIGKILL)
    wait_for(lambda: not is_alive(web))
    wait_for(lambda: supervisor.heal() or supervisor.pids().get("web", web) != web)

    assert supervisor.pids()["relay"] == relay


def test_what_a_killed_process_leaves_in_its_session_is_ended(supervisor, data):
    parent = f"import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', '{SLEEPER}']); time.sleep(60)"
    agent = supervisor.start(sleeper("agent", data, parent)).pid
    wait_for(lambda: psutil.Process(agent).children())
    adapter = psutil.Process(agent).children()[0].pid

    os.kill(agent, signal.SIGKILL)

    wait_for(lambda: supervisor.heal() or not is_alive(adapter))


def test_pauses_double_up_to_a_limit(data):
    class NeverStarted:
        pass

    wanted = Supervised(sleeper("web", data), NeverStarted())
    pauses = []
    for wanted.deaths in range(1, 12):
        pauses.append(wanted.pause_s())

    assert pauses[:4] == [0.2, 0.4, 0.8, 1.6]
    assert pauses[-1] == 15.0


def test_processes_end_group_after_group(supervisor, data):
    writes_when_told = (
        "import signal, sys, time, pathlib\n"
        "def end(*_):\n"
        "    with open('order', 'a') as f: f.write(sys.argv[1] + ' ')\n"
        "    sys.exit()\n"
        "signal.signal(signal.SIGTERM, end); pathlib.Path(sys.argv[1]).touch(); time.sleep(60)\n"
    )
    for name in ("postgres", "web", "agent"):
        supervisor.start(ProcessSpec(name, (sys.executable, "-c", writes_when_told, name), cwd=data.root))
        wait_for((data.root / name).exists)

    supervisor.stop_all([["agent"], ["web"], ["postgres"]])

    assert (data.root / "order").read_text().split() == ["agent", "web", "postgres"]


def test_a_process_that_does_not_want_to_end_is_killed_in_time(supervisor, data):
    child = supervisor.start(sleeper("web", data, STUBBORN, stop_timeout_s=0.3))
    wait_for(lambda: child.output.read_bytes() == b"up\n")

    started_s = time.monotonic()
    supervisor.stop_all([["web"]])

    assert not is_alive(child.pid)
    assert time.monotonic() - started_s < 5


def test_a_process_that_dies_at_the_start_is_reported_with_its_last_words(supervisor, data):
    child = supervisor.start(sleeper("web", data, "raise SystemExit('no such setting')"))

    with pytest.raises(LaunchError, match="no such setting"):
        supervisor.wait_until(lambda: False, of=child)


def test_a_stop_during_the_start_is_heard(supervisor, data):
    child = supervisor.start(sleeper("web", data))
    supervisor.request_stop()

    with pytest.raises(StopRequested):
        supervisor.wait_until(lambda: False, of=child)
    with pytest.raises(StopRequested):
        supervisor.start(sleeper("worker", data))


@pytest.fixture
def signals():
    """The handlers of this process, as in a terminal (not under `nohup`), put back afterwards."""
    kept = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    for number, handler in kept.items():
        signal.signal(number, handler)


def why_it_stopped(data):
    told = [json.loads(line) for line in data.log_of("launcher").read_text().splitlines()]
    return [line["why"] for line in told if line["event"] == "STOPPING"]


def test_the_journal_says_why_everything_ends(supervisor, data, signals):
    supervisor.listen_for_signals()
    signal.raise_signal(signal.SIGHUP)
    supervisor.request_stop("a later wish")
    supervisor.stop_all([])

    assert why_it_stopped(data) == ["SIGHUP"]


def test_a_launcher_under_nohup_outlives_its_terminal(supervisor, data, signals):
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    supervisor.listen_for_signals()
    signal.raise_signal(signal.SIGHUP)
    supervisor.request_stop("a wish")
    supervisor.stop_all([])

    assert why_it_stopped(data) == ["a wish"]


def test_what_a_killed_launcher_left_is_ended_at_the_next_start(data):
    left = subprocess.Popen([sys.executable, "-c", SLEEPER])
    write_note(note_of(data, "web"), left.pid)

    assert end_leftovers(data) == ["web"]
    assert left.wait(30) == -signal.SIGTERM
    assert not note_of(data, "web").exists()


def test_a_stranger_that_got_an_old_process_id_is_left_alone(data):
    stranger = subprocess.Popen([sys.executable, "-c", SLEEPER])
    try:
        note_of(data, "web").write_text(f'{{"pid": {stranger.pid}, "began": 1700000000.0}}')

        assert end_leftovers(data) == []
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent was killed")
def test_children_die_with_a_killed_launcher(data):
    launcher = subprocess.Popen(
        [sys.executable, "-c", LAUNCH, str(data.root)],
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    child = int(launcher.stdout.readline())
    wait_for(lambda: (data.root / "up").exists())  # behind the shim, not still in it
    assert is_alive(child)

    launcher.send_signal(signal.SIGKILL)
    launcher.communicate()

    wait_for(lambda: not is_alive(child))


LAUNCH = """
import sys, time
from pathlib import Path
from config.launch.data_dir import DataDir
from config.launch.journal import LaunchJournal
from config.launch.processes import ProcessSpec
from config.launch.supervisor import Supervisor
data = DataDir.open(Path(sys.argv[1]))
program = "import pathlib, time; pathlib.Path('up').touch(); time.sleep(60)"
spec = ProcessSpec("web", (sys.executable, "-c", program), cwd=data.root)
print(Supervisor(data, LaunchJournal(data.log_of("launcher"))).start(spec).pid, flush=True)
time.sleep(60)
"""
