"""`go.py faults`: the journeys that kill, freeze and trick a running platform, and all that are long. It is not yet the whole fault catalogue."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from config.launch.steps import Step, run_steps
from config.launch.supervisor import python

TRADING = "tests/journeys/trading"


def main(argv: Sequence[str]) -> int:
    """Run the fault journeys one after the other; 0 when everything held."""
    parser = argparse.ArgumentParser(
        prog="go.py faults",
        description="Kill -9 of every process, faults of the broker, frozen processes and a second agent: on real processes.",
    )
    parser.parse_args(argv)
    failed = run_steps(
        [
            _pytest("faults", TRADING),
            _pytest("long journeys", "-m", "journey and long", f"--ignore={TRADING}", "tests"),
        ]
    )
    return 1 if failed else 0


def _pytest(name: str, *words: str) -> Step:
    return Step(name, python("-m", "pytest", "-p", "config.launch.pytest_plugin", "-v", "--durations", "0", *words))
