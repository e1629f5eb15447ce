"""`go.py faults`: the journeys that kill, freeze and trick a running platform. It is not yet the whole fault catalogue."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence

from config.launch.steps import Step, run_steps
from config.launch.supervisor import python
from config.launch.testing import embedded_services

JOURNEYS = ("test_kills.py", "test_broker_faults.py", "test_frozen_processes.py")


def main(argv: Sequence[str]) -> int:
    """Run the fault journeys one after the other; 0 when everything held."""
    parser = argparse.ArgumentParser(
        prog="go.py faults",
        description="Kill -9 of every process, faults of the broker, frozen processes and a second agent: on real processes.",
    )
    parser.parse_args(argv)
    with embedded_services() as environment:
        os.environ.update(environment)
        paths = [f"tests/journeys/{name}" for name in JOURNEYS]
        failed = run_steps([Step("faults", python("-m", "pytest", "-v", "--durations", "0", *paths))])
    return 1 if failed else 0
