"""One child process: how it is started, noticed when it ends, and ended."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from config.launch.accounts import ServerAccount
from config.launch.data_dir import DataDir, write_private
from config.launch.errors import LaunchError
from config.launch.journal import rotate, tail

SHIM = Path(__file__).with_name("shim.py")
SIGKILL = getattr(signal, "SIGKILL", signal.SIGTERM)


@dataclass(frozen=True)
class ProcessSpec:
    """What to start and how it wants to be ended."""

    name: str
    argv: tuple[str, ...]
    cwd: Path
    env: Mapping[str, str] = field(default_factory=dict)
    stop_signal: int = signal.SIGTERM
    death_signal: int = SIGKILL  # what Linux sends it when the launcher is killed
    stop_timeout_s: float = 3.0
    account: ServerAccount | None = None
    logs_to_output: bool = False  # its JSON lines are what it prints
    ready_note: Path | None = None  # a file it makes itself when it works


class Child:
    """A running process with its log file and its note under `run/`."""

    def __init__(self, spec: ProcessSpec, data: DataDir) -> None:
        """Start it. Call from the thread that lives as long as the launcher: its end is the parent's death."""
        self.spec = spec
        self.log = data.log_of(spec.name)
        self.output = self.log if spec.logs_to_output else data.output_of(spec.name)
        self.started_s = time.monotonic()
        self._note = note_of(data, spec.name)
        rotate(self.log)
        rotate(self.output)
        if spec.ready_note:
            spec.ready_note.unlink(missing_ok=True)
        with self.output.open("ab") as output:
            self._process = subprocess.Popen(
                [*shim_of(spec), *spec.argv],
                cwd=spec.cwd,
                env=os.environ | dict(spec.env),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                **own_session(),
            )
        write_note(self._note, self._process.pid)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def is_running(self) -> bool:
        """Tell whether it still runs; when it has ended, whatever it left in its session is ended too."""
        if self._process.returncode is None and has_ended(self._process):
            # Before the id is given back to the system: an adapter must not outlive its agent.
            kill_session(self.pid)
            self._process.poll()
            self._note.unlink(missing_ok=True)
        return self._process.returncode is None

    def works(self) -> bool:
        """Tell whether it runs and, where it leaves a note for that, has said that it works."""
        return self.is_running() and (self.spec.ready_note is None or self.spec.ready_note.exists())

    @property
    def exit_code(self) -> int | None:
        """Its exit code (negative: the signal), or None while it runs."""
        return self._process.returncode

    def ask_to_stop(self) -> None:
        """Ask it to end in order."""
        if self.is_running():
            with contextlib.suppress(ProcessLookupError):
                if sys.platform == "win32":
                    self._process.send_signal(signal.CTRL_BREAK_EVENT)
                else:
                    self._process.send_signal(self.spec.stop_signal)

    def wait_or_kill(self, until_s: float) -> bool:
        """Wait for its end until a monotonic time, then kill it; return whether it went by itself."""
        while self.is_running() and time.monotonic() < until_s:
            time.sleep(0.02)
        if not self.is_running():
            return True
        kill_session(self.pid)
        self._process.kill()
        self._process.wait()
        self._note.unlink(missing_ok=True)
        return False


def shim_of(spec: ProcessSpec) -> list[str]:
    """Return the words that go before a command so that it dies with us and as the right account."""
    if sys.platform == "win32":
        return []
    account = spec.account
    who = (account.uid, account.gid, int(account.keep_search)) if account else (-1, -1, 0)
    return [sys.executable, "-I", "-S", str(SHIM), *map(str, (os.getpid(), int(spec.death_signal), *who))]


