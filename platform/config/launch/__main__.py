"""`python -m config.launch VERB`: what `go.py` becomes once its environment stands."""

import sys
from importlib import import_module

VERBS = {
    "run": "config.launch.run",
    "test": "config.launch.suite",
    "check": "config.launch.checks",
    "bench": "config.launch.bench",
    "faults": "config.launch.faults",
}


def main(argv: list[str]) -> int:
    """Load only the verb that was asked for, and run it."""
    verb = argv[0] if argv else "run"
    if verb not in VERBS:
        print(f"unknown verb {verb!r}; known are {', '.join(VERBS)}", file=sys.stderr)
        return 2
    return int(import_module(VERBS[verb]).main(argv[1:]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
