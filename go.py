#!/usr/bin/env python3
"""
The one front door of Mikrobot. Needs Python 3.11 to 3.13 and a package index, nothing else.

    python3 go.py            start everything and show where to sign in (Windows: py go.py)
    python3 go.py test       everything that CI runs
    python3 go.py -h         all verbs

This file only prepares `.venv` from the hash-locked requirements and hands over to `config.launch` inside it,
so it must keep to the standard library.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
WINDOWS = os.name == "nt"
BIN = VENV / ("Scripts" if WINDOWS else "bin")
PYTHON = BIN / ("python.exe" if WINDOWS else "python")
UV = BIN / ("uv.exe" if WINDOWS else "uv")
STAMP = VENV / ".mikrobot-ready"
UNFINISHED = VENV / ".mikrobot-installing"
RUNTIME = ("requirements.txt",)
DEVELOPMENT = ("requirements.txt", "requirements-dev.txt")
OLDEST, NEWEST = (3, 11), (3, 13)

VERBS = {
    "run": (RUNTIME, "start the platform: database, queue, web, workers, simulator and agent (the default verb)"),
    "test": (DEVELOPMENT, "everything that CI runs: the checks, then all tests on embedded services"),
    "check": (DEVELOPMENT, "format, lint, types, import contracts, migrations, deployment settings"),
    "bench": (DEVELOPMENT, "measure speed with the programs under tests/bench and print the figures"),
    "faults": (DEVELOPMENT, "kill, freeze and trick a running platform: kills, broker faults, frozen processes"),
    "agent": (RUNTIME, "run an executor agent beside a terminal: go.py agent --config agent.toml"),
}


def main(argv: list[str]) -> int:
    """Prepare the environment of the verb, then become the program behind it."""
    verb = argv[0] if argv and not argv[0].startswith("-") else "run"
    if argv[:1] in (["-h"], ["--help"]):
        print(usage())
        return 0
    if verb not in VERBS:
        print(f"go.py: unknown verb {verb!r}; known are {', '.join(VERBS)}\n\n{usage()}", file=sys.stderr)
        return 2
    if not OLDEST <= sys.version_info[:2] <= NEWEST:
        print(f"go.py needs Python 3.11, 3.12 or 3.13; this is {sys.version.split()[0]}.", file=sys.stderr)
        return 2
    rest = argv[1:] if argv[:1] == [verb] else argv
    try:
        with only_one_installer():
            prepare(VERBS[verb][0])
    except Unprepared as problem:
        print(f"go.py: {problem}", file=sys.stderr)
        return 1
    return become([str(PYTHON), "-m", *program(verb), *rest])


def usage() -> str:
    """Say what each verb does."""
    lines = [f"  {verb:<8}{meaning}" for verb, (_, meaning) in VERBS.items()]
    return "\n".join(
        ["usage: python3 go.py [verb] [options]", "", "verbs:", *lines, "", "options of a verb: go.py VERB -h"]
    )


def program(verb: str) -> list[str]:
    """Name the module behind a verb."""
    return ["executor_agent"] if verb == "agent" else ["config.launch", verb]


class Unprepared(Exception):
    """The environment cannot be prepared; the message says what would help."""


def prepare(requirements: tuple[str, ...]) -> None:
    """
    Make `.venv` hold the locked packages. A warm start only compares stamps.

    An install that was interrupted leaves its marker behind: the half-filled environment is then thrown away, because
    neither installer can tell a half-copied package from a whole one.
    """
    wanted = stamps(requirements)
    if STAMP.exists() and not UNFINISHED.exists() and wanted <= set(STAMP.read_text("utf-8").split()):
        return
    if UNFINISHED.exists() or not works(PYTHON):
        create_environment()
    say("installing the locked packages (once; later starts skip this)")
    UNFINISHED.touch()
    STAMP.unlink(missing_ok=True)
    install(requirements)
    STAMP.write_text("\n".join(sorted(wanted)), "utf-8")
    UNFINISHED.unlink()


def stamps(requirements: tuple[str, ...]) -> set[str]:
    """One fingerprint per lock file, so that `run` is content with what `test` has installed."""
    return {f"{name}:{hashlib.sha256((ROOT / name).read_bytes()).hexdigest()}" for name in requirements}


def create_environment() -> None:
    """Make an empty `.venv`, replacing whatever is left of an earlier one."""
    if importlib.util.find_spec("ensurepip") is None or importlib.util.find_spec("venv") is None:
        raise Unprepared(
            "this Python cannot make virtual environments; on Debian or Ubuntu run `apt install python3-venv` first."
        )
    say("making .venv")
    VENV.mkdir(exist_ok=True)
    for leftover in VENV.iterdir():  # the folder itself stays: it carries the marker and may be a mount
        shutil.rmtree(leftover) if leftover.is_dir() and not leftover.is_symlink() else leftover.unlink()
    UNFINISHED.touch()
    # A child process, since `venv` in this one would leave a broken pip behind a Ctrl-C without saying so.
    made = subprocess.run([sys.executable, "-m", "venv", str(VENV)], close_fds=False, capture_output=True, text=True)
    if made.returncode:
        raise Unprepared(
            "could not make .venv; on Debian or Ubuntu `apt install python3-venv` usually helps.\n"
            + (made.stderr or made.stdout).strip()
        )


def works(python: Path) -> bool:
    """Tell whether the environment's interpreter is there and runs (it may point at a Python that is gone)."""
    try:
        return subprocess.run([str(python), "-c", "import pip"], capture_output=True).returncode == 0
    except OSError:
        return False


