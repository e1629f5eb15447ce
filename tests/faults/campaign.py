"""A campaign: faults one after the other from a seed, the watch beside them, and the reckoning at the end."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from tests.faults.clocks import Clocks
from tests.faults.injections import FAULTS, Fault
from tests.faults.invariants import Watch, check_end, stop_all
from tests.faults.rig import Rig
from tests.faults.zones import Zones
from tests.journeys.running import Platform


@dataclass
class Outcome:
    """What a campaign showed."""

    seed: int
    held: list[str] = field(default_factory=list)
    fell: list[str] = field(default_factory=list)
    recovered_s: list[float] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        return not self.fell


def choose(
    seed: int, *, is_short: bool, has_clocks: bool, has_zones: bool = True, rounds: int = 1, only: str = ""
) -> list[Fault]:
    """Return the faults in the order of the seed: of `only`, words between commas, one must be in the name."""
    chosen = [
        fault
        for fault in FAULTS
        if (fault.is_short or not is_short)
        and (has_clocks or not fault.needs_clock)
        and (has_zones or not fault.needs_zones)
        and any(word in f"#{fault.number} {fault.name}" for word in only.split(","))
    ] * rounds
    random.Random(seed).shuffle(chosen)
    return chosen


def run_campaign(
    platform: Platform, folder: Path, *, seed: int, is_short: bool, agents: int = 2, rounds: int = 1, only: str = "",
    clocks: Clocks | None = None, zones: Zones | None = None,
) -> Outcome:  # fmt: skip
    """Inject and heal one fault after the other; whatever breaks is named, and the campaign goes on."""
    outcome = Outcome(seed)
    has = {"has_clocks": clocks is not None, "has_zones": zones is not None}
    rig = Rig(platform, folder, agents=agents, seed=seed, clocks=clocks, zones=zones)
    try:
        rig.start()
        with Watch(rig) as watch:
            for fault in choose(seed, is_short=is_short, rounds=rounds, only=only, **has):
                _survive(rig, fault, watch, outcome)
            outcome.fell += [f"while stopping: {text}" for text in _stop(rig)]
        outcome.fell += watch.breaks
        outcome.fell += check_end(rig)
        print(f"watched {watch.looks} times", flush=True)
    finally:
        rig.close()
    return outcome


def _survive(rig: Rig, fault: Fault, watch: Watch, outcome: Outcome) -> None:
    began_s, known = time.monotonic(), len(watch.breaks)
    name = f"#{fault.number} {fault.name}"
    try:
        fault.inject(rig)
        took_s = rig.wait_trading(timeout_s=fault.asks_s)
        broken = watch.breaks[known:]
        assert not broken, "; ".join(broken)
    except Exception as error:
        outcome.fell.append(f"{name}: {type(error).__name__} {error}")
        print(f"FELL  {name}: {str(error)[:300]}  ({_clock()})", flush=True)
        rig.heal()
        return
    outcome.held.append(name)
    outcome.recovered_s.append(took_s)
    lasted_s = time.monotonic() - began_s
    print(f"held  {name}  (traded again after {took_s:.1f} s, {lasted_s:.0f} s in all, {_clock()})", flush=True)


def _clock() -> str:
    """When it was, to be found again in the logs."""
    return f"{datetime.now(UTC):%H:%M:%S}Z"


def _stop(rig: Rig) -> list[str]:
    try:
        stop_all(rig)
    except Exception as error:
        return [f"{type(error).__name__} {error}"]
    return []
