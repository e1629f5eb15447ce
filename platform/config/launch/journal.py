"""The launcher's own log: one JSON line per event in `logs/launcher.log`."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

KEEP_BYTES = 5_000_000


class LaunchJournal:
    """Writes events as JSON lines; a line is complete or absent, also when the launcher is killed."""

    def __init__(self, path: Path) -> None:
        rotate(path)
        self._file = path.open("a", encoding="utf-8", buffering=1)

    def write(self, event: str, **fields: object) -> None:
        """Append one event with its time (UTC) and fields."""
        at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        self._file.write(json.dumps({"event": event, "timestamp": at, **fields}, default=str) + "\n")

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def rotate(path: Path, keep_bytes: int = KEEP_BYTES) -> None:
    """Set a log file aside as `.1` when it has grown over `keep_bytes`; one older generation is kept."""
    if path.exists() and path.stat().st_size > keep_bytes:
        path.replace(path.with_name(path.name + ".1"))


def tail(path: Path, lines: int = 15) -> str:
    """Return the last lines of a log, for a person to read when something did not start."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - 16_384))
            return "\n".join(file.read().decode("utf-8", "replace").splitlines()[-lines:])
    except OSError:
        return ""