def own_session() -> dict[str, Any]:
    """Return what keeps a child out of the terminal's Ctrl-C, so that we end all in order."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"start_new_session": True}


class Errand:
    """A short program that runs while the caller does something else. Use it in a `with` block: none is left behind."""

    def __init__(self, spec: ProcessSpec) -> None:
        """
        Start it.

        :raises LaunchError: if it cannot be started.
        """
        self._spec = spec
        try:
            self._process = subprocess.Popen(
                [*shim_of(spec), *spec.argv],
                cwd=spec.cwd,
                env=os.environ | dict(spec.env),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                **own_session(),
            )
        except OSError as problem:
            raise LaunchError(f"{spec.name} did not start: {problem}") from problem

    def __enter__(self) -> Errand:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.returncode is None:
            self._process.kill()
            self._process.communicate()

    def finish(self, *, timeout_s: float = 120.0) -> str:
        """
        Wait for its end and return what it printed.

        :raises LaunchError: if it fails or takes too long.
        """
        try:
            out, errors = self._process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired as problem:
            raise LaunchError(f"{self._spec.name} did not finish: {problem}") from problem
        if self._process.returncode:
            said = (errors or out).decode("utf-8", "replace").strip()
            raise LaunchError(f"{self._spec.name} failed with exit code {self._process.returncode}:\n{said[-3000:]}")
        return str(out, "utf-8", "replace")


def run_to_end(spec: ProcessSpec, *, timeout_s: float = 120.0) -> str:
    """
    Run a short program and return what it printed.

    :raises LaunchError: if it fails or takes too long.
    """
    with Errand(spec) as errand:
        return errand.finish(timeout_s=timeout_s)


def has_ended(process: subprocess.Popen[bytes]) -> bool:
    """Tell whether a child has ended, without giving its id back where the system allows that."""
    if not hasattr(os, "waitid"):
        return process.poll() is not None
    try:
        return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:
        return True


def kill_session(pid: int) -> None:
    """Kill what is left in the process group a child was the leader of."""
    if sys.platform != "win32":
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)


def why_not(child: Child) -> str:
    """Return a sentence and the end of the log for a child that did not come up."""
    state = "is not ready" if child.is_running() else f"ended with exit code {child.exit_code}"
    said = [f"The end of {path}:\n{tail(path)}" for path in sorted({child.log, child.output}) if path.exists()]
    return "\n".join([f"{child.spec.name} {state}.", *said])


def note_of(data: DataDir, name: str) -> Path:
    """Return the file that says which process runs under a name."""
    return data.run / f"{name}.json"


def write_note(path: Path, pid: int) -> None:
    """Note a process with the time it began: an id alone may have been given to another program since."""
    with contextlib.suppress(psutil.Error):
        write_private(path, f'{{"pid": {pid}, "began": {psutil.Process(pid).create_time()}}}\n')


def end_leftovers(data: DataDir, *, patience_s: float = 5.0) -> list[str]:
    """End what an earlier launcher left behind when it was killed; return the names. Others' processes are safe."""
    left: dict[str, psutil.Process] = {}
    for note in sorted(data.run.glob("*.json")):
        process = _noted_process(data.read(f"run/{note.name}"))
        if process is not None:
            left[note.stem] = process
        note.unlink(missing_ok=True)
    for name, process in left.items():
        with contextlib.suppress(psutil.Error):
            process.send_signal(signal.SIGINT if name == "postgres" and os.name != "nt" else signal.SIGTERM)
    deadline_s = time.monotonic() + patience_s
    while any(_runs(process) for process in left.values()):
        if time.monotonic() > deadline_s:
            for process in filter(_runs, left.values()):
                process.kill()
        time.sleep(0.02)
    return sorted(left)


def _noted_process(note: dict[str, Any]) -> psutil.Process | None:
    with contextlib.suppress(psutil.Error, KeyError, TypeError):
        process = psutil.Process(note["pid"])
        same = abs(process.create_time() - note["began"]) < 0.05
        return process if same and process.pid != os.getpid() and _runs(process) else None
    return None


def _runs(process: psutil.Process) -> bool:
    # A zombie has ended; where nobody reaps (some containers) it would be waited for in vain.
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
