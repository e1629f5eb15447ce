"""Keeps the processes up: what dies is started again with growing pauses, and all end in order at the end."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from types import FrameType

from config.launch.data_dir import DataDir
from config.launch.errors import LaunchError, StopRequested
from config.launch.journal import LaunchJournal
from config.launch.processes import Child, ProcessSpec, why_not

FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 15.0
HEALTHY_AFTER_S = 30.0
LOOK_EVERY_S = 0.1


class Supervised:
    """One process that is wanted, with the child that serves it now and its record of deaths."""

    def __init__(self, spec: ProcessSpec, child: Child) -> None:
        self.spec = spec
        self.child = child
        self.deaths = 0
        self.restart_at_s: float | None = None

    def pause_s(self) -> float:
        """Return how long to wait before the next start: doubled per death, forgotten after a healthy while."""
        return float(min(FIRST_PAUSE_S * 2 ** (self.deaths - 1), LONGEST_PAUSE_S))


class Supervisor:
    """Owns every child of this run. One thread starts, watches and ends them: the main one."""

    def __init__(self, data: DataDir, journal: LaunchJournal) -> None:
        self._data = data
        self._journal = journal
        self._wanted: dict[str, Supervised] = {}
        self._stop = threading.Event()
        self._why_stop = "the end of the run"
        self._parent = os.getppid()

    def listen_for_signals(self) -> None:
        """
        Take Ctrl-C, SIGTERM and a closed terminal as the wish to stop; later ones change nothing.

        A closed terminal is no such wish for who started us with `nohup`: that arrives as SIGHUP being ignored.
        """
        names = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
        for number in (getattr(signal, name) for name in names if hasattr(signal, name)):
            if number == getattr(signal, "SIGHUP", None) and signal.getsignal(number) is signal.SIG_IGN:
                continue
            signal.signal(number, self._on_signal)

    def request_stop(self, why: str = "asked by the program") -> None:
        """Ask the run to end; the first reason given is the one that is told."""
        if not self._stop.is_set():
            self._why_stop = why
        self._stop.set()

    def start(self, spec: ProcessSpec) -> Child:
        """Start a process and keep it up from now on."""
        self._raise_if_stopped()
        child = Child(spec, self._data)
        self._wanted[spec.name] = Supervised(spec, child)
        self._publish()
        self._journal.write("PROCESS_STARTED", process=spec.name, pid=child.pid)
        return child

    def forget(self, name: str) -> None:
        """Keep a process up no longer (it has ended, or the caller ends it)."""
        self._wanted.pop(name, None)

    def wait_until(
        self, ready: Callable[[], bool], *, of: Child | None = None, timeout_s: float = 30.0, every_s: float = 0.02
    ) -> None:
        """
        Wait for a condition, watching the children meanwhile.

        :param of: the child that must come up for it; its death ends the wait.
        :raises LaunchError: if the child dies or the time is over.
        :raises StopRequested: if the person wants to stop.
        """
        deadline_s = time.monotonic() + timeout_s
        while not ready():
            self._raise_if_stopped()
            if of is not None and not of.is_running():
                raise LaunchError(why_not(of))
            if time.monotonic() > deadline_s:
                raise LaunchError(why_not(of) if of else f"not ready after {timeout_s:g} s")
            self.heal(but=of)
            self._stop.wait(every_s)

    def watch(self) -> None:
        """Keep everything up until a stop is requested."""
        while not self._stop.wait(LOOK_EVERY_S):
            self.heal()

    def heal(self, but: Child | None = None) -> None:
        """Look at every child once: note deaths, and start again those whose pause is over."""
        for wanted in self._wanted.values():
            if wanted.child is not but and not wanted.child.is_running():
                self._heal_one(wanted)

    def _heal_one(self, wanted: Supervised) -> None:
        if wanted.restart_at_s is None:
            if time.monotonic() - wanted.child.started_s > HEALTHY_AFTER_S:
                wanted.deaths = 0
            wanted.deaths += 1
            wanted.restart_at_s = time.monotonic() + wanted.pause_s()
            self._journal.write(
                "PROCESS_DIED",
                process=wanted.spec.name,
                exit_code=wanted.child.exit_code,
                deaths=wanted.deaths,
                restart_in_s=wanted.pause_s(),
            )
        elif time.monotonic() >= wanted.restart_at_s:
            wanted.restart_at_s = None
            wanted.child = Child(wanted.spec, self._data)
            self._publish()
            self._journal.write("PROCESS_RESTARTED", process=wanted.spec.name, pid=wanted.child.pid)

    def pids(self) -> dict[str, int]:
        """Return the process id of everything that runs now."""
        return {name: wanted.child.pid for name, wanted in self._wanted.items() if wanted.child.is_running()}

    def is_settled(self, name: str, for_s: float) -> bool:
        """Tell whether a process has now run for a while without dying."""
        child = self._wanted[name].child
        return child.is_running() and time.monotonic() - child.started_s >= for_s

    def stop_all(self, order: Sequence[Sequence[str]]) -> None:
        """End every child: group after group in the order given, the processes of a group side by side."""
        named = {name for group in order for name in group}
        groups = [*order, sorted(set(self._wanted) - named)]
        self._journal.write("STOPPING", why=self._why_stop, processes=sorted(self._wanted))
        for group in groups:
            self._stop_group([self._wanted.pop(name) for name in group if name in self._wanted])
        self._journal.write("STOPPED")

    def _stop_group(self, group: Sequence[Supervised]) -> None:
        started_s = time.monotonic()
        for wanted in group:
            wanted.child.ask_to_stop()
        for wanted in group:
            if not wanted.child.wait_or_kill(started_s + wanted.spec.stop_timeout_s):
                self._journal.write("PROCESS_KILLED", process=wanted.spec.name, after_s=wanted.spec.stop_timeout_s)

    def _publish(self) -> None:
        # For people and tests: who serves which name now.
        self._data.write("run/pids.json", {name: wanted.child.pid for name, wanted in self._wanted.items()})

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        orphaned = "" if os.getppid() == self._parent else ", after the process that had started us ended"
        self.request_stop(signal.Signals(number).name + orphaned)

    def _raise_if_stopped(self) -> None:
        if self._stop.is_set():
            raise StopRequested


def python(*words: str) -> tuple[str, ...]:
    """Return the words that run a program of this environment."""
    return (sys.executable, *words)


def source_roots(root: os.PathLike[str]) -> str:
    """Return the PYTHONPATH under which our packages are found."""
    return os.pathsep.join([os.fspath(root), os.path.join(root, "platform")])
