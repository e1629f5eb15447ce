"""`go.py test`: everything that CI runs, on embedded services of its own."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Sequence

from config.launch.checks import run_checks
from config.launch.steps import Step, run_steps
from config.launch.supervisor import python
from config.launch.testing import embedded_services

# Journeys start whole platforms and must not share two cores with each other. The long ones run under `go.py faults`.
SIDE_BY_SIDE = ("-n", "2", "--dist", "loadfile", "--durations", "10", "-m", "not journey", "tests")
ONE_BY_ONE = ("--durations", "10", "-m", "journey and not long", "tests")


def main(argv: Sequence[str]) -> int:
    """Run the checks and all tests; 0 when everything passes."""
    parser = argparse.ArgumentParser(
        prog="go.py test", description="The checks, then all tests. With words, only pytest with those words."
    )
    parser.add_argument("words", nargs=argparse.REMAINDER, help="for pytest: paths and options instead of everything")
    words = parser.parse_args(argv).words
    started_s = time.monotonic()
    failed = [] if words else run_checks()
    with embedded_services() as environment:
        os.environ.update(environment)
        runs = (
            [_pytest("tests", *words)] if words else [_pytest("tests", *SIDE_BY_SIDE), _pytest("journeys", *ONE_BY_ONE)]
        )
        failed += run_steps(runs)
    wall_s = time.monotonic() - started_s
    print(f"go.py: {'FAILED: ' + ', '.join(failed) if failed else 'everything passed'} in {wall_s:.0f} s", flush=True)
    return 1 if failed else 0


def _pytest(name: str, *words: str) -> Step:
    return Step(name, python("-m", "pytest", *words))
