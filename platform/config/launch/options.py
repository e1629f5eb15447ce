"""The options of `go.py run`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from config.env import env_int, env_text

ROOT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True)
class RunOptions:
    """What the person asked for, checked."""

    host: str
    port: int
    data_dir: Path
    demo: bool
    speed: str | None
    replay: Path | None
    json: bool


def parse(argv: Sequence[str]) -> RunOptions:
    """Read the words after `run`; argparse ends the program with code 2 and a sentence when they are wrong."""
    parser = argparse.ArgumentParser(
        prog="go.py run", description="Start the whole platform and keep it up. Ctrl-C ends every part of it."
    )
    usual = env_int("RISKMIND_PORT", 8000, maximum=65535)
    parser.add_argument("--port", type=_port, default=usual, help=f"web port; 0 takes a free one ({usual})")
    parser.add_argument("--data-dir", type=Path, default=ROOT / ".data", metavar="D", help="all data live here (.data)")
    parser.add_argument("--no-demo", action="store_true", help="no demo team, no simulated terminal, no agent")
    parser.add_argument("--speed", type=_speed, metavar="N|max", help="at most N market seconds per second")
    parser.add_argument("--replay", type=Path, metavar="FILE.csv", help="replay these bars instead of the demo market")
    parser.add_argument("--json", action="store_true", help="print one line of JSON when it serves, nothing else")
    parser.add_argument("--no-browser", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args(argv)
    if given.replay is not None and not given.replay.is_file():
        parser.error(f"--replay: there is no file {given.replay}")
    if given.no_demo and (given.replay or given.speed):
        parser.error("--replay and --speed steer the simulated terminal, which --no-demo leaves out")
    return RunOptions(
        host=env_text("RISKMIND_HOST", "127.0.0.1"),
        port=given.port,
        data_dir=given.data_dir,
        demo=not given.no_demo,
        speed=given.speed,
        replay=given.replay.resolve() if given.replay else None,
        json=given.json,
    )


def _port(word: str) -> int:
    if not word.isdecimal() or int(word) > 65535:
        raise argparse.ArgumentTypeError(f"{word!r} is no port (0 to 65535)")
    return int(word)


def _speed(word: str) -> str:
    if word == "max":
        return word
    try:
        speed = float(word)
    except ValueError:
        speed = 0.0
    if not 0 < speed <= 100_000:  # also false for NaN
        raise argparse.ArgumentTypeError(f"{word!r} is neither a number above 0 (at most 100000) nor 'max'")
    return word
