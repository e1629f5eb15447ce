"""Zones of time that the rig makes itself and a running platform reads: clocks that jump when the rig says so, rules that change overnight."""

from __future__ import annotations

import contextlib
import os
import struct
import zoneinfo
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path

VARIABLE = "PYTHONTZPATH"
FOLDER = "Rig"
_HEADER = struct.Struct(">4sc15x6l")
_TYPE = struct.Struct(">lbB")


class Zones:
    """A folder of zones. A process reads a zone once: another rule under an old name counts from its next start on."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, name: str, changes: Sequence[tuple[datetime, timedelta]] = ()) -> str:
        """
        Write a zone that is UTC until the first change, and return its name.

        :param changes: from when on the clock is how far ahead of UTC, in order.
        """
        path = self.folder / FOLDER / name
        path.parent.mkdir(exist_ok=True)
        fresh = path.with_suffix(".new")
        fresh.write_bytes(_make_file(changes))
        fresh.replace(path)
        return f"{FOLDER}/{name}"


def _make_file(changes: Sequence[tuple[datetime, timedelta]]) -> bytes:
    """Return a zone as RFC 9636 writes it, version 2; its first part, of 32 bits, is empty."""
    offsets = [timedelta(), *(ahead for _, ahead in changes)]
    body = struct.pack(f">{len(changes)}q", *(int(at.timestamp()) for at, _ in changes))
    body += bytes(range(1, len(offsets)))
    body += b"".join(_TYPE.pack(int(ahead.total_seconds()), 0, 0) for ahead in offsets)
    name = b"RIG\0"
    empty = _HEADER.pack(b"TZif", b"2", 0, 0, 0, 0, 1, len(name)) + _TYPE.pack(0, 0, 0) + name
    return empty + _HEADER.pack(b"TZif", b"2", 0, 0, 0, len(changes), len(offsets), len(name)) + body + name + b"\n\n"


@contextlib.contextmanager
def own_zones(folder: Path) -> Iterator[Zones]:
    """Yield zones that every process started within the block reads beside the machine's."""
    folder.mkdir(parents=True)
    before = os.environ.get(VARIABLE)
    os.environ[VARIABLE] = os.pathsep.join([str(folder), *zoneinfo.TZPATH])
    try:
        yield Zones(folder)
    finally:
        os.environ.pop(VARIABLE)
        if before is not None:
            os.environ[VARIABLE] = before