def install(requirements: tuple[str, ...]) -> None:
    """Install the lock files with uv, or with pip where uv cannot be had or does not manage."""
    pip = [str(PYTHON), "-m", "pip", "--disable-pip-version-check", "install", "-q"]
    locks = [part for name in requirements for part in ("-r", str(ROOT / name))]
    by_uv = [
        [*pip, "--require-hashes", "-r", str(ROOT / "requirements-bootstrap.txt")],
        [str(UV), "pip", "install", "-q", "--require-hashes", "-p", str(PYTHON), *locks],
    ]
    if all(succeeds(command) for command in by_uv):
        return
    say("uv did not manage; installing with pip, which takes a minute or two")
    if not succeeds([*pip, "--require-hashes", *locks]):
        raise Unprepared("the packages could not be installed; see the lines above. Is a package index reachable?")


def succeeds(command: list[str]) -> bool:
    """Run an installer, its words on stderr: stdout belongs to `run --json`."""
    try:
        return subprocess.run(command, close_fds=False, stdout=sys.stderr.fileno()).returncode == 0
    except OSError:
        return False


@contextlib.contextmanager
def only_one_installer() -> Iterator[None]:
    """Let a second start in the same checkout wait until the first has finished its install."""
    with open(ROOT / ".venv.lock", "a+b") as lock:
        # Installers inherit it: one that outlives a killed go.py must be waited for, too.
        os.set_inheritable(lock.fileno(), True)
        waiting = False
        while not locked(lock.fileno()):
            if not waiting:
                say("another go.py is preparing .venv; waiting for it")
                waiting = True
            time.sleep(0.1)
        yield  # the lock goes with the file, also when this process is killed


def locked(descriptor: int) -> bool:
    """Take the operating system's lock on an open file, or say that somebody else has it."""
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def become(command: list[str]) -> int:
    """Replace this process by the program, so that signals reach it; Windows cannot, there it is a child."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "platform")])}
    # Many images set it. We start dozens of processes: each would translate every module of every library anew.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    if not WINDOWS:
        os.execve(command[0], command, environment)  # noqa: S606 - our own interpreter
    child = subprocess.Popen(command, env=environment)
    while True:
        try:
            return child.wait()
        except KeyboardInterrupt:  # the console has sent it to the child as well; wait for its orderly end
            continue


def say(words: str) -> None:
    """Tell the person at the terminal; never on stdout, which carries one line of JSON for `run --json`."""
    print(f"go.py: {words}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
