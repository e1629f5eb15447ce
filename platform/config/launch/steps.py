"""Runs the tools of `check` and `test` one after another and says how each went."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from config.launch.options import ROOT
from config.launch.supervisor import source_roots


@dataclass(frozen=True)
class Step:
    """One tool with its words; it passes when it ends with 0."""

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)


def run_steps(steps: Sequence[Step]) -> list[str]:
    """Run every step, also after a failure, so that one run shows all; return the names that failed."""
    failed = []
    for step in steps:
        started_s = time.monotonic()
        code = run_step(step)
        verdict = "ok" if code == 0 else f"FAILED ({code})"
        print(f"go.py: {step.name:<24} {verdict:<12} {time.monotonic() - started_s:5.1f} s", flush=True)
        if code:
            failed.append(step.name)
    return failed


def run_step(step: Step) -> int:
    """Run one tool, its words straight to the terminal; return its exit code."""
    environment = os.environ | {"PYTHONPATH": source_roots(ROOT)} | dict(step.env)
    try:
        return subprocess.run(step.argv, cwd=ROOT, env=environment).returncode
    except FileNotFoundError as problem:
        print(f"go.py: {problem}", file=sys.stderr)
        return 127
