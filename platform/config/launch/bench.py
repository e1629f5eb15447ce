"""`go.py bench`: run the measuring programs under tests/bench and show their figures."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from config.launch.options import ROOT
from config.launch.steps import Step, run_steps
from config.launch.supervisor import python
from config.launch.testing import DURABLE, embedded_services

BENCHES = ROOT / "tests" / "bench"


def main(argv: Sequence[str]) -> int:
    """Run all benches, or those named; 0 when all ran."""
    known = [path.stem.removeprefix("bench_") for path in sorted(BENCHES.glob("bench_*.py"))]
    parser = argparse.ArgumentParser(prog="go.py bench", description="Measure; figures are printed, never asserted.")
    parser.add_argument("names", nargs="*", help=f"which (all): {', '.join(known) or 'none yet'}")
    names = [name.removeprefix("bench_") for name in parser.parse_args(argv).names] or known
    if unknown := set(names) - set(known):
        parser.error(f"there is no {', '.join(sorted(unknown))}; known are {', '.join(known)}")
    if not names:
        print("go.py: there is nothing to measure under tests/bench yet", file=sys.stderr)
        return 2
    # Where writing is what is measured, the disk is waited for, and each client has a connection.
    with embedded_services(DURABLE) as environment:
        steps = [Step(name, python("-m", f"tests.bench.bench_{name}"), environment) for name in names]
        return 1 if run_steps(steps) else 0
