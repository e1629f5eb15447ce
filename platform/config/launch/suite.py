"""`go.py test`: everything that CI runs, in lanes side by side, each on embedded services of its own."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence

from config.launch.checks import no_package_marker, steps
from config.launch.options import ROOT
from config.launch.steps import Step, run_lanes, run_steps
from config.launch.supervisor import python

# Journeys mostly wait for whole platforms, the rest mostly computes: together they fill two cores. Two journeys run at
# once (tests/journeys/conftest.py says which travel together); the long ones run under `go.py faults`.
TESTS = ("-n", "2", "--dist", "loadfile", "--durations", "10", "-m", "not journey", "tests")
JOURNEYS = (
    *("-n", "2", "--dist", "loadfile", "--no-loadscope-reorder"),
    *("-v", "--durations", "15", "-m", "journey and not long", "tests/journeys"),
)


def main(argv: Sequence[str]) -> int:
    """Run the checks and all tests; 0 when everything passes."""
    parser = argparse.ArgumentParser(
        prog="go.py test", description="The checks, then all tests. With words, only pytest with those words."
    )
    parser.add_argument("words", nargs=argparse.REMAINDER, help="for pytest: paths and options instead of everything")
    words = parser.parse_args(argv).words
    started_s = time.monotonic()
    failed = run_steps([_pytest("tests", *words)]) if words else run_everything()
    wall_s = time.monotonic() - started_s
    print(f"go.py: {'FAILED: ' + ', '.join(failed) if failed else 'everything passed'} in {wall_s:.0f} s", flush=True)
    return 1 if failed else 0


def run_everything() -> list[str]:
    """Run checks, tests and journeys side by side; return the names of what failed."""
    return no_package_marker() + run_lanes(
        {
            "journeys": [_pytest("journeys", *JOURNEYS, *other_journeys())],
            "tests": [_pytest("tests", *TESTS)],
            "checks": steps(),
        }
    )


def other_journeys() -> list[str]:
    """Return the files with a journey that are elsewhere: to collect all tests for them would take longer than to look."""
    tests = ROOT / "tests"
    found = (path for path in sorted(tests.rglob("test_*.py")) if tests / "journeys" not in path.parents)
    return [path.relative_to(ROOT).as_posix() for path in found if "mark.journey" in path.read_text("utf-8")]


def _pytest(name: str, *words: str) -> Step:
    return Step(name, python("-m", "pytest", "-p", "config.launch.pytest_plugin", *words))
