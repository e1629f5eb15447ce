"""`go.py faults`: the fault rig's campaign and the planted bugs, from a seed; without `--short` the long journeys too."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from config.launch.steps import Step, run_steps
from config.launch.supervisor import python


def main(argv: Sequence[str]) -> int:
    """Run the rig, and unless it shall be short the long journeys; 0 when everything held."""
    parser = argparse.ArgumentParser(
        prog="go.py faults",
        description="Kills, freezes, lines that lie, a broker that errs: injected into a running platform, from a seed.",
    )
    parser.add_argument("--short", action="store_true", help="the short campaign only, about three minutes")
    given, words = parser.parse_known_args(argv)
    steps = [Step("rig", python("-m", "tests.faults", *(["--short"] if given.short else []), *words))]
    if not given.short and not words:
        long = (
            "-m",
            "pytest",
            "-p",
            "config.launch.pytest_plugin",
            "-v",
            "--durations",
            "0",
            "-m",
            "journey and long",
            "tests",
        )
        steps.append(Step("long journeys", python(*long)))
    return 1 if run_steps(steps) else 0
