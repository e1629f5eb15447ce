"""What a storm has done and found so far; kept in a file, so that a run may be stopped and gone on with."""

from __future__ import annotations

import json
import threading
from collections import Counter
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path


@dataclass
class Counts:
    """Sums over all pieces of a run."""

    pieces: int = 0
    seconds: float = 0.0
    kills: Counter[str] = field(default_factory=Counter)
    commands: Counter[str] = field(default_factory=Counter)  # by kind: rows of the platform, one an executor
    refused: Counter[str] = field(default_factory=Counter)  # wishes that were refused, by code
    answers: int = 0  # wishes that were answered with success
    stops_proven: int = 0
    stops_lost: int = 0
    starts_after_stop: int = 0
    duplicate_orders: int = 0
    entries: int = 0
    deals: int = 0
    looks: int = 0
    calm_s: list[float] = field(default_factory=list)  # from the last kill until every STOP was proven
    breaks: list[str] = field(default_factory=list)
    seeds: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._lock = threading.Lock()

    def note_break(self, text: str) -> None:
        """Keep a break once, and say it at once."""
        with self._lock:
            if text in self.breaks:
                return
            self.breaks.append(text)
        print(f"BREAK {datetime.now(UTC):%H:%M:%S} {text}", flush=True)

    @property
    def killed(self) -> int:
        return sum(self.kills.values())

    @property
    def commanded(self) -> int:
        return sum(self.commands.values())

    def save(self, path: Path) -> None:
        path.write_text(
            json.dumps({field.name: getattr(self, field.name) for field in fields(self)}, indent=1), "utf-8"
        )

    @classmethod
    def load(cls, path: Path) -> Counts:
        """Return what an earlier piece left, or nothing counted yet."""
        if not path.exists():
            return cls()
        kept = json.loads(path.read_text("utf-8"))
        for name in ("kills", "commands", "refused"):
            kept[name] = Counter(kept[name])
        return cls(**kept)

    def tell(self) -> str:
        """Return the sentence a run ends with."""
        calm = (
            f", everything proven stopped {max(self.calm_s):.0f} s after the last kill at most" if self.calm_s else ""
        )
        return (
            f"{self.killed:,} kills ({_list(self.kills)}), {self.commanded:,} commands ({_list(self.commands)}) in "
            f"{self.answers:,} answered wishes, {self.entries:,} positions, {self.deals:,} deals, {self.seconds / 60:.1f} min "
            f"in {self.pieces} piece(s){calm}: {self.stops_lost} lost STOP of {self.stops_proven + self.stops_lost:,}, "
            f"{self.starts_after_stop} START after STOP, {self.duplicate_orders} duplicate orders, {len(self.breaks)} breaks"
        )


def _list(counter: Counter[str]) -> str:
    return ", ".join(f"{name.removesuffix('_STRATEGY').lower()} {count:,}" for name, count in counter.most_common())
