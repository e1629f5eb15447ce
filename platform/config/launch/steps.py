"""Runs the tools of `check` and `test`, one after another or in lanes side by side, and says how each went."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from config.launch.options import ROOT
from config.launch.supervisor import source_roots

LAST_WORDS_S = 2.0


@dataclass(frozen=True)
class Step:
    """One tool with its words; it passes when it ends with 0."""

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)


def run_steps(steps: Sequence[Step]) -> list[str]:
    """Run every step, also after a failure, so that one run shows all; return the names that failed."""
    return [step.name for step in steps if not _passes(step, run_step)]


def run_lanes(lanes: Mapping[str, Sequence[Step]]) -> list[str]:
    """
    Run lanes of steps side by side, the steps of a lane one after another; return the names that failed.

    Every line a tool prints is passed on as soon as it is whole, with the name of its lane before it.
    """
    screen = Screen()

    def run_lane(lane: str) -> list[str]:
        return [step.name for step in lanes[lane] if not _passes(step, lambda step: _run_told(step, lane, screen))]

    with ThreadPoolExecutor(max_workers=len(lanes)) as pool:
        return [name for failed in pool.map(run_lane, lanes) for name in failed]


class Screen:
    """The terminal, shared by lanes line by line."""

    def __init__(self) -> None:
        self._turn = threading.Lock()

    def show(self, lane: str, line: str) -> None:
        """Print one line of a lane."""
        with self._turn:
            print(f"{lane:>8} | {line.rstrip()}", flush=True)


def run_step(step: Step) -> int:
    """Run one tool, its words straight to the terminal; return its exit code."""
    try:
        return subprocess.run(step.argv, cwd=ROOT, env=_environment(step)).returncode
    except FileNotFoundError as problem:
        print(f"go.py: {problem}", file=sys.stderr)
        return 127


def _run_told(step: Step, lane: str, screen: Screen) -> int:
    try:
        tool = subprocess.Popen(
            step.argv, cwd=ROOT, env=_environment(step), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
        )  # fmt: skip
    except FileNotFoundError as problem:
        screen.show(lane, f"go.py: {problem}")
        return 127
    # A thread of its own: a grandchild that outlives the tool would keep the pipe open, and us waiting.
    reader = threading.Thread(target=_pass_on, args=(tool.stdout or (), lane, screen), daemon=True)
    reader.start()
    code = tool.wait()
    reader.join(LAST_WORDS_S)
    return code


def _pass_on(said: Iterable[str], lane: str, screen: Screen) -> None:
    for line in said:
        screen.show(lane, line)


def _passes(step: Step, run: Callable[[Step], int]) -> bool:
    started_s = time.monotonic()
    code = run(step)
    verdict = "ok" if code == 0 else f"FAILED ({code})"
    print(f"go.py: {step.name:<24} {verdict:<12} {time.monotonic() - started_s:5.1f} s", flush=True)
    return code == 0


def _environment(step: Step) -> dict[str, str]:
    return os.environ | {"PYTHONPATH": source_roots(ROOT)} | dict(step.env)
