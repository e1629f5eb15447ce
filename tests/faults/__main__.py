"""`go.py faults [--short] [--seed N] [--rounds R] [--agents A] [--only WORD] [--planted-only]`: replays from its seed."""

from __future__ import annotations

import argparse
import random
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

from tests.faults.campaign import Outcome, run_campaign
from tests.faults.clocks import find_clocks
from tests.faults.planted import PLANTED, catch_all
from tests.faults.storm.counts import Counts
from tests.faults.storm.storm import Storm, Wanted
from tests.faults.zones import own_zones
from tests.journeys.running import free_port, running, write_waves


def main() -> int:
    """Return 0 when every fault was held and every planted bug was caught."""
    asked = _read_arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what was started is ended on the way out
    seed = asked.seed if asked.seed is not None else random.SystemRandom().randrange(1_000_000)
    print(f"seed {seed}", flush=True)
    if asked.storm:
        return _storm(seed, asked)
    began_s = time.monotonic()
    outcome = Outcome(seed)
    if not asked.planted_only:
        folder = Path(tempfile.mkdtemp(prefix="mikrobot-faults-"))
        try:
            outcome = _campaign(folder, seed, asked)
        finally:
            _keep_or_remove(folder, is_kept=not outcome.is_good or not outcome.held)
        longest_s = max(outcome.recovered_s, default=0.0)
        print(
            f"faults held: {len(outcome.held)} of {len(outcome.held) + len(outcome.fell)}, longest recovery {longest_s:.1f} s"
        )
        for text in outcome.fell:
            print(f"  FELL {text}")
    missed: list[str] = []
    if not asked.campaign_only:
        bugs = [bug for bug in PLANTED if bug.is_short or not asked.short]
        missed = catch_all(bugs)
        print(f"planted bugs: caught {len(bugs) - len(missed)} of {len(bugs)}")
        for text in missed:
            print(f"  NOT CAUGHT {text}")
    print(f"seed {seed}: {'held' if outcome.is_good and not missed else 'FELL'} in {time.monotonic() - began_s:.0f} s")
    return 0 if outcome.is_good and not missed else 1


def _campaign(folder: Path, seed: int, asked: argparse.Namespace) -> Outcome:
    replay = write_waves(folder / "EURUSD_M1_waves.csv", bars=80_000, period=20, seed=seed)
    options = ("--replay", str(replay), "--speed", "600", "--port", str(free_port()))
    with find_clocks() as clocks, own_zones(folder / "zones") as zones, running(folder / "data", *options) as platform:
        if clocks is None:
            print("no C compiler on Linux: the faults of clocks (25, 47-49) are left out", flush=True)
        return run_campaign(
            platform,
            folder / "rig",
            seed=seed,
            is_short=asked.short,
            agents=asked.agents or 2,
            rounds=asked.rounds,
            only=asked.only,
            clocks=clocks,
            zones=zones,
        )


def _storm(seed: int, asked: argparse.Namespace) -> int:
    """Go on with what the notes hold; 0 when nothing was broken so far and all that was wanted is reached or time is over."""
    counts = Counts.load(asked.notes) if asked.notes else Counts()
    wanted = Wanted(asked.kills, asked.commands, asked.minutes, agents=asked.agents or Wanted.agents)

    def keep() -> None:
        if asked.notes:
            counts.save(asked.notes)
            print(counts.tell(), flush=True)

    folder = Path(tempfile.mkdtemp(prefix="mikrobot-storm-"))
    try:
        replay = write_waves(folder / "EURUSD_M1_waves.csv", bars=40_000, period=10, seed=seed)
        options = ("--replay", str(replay), "--speed", "60", "--port", str(free_port()))
        with running(folder / "data", *options) as platform:
            Storm(platform, folder / "rig", seed, wanted, counts, keep).run()
    finally:
        _keep_or_remove(folder, is_kept=bool(counts.breaks))
    print(counts.tell())
    for text in counts.breaks:
        print(f"  BROKEN {text}")
    left = max(0, wanted.kills - counts.killed), max(0, wanted.commands - counts.commanded)
    print(f"seed {seed}: {'FELL' if counts.breaks else 'held'}; still to come: {left[0]} kills, {left[1]} commands")
    return 1 if counts.breaks else 0


def _keep_or_remove(folder: Path, *, is_kept: bool) -> None:
    """Keep what tells why something fell; leave nothing behind where nothing did."""
    if is_kept:
        print(f"logs, journals and ledger are kept: {folder}", flush=True)
    else:
        shutil.rmtree(folder, ignore_errors=True)


def _read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="go.py faults", description=__doc__)
    parser.add_argument("--short", action="store_true", help="the faults that must always hold, in three minutes")
    parser.add_argument("--seed", type=int, help="the order and the moments of the faults; printed, to run them again")
    parser.add_argument("--rounds", type=int, default=1, help="how often each fault (1)")
    parser.add_argument("--agents", type=int, default=0, help="how many agents (2; in a storm 10)")
    parser.add_argument(
        "--only", default="", help="only faults with one of these words, between commas, in number and name"
    )
    parser.add_argument("--planted-only", action="store_true", help="only the planted bugs")
    parser.add_argument("--campaign-only", action="store_true", help="no planted bugs")
    parser.add_argument("--storm", action="store_true", help="random kills while commands flow, beside everything else")
    parser.add_argument("--kills", type=int, default=1_000, help="storm: how many kills (1000)")
    parser.add_argument("--commands", type=int, default=10_000, help="storm: how many commands (10000)")
    parser.add_argument(
        "--minutes", type=float, default=0.0, help="storm: end after so long, whatever is reached (0: not)"
    )
    parser.add_argument("--notes", type=Path, help="storm: the file that holds the sums; a second call goes on with it")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
