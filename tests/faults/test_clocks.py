"""The rig's wrong clocks: a process that has one sees it, its children too, and nobody else."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from tests.faults.clocks import find_clocks

ASK = """
import datetime, subprocess, sys, time
for line in sys.stdin:
    if line.strip() == "child":
        print(subprocess.run([sys.executable, "-c", "import time; print(time.time())"], capture_output=True, text=True).stdout.strip(), flush=True)
    else:
        print(time.time(), flush=True)
"""


def test_a_clock_is_wrong_in_the_process_it_was_put_wrong_in_and_its_children():
    with find_clocks() as clocks:
        if clocks is None:
            pytest.skip("needs Linux and a C compiler")
        process = subprocess.Popen(
            [sys.executable, "-c", ASK], env=os.environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        try:
            right = _ask(process, "own")
            with clocks.wrong(process.pid, ahead_s=3600):
                ahead, childs = _ask(process, "own"), _ask(process, "child")
            with clocks.wrong(process.pid, drift=0.01):
                drifting = _ask(process, "own")
            healed, ours = _ask(process, "own"), time.time()
        finally:
            process.communicate("", timeout=30)

    assert [round(seen / 3600) for seen in (ahead - right, childs - right)] == [1, 1]
    assert max(abs(seen - ours) for seen in (drifting, healed, right)) < 60
    assert "LD_PRELOAD" not in os.environ or clocks.environment["LD_PRELOAD"] != os.environ["LD_PRELOAD"]


def _ask(process: subprocess.Popen[str], what: str) -> float:
    assert process.stdin is not None
    assert process.stdout is not None
    print(what, file=process.stdin, flush=True)
    return float(process.stdout.readline())
